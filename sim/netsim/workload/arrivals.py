"""When requests start: gaps of mean one, stretched by the rate that holds at the time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile

from netsim.picoseconds import PS_PER_S


def arrival_times(
    gap: Callable[[int], float], points: tuple[tuple[int, float], ...], start_ps: int, end_ps: int
) -> Iterator[int]:
    """Times in [start, end) in ps. The rate is a line through ``points`` (ps, 1/s), level outside them.

    ``gap(k)`` is the k-th gap with mean one, in expected requests; it ends where the integral of the rate
    has grown by it.
    """
    line = Line(points, start_ps)
    times, rates = line.times, line.rates
    segment, at_s, index = line.segment, 0.0, 0
    while True:
        segment, at_s, there = grow_by(times, rates, segment, at_s, gap(index))
        at = start_ps + round(at_s * PS_PER_S)
        if not there or at >= end_ps:
            return
        yield at
        index += 1


class Line:
    """A rate that is linear between points: ``times`` (s since the start) and ``rates`` (1/s) of the points, and the
    segment in which the start lies (the index of the next point)."""

    def __init__(self, points: tuple[tuple[int, float], ...], start_ps: int) -> None:
        self.times = [(at - start_ps) / PS_PER_S for at, _ in points]
        self.rates = [float(rate) for _, rate in points]
        self.segment = sum(1 for _ in takewhile(lambda t: t <= 0, self.times))


def grow_by(
    times: Sequence[float], rates: Sequence[float], segment: int, at_s: float, amount: float
) -> tuple[int, float, bool]:
    """Move from ``at_s`` until the integral of the rate has grown by ``amount``: the new segment and time, and
    whether it ever does. Every engine runs this function, one of them compiled."""
    n = len(times)
    while True:
        last = segment == n
        end = math.inf if last else times[segment]
        if segment == 0:
            rate = rates[0]
        elif last:
            rate = rates[n - 1]
        else:
            t0, t1, r0, r1 = times[segment - 1], times[segment], rates[segment - 1], rates[segment]
            rate = r1 if t1 <= t0 else r0 + (r1 - r0) * (at_s - t0) / (t1 - t0)
        slope = 0.0
        if not last and segment > 0 and end > at_s:
            slope = (rates[segment] - rate) / (end - at_s)
        # The t with rate * t + slope * t^2 / 2 = amount, if there is one.
        step = math.inf
        if abs(slope) < 1e-12:
            if rate > 0:
                step = amount / rate
        else:
            inside = rate * rate + 2 * slope * amount
            if inside >= 0 and rate + math.sqrt(inside) > 0:
                step = 2 * amount / (rate + math.sqrt(inside))
        if step < math.inf and at_s + step <= end:
            return segment, at_s + step, True
        if last:
            return segment, at_s, False
        span = end - at_s
        amount = max(0.0, amount - span * (rate + slope * span / 2))
        at_s = end
        segment += 1
