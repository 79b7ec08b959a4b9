"""Two sets of replications against each other: the change with its interval, and how sure a difference is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from netsim.stats.intervals import LEVEL, Estimate, t_quantile

#: Why there is no change with an interval.
NO_BASE = "the baseline is 0, so nothing is a share of it"
ONE_PAIR = "fewer than 2 replications on a side have no spread"

Samples = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Change:
    """From a to b: ``difference`` in the unit of the numbers, ``relative`` to a's mean (0.05 is 5 % more), and
    ``p``, the chance of a difference as large if there is none (two-sided); None where it cannot be told."""

    a: float | None
    b: float | None
    difference: Estimate
    relative: Estimate
    p: float | None
    paired: bool


def change(a: Samples, b: Samples, paired: bool) -> Change:
    """Compare the replications ``a`` and ``b``.

    ``paired``: replications of the same number share their random numbers, so each pair makes a difference of its
    own, and what both have in common cancels out. Otherwise the spreads add up (Welch, Biometrika 34, 1947). The
    relative change is a ratio of means with its linearised variance (Fieller's interval for a small relative error).
    """
    if paired:
        pairs = [(x, y) for x, y in zip(a, b, strict=False) if x is not None and y is not None]
        left, right = [x for x, _ in pairs], [y for _, y in pairs]
    else:
        left, right = [x for x in a if x is not None], [y for y in b if y is not None]
    if not left or not right:
        known = [math.fsum(side) / len(side) if side else None for side in (left, right)]
        return Change(known[0], known[1], Estimate(reason=ONE_PAIR), Estimate(reason=ONE_PAIR), None, paired)
    mean_a, mean_b = math.fsum(left) / len(left), math.fsum(right) / len(right)
    difference, p = _compared(left, right, 1.0, paired)
    if mean_a == 0:
        relative = (
            Estimate(0.0, 0.0, 0.0) if difference == Estimate(0.0, 0.0, 0.0) else Estimate(reason=NO_BASE)
        )
        return Change(mean_a, mean_b, difference, relative, p, paired)
    ratio = mean_b / mean_a
    scaled, _ = _compared(left, right, ratio, paired)
    if scaled.low is None or scaled.high is None:
        relative = Estimate(ratio - 1, reason=ONE_PAIR)
    else:
        half = (scaled.high - scaled.low) / 2 / abs(mean_a)
        relative = Estimate(ratio - 1, ratio - 1 - half, ratio - 1 + half)
    return Change(mean_a, mean_b, difference, relative, p, paired)


def _compared(
    a: Sequence[float], b: Sequence[float], factor: float, paired: bool
) -> tuple[Estimate, float | None]:
    """Mean of b less ``factor`` times mean of a, with its interval and its two-sided p."""
    if min(len(a), len(b)) < 2:
        return Estimate(math.fsum(b) / len(b) - factor * math.fsum(a) / len(a), reason=ONE_PAIR), None
    if paired:
        mean, variance = _moments([y - factor * x for x, y in zip(a, b, strict=True)])
        variance, degrees = variance / len(a), len(a) - 1.0
    else:
        (mean_a, variance_a), (mean_b, variance_b) = _moments(a), _moments(b)
        mean, parts = mean_b - factor * mean_a, (factor**2 * variance_a / len(a), variance_b / len(b))
        variance = sum(parts)
        weights = parts[0] ** 2 / (len(a) - 1) + parts[1] ** 2 / (len(b) - 1)
        degrees = variance**2 / weights if weights > 0 else 1.0
    error = math.sqrt(variance)
    if error <= 1e-12 * abs(mean) or error == 0:  # rounding, not spread
        return Estimate(mean, mean, mean), 1.0 if mean == 0 else 0.0
    from scipy.special import stdtr

    half = t_quantile((1 + LEVEL) / 2, degrees) * error
    return Estimate(mean, mean - half, mean + half), 2 * float(stdtr(degrees, -abs(mean) / error))


def _moments(values: Sequence[float]) -> tuple[float, float]:
    mean = math.fsum(values) / len(values)
    return mean, math.fsum((x - mean) ** 2 for x in values) / (len(values) - 1)


def holm(chances: Sequence[float]) -> list[float]:
    """The p values with Holm's adjustment for many questions at once (Scandinavian Journal of Statistics 6, 1979)."""
    order = sorted(range(len(chances)), key=lambda k: chances[k])
    found, worst = [0.0] * len(chances), 0.0
    for place, k in enumerate(order):
        worst = max(worst, min(1.0, (len(chances) - place) * chances[k]))
        found[k] = worst
    return found
