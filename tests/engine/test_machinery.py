"""A run in steps, on both machineries: stops change nothing, changes are taken up when they are due."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from helpers import S, scenario_from

from netsim.engine.border import Change, What
from netsim.engine.fast import layout
from netsim.engine.fast.simulate import FastPlane
from netsim.engine.machinery import Handlers, Machinery, run_out
from netsim.engine.reference import Reference
from netsim.engine.world import World
from netsim.model.build import build_model

TEXT = """
netsim: 1
duration: 300ms
warmup: 100ms
nodes: {host: {role: manager, cores: 2, count: 2}}
outside: {rtt: 10ms, clients: 50}
networks: {net: {driver: overlay}}
services:
  web: {networks: [net], ports: [{published: 80, target: 80}], work: {cpu: {exponential: {mean: 6ms}}, workers: 4}}
load:
  users: {from: outside, to: "web:80", arrivals: 300/s, response: 12KiB, connection: {pool: 20}, timeout: 40ms}
"""
PLANES = pytest.mark.parametrize("kind", [Reference, FastPlane])


def plane(kind: type[Machinery], folder: Path) -> Machinery:
    scenario = scenario_from(TEXT, folder)
    world = World(scenario, build_model(scenario), 1, 0, keep_requests=True)
    return kind(world)


@PLANES
def test_steps_do_not_show_in_the_record(kind: type[Machinery], tmp_path: Path) -> None:
    whole = run_out(plane(kind, tmp_path))
    stepped = plane(kind, tmp_path)
    assert stepped.now_ps == -S // 10
    for at in range(-S // 10, 3 * S // 10, 7 * 10**9 + 13):
        assert stepped.advance(at) == at == stepped.now_ps
    record = run_out(stepped)
    one, other = whole.workloads["users"].log, record.workloads["users"].log
    assert np.array_equal(one.finish_ps, other.finish_ps) and one.split == other.split
    assert {n: asdict(s) for n, s in whole.stations.items()} == {
        n: asdict(s) for n, s in record.stations.items()
    }


def test_slices_are_looked_for_once_each(tmp_path: Path) -> None:
    """All stations are gone through when a slice is over, so no event after the measured period may ask for one."""
    running = plane(FastPlane, tmp_path)
    assert isinstance(running, FastPlane)
    ends = []
    for at in range(-S // 10, 5 * S // 10, 10**9):
        running.advance(at)
        ends.append(int(running.fast.M[layout.H_SLICE_TO]))
    slices = -(-running.world.scenario.duration // running.world.slice_ps)
    assert len(set(ends[1:])) == slices == 60 and ends[-1] == layout.NEVER


@PLANES
def test_counters_add_up(kind: type[Machinery], tmp_path: Path) -> None:
    running = plane(kind, tmp_path)
    running.advance(S // 5)
    counted = running.counters()
    assert counted["started"] == counted["completed"] + counted["failed"] + running.open_requests()
    assert counted["completed"] > 40 and counted["failed"] > 0
    log = run_out(running).workloads["users"].log
    ended = (log.finish_ps >= 0) & (log.finish_ps < S // 5)
    assert counted["completed"] == int((ended & (log.fate == 0)).sum())
    assert counted["failed"] == int((ended & (log.fate > 0)).sum())


@PLANES
def test_changes_are_taken_up_in_the_order_of_their_times(
    kind: type[Machinery], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handlers: Handlers[Machinery] = Handlers()
    taken: list[tuple[int, str]] = []

    @handlers.takes(What.STEAL, What.BACKEND_WEIGHT)
    def note(plane: Machinery, change: Change) -> None:
        taken.append((plane.now_ps, change.subject))

    monkeypatch.setattr(kind, "handlers", handlers)
    running = plane(kind, tmp_path)
    running.apply([Change(What.STEAL, "c", 30), Change(What.STEAL, "a", 20), Change(What.STEAL, "d", 30)])
    running.apply([Change(What.STEAL, "past", -S), Change(What.BACKEND_WEIGHT, "row", 30)])
    assert taken == [(-S // 10, "past"), (-S // 10, "row")]
    running.advance(40)
    assert taken[2:] == [(20, "a"), (30, "c"), (30, "d")] and running.now_ps == 40
    with pytest.raises(ValueError, match="nothing takes up PART in this data plane"):
        running.apply([Change(What.PART, "")])
