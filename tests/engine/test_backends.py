"""Back ends leave the nodes' lists at run time: on both machineries the same, and as the kernel does it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import S, scenario_from

from netsim.engine.border import NEVER_PS, Change, What
from netsim.engine.fast.simulate import FastPlane
from netsim.engine.machinery import run_out
from netsim.engine.record import RunRecord
from netsim.engine.reference import Reference
from netsim.engine.world import World
from netsim.model.build import build_model

TEXT = """netsim: 1
duration: 4s
warmup: 0s
nodes: {m: {role: manager, count: 2, cores: 4}}
outside: {rtt: 1ms, clients: 4, entry: {choose: round-robin}}
networks: {net: {driver: overlay}}
services: {web: {replicas: 2, networks: [net], ports: ['8080:80'], work: {cpu: 10us}}}
load: {users: {from: outside, to: 'web:8080', arrivals: {constant: 200/s}, connection: CONNECTION}}
"""


def both(text: str, folder: Path, *changes: Change) -> RunRecord:
    """The record of the reference, which the fast machinery's is equal to."""
    scenario = scenario_from(text, folder)
    model = build_model(scenario)
    records = []
    for kind in (Reference, FastPlane):
        plane = kind(World(scenario, model, 1, 1, True))
        plane.apply(changes)
        records.append(run_out(plane))
    one, other = (record.workloads["users"].log for record in records)
    assert np.array_equal(one.fate, other.fate) and np.array_equal(one.finish_ps, other.finish_ps)
    assert (
        records[0].conntrack_peak == records[1].conntrack_peak and records[0].warnings == records[1].warnings
    )
    for name, station in records[0].stations.items():
        assert station.served == records[1].stations[name].served, name
    return records[0]


def at(*times: int) -> np.ndarray:
    return np.array(times, np.int64)


def served(record: RunRecord, task: str) -> int:
    return record.stations[f"{task}/workers"].served


def test_weight_0_turns_new_connections_away_on_each_node_at_its_own_time(tmp_path: Path) -> None:
    """Each node has every second request; one hears after 1 s, the other never."""
    change = Change(What.BACKEND_WEIGHT, "web.1", value=0, times_ps=at(S, NEVER_PS))
    record = both(TEXT.replace("CONNECTION", "new"), tmp_path, change)
    assert record.workloads["users"].fates[:, 0].sum() == 799
    # Of 400 requests by the first node half of the first 100 go to web.1, by the second half of all 400.
    assert served(record, "web.1") == pytest.approx(50 + 200, abs=2)


def test_open_connections_outlive_weight_0_and_end_with_rst_when_the_row_goes(tmp_path: Path) -> None:
    text = TEXT.replace("CONNECTION", "{pool: 4}")
    quiet = both(text, tmp_path, Change(What.BACKEND_WEIGHT, "web.1", value=0, times_ps=at(S, S)))
    assert quiet.workloads["users"].fates[:, 0].sum() == 799
    assert served(quiet, "web.1") == pytest.approx(400, abs=3)
    gone = both(text, tmp_path, Change(What.BACKEND_REMOVE, "web.1", times_ps=at(S, S)))
    fates = gone.workloads["users"].fates.sum(axis=0)
    assert fates[2] == 2 and fates[0] == 797  # reset: one for each of its two connections
    assert served(gone, "web.1") == pytest.approx(100, abs=3)
    assert "no IPVS entry" in gone.warnings[0]


def test_without_anybody_new_connections_are_refused(tmp_path: Path) -> None:
    changes = [Change(What.BACKEND_REMOVE, f"web.{i}", times_ps=at(S, S)) for i in (1, 2)]
    record = both(TEXT.replace("CONNECTION", "new"), tmp_path, *changes)
    fates = record.workloads["users"].fates.sum(axis=0)
    assert fates[5] == pytest.approx(600, abs=2) and fates[0] + fates[5] == 799
