"""Receive buffers against what theory knows of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from netsim.engine.flow.buffers import buffered
from netsim.scenario.schema_work import Distribution

NONE = Distribution("constant", 0)
MS = 10**9


def exponential(ms: int) -> Distribution:
    return Distribution("exponential", ms * MS, 1.0)


@pytest.mark.parametrize(("busy", "workers", "room"), [(0.7, 1, 4), (1.3, 1, 4), (0.8, 3, 5), (2.0, 2, 30)])
def test_exponential_works(busy: float, workers: int, room: int) -> None:
    """M/M/m/K: states weigh as in birth and death."""
    load = busy * workers
    weights = [math.prod(load / min(k, workers) for k in range(1, n + 1)) for n in range(workers + room + 1)]
    states = [weight / sum(weights) for weight in weights]
    found = buffered(load * 1000.0, 1.0, exponential(1), NONE, 0.0, workers, room)
    assert found.lost == pytest.approx(states[-1], rel=0.06)
    waiting = sum(state * max(0, n - workers) for n, state in enumerate(states))
    served = load * 1000.0 * (1 - states[-1])
    assert found.waits_s.mean() == pytest.approx(waiting / served, rel=0.06)


def deterministic(load: float, room: int) -> float:
    """The share that M/D/1/K loses, by the chain of those left behind (Gross and Harris, Fundamentals of Queueing Theory, chapter 5); K: ``room``
    and one in service."""
    size = room + 1
    came = [math.exp(-load) * load**k / math.factorial(k) for k in range(size)]
    chain = np.zeros((size, size))
    for before in range(size):
        first = max(0, before - 1)
        for k in range(size - 1 - first):
            chain[before, first + k] += came[k]
        chain[before, size - 1] += 1 - chain[before].sum()
    values, vectors = np.linalg.eig(chain.T)
    left = np.real(vectors[:, np.argmin(abs(values - 1))])
    return float(1 - 1 / (load + left[0] / left.sum()))


@pytest.mark.parametrize(("load", "room"), [(0.8, 3), (0.95, 10), (1.4, 6)])
def test_constant_works(load: float, room: int) -> None:
    found = buffered(load * 1000.0, 1.0, Distribution("constant", MS), NONE, 0.0, 1, room)
    assert found.lost == pytest.approx(deterministic(load, room), rel=0.06)


def test_equal_gaps_wait_for_nobody_until_there_are_too_many() -> None:
    """D/D/1/K: nothing below one, and beyond it the excess."""
    work = Distribution("constant", MS)
    assert buffered(990.0, 0.0, work, NONE, 0.0, 1, 5).waits_s.max() == pytest.approx(0.0, abs=1e-9)
    assert buffered(1250.0, 0.0, work, NONE, 0.0, 1, 5).lost == pytest.approx(0.2, abs=0.01)


def test_who_comes_soon_after_meets_about_the_same() -> None:
    """At 80 % of one worker two in a row of one socket differ by less the fewer sockets there are; far apart by as much as any two."""
    work, steps = exponential(1), []
    for sockets in (1, 10, 5000):
        found = buffered(800.0, 1.0, work, NONE, 0.0, 1, 1000, sockets)
        steps.append(float(np.abs(found.steps_s).mean()))
    assert steps[0] < steps[1] < steps[2]
    assert steps[2] == pytest.approx(5e-3, rel=0.15)  # |X - Y| of two exponential times of 5 ms: their mean
