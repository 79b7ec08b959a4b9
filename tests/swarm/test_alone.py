"""Containers outside any service that dockerd starts again.

Sources: MB restartmanager (100 ms, doubled up to a minute, anew after a run of 10 s), docs.docker.com "Start containers
automatically" (on-failure does not restart when the daemon does).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from helpers import S
from swarms import swarm, text
from test_loaded import failed, record

from netsim.engine.fast.simulate import FastPlane
from netsim.engine.reference import Reference
from netsim.swarm.constants import swarm_table
from netsim.swarm.world import Swarm

SLACK = 0.5  # s: more than a start of 0.31 core seconds takes on a machine at rest


def world(policy: str, faults: str = "", duration: str = "200s", live: bool = False) -> Swarm:
    box = f"containers: {{site: {{node: worker-1, restart: {policy}}}}}\n"
    written = text(box + (f"faults: [{faults}]" if faults else ""), managers=1, workers=2, duration=duration)
    if live:
        written = written.replace("count: 2, cores: 2}", "count: 2, cores: 2, live_restore: true}")
    with patch("netsim.swarm.world.swarm_table", lambda: replace(swarm_table(), other_work=0.0)):
        return swarm(written)


def times(found: Swarm, what: str) -> list[float]:
    return [float(str(row["t_s"])) for row in found.timeline if row["what"] == what and row["who"] == "site"]


def killed_at_once(found: Swarm, count: int) -> list[float]:
    """Its process ends as soon as it runs, so often: what lies between an end and the next start."""
    one = found.alone.found["site"]
    found.env.run(until=0)
    for _ in range(count):
        found.alone.kill("site")
        while not one.runs:
            found.env.step()
    return [
        start - end for end, start in zip(times(found, "exited"), times(found, "started again"), strict=True)
    ]


def test_each_wait_is_twice_the_one_before_up_to_a_minute() -> None:
    gaps = killed_at_once(world("always", duration="300s"), 11)
    for number, gap in enumerate(gaps):
        wait = min(60.0, 0.1 * 2**number)
        assert wait < gap < wait + SLACK, (number, gap)


def test_a_run_of_ten_seconds_begins_anew() -> None:
    """Its first end is after a run of 20 s, those at 1 and 2 s of seconds, the last one after 12 s."""
    at = (0, 1, 3, 16)
    found = world("unless-stopped", ", ".join(f"{{at: {k}s, kill_task: site}}" for k in at))
    found.env.run(until=30 * S)
    gaps = [
        start - end for end, start in zip(times(found, "exited"), times(found, "started again"), strict=True)
    ]
    for gap, wait in zip(gaps, (0.1, 0.2, 0.4, 0.1), strict=True):
        assert wait < gap < wait + SLACK


@pytest.mark.parametrize(
    ("policy", "starts"), [("no", 0), ("on-failure:2", 2), ("on-failure", 4), ("always", 4)]
)
def test_how_often(policy: str, starts: int) -> None:
    found = world(policy, ", ".join(f"{{at: {k}s, kill_task: site}}" for k in (1, 4, 7, 10)))
    found.env.run(until=20 * S)
    assert len(times(found, "started again")) == starts
    assert len(times(found, "exited")) == min(4, starts + 1)


@pytest.mark.parametrize("fault", ["kill_daemon", "crash"])
@pytest.mark.parametrize(
    ("policy", "back"), [("no", False), ("on-failure", False), ("always", True), ("unless-stopped", True)]
)
def test_when_dockerd_or_the_node_is_back(fault: str, policy: str, back: bool) -> None:
    found = world(policy, f"{{at: 1s, {fault}: worker-1, for: 3s}}")
    found.env.run(until=60 * S)
    starts = times(found, "started again")
    assert len(starts) == back and found.alone.found["site"].runs == back
    if back:
        boot = 30.0 if fault == "crash" else 0.0
        assert 4 + boot < starts[0] < 4 + boot + SLACK


def test_live_restore_keeps_what_runs_and_starts_what_ended_meanwhile() -> None:
    for killed, starts in (("", 0), (", {at: 2s, kill_task: site}", 1)):
        found = world("always", "{at: 1s, kill_daemon: worker-1, for: 3s}" + killed, live=True)
        found.env.run(until=30 * S)
        again = times(found, "started again")
        assert len(again) == starts and found.alone.found["site"].runs and all(4 < at < 5 for at in again)


ALONE = """netsim: 1
duration: 12s
warmup: 1s
nodes: {w: {count: 3, role: manager, cores: 4}}
outside: {entry: {nodes: [w-1], check: none}}
networks: {net: {driver: overlay, attachable: true}}
containers:
  site: {node: w-1, restart: POLICY, networks: [net], ports: ["8080:80"], work: {cpu: 100us, wait: 20ms}}
  asks: {node: w-2, restart: POLICY, networks: [net], work: {cpu: 100us, wait: 1s}, ports: ["8081:80"], calls: [{to: site, timeout: 500ms}]}
load:
  users: {from: outside, to: "site:8080", arrivals: {constant: 50/s}, timeout: 500ms, connection: CONN}
  inside: {from: asks, to: site, arrivals: {constant: 20/s}, timeout: 500ms, connection: {pool: 4}}
  slow: {from: outside, to: "asks:8081", arrivals: {constant: 5/s}, timeout: 3s, connection: new, retries: {max: 2, backoff: 700ms}}
faults: [FAULTS]
"""


@pytest.mark.parametrize(
    "faults",
    [
        "{at: 2s, kill_task: site}, {at: 5s, kill_task: asks}",
        "{at: 2s, kill_daemon: w-1, for: 1s}, {at: 6s, kill_task: asks}",
    ],
)
@pytest.mark.parametrize("connection", ["new", "{pool: 5}"])
def test_both_machineries_let_it_serve_again(faults: str, connection: str, tmp_path: Path) -> None:
    """Requests fail from its end until it runs again, and none afterwards; with `no` all fail from then on."""
    for policy in ("always", "'no'"):
        written = ALONE.replace("FAULTS", faults).replace("CONN", connection).replace("POLICY", policy)
        one, other = (record(kind, written, tmp_path) for kind in (FastPlane, Reference))
        assert one.timeline == other.timeline
        for name in ("users", "inside", "slow"):
            a, b = one.workloads[name].log, other.workloads[name].log
            assert np.array_equal(a.finish_ps, b.finish_ps) and np.array_equal(a.fate, b.fate), name
        wrong = failed(one.workloads["users"].log)
        end = 2.0 if "kill_task: site" in faults else 3.0
        assert wrong and min(wrong) > end - 0.6
        if policy == "always":
            assert max(wrong) < end + 1.5 and all(b - a < 0.5 for a, b in pairwise(sorted(wrong)))
        else:
            assert max(wrong) > 11.9
