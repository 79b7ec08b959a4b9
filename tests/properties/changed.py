"""All deliberate changes of the compiled engine in one copy of it, each behind a number that says which one holds now.

Compiling takes most of the time that a change costs, so the engine is compiled once with every changed function beside the one that
it is made of (mutant schemata: Untch, Offutt and Harrold, ISSTA 1993). As a script this stands in for the tests' process: it
compiles the copy, then answers each number that it reads with what the tests' process printed that was split off for it.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).parents[2]
FAST = "sim/netsim/engine/fast"
NONE = -1

#: File, the text that is there, what takes its place.
Row = tuple[str, str, str]

#: What changed functions ask. The number lies in memory of the process, whose place is compiled in: the split-off processes have
#: it at the same place, and code that is kept on disk serves them alone.
ASKED = '''"""Which change holds now."""

import ctypes

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

CELL = ctypes.c_int64(-1)
PLACE = ctypes.addressof(CELL)


@intrinsic
def change(typing):
    def code(context, builder, signature, arguments):
        number = ir.IntType(64)
        return builder.load(builder.inttoptr(ir.Constant(number, PLACE), number.as_pointer()))

    return types.int64(), code
'''


def functions(text: str) -> list[ast.FunctionDef]:
    return [one for one in ast.parse(text).body if isinstance(one, ast.FunctionDef)]


def with_changes(text: str, rows: Iterable[tuple[int, str, str]]) -> str:
    """A module in which each function that is changed asks first which change holds; ``rows``: number, before, after."""
    plain = functions(text)
    copies: dict[int, list[str]] = {}
    guards: dict[int, list[str]] = {}
    for number, before, after in rows:
        assert text.count(before) == 1, before
        changed = text.replace(before, after)
        pairs = zip(plain, functions(changed), strict=True)
        [(place, one)] = [(i, b) for i, (a, b) in enumerate(pairs) if ast.dump(a) != ast.dump(b)]
        name, arguments = one.name, ", ".join(a.arg for a in one.args.args)
        one.name = f"{name}_{number}"
        copies.setdefault(place, []).append(ast.unparse(one))
        guards.setdefault(place, []).append(
            f"    if change() == {number}:\n        return {one.name}({arguments})"
        )
    lines = text.splitlines()
    for place in sorted(copies, reverse=True):
        one = plain[place]
        body = one.body[1] if ast.get_docstring(one) is not None else one.body[0]
        lines[body.lineno - 1 : body.lineno - 1] = guards[place]
        first = one.decorator_list[0].lineno - 1
        lines[first:first] = [*copies[place], "", ""]
    whole = "from __future__ import annotations\n"
    assert lines.count(whole.strip()) == 1
    lines.insert(lines.index(whole.strip()) + 1, "from netsim.engine.fast.changed import change")
    return "\n".join(lines) + "\n"


def make_copy(rows: list[Row], folder: Path) -> None:
    """The project's code and tests, the engine with all changes."""
    for name in ("sim", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / FAST / "changed.py").write_text(ASKED, encoding="utf-8")
    for file in sorted({file for file, _, _ in rows}):
        path = folder / FAST / file
        mine = [(number, b, a) for number, (name, b, a) in enumerate(rows) if name == file]
        path.write_text(with_changes(path.read_text(encoding="utf-8"), mine), encoding="utf-8")


class Changed:
    """The process that has the copy compiled. ``kept``: where runs of the reference are kept, for all such processes."""

    def __init__(self, rows: list[Row], folder: Path, kept: Path) -> None:
        make_copy(rows, folder)
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, str(folder / "tests/properties/changed.py")],
            cwd=folder,
            env=os.environ | {
                "PYTHONPATH": str(folder / "sim"), "NETSIM_CACHE_DIR": str(folder / "cache"), "NETSIM_NO_SHRINKING": "1",
                "NETSIM_KEPT_RUNS": str(kept),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def run(self, number: int, examples: int) -> tuple[int, str]:
        """The equality test while one change holds: its exit code, and what it printed."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{number} {examples}\n")
        self.process.stdin.flush()
        code = int(self.process.stdout.readline())
        return code, (self.folder / f"{number}.txt").read_text(encoding="utf-8")

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def split_off(number: int, examples: int, into: TextIO) -> int:
    """The equality test in a process of its own, with the code that this one has compiled: its exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 99  # of a process that could not even begin
    try:
        os.dup2(into.fileno(), 1)
        os.dup2(into.fileno(), 2)
        from netsim.engine.fast import changed  # type: ignore[import-not-found]

        changed.CELL.value = number
        os.environ["NETSIM_EXAMPLES"] = str(examples)
        import pytest

        words = ["-q", "-x", "-p", "no:cacheprovider", "-n", "0", "-m", "not slow"]
        code = int(pytest.main([*words, "tests/properties/test_engines_agree.py"]))
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def serve() -> None:
    from netsim.engine.fast.warmup import warm_up

    warm_up(everything=True)
    for line in sys.stdin:
        number, examples = map(int, line.split())
        with open(f"{number}.txt", "w", encoding="utf-8") as into:
            print(split_off(number, examples, into), flush=True)


if __name__ == "__main__":
    serve()
