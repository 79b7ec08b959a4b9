"""What the border promises to the control plane, held on both machineries: who takes up what, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import S, scenario_from

from netsim.engine.border import NEVER_PS, Change, LinkState, What
from netsim.engine.fast.simulate import FastPlane
from netsim.engine.machinery import FAST_HANDLERS, REFERENCE_HANDLERS, Handlers, Machinery, run_out
from netsim.engine.record import FATES, RequestLog
from netsim.engine.reference import Reference
from netsim.engine.world import World
from netsim.model.build import build_model

TEXT = """
netsim: 1
duration: 4s
warmup: 0s
nodes: {m: {role: manager, cores: 4, count: 2, profile: zero.yaml, nic: {rate: 10Gbit}}}
fabric: {latency: 0s}
outside: {rtt: 0s, clients: 1, entry: {nodes: [m-1]}}
networks: {net: {driver: overlay}}
services: {web: {replicas: 2, networks: [net], ports: [{published: 80, target: 80}], work: {cpu: 0s}}}
load: {users: {from: outside, to: "web:80", arrivals: {constant: 4/s}, connection: new, timeout: 100ms}}
"""
PLANES = pytest.mark.parametrize("kind", [Reference, FastPlane])
MS = S // 1000


def plane(kind: type[Machinery], folder: Path) -> Machinery:
    scenario = scenario_from(TEXT, folder)
    return kind(World(scenario, build_model(scenario), 1, 0, keep_requests=True))


def fates(running: Machinery) -> list[str]:
    found: RequestLog = run_out(running).workloads["users"].log
    return [FATES[fate] for fate in found.fate]


def taken(handlers: Handlers[Any]) -> set[What]:
    found = set()
    for what in What:
        try:
            handlers[what]
        except ValueError:
            continue
        found.add(what)
    return found


def test_both_machineries_take_up_the_same_changes() -> None:
    assert taken(REFERENCE_HANDLERS) == taken(FAST_HANDLERS)
    assert {What.BACKEND_REMOVE, What.TASK_GONE, What.NODE_UP, What.LINK, What.PART} <= taken(FAST_HANDLERS)


@PLANES
def test_a_change_of_a_row_reaches_each_node_at_its_own_time_or_never(
    kind: type[Machinery], tmp_path: Path
) -> None:
    """web.1 is killed at 1 s, and its sandbox stands; m-1, by which all come, hears of it at 2 s, the other node never:
    of 4 requests in that second every other one is refused."""
    running = plane(kind, tmp_path)
    times = np.array([2 * S, NEVER_PS], np.int64)
    running.apply([Change(What.BACKEND_REMOVE, "web.1", times_ps=times), Change(What.TASK_GONE, "web.1", S)])
    found = fates(running)
    assert found[:3] == ["completed"] * 3 and found[7:] == ["completed"] * len(found[7:])
    assert sorted(found[3:7]) == ["completed", "completed", "refused", "refused"]


@PLANES
def test_a_change_at_a_time_comes_before_the_request_of_that_time(
    kind: type[Machinery], tmp_path: Path
) -> None:
    """Requests come every 250 ms. The entry's only node is out for one picosecond: the request that starts at 1 s
    finds nobody, the others do not notice."""
    running = plane(kind, tmp_path)
    running.apply([Change(What.ENTRY_OUT, "m-1", S), Change(What.ENTRY_IN, "m-1", S + 1)])
    log = run_out(running).workloads["users"].log
    assert log.start_ps[log.fate != 0].tolist() == [S]


@PLANES
def test_what_is_past_takes_effect_now(kind: type[Machinery], tmp_path: Path) -> None:
    running = plane(kind, tmp_path)
    running.advance(2 * S + MS)
    running.apply([Change(What.LINK, "m-1", S, link=LinkState(up=False))])
    found = fates(running)
    assert set(found[:8]) == {"completed"} and set(found[8:]) == {"timeout"}


@PLANES
def test_a_subject_that_does_not_exist_is_an_error(kind: type[Machinery], tmp_path: Path) -> None:
    running = plane(kind, tmp_path)
    for what in (What.TASK_GONE, What.NODE_DOWN, What.BACKEND_ADD):
        with pytest.raises(KeyError):
            running.apply([Change(what, "nobody", times_ps=np.zeros(2, np.int64))])
