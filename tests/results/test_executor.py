"""Replications in processes: the same numbers, a clean stop, and a word when a process dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import ROOT, S

import netsim
from netsim.results import executor
from netsim.results.errors import EngineError

SCENARIO = ROOT / "scenarios" / "single-host-bridge.yaml"


def numbers(jobs: int, engine: str = "fast") -> str:
    scenario = netsim.load(SCENARIO).model_copy(update={"duration": S, "warmup": S // 10})
    data = netsim.run(scenario, replications=3, engine=engine, jobs=jobs).to_dict()
    data["manifest"].pop("wall_s")
    return json.dumps(data)


@pytest.mark.parametrize("engine", ["fast", "reference"])
def test_any_number_of_jobs_gives_the_same_bytes(engine: str) -> None:
    assert numbers(1, engine) == numbers(2, engine) == numbers(5, engine)


def test_progress_of_all_processes(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[float] = []
    scenario = netsim.load(SCENARIO).model_copy(update={"duration": S, "warmup": 0})
    netsim.run(scenario, replications=2, on_progress=told.append, jobs=2)
    assert told[-1] == 1.0 and all(0 <= share <= 1 for share in told)


def test_a_process_that_dies_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = netsim.load(SCENARIO)
    monkeypatch.setattr(executor, "_replicate", _die)
    with pytest.raises(EngineError, match="died"), executor.Pool(scenario, "fast", 1, 2, 2) as pool:
        pool.run(range(2), lambda: False, None)


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_ctrl_c_leaves_nobody_behind(tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "netsim", "run", str(ROOT / "scenarios" / "quickstart.yaml"), "--engine", "reference",
        "--replications", "40", "--jobs", "2", "--out", str(tmp_path / "out"), "--set", "duration=5s",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    time.sleep(12)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in told
    until = time.monotonic() + 20
    while alive(process.pid):  # the whole group goes, multiprocessing's own helper last
        assert time.monotonic() < until
        time.sleep(0.1)


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
