"""A check of the equality test itself: small deliberate changes to the compiled engine, each of which it must see."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAST = "sim/netsim/engine/fast"

#: What is changed: file, the text that is there, what takes its place.
CHANGES = {
    "a transmit queue takes one packet less": (
        "plane.py", "M[k + L_PACKETS] + packets > M[k + L_RING]", "M[k + L_PACKETS] + packets >= M[k + L_RING]",
    ),
    "a ring forgets what leaves now a moment later": (
        "plane.py", "M[M[B_Q] + M[g + G_HEAD] * W_Q] <= now", "M[M[B_Q] + M[g + G_HEAD] * W_Q] < now",
    ),
    "time-outs come before what finishes": (
        "kernel.py", "FINISH, TIMEOUT, ARRIVAL = 1, 2, 3", "FINISH, TIMEOUT, ARRIVAL = 2, 1, 3",
    ),
    "only the first time-out of a row is seen": (
        "loop.py", "        give_up(M, x)\n    look_at(M, HT, HK, HI, fifo)", "        give_up(M, x)",
    ),
    "receive work does not delay the running thread": (
        "cores.py", "        M[o + C_END] += cost", "        M[o + C_END] += 0",
    ),
    "a thread keeps its core for two time slices": (
        "cores.py", "turn = max(quantum(M, th), ", "turn = max(2 * quantum(M, th), ",
    ),
    "the window grows one unit earlier": (
        "tcp.py", "2 * (M[o + T_FLYING] + size) > M[f]", "2 * (M[o + T_FLYING] + size) >= M[f]",
    ),
    "a loss halves the window": ("tcp.py", "DECREASE = 0.7", "DECREASE = 0.5"),
    "a listen queue takes one connection more": (
        "kernel.py", "if M[s + V_WAITING] >= M[s + V_BACKLOG]", "if M[s + V_WAITING] > M[s + V_BACKLOG]",
    ),
    "a balancer stays with its back end": ("kernel.py", "    index = M[p] + 1\n", "    index = max(M[p], 0)\n"),
    "a connection waits for twice the time-out before slow start": (
        "tcp.py", "if idle > M[H_RTO_MIN]", "if idle > 2 * M[H_RTO_MIN]",
    ),
    "connections stay in conntrack a little longer": (
        "tcp.py", "M[H_NOW] + M[H_TIME_WAIT]", "M[H_NOW] + M[H_TIME_WAIT] // 1000",
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("what", CHANGES)
def test_each_change_is_seen(what: str, tmp_path: Path) -> None:
    file, before, after = CHANGES[what]
    for folder in ("sim", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / FAST / file
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1
    path.write_text(text.replace(before, after), encoding="utf-8")
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/properties/test_engines_agree.py"],
        cwd=tmp_path,
        env=os.environ | {
            "PYTHONPATH": str(tmp_path / "sim"), "NETSIM_CACHE_DIR": str(tmp_path / "cache"), "NETSIM_NO_SHRINKING": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert found.returncode == 1 and "AssertionError" in found.stdout, found.stdout[-2000:]
