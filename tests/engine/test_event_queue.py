"""The fast engine's queue of events: the order of a sorted list, whatever the times and however many share one."""

from __future__ import annotations

import bisect
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from netsim.compiled import entry, pointer
from netsim.engine.fast import layout as y
from netsim.engine.fast.engine import Fast
from netsim.engine.fast.events import first, queue, take, tune
from netsim.engine.star import Setup

QUEUE, TAKE, TUNE = range(3)
STEPS = 6000
Ints = npt.NDArray[np.int64]


def _play(memory: Any, what: Any, times: Any, orders: Any, found: Any) -> None:
    """Do all steps; ``found``: time, order and number of the event that each step took."""
    M = pointer(memory)
    for i in range(len(what)):
        if what[i] == QUEUE:
            queue(M, times[i], orders[i], 0, i, 0, 0)
        elif what[i] == TUNE:
            tune(M)
        else:
            o = take(M, first(M))
            M[y.H_NOW] = M[o + y.EV_TIME]
            found[i] = (M[o + y.EV_TIME], M[o + y.EV_ORDER], M[o + 1])


play = entry(_play)


def steps(
    rng: np.random.Generator, gaps: list[int], alike: int
) -> tuple[Ints, Ints, Ints, list[tuple[int, int, int]]]:
    """Queueing and taking in turn, at times that lie some gap after the present one; orders are among ``alike``. And what is
    taken, by a sorted list."""
    what, times, orders = (np.zeros(STEPS, np.int64) for _ in range(3))
    waiting: list[tuple[int, int, int]] = []
    taken: list[tuple[int, int, int]] = []
    now, grows = 0, True
    for i in range(STEPS):
        grows = len(waiting) < (900 if grows else 50)
        if rng.random() < 0.001:
            what[i] = TUNE
        elif waiting and rng.random() < (0.4 if grows else 0.6):
            what[i] = TAKE
            taken.append(waiting.pop(0))
            now = taken[-1][0]
        else:
            times[i] = now + int(rng.choice(gaps)) * int(rng.integers(1, 4))
            orders[i] = int(rng.integers(-alike, alike))
            bisect.insort(waiting, (int(times[i]), int(orders[i]), i))
    return what, times, orders, taken


@pytest.mark.parametrize(
    "gaps",
    [
        [0, 1_000],
        [0, 0, 0, 10**6],
        [10**6],
        [10**6, 10**9, 10**13],
        [0, 7, 10**6],
        list(range(1, 10**6, 997)),
    ],
    ids=["one picosecond", "many at once", "hundreds at once", "far", "near and at once", "seldom at once"],
)
@pytest.mark.parametrize("alike", [1 << 62, 3])
@pytest.mark.parametrize("seed", range(4))
def test_events_come_in_the_order_of_a_sorted_list(gaps: list[int], alike: int, seed: int) -> None:
    what, times, orders, expected = steps(np.random.default_rng(seed), gaps, alike)
    fast = Fast(Setup(2, 1000).world)
    fast.M[y.H_NOW] = 0
    found = np.zeros((STEPS, 3), np.int64)
    play(fast.M, what, times, orders, found)
    got = [tuple(row) for row in found[what == TAKE].tolist()]
    assert [row[:2] for row in got] == [row[:2] for row in expected]
    assert len({row[2] for row in got}) == len(got)
