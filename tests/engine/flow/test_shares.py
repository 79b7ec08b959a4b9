"""Who is asked as tasks come and go: nothing is lost on the way, and kept connections are renewed as fast as they are used up."""

from __future__ import annotations

import math

import numpy as np
import pytest

from netsim.engine.border import NEVER_PS, Change, What
from netsim.engine.flow.probe import probe
from netsim.engine.flow.shares import Course, Party, Sharing, effective_ps
from netsim.model.build import build_model
from netsim.scenario.load import loads

S = 10**12


def party(renewed_per_s: float) -> Party:
    names = ["a.1", "a.2", "a.3"]
    return Party(names, np.array([1.0, 1.0, 0.0]), np.ones(3), np.array([1.0, 0.0, 0.0]), renewed_per_s)


@pytest.mark.parametrize("renewed", [0.0, 0.2, 3.0, math.inf])
def test_kept_connections_are_renewed_at_their_rate(renewed: float) -> None:
    """What is left of the old share falls as exp(-rt); its mean over t is the integral, found here in small steps."""
    found, seconds = party(renewed), 2.0
    mean = found.mean(seconds)
    assert mean.sum() == pytest.approx(1) and mean[2] == 0
    steps = (np.arange(200_000) + 0.5) / 200_000 * seconds
    left = np.zeros(1) if math.isinf(renewed) else np.exp(-renewed * steps)
    assert mean[0] == pytest.approx(0.5 + 0.5 * left.mean(), abs=1e-6)
    assert found.bound[0] == pytest.approx(
        0.5 + 0.5 * (0 if math.isinf(renewed) else math.exp(-renewed * seconds))
    )


def test_what_was_open_with_a_task_that_is_gone_is_opened_elsewhere() -> None:
    found = party(0.0)
    found.listed = np.array([0.0, 1.0, 1.0])
    found.leave(np.array([1.0, 0.0, 0.0]))
    np.testing.assert_allclose(found.bound, [0, 0.5, 0.5])


def test_requests_to_a_task_that_does_not_serve_are_nowhere() -> None:
    found = party(0.0)
    found.serving = np.array([0.0, 1.0, 1.0])
    assert found.mean(1.0).sum() == 0


def test_a_list_changes_when_half_of_those_who_hear_have_heard() -> None:
    heard = np.array([5, NEVER_PS, 1, 9, 3, NEVER_PS], np.int64)
    assert effective_ps(Change(What.BACKEND_REMOVE, "a.1", times_ps=heard)) == 5
    assert effective_ps(Change(What.BACKEND_REMOVE, "a.1", times_ps=np.full(3, NEVER_PS))) == NEVER_PS
    assert effective_ps(Change(What.TASK_GONE, "a.1", at_ps=7)) == 7


def test_shares_over_time_sum_up() -> None:
    """Three tasks, one of which leaves the lists at 4 s and ends at 6 s; a new connection for each request."""
    scenario = loads(
        """netsim: 1
name: three
duration: 10s
warmup: 0s
replications: 1
nodes: {worker: {role: manager, count: 3, cores: 4, nic: {rate: 10Gbit}}}
networks: {net: {driver: overlay}}
services: {web: {replicas: 3, networks: [net], ports: [{published: 8080, target: 80}], work: {cpu: 1ms}}}
load: {users: {from: outside, to: "web:8080", arrivals: 50/s, connection: new}}
"""
    )
    model = build_model(scenario)
    found = probe(scenario, model, "users", 1, 0, 50.0)
    changes = [
        Change(What.BACKEND_REMOVE, "web.2", times_ps=np.full(3, 4 * S, np.int64)),
        Change(What.TASK_GONE, "web.2", at_ps=6 * S),
    ]
    sharing = Sharing(Course(model, changes, frozenset()), "users", found, 50.0)
    first = sharing.first()
    np.testing.assert_allclose(first.visits["web"], 1 / 3, rtol=1e-6)
    cells = list(sharing.cells(changes, [0, 3 * S, 5 * S, 10 * S]))
    for cell, share in zip(cells, (1 / 3, 1 / 6, 0.0), strict=True):
        assert cell.visits["web"].sum() == pytest.approx(1)
        assert cell.visits["web"][1] == pytest.approx(share)
    assert cells[0].same(first) and not cells[1].same(cells[0])
