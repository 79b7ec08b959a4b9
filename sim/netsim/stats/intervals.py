"""Estimates with 95 % intervals: across replications, or by batch means within one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

LEVEL = 0.95
#: Batch means need this many batches; with fewer, the ends of the interval are unknown. More than 30 gain little
#: and are shorter, so that they depend on each other more (Schmeiser, Operations Research 30, 1982).
MIN_BATCHES = 20
#: Batches that depend on each other are joined to half as many; where those still do, the run is too short.
JOINED_BATCHES = 10
#: One-sided level of the test for dependence between neighbours.
DEPENDENCE_LEVEL = 0.1

#: Why a number or its ends are unknown.
NOTHING = "nothing was observed"
ALONE = "known in one replication only, which has no spread: run at least 2"
FEW_BATCHES = f"one replication, and too little in it for {MIN_BATCHES} batches: run several, or longer"
DEPENDENT = "one replication whose parts depend on each other for too long: run several, or longer"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with the ends of its 95 % interval, in the unit of the number; None where unknown, and why."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str | None = field(default=None, compare=False)

    def to_dict(self) -> dict[str, float | None]:
        """``{value, low, high}``, rounded to 12 significant digits."""
        return {"value": rounded(self.value), "low": rounded(self.low), "high": rounded(self.high)}

    def within(self, least: float, most: float = math.inf) -> Estimate:
        """The same with its ends cut to what is possible: a share is never below 0."""

        def cut(end: float | None) -> float | None:
            return None if end is None else min(max(end, least), most)

        return Estimate(self.value, cut(self.low), cut(self.high), self.reason)

    def falling(self, function: Callable[[float], float]) -> Estimate:
        """A strictly falling function of the number, and so of the ends, which change places."""
        value, low, high = (None if x is None else function(x) for x in (self.value, self.high, self.low))
        return Estimate(value, low, high, self.reason)


def rounded(value: float | None) -> float | None:
    """To 12 significant digits: what is beyond is noise of the floating point."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.12g}")


def t_quantile(p: float, degrees: float) -> float:
    """The p-quantile of Student's t distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, p))


def across(samples: Iterable[float | None]) -> Estimate:
    """Mean over replications with its t interval. Unknown samples are left out; one has no interval."""
    known = [float(x) for x in samples if x is not None and math.isfinite(x)]
    if not known:
        return Estimate(reason=NOTHING)
    mean = math.fsum(known) / len(known)
    if len(known) == 1:
        return Estimate(mean, reason=ALONE)
    half = _half_width(known)
    return Estimate(mean, mean - half, mean + half)


def batch_means(value: float | None, batches: Sequence[float | None]) -> Estimate:
    """A number of one long run, with the interval that the spread of its batches gives.

    ``batches`` is the same number for consecutive, equally long parts of the run. With fewer than
    20 known ones the ends are unknown. Batches that depend on their neighbours are joined in pairs; if the
    pairs still do, the ends are unknown, since the interval would be too narrow.
    """
    if value is None or not math.isfinite(value):
        return Estimate(reason=NOTHING)
    known = [float(x) for x in batches if x is not None and math.isfinite(x)]
    if len(known) < MIN_BATCHES:
        return Estimate(value, reason=FEW_BATCHES)
    independent = independent_batches(known)
    if independent is None:
        return Estimate(value, reason=DEPENDENT)
    half = _half_width(independent)
    return Estimate(value, value - half, value + half)


def independent_batches(batches: Sequence[float]) -> list[float] | None:
    """The batches, or the means of neighbours if they depend on each other, or None if those do too."""
    if not dependent(batches):
        return list(batches)
    size = len(batches) // JOINED_BATCHES
    first = len(batches) - JOINED_BATCHES * size
    joined = [math.fsum(batches[k : k + size]) / size for k in range(first, len(batches), size)]
    return None if dependent(joined) else joined


def dependent(batches: Sequence[float]) -> bool:
    """Whether neighbours are alike: von Neumann's ratio (Annals of Mathematical Statistics 12, 1941), one-sided.

    1 less half the ratio of mean squared successive differences to the variance has mean 0 and variance
    (n - 2) / (n^2 - 1) for independent normal numbers, and is close to normal from n = 8 on (Fishman,
    Management Science 24, 1978).
    """
    n = len(batches)
    mean = math.fsum(batches) / n
    squares = math.fsum((x - mean) ** 2 for x in batches)
    if squares == 0:
        return False
    steps = math.fsum((b - a) ** 2 for a, b in zip(batches, batches[1:], strict=False))
    from scipy.special import ndtri

    score = 1 - steps / (2 * squares)
    return score > float(ndtri(1 - DEPENDENCE_LEVEL)) * math.sqrt((n - 2) / (n * n - 1))


def quantile_over(samples: Iterable[float | None], p: float) -> Estimate:
    """The p-quantile over replications (p = 1: the largest one), with a 95 % interval.

    The value is the sample's own (rank ``ceil(p n)``); the interval is that of a normal population's
    quantile, by the noncentral t distribution. The largest of the replications that ran is a fact, so
    its interval is the point. One replication has no interval.
    """
    known = sorted(float(x) for x in samples if x is not None and math.isfinite(x))
    if not known:
        return Estimate(reason=NOTHING)
    n = len(known)
    value = known[rank(p, n)]
    if n == 1:
        return Estimate(value, reason=ALONE)
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
