"""Whether a series has settled when counting begins: the MSER rule on batches of at least five observations.

White, "An effective truncation heuristic for bias reduction in simulation output", Simulation 69 (1997); MSER-5 in
White, Cobb and Spratt, Winter Simulation Conference 2000: cut off the front such that the standard error of the rest
is smallest. On a settled series the rule cuts a little by chance, so a cut counts as a finding only if the front
differs from the rest by more than chance and moves the mean by more than it is worth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from netsim.stats.intervals import t_quantile

#: Observations that a batch of MSER-5 holds.
PER_BATCH = 5
MIN_BATCHES = 10
#: Standard errors between front and rest; how often chance is beyond is in tests/stats/test_warmup.py.
SURE = 4.0
#: With this many replications, they must agree as well, at this one-sided level; fewer need larger a difference.
MIN_REPLICATIONS = 3
SURE_OF_FEW = 8.0
ALIKE = 0.995
#: Share of the mean that the front has to move.
MATTERS = 0.01


def mser(series: Sequence[float]) -> int:
    """How many of the first numbers to cut off, at most half of them."""
    best, cut = math.inf, 0
    n = len(series)
    for first in range(n // 2 + 1):
        rest = series[first:]
        mean = math.fsum(rest) / len(rest)
        statistic = math.fsum((x - mean) ** 2 for x in rest) / len(rest) ** 2
        if statistic < best * (1 - 1e-12):
            best, cut = statistic, first
    return cut


def unsettled(replications: Sequence[Sequence[float]]) -> int:
    """How many of the first numbers belong to the warm-up; 0 if the series has settled or is too short to tell.

    ``replications`` are equally long series of means of consecutive, equally long times, each over at least
    `PER_BATCH` observations.
    """
    count, n = len(replications), min(map(len, replications), default=0)
    if n < MIN_BATCHES:
        return 0
    series = [math.fsum(values) / count for values in zip(*replications, strict=True)]
    cut = mser(series)
    if cut == 0:
        return 0
    mean = math.fsum(series[cut:]) / (n - cut)
    difference = math.fsum(series[:cut]) / cut - mean
    if abs(difference) * cut / n <= MATTERS * abs(mean):
        return 0
    sure = SURE if count >= MIN_REPLICATIONS else SURE_OF_FEW
    if abs(difference) <= sure * _error_within(series, cut):
        return 0
    return cut if count < MIN_REPLICATIONS or _same_in_all(replications, cut) else 0


def _error_within(series: Sequence[float], cut: int) -> float:
    """Standard error of front less rest, from the spread of the rest and how alike its neighbours are."""
    rest = series[cut:]
    mean = math.fsum(rest) / len(rest)
    squares = math.fsum((x - mean) ** 2 for x in rest)
    if squares == 0:
        return 0.0
    alike = math.fsum((a - mean) * (b - mean) for a, b in zip(rest, rest[1:], strict=False)) / squares
    alike = min(max(alike, 0.0), 0.9)
    spread = squares / (len(rest) - 1) * (1 + alike) / (1 - alike)
    return math.sqrt(spread * (1 / cut + 1 / len(rest)))


def _same_in_all(replications: Sequence[Sequence[float]], cut: int) -> bool:
    """Whether front and rest differ alike in the replications: a t test, which knows no dependence in time."""
    found = [
        math.fsum(series[:cut]) / cut - math.fsum(series[cut:]) / (len(series) - cut)
        for series in replications
    ]
    mean = math.fsum(found) / len(found)
    variance = math.fsum((x - mean) ** 2 for x in found) / (len(found) - 1)
    if variance == 0:
        return mean != 0
    return abs(mean) > t_quantile(ALIKE, len(found) - 1) * math.sqrt(variance / len(found))
