"""Estimates with 95 % intervals: across replications, or by batch means within one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

LEVEL = 0.95
#: Batch means need this many batches; with fewer, the ends of the interval are unknown.
MIN_BATCHES = 20


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with the ends of its 95 % interval, in the unit of the number; None where unknown."""

    value: float | None = None
    low: float | None = None
    high: float | None = None

    def to_dict(self) -> dict[str, float | None]:
        """``{value, low, high}``, rounded to 12 significant digits."""
        return {"value": rounded(self.value), "low": rounded(self.low), "high": rounded(self.high)}

    def within(self, least: float, most: float = math.inf) -> Estimate:
        """The same with its ends cut to what is possible: a share is never below 0."""

        def cut(end: float | None) -> float | None:
            return None if end is None else min(max(end, least), most)

        return Estimate(self.value, cut(self.low), cut(self.high))

    def falling(self, function: Callable[[float], float]) -> Estimate:
        """A strictly falling function of the number, and so of the ends, which change places."""
        value, low, high = (None if x is None else function(x) for x in (self.value, self.high, self.low))
        return Estimate(value, low, high)


def rounded(value: float | None) -> float | None:
    """To 12 significant digits: what is beyond is noise of the floating point."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.12g}")


def t_quantile(p: float, degrees: int) -> float:
    """The p-quantile of Student's t distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, p))


def across(samples: Iterable[float | None]) -> Estimate:
    """Mean over replications with its t interval. Unknown samples are left out; one has no interval."""
    known = [float(x) for x in samples if x is not None and math.isfinite(x)]
    if not known:
        return Estimate()
    mean = math.fsum(known) / len(known)
    if len(known) == 1:
        return Estimate(mean)
    half = _half_width(known)
    return Estimate(mean, mean - half, mean + half)


def batch_means(value: float | None, batches: Sequence[float | None]) -> Estimate:
    """A number of one long run, with the interval that the spread of its batches gives.

    ``batches`` is the same number for consecutive, equally long parts of the run. With fewer than
    20 known ones the ends are unknown.
    """
    if value is None or not math.isfinite(value):
        return Estimate()
    known = [float(x) for x in batches if x is not None and math.isfinite(x)]
    if len(known) < MIN_BATCHES:
        return Estimate(value)
    half = _half_width(known)
    return Estimate(value, value - half, value + half)


def quantile_over(samples: Iterable[float | None], p: float) -> Estimate:
    """The p-quantile over replications (p = 1: the largest one), with a 95 % interval.

    The value is the sample's own (rank ``ceil(p n)``); the interval is that of a normal population's
    quantile, by the noncentral t distribution. The largest of the replications that ran is a fact, so
    its interval is the point. One replication has no interval.
    """
    known = sorted(float(x) for x in samples if x is not None and math.isfinite(x))
    if not known:
        return Estimate()
    n = len(known)
    value = known[rank(p, n)]
    if n == 1:
        return Estimate(value)
    mean = math.fsum(known) / n
    spread = math.sqrt(math.fsum((x - mean) ** 2 for x in known) / (n - 1))
    if p >= 1 or spread == 0:
        return Estimate(value, value, value)
    from scipy.special import nctdtrit, ndtri

    shift = float(ndtri(p)) * math.sqrt(n)
    tail = (1 - LEVEL) / 2
    low, high = (mean + spread * float(nctdtrit(n - 1, shift, q)) / math.sqrt(n) for q in (tail, 1 - tail))
    return Estimate(value, min(low, value), max(high, value))


def rank(q: float, n: int) -> int:
    """Index of the q-quantile in n sorted values: the smallest with at least the share q at or below it."""
    return min(max(math.ceil(q * n - 1e-9), 1), n) - 1


def _half_width(known: Sequence[float]) -> float:
    n = len(known)
    mean = math.fsum(known) / n
    variance = math.fsum((x - mean) ** 2 for x in known) / (n - 1)
    if variance == 0:
        return 0.0
    return t_quantile((1 + LEVEL) / 2, n - 1) * math.sqrt(variance / n)
