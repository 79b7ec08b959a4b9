"""Sweeps end to end: the table, what is wrong with a file, points that are known, workers that die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import netsim
from netsim.scenario.problems import ScenarioError
from netsim.sweep.spec import read
from netsim.sweep.table import Sweep
from netsim.sweep.work import failover_metrics

SCENARIO = """netsim: 1
duration: 400ms
warmup: 0s
replications: 2
nodes: {m: {role: manager, cores: 2}}
networks: {n: {driver: overlay}}
services: {s: {networks: [n], ports: [{published: 80, target: 80}], work: {cpu: {exponential: {mean: 1ms}}}}}
load: {w: {from: outside, to: "s:80", arrivals: 200/s}}
expect: [w.latency.p50 < 1s]
"""
GRID = (
    "sweep: {scenario: s.yaml, vary: {services.s.replicas: [1, 2], load.w.arrivals: [100/s, 200/s, 300/s]}}"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a scenario; points are kept below it, compiled code where it always is."""
    from netsim.sweep import store

    monkeypatch.setattr(store, "folder", lambda: tmp_path / "points")
    (tmp_path / "s.yaml").write_text(SCENARIO)
    (tmp_path / "sweep.yaml").write_text(GRID)
    return tmp_path


def test_the_table(folder: Path) -> None:
    found: Sweep = netsim.sweep(folder / "sweep.yaml", engine="reference")
    assert found.counts() == {"ok": 6, "cached": 0}
    frame = found.frame
    assert list(frame["services.s.replicas"]) == [1, 1, 1, 2, 2, 2]
    assert list(frame["load.w.arrivals"]) == ["100/s", "200/s", "300/s"] * 2
    assert list(frame["expectations"]) == ["pass"] * 6
    assert (frame["w.throughput"].diff().iloc[[1, 2, 4, 5]] > 50).all()
    assert (frame["w.latency.p50.low"] <= frame["w.latency.p50"]).all()
    paths = found.save(folder / "out", parquet=True)
    assert [Path(path).name for path in paths] == [
        "points.parquet",
        "points.csv",
        "sweep.json",
        "report.html",
    ]
    header = (folder / "out" / "points.csv").read_text().splitlines()[0].split(",")
    assert header[:6] == [
        "point",
        "status",
        "reason",
        "expectations",
        "services.s.replicas",
        "load.w.arrivals",
    ]
    assert {"w.latency.p99", "w.latency.p99.low", "w.errors", "bottleneck.utilisation"} <= set(header)


def test_points_share_their_random_numbers(folder: Path) -> None:
    """The field varied here changes nothing that is drawn, so all points give the same latencies."""
    (folder / "sweep.yaml").write_text("sweep: {scenario: s.yaml, vary: {name: [a, b, c]}}")
    found = netsim.sweep(folder / "sweep.yaml", engine="reference")
    assert len({point.metrics["w.latency.mean"] for point in found.points}) == 1


def test_what_is_known_is_not_run_again(folder: Path) -> None:
    first = netsim.sweep(folder / "sweep.yaml", engine="reference")
    again = netsim.sweep(folder / "sweep.yaml", engine="reference")
    assert again.counts() == {"ok": 6, "cached": 6} and again.csv() == first.csv()
    assert netsim.sweep(folder / "sweep.yaml", engine="reference", seed=9).counts()["cached"] == 0
    (folder / "s.yaml").write_text(SCENARIO.replace("1ms", "2ms"))
    assert netsim.sweep(folder / "sweep.yaml", engine="reference").counts()["cached"] == 0


def test_points_that_cannot_run_are_rows_with_a_reason(folder: Path) -> None:
    (folder / "sweep.yaml").write_text("sweep: {scenario: s.yaml, vary: {services.s.replicas: [1, -1, 300]}}")
    found = netsim.sweep(folder / "sweep.yaml", engine="reference")
    assert [point.status for point in found.points] == ["ok", "invalid", "limit"]
    assert found.points[1].reason == "services.s.replicas: expected a whole number from 0 to 100000, got -1"
    assert found.points[2].reason.startswith("addresses of ")


def test_all_problems_of_a_file_at_once(folder: Path) -> None:
    (folder / "bad.yaml").write_text(
        "sweep:\n  scenario: s.yaml\n  vary:\n    services.s.replica: [1]\n    load.w.arrivals: {from: 1/s}\n"
        "  design: lhc\n  where: services.s.replicas > 3\n  poinst: 5\n"
    )
    with pytest.raises(ScenarioError) as error:
        read(folder / "bad.yaml")
    told = str(error.value).replace(f"{folder}/", "")
    assert told.splitlines() == [
        "bad.yaml:4:5: UNKNOWN_KEY sweep.vary.services.s.replica: expected a known key, got replica",
        "bad.yaml:5:5: BAD_VALUE sweep.vary.load.w.arrivals: expected a number with its unit for to, got nothing",
        "bad.yaml:6:11: BAD_VALUE sweep.design: expected grid, lhs or sobol, got lhc",
        "bad.yaml:7:10: BAD_VALUE sweep.where: expected numbers, varied paths, + - * / and comparisons, got services.s.replicas",
        "bad.yaml:8:3: UNKNOWN_KEY sweep.poinst: expected a known key, got poinst",
        "  help: did you mean points?",
    ]


