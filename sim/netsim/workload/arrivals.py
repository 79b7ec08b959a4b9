"""When requests start: gaps of mean one, stretched by the rate that holds at the time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

PS_PER_S = 1_000_000_000_000


def arrival_times(
    gap: Callable[[int], float], points: tuple[tuple[int, float], ...], start_ps: int, end_ps: int
) -> Iterator[int]:
    """Times in [start, end) in ps. The rate is a line through ``points`` (ps, 1/s), level outside them.

    ``gap(k)`` is the k-th gap with mean one, in expected requests; it ends where the integral of the rate
    has grown by it.
    """
    line = _Line(points, start_ps)
    index = 0
    while True:
        at = line.advance(gap(index))
        if at is None or at >= end_ps:
            return
        yield at
        index += 1


class _Line:
    """Walks along a rate that is linear between points."""

    def __init__(self, points: tuple[tuple[int, float], ...], start_ps: int) -> None:
        self.points = points
        self.at_s = 0.0  # seconds since start
        self.start_ps = start_ps
        self.times = [(at - start_ps) / PS_PER_S for at, _ in points]
        self.rates = [rate for _, rate in points]
        self.segment = 0
        while self.segment < len(points) and self.times[self.segment] <= 0:
            self.segment += 1

    def rate(self, t: float) -> float:
        """Requests per second at ``t`` (within the present segment)."""
        i = self.segment
        if i == 0:
            return self.rates[0]
        if i == len(self.rates):
            return self.rates[-1]
        t0, t1, r0, r1 = self.times[i - 1], self.times[i], self.rates[i - 1], self.rates[i]
        return r1 if t1 <= t0 else r0 + (r1 - r0) * (t - t0) / (t1 - t0)

    def advance(self, amount: float) -> int | None:
        """Move until the integral of the rate has grown by ``amount``; None if it never does."""
        while True:
            last = self.segment == len(self.times)
            end = math.inf if last else self.times[self.segment]
            r0 = self.rate(self.at_s)
            slope = 0.0
            if not last and self.segment > 0 and end > self.at_s:
                slope = (self.rates[self.segment] - r0) / (end - self.at_s)
            step = _solve(r0, slope, amount)
            if step is not None and self.at_s + step <= end:
                self.at_s += step
                return self.start_ps + round(self.at_s * PS_PER_S)
            if last:
                return None
            span = end - self.at_s
            amount = max(0.0, amount - span * (r0 + slope * span / 2))
            self.at_s = end
            self.segment += 1


def _solve(rate: float, slope: float, amount: float) -> float | None:
    """The t with rate*t + slope*t^2/2 = amount, if there is one."""
    if abs(slope) < 1e-12:
        return amount / rate if rate > 0 else None
    inside = rate * rate + 2 * slope * amount
    if inside < 0:
        return None
    root = math.sqrt(inside)
    return 2 * amount / (rate + root) if rate + root > 0 else None
