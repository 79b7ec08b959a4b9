"""Parts of compiled code: finished once, in the entry, and the same from the cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from numba.core.codegen import JITCodeLibrary
if MISSING:
    import netsim.lean, netsim.linking
    netsim.linking.NEEDED = netsim.lean.NEEDED = ("no_such_name",)
import numpy as np
from netsim.compiled import Unit, call_at, entry, inner, pointer

optimized = []
whole = JITCodeLibrary._optimize_final_module
def counted(library):
    if library.name != 'nrt':  # Numba's own, once in a process
        optimized.append(library.name)
    whole(library)
JITCodeLibrary._optimize_final_module = counted

@entry
def shared(x):
    return 3 * x
@inner
def low(x):
    return shared(x) + 1
@inner
def middle(x):
    return low(x) + shared(x)
@entry
def top(x):
    return shared(x) + middle(x) + low(x)
@Unit
def far(M, a, b, c):
    M[1] = low(a)
    return 100 * M[0] + 10 * b + c
@entry
def near(memory, address):
    return call_at(address, pointer(memory), 5, 6, 7)

memory = np.array([4, 0])
print(top(5), near(memory, far.address), memory[1], *sorted(optimized))
"""


def told(folder: Path, missing: bool = False) -> str:
    file = folder / "parts.py"
    file.write_text(f"MISSING = {missing}\n" + PROGRAM, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(file)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"NETSIM_CACHE_DIR": str(folder)},
    )
    return done.stdout.strip()


def test_parts_are_finished_in_their_entry_and_once(tmp_path: Path) -> None:
    assert told(tmp_path) == "62 467 16 far near shared top"
    assert told(tmp_path) == "62 467 16"  # from the cache: nothing is left to be found elsewhere


def test_another_numba_compiles_parts_by_themselves(tmp_path: Path) -> None:
    assert told(tmp_path, missing=True) == "62 467 16 far low middle near shared top"
    assert told(tmp_path, missing=True) == "62 467 16"
