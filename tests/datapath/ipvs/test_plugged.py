"""Schedulers of installed packages: compiled where that can be, as Python code where it cannot, and what they do wrong is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT

COMPILED = '''
"""The oldest destination, and each other one for every third connection: its own cells say which."""
from netsim.datapath.ipvs.layout import DE_NEXT, SV_A, SV_HEAD, SV_TABLE

CELLS = 1


def start(M, s):
    M[s + SV_A] = 100


def changed(M, s, d, what):
    M[s + SV_A] += 1


def schedule(M, s, f):
    M[M[s + SV_TABLE]] += 1
    d = M[s + SV_HEAD]
    if M[M[s + SV_TABLE]] % 3 == 0 or M[s + SV_A] < 103:
        return d
    while M[d + DE_NEXT] >= 0:
        d = M[d + DE_NEXT]
    return d
'''
#: The same, in a way that Numba does not know.
PYTHON = COMPILED.replace(
    "    M[M[s + SV_TABLE]] += 1\n", "    M[M[s + SV_TABLE]] += len(f'{s!r}'.split('x'))\n"
)
BROKEN = COMPILED.replace(
    "    M[M[s + SV_TABLE]] += 1\n", "    raise LookupError(f'nothing for {sorted({s: f})}')\n"
)
SCENARIO = """netsim: 1
duration: 2s
warmup: 0s
replications: 1
nodes: {m: {role: manager, cores: 4}}
networks: {net: {}}
services: {web: {replicas: 3, networks: [net], ports: ["80:80"], ipvs: {scheduler: mine}, work: {cpu: 100us}}}
load: {users: {from: outside, to: "web:80", arrivals: {constant: 150/s}}}
"""


def run(folder: Path, code: str, engine: str) -> dict[str, Any]:
    (folder / "my_scheduler.py").write_text(code)
    info = folder / "my_scheduler-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-scheduler\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[netsim.schedulers]\nmine = my_scheduler\n")
    (folder / "s.yaml").write_text(SCENARIO)
    path = os.pathsep.join([str(folder), str(ROOT / "sim")])
    command = [sys.executable, "-m", "netsim", "run", "s.yaml", "--engine", engine, "--out", engine]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
        cwd=folder,
    )
    assert done.returncode in (0, 98), done.stderr
    found: dict[str, Any] = json.loads((folder / engine / "result.json").read_text())
    return found


def shares(found: dict[str, Any]) -> list[float]:
    busy = [found["stations"][f"web.{k}/workers"]["utilisation"]["value"] for k in (1, 2, 3)]
    return [one / sum(busy) for one in busy]


@pytest.mark.parametrize(("code", "compiled"), [(COMPILED, True), (PYTHON, False)])
def test_every_third_connection_goes_to_the_newest_and_the_others_to_the_oldest(
    tmp_path: Path, code: str, compiled: bool
) -> None:
    """web.3 is the newest of the list. Both engines choose alike; what is not compiled says so."""
    found = [run(tmp_path, code, engine) for engine in ("fast", "reference")]
    assert found[0]["samples"] == found[1]["samples"]
    assert shares(found[0]) == pytest.approx([2 / 3, 0, 1 / 3], abs=0.01)
    told = [
        text
        for text in found[0]["manifest"]["warnings"]
        if text.startswith("the scheduler mine is not compiled")
    ]
    assert bool(told) is not compiled


def test_one_that_fails_says_what_it_raised(tmp_path: Path) -> None:
    found = run(tmp_path, BROKEN, "fast")
    assert found["workloads"]["users"]["completed"] == 0
    told = [text for text in found["manifest"]["warnings"] if "failed, and nobody was chosen" in text]
    assert len(told) == 1 and "LookupError: nothing for [" in told[0]
