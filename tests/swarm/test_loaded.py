"""Faults under load: a node's death is felt until gossip drops its rows, on both machineries to the picosecond."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import S, scenario_from

from netsim.engine.border import What
from netsim.engine.fast.simulate import FastPlane
from netsim.engine.machinery import Machinery
from netsim.engine.record import RunRecord
from netsim.engine.reference import Reference
from netsim.model.build import build_model
from netsim.swarm.loaded import entry_checks, simulate
from netsim.swarm.simulate import build

TEXT = """netsim: 1
duration: 20s
warmup: 1s
nodes:
  m: {role: manager, count: 1, cores: 4}
  w: {count: 4, cores: 4}
outside: {entry: {nodes: [m-1], check: none}}
services: {web: {replicas: 8, ports: ['8080:80'], work: {cpu: 100us}, placement: {constraints: [node.role == worker]}}}
load: {users: {from: outside, to: 'web:8080', arrivals: {constant: 50/s}, timeout: 500ms, connection: new}}
faults: [{at: 5s, FAULT}]
"""


def record(kind: type[Machinery], text: str, folder: Path) -> RunRecord:
    scenario = scenario_from(text, folder)
    return simulate(kind, scenario, build_model(scenario), 3, 0, keep_requests=True)


@pytest.mark.parametrize("fault", ["crash: w-2", "kill_task: web.2"])
def test_both_machineries_give_the_same_picoseconds(fault: str, tmp_path: Path) -> None:
    one, other = (record(kind, TEXT.replace("FAULT", fault), tmp_path) for kind in (Reference, FastPlane))
    a, b = one.workloads["users"].log, other.workloads["users"].log
    assert np.array_equal(a.fate, b.fate) and np.array_equal(a.finish_ps, b.finish_ps)
    assert one.failovers == other.failovers and one.timeline == other.timeline
    assert one.workloads["users"].fates[:, 1:-1].sum() > 0


def test_requests_to_a_dead_node_hang_until_its_rows_are_gone(tmp_path: Path) -> None:
    """2 of 8 tasks are gone: round robin gives them every fourth connection, and none after the rows are gone."""
    found = record(FastPlane, TEXT.replace("FAULT", "crash: w-2"), tmp_path)
    removed = found.failovers[0]["gossip_removed_s"]
    assert removed is not None and 4 < float(removed) < 10
    log = found.workloads["users"].log
    failed = log.start_ps[log.fate != 0]
    assert failed.min() >= 5 * S - S // 2 and failed.max() <= 5 * S + float(removed) * S
    during = ((failed >= 5 * S).sum()) / 50
    # The entry's own node drops the rows at the latest when the last one does.
    assert during <= float(removed) / 4 + 0.1 and during > 3 / 4
    assert found.workloads["users"].fates[:, 0].sum() == len(log.fate) - len(failed)


def test_a_killed_task_refuses_until_its_row_is_gone_and_its_replacement_serves(tmp_path: Path) -> None:
    text = TEXT.replace("FAULT", "kill_task: web.1").replace("replicas: 8", "replicas: 1")
    log = record(FastPlane, text, tmp_path).workloads["users"].log
    failed = log.start_ps[log.fate != 0]
    # 5 s of restart delay, and then the start; nothing fails before or long after.
    assert failed.min() >= 5 * S - S // 2 and 10 * S < failed.max() < 13 * S
    assert (log.fate[log.start_ps > 13 * S] == 0).all()


def test_the_entry_leaves_a_node_out_after_its_failed_checks(tmp_path: Path) -> None:
    text = TEXT.replace("FAULT", "crash: w-2").replace(
        "nodes: [m-1], check: none", "check: {every: 2s, failures: 3, timeout: 1s}"
    )
    scenario = scenario_from(text, tmp_path)
    model = build_model(scenario)
    swarm = build(model, 3, 0)
    swarm.env.run(until=6 * S)
    (change,) = entry_checks(scenario, model, swarm.journal.changes)
    # Checks are at 5 s (at the crash, -1 s + 3 x 2 s), 7 s and 9 s; the last is told at 10 s.
    assert (change.what, change.subject, change.at_ps) == (What.ENTRY_OUT, "w-2", 10 * S)
