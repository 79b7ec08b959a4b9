"""The MSER rule by hand, and how often the warning is right: settled queues, and queues that begin far from it."""

from __future__ import annotations

import numpy as np
import pytest

from netsim.stats.warmup import mser, unsettled


def test_mser_by_hand() -> None:
    assert mser([5.0, 5.0, 5.0, 5.0]) == 0
    # cut 0: 60/36; cut 1: 0 of the rest
    assert mser([7.0, 1.0, 1.0, 1.0, 1.0, 1.0]) == 1
    assert mser([9.0, 7.0, 1.0, 1.0, 1.0, 1.0]) == 2


def test_too_few_and_constant() -> None:
    assert unsettled([[9.0] * 3 + [1.0] * 6]) == 0
    assert unsettled([[2.0] * 30]) == 0
    assert unsettled([]) == 0
    assert unsettled([[9.0] * 3 + [1.0] * 27]) == 3


def test_what_hardly_moves_the_mean_does_not_matter() -> None:
    assert unsettled([[1.1] + [1.0] * 49]) == 0


def times(groups: int, replications: int, load: float, start: float) -> np.ndarray:
    """Mean times in an M/M/1 queue of unit service: 50 slices of 100 customers; ``start`` is work in front of the first."""
    random = np.random.default_rng(5)
    runs = groups * replications
    wait = np.where(random.random(runs) < load, random.exponential(1 / (1 - load), runs), 0.0) + start
    found = np.empty((5000, runs))
    for k in range(5000):
        service = random.exponential(1.0, runs)
        found[k] = wait + service
        wait = np.maximum(0.0, wait + service - random.exponential(1 / load, runs))
    return found.T.reshape(groups, replications, 50, 100).mean(axis=3)


@pytest.mark.parametrize(("replications", "most"), [(1, 0.04), (5, 0.02)])
def test_settled_queues_seldom_alarm(replications: int, most: float) -> None:
    """Loads of 50 to 90 %, 200 groups each."""
    for load in (0.5, 0.7, 0.9):
        alarms = [unsettled(group.tolist()) > 0 for group in times(200, replications, load, 0.0)]
        assert np.mean(alarms) <= most, load


@pytest.mark.parametrize("replications", [1, 5])
def test_a_queue_that_begins_full_alarms(replications: int) -> None:
    """100 services of work in front, at load 0.7: it is gone after 100 / 0.3 = 333 services, in the third slice."""
    cuts = [unsettled(group.tolist()) for group in times(100, replications, 0.7, 100.0)]
    assert np.mean([cut > 0 for cut in cuts]) > 0.9
    assert 2 <= np.median(cuts) <= 8
