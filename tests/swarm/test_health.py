"""Health checks against the rule of dockerd: so many failures in a row, each an interval after the end of the last."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import S
from swarms import records, samples, swarm, text
from test_loaded import events, failed, record

from netsim.engine.fast.simulate import FastPlane
from netsim.engine.record import RunRecord
from netsim.engine.reference import Reference

CHECK = "healthcheck: {interval: 4s, timeout: 3s, retries: 3}"
WEB = f"networks: {{shop: {{}}}}\nservices: {{web: {{replicas: 3, networks: [shop], image: {{stop: 1s}}, {CHECK}}}}}\n"


def told(found: RunRecord, what: str) -> list[float]:
    """When a word stands in the timeline (s)."""
    return [float(str(row["t_s"])) for row in found.timeline if row["what"] == what]


@pytest.mark.parametrize(("takes", "each"), [("", 0), (", delay: 2s", 2), (", delay: 20s", 3)])
def test_unhealthy_after_so_many_failures_in_a_row(takes: str, each: int) -> None:
    """The first check comes at some time within an interval, and the others an interval after the end of the last; a
    check that hangs ends by its timeout. Then 2 s of drain, 1 s of the process."""
    scenario = text(f"{WEB}faults: [{{at: 1s, unhealthy: web.2{takes}}}]")
    found = [told(run, "unhealthy") for run in records(scenario, 40)]
    after = np.array([at - 1 for (at,) in found])
    least = 2 * 4 + 3 * each
    assert after.min() >= least and after.max() <= least + 4
    # Uniform in 4 s: the mean of 40 has a standard error of 0.18 s; four of them.
    assert after.mean() == pytest.approx(least + 2, abs=0.75)
    seen = np.array(samples(scenario, "exit_seen_s", 40)) - after
    assert seen.min() > 3 and seen.max() < 5
    replaced = np.array(samples(scenario, "replaced_s", 40)) - after - seen
    # 5 s of restart delay, the start, and the first check of the new one after 4 s.
    assert replaced.min() > 9 and replaced.max() < 12


def test_a_task_that_recovers_in_time_is_left_alone() -> None:
    """Two failures fit into 8 s, not three; afterwards the count begins anew."""
    faults = "faults: [{at: 1s, unhealthy: web.2, for: 8s}, {at: 20s, unhealthy: web.2, for: 8s}]"
    for found in records(text(WEB + faults, duration="60s"), 10):
        assert told(found, "unhealthy") == [] and len(told(found, "healthy again")) == 2
        assert [row["exit_seen_s"] for row in found.failovers] == [None, None]
        assert all(row["whole_s"] is not None for row in found.failovers)


def test_on_its_way_out_an_unhealthy_task_is_not_replaced_twice() -> None:
    """An update takes it while it drains."""
    acts = "operations: [{at: 12s, update: {web: {image: {name: two, stop: 1s}}}}]\n"
    world = swarm(text(WEB + acts + "faults: [{at: 1s, unhealthy: web.1}]", duration="120s"))
    world.env.run(until=119 * S)
    alive = [task for task in world.services["web"].tasks if task.runnable]
    assert sorted(task.slot for task in alive) == [1, 2, 3]
    assert {task.spec.image.name for task in alive} == {"two"}


@pytest.mark.parametrize(
    ("period", "runs"),
    [("", False), ("start_period: 20s, start_interval: 2s, ", True), ("retries: 5, ", True)],
)
def test_a_process_that_starts_slower_than_its_checks_allow_never_runs(period: str, runs: bool) -> None:
    """15 s of start against three checks, one every 4 s: a crash loop by the health check, unless failures in the start
    period do not count or more of them are allowed."""
    check = f"healthcheck: {{{period}interval: 4s}}"
    spec = f"services: {{web: {{replicas: 1, image: {{start: 15s}}, {check}}}}}\n"
    world = swarm(text(spec + "faults: [{at: 1s, kill_task: web.1}]", duration="90s"))
    world.env.run(until=89 * S)
    sick = [row for row in world.timeline if row["what"] == "unhealthy"]
    if runs:
        assert sick == [] and 15 < world.clock.marks[0].found["replaced_s"] < 28
    else:
        assert len(sick) >= 3 and "replaced_s" not in world.clock.marks[0].found


def test_no_request_is_lost_by_a_failed_check(tmp_path: Path) -> None:
    """The task leaves the tables 2 s before SIGTERM, as in any shutdown, and both engines say so."""
    act = "{at: 2s, unhealthy: web.3}"
    run = events(act, duration=30).replace("work:", f"{CHECK}, work:")
    found = record(FastPlane, run, tmp_path)
    assert failed(found.workloads["users"].log) == []
    assert len(told(found, "unhealthy")) == 1 and found.failovers[0]["replaced_s"] is not None
    other = record(Reference, run, tmp_path).workloads["users"].log
    assert np.array_equal(found.workloads["users"].log.finish_ps, other.finish_ps)
