"""Workers behind a buffer that holds so many datagrams: what finds no room in it is lost, and what it takes waits for a worker.

Arrival by arrival, since works have any distribution and arrivals may be regular; of M/M/1/K and M/D/1/K theory knows the answers
(`tests/engine/flow/test_buffers.py`).
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from netsim.compiled import entry
from netsim.engine.flow.queues import Floats
from netsim.engine.flow.work import draws
from netsim.scenario.schema_work import Distribution

COUNT = 60_000
FIRST = 2_000  # arrivals until the state is that of any time
LEVELS = 256


class Buffered(NamedTuple):
    """The share of arrivals that finds no room, and quantiles of the wait of the others (s). ``steps_s``: of two in a row of one socket, by
    how much the time from the arrival on differs (s)."""

    lost: float
    waits_s: Floats
    steps_s: Floats


NOTHING = Buffered(0.0, np.zeros(1), np.zeros(1))


@entry
def serve(at, took, free, room, starts, waits):
    """First come first served by as many workers as ``free`` has; at most ``room`` wait. ``waits``: of each arrival (s), -1 if it was lost."""
    head = tail = 0
    for i in range(len(at)):
        now = at[i]
        while head < tail and starts[head] <= now:
            head += 1
        first = 0
        for k in range(1, len(free)):
            if free[k] < free[first]:
                first = k
        begin = max(now, free[first])
        if begin > now and tail - head >= room:
            waits[i] = -1.0
            continue
        waits[i] = begin - now
        free[first] = begin + took[i]
        starts[tail] = begin
        tail += 1


@lru_cache(maxsize=4096)
def buffered(
    rate_per_s: float, gaps_cv2: float, work: Distribution, pause: Distribution, rest_s: float, workers: int, room: int,
    sockets: int = 1,
) -> Buffered:  # fmt: skip
    """Arrivals at this rate, whose gaps have this squared coefficient of variation (0: equal gaps, 1: at random), each of which keeps a
    worker for ``work``, ``pause`` and ``rest_s``; from so many sockets in turn."""
    if rate_per_s <= 0:
        return NOTHING
    rng = np.random.default_rng(0)
    gaps = rng.gamma(1 / gaps_cv2, gaps_cv2, COUNT) if gaps_cv2 > 1e-6 else np.ones(COUNT)
    took = draws(work, rng, COUNT) + draws(pause, rng, COUNT) + rest_s
    waits = np.zeros(COUNT)
    serve(np.cumsum(gaps) / rate_per_s, took, np.zeros(workers), room, np.zeros(COUNT), waits)
    waits, took = waits[FIRST:], took[FIRST:]
    taken = waits[waits >= 0]
    if not len(taken):
        return Buffered(1.0, np.zeros(1), np.zeros(1))
    lag = min(sockets, len(waits) // 2)
    both = (waits[lag:] >= 0) & (waits[:-lag] >= 0)
    steps = (waits + took)[lag:][both] - (waits + took)[:-lag][both]
    levels = (np.arange(LEVELS) + 0.5) / LEVELS
    return Buffered(
        1 - len(taken) / len(waits),
        np.quantile(taken, levels),
        np.quantile(steps, levels) if len(steps) else np.zeros(1),
    )
