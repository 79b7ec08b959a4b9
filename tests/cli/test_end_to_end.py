"""The whole way, from a file through the engine to the files of a result."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest
from fake_results import TEXT

import netsim
from netsim.cli.main import main
from netsim.results.files import schema
from netsim.scenario.load import loads

ROOT = Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TEXT.replace("duration: 10s", "duration: 4s\nwarmup: 1s"))
    return path


def test_run_report_and_again_the_same(file: Path, tmp_path: Path) -> None:
    assert main(["run", str(file), "--out", str(tmp_path / "a"), "--quiet"]) == 0
    assert main(["run", str(file), "--out", str(tmp_path / "b"), "--quiet"]) == 0
    assert main(["report", str(tmp_path / "a"), "--quiet"]) == 0
    a, b = (json.loads((tmp_path / x / "result.json").read_text()) for x in "ab")
    jsonschema.validate(a, schema(), jsonschema.Draft7Validator)
    a["manifest"].pop("wall_s"), b["manifest"].pop("wall_s")
    assert a == b
    users = a["workloads"]["users"]
    assert users["offered_per_s"]["low"] < 100 < users["offered_per_s"]["high"]
    assert users["completed"] == users["sent"] > 1000
    assert users["latency_s"]["p50"]["value"] > 0.022  # 20 ms away and 2 ms of work
    for key in ("p50", "p99"):
        total = sum(stage["value"] for stage in users["attribution"][key].values())
        assert total == pytest.approx(users["latency_s"][key]["value"], rel=1e-6)
    assert a["nodes"]["worker-1"]["cpu"]["value"] == pytest.approx(0.05, rel=0.3)  # 50/s, 2 ms, 2 cores
    assert (tmp_path / "a" / "latency.svg").exists()


def test_from_python(file: Path) -> None:
    told: list[float] = []
    found = netsim.run(file, replications=2, on_progress=told.append)
    assert told == sorted(told) and told[-1] == 1.0
    assert found.workloads.loc["users", "failed"] == 0
    assert netsim.run(netsim.load(file), replications=2).data["workloads"] == found.data["workloads"]
    assert netsim.run(file, seed=2, replications=2).data["workloads"] != found.data["workloads"]


def test_a_scenario_without_load_is_valid(tmp_path: Path) -> None:
    text = TEXT.split("load:")[0].replace("duration: 10s", "duration: 2s\nwarmup: 0s")
    found = netsim.run(loads(text), replications=2)
    assert found.data["workloads"] == {} and found.data["bottleneck"]["station"] is None
    found.save(tmp_path)


def test_ctrl_c_writes_what_is_complete(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "netsim",
        "run",
        "--engine",
        "reference",
        str(file),
        "--replications",
        "500",
        "--out",
        str(out),
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "sim")}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    time.sleep(6)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in told
    if out.joinpath("result.json").exists():
        manifest = json.loads((out / "result.json").read_text())["manifest"]
        assert manifest["interrupted"] and 0 < manifest["replications"] < 500
        assert "Interrupted" in told
    else:
        assert "nterrupted" in told
