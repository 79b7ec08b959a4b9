"""Demands that move with the requests: none appears or is lost, and what is slower takes longer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from netsim.engine.flow.moved import moved
from netsim.engine.flow.probe import Demand, Probe, probe
from netsim.engine.flow.shares import Course, Sharing
from netsim.model.build import build_model
from netsim.scenario.load import loads


@pytest.fixture(scope="module")
def asked() -> tuple[Probe, Sharing]:
    scenario = loads(
        """netsim: 1
name: moving
duration: 10s
warmup: 0s
replications: 1
nodes: {worker: {role: manager, count: 4, cores: 4, nic: {rate: 10Gbit}}}
networks: {net: {driver: overlay}}
services: {web: {replicas: 4, networks: [net], ports: [{published: 8080, target: 80}], work: {cpu: 1ms}}}
load: {users: {from: outside, to: "web:8080", arrivals: 50/s, connection: new}}
"""
    )
    model = build_model(scenario)
    found = probe(scenario, model, "users", 1, 0, 50.0)
    return found, Sharing(Course(model, [], frozenset()), "users", found, 50.0)


def test_where_nothing_moves_nothing_changes(asked: tuple[Probe, Sharing]) -> None:
    found, sharing = asked
    now = moved(found, found.stations, sharing, sharing.first(), sharing.first())
    assert now.wire_bytes == pytest.approx(found.wire_bytes)
    assert now.demands.keys() == found.demands.keys()
    for name, demand in now.demands.items():
        assert demand.seconds == pytest.approx(found.demands[name].seconds), name


def test_what_one_task_loses_the_others_get(asked: tuple[Probe, Sharing]) -> None:
    found, sharing = asked
    first = sharing.first()
    now = moved(
        found, found.stations, sharing, first, replace(first, visits={"web": np.array([1, 0, 1, 1]) / 3})
    )

    def total(probe: Probe, end: str) -> float:
        return sum(demand.seconds for name, demand in probe.demands.items() if name.endswith(end))

    for end in ("/workers", "/cpu"):
        assert total(now, end) == pytest.approx(total(found, end), rel=1e-6)
    assert now.demands["web.2/workers"].visits == 0
    assert now.demands["worker-1/cpu"].seconds == pytest.approx(
        4 / 3 * found.demands["worker-1/cpu"].seconds, rel=0.02
    )
    assert now.demands["worker-2/cpu"].seconds == pytest.approx(0)


def test_a_second_on_a_slower_core_is_longer(asked: tuple[Probe, Sharing]) -> None:
    found, sharing = asked
    first = sharing.first()
    now = moved(found, found.stations, sharing, first, replace(first, slower={"worker-1/cpu": 1.25}))
    old, new = found.demands["worker-1/cpu"], now.demands["worker-1/cpu"]
    assert (new.visits, new.seconds) == pytest.approx((old.visits, 1.25 * old.seconds))
    assert new.squares == pytest.approx(1.25**2 * old.squares)
    assert now.demands["worker-2/cpu"] == found.demands["worker-2/cpu"]


def test_twice_the_visits_and_each_three_times_as_long() -> None:
    assert Demand(1, 2, 3, 4, 5).times(2, 3) == Demand(2, 4, 18, 72, 90)