def command(folder: Path, *words: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "netsim",
        "sweep",
        str(folder / "sweep.yaml"),
        "--engine",
        "reference",
        *words,
    ]


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "NETSIM_CACHE_DIR": str(folder / "cache")}


@pytest.mark.slow
def test_the_same_bytes_by_any_number_of_workers(folder: Path) -> None:
    tables = []
    for jobs in ("1", "2", "3"):
        out = folder / jobs
        words = command(folder, "--jobs", jobs, "--no-cache", "--out", str(out), "--quiet")
        done = subprocess.run(words, env=environment(folder), capture_output=True, text=True, check=True)
        assert done.stdout == ""
        tables.append((out / "points.csv").read_bytes())
    assert tables[0] == tables[1] == tables[2]


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_and_runs_no_point_twice(folder: Path) -> None:
    text = GRID.replace("[1, 2]", "[1, 2, 3, 4]").replace("s.yaml", "s.yaml, replications: 6")
    (folder / "sweep.yaml").write_text(text)
    points = folder / "cache" / "netsim" / "points"
    process = subprocess.Popen(
        command(folder, "--jobs", "2"), env=environment(folder), start_new_session=True
    )
    while len(list(points.rglob("*.json"))) < 3:
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = {path: path.stat().st_mtime_ns for path in points.rglob("*.json")}
    assert 3 <= len(before) < 12
    out = folder / "out"
    words = command(folder, "--jobs", "2", "--out", str(out))
    done = subprocess.run(words, env=environment(folder), capture_output=True, text=True, check=True)
    assert f"12 ran ({len(before)} known from before)" in done.stdout
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    assert len(json.loads((out / "sweep.json").read_text())["points"]) == 12


@pytest.mark.slow
def test_a_dask_cluster_that_loses_a_worker_gives_the_same_bytes(folder: Path) -> None:
    distributed = pytest.importorskip("distributed")
    text = GRID.replace("[1, 2]", "[1, 2, 3, 4]").replace("s.yaml", "s.yaml, replications: 6")
    (folder / "sweep.yaml").write_text(text)
    here = netsim.sweep(folder / "sweep.yaml", engine="reference", cache=False)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        killed = []

        def progress(done: int, total: int, known: int) -> None:
            if done == 3 and not killed:
                victim = next(iter(cluster.workers.values()))
                killed.append(victim.pid)
                os.kill(victim.process.pid, signal.SIGKILL)

        there = netsim.sweep(
            folder / "sweep.yaml", engine="reference", cache=False,
            dask_address=cluster.scheduler_address, on_progress=progress,
        )  # fmt: skip
    assert killed and there.csv() == here.csv() and there.counts()["ok"] == 12


def test_no_dask_scheduler_there(folder: Path) -> None:
    words = command(folder, "--dask", "tcp://127.0.0.1:1", "--jobs", "1")
    done = subprocess.run(words, env=environment(folder), capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert done.stderr.startswith("netsim: no Dask scheduler at tcp://127.0.0.1:1")


def test_the_failover_clock_is_a_column_with_the_share_that_got_so_far() -> None:
    row = {
        "fault": "cut a",
        "at_s": 1.0,
        "node_down_s": {"value": 12.0, "low": 11.0, "high": 13.0, "samples": [12.0, None, None, 12.0]},
    }
    assert failover_metrics("failover.1", row) == {
        "failover.1.node_down": 12.0,
        "failover.1.node_down.low": 11.0,
        "failover.1.node_down.high": 13.0,
        "failover.1.node_down.reached": 0.5,
    }


def test_a_sweep_over_faults_has_the_clock_of_real_results(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        "netsim: 1\nduration: 40s\nwarmup: 0s\nnodes: {m: {role: manager, count: 3}, w: {count: 2}}\n"
        "networks: {net: {}}\nservices: {web: {replicas: 2, networks: [net]}}\nfaults: [{at: 1s, crash: w-1}]\n"
    )
    (tmp_path / "sweep.yaml").write_text(
        "sweep: {scenario: s.yaml, vary: {faults: [[{at: 1s, crash: w-1}], [{at: 1s, cut: w-2}]]}, replications: 2}\n"
    )
    found = netsim.sweep(tmp_path / "sweep.yaml")
    assert found.counts()["ok"] == 2
    head = found.csv().splitlines()[0]
    assert "failover.1.node_down" in head and "failover.1.gossip_removed.reached" in head
