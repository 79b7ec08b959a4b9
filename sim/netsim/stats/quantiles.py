"""Intervals of a quantile within one run: order statistics, with the dependence between requests counted.

For n independent numbers, the ranks that enclose the p-quantile are those of a binomial distribution, whatever the
law of the numbers (Conover, Practical Nonparametric Statistics, 1999, 3.2). Requests of one run depend on their
neighbours, so n is replaced by the number of independent requests that would know the share below the quantile as
well: the share's variance comes from batches of the run (Woodruff, JASA 47, 1952; Korn and Graubard, Survey
Methodology 24, 1998, with their correction for few batches). No quantile of a single batch is needed, so tails can be
told from runs whose batches are too short to have one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from netsim.stats.intervals import (
    DEPENDENT,
    FEW_BATCHES,
    JOINED_BATCHES,
    LEVEL,
    MIN_BATCHES,
    dependent,
    t_quantile,
)

#: Independent requests that must lie beyond a quantile.
BEYOND = 10
#: Dependence is judged at this level for higher quantiles: few requests are beyond those, and they come in clusters.
REFERENCE = 0.9
Counts = npt.NDArray[np.integer]


def least_for_value(p: float) -> int:
    """Requests below which the p-quantile is only the largest of them: 1,000 for p999."""
    return 1 if p >= 1 else math.ceil(1 / (1 - p) - 1e-6)


def least_for_interval(p: float) -> int:
    """Independent requests for the interval of the p-quantile: ten beyond it, 1,000 for p99.

    No rank bounds the quantile from above at 95 % with fewer than 367 (p99); between these, a run would have to be
    chosen by its own tail, and the intervals of the chosen ones miss too often (tests/stats/test_coverage.py).
    """
    return math.ceil(BEYOND / min(p, 1 - p) - 1e-6)


def quantile_levels(batches: Counts, p: float) -> tuple[float, float] | str:
    """The levels (0 to 1) whose quantiles in the whole run are the ends of the 95 % interval of the p-quantile.

    ``batches`` counts requests: rows are consecutive, equally long parts of the run, columns are bins of rising
    values. Without an interval, the text says why.
    """
    if len(batches) < MIN_BATCHES:
        return FEW_BATCHES
    usual = _independent(batches, min(max(p, 1 - REFERENCE), REFERENCE))
    own = _independent(batches, p)
    if usual is None or own is None:
        return DEPENDENT
    needed = least_for_interval(p)
    if usual < needed:
        return (
            f"one replication of {int(batches.sum()):,} requests that tell as much as {usual:,.0f} independent ones; "
            f"its interval needs {needed:,}: run several, or longer"
        )
    from scipy.special import betaincinv

    tail, hits = (1 + LEVEL) / 2, own * p
    low = betaincinv(hits, own - hits + 1, 1 - tail)
    high = betaincinv(hits + 1, own - hits, tail)
    return float(low), float(high)


def _independent(batches: Counts, p: float) -> float | None:
    """How many independent requests would know the share below the p-quantile as well; None if even long
    parts of the run depend on each other."""
    counts = batches.sum(axis=1)
    n = int(counts.sum())
    cumulated = np.cumsum(batches.sum(axis=0))
    last = int(np.searchsorted(cumulated, math.ceil(p * n - 1e-9)))
    below = batches[:, : last + 1].sum(axis=1)
    share = int(below.sum()) / n
    excess = [float(x) for x in below - share * counts]
    if dependent(excess):
        excess = _joined(excess)
        if dependent(excess):
            return None
    k = len(excess)
    variance = k / (k - 1) * math.fsum(e * e for e in excess) / n**2
    independent = float(n) if variance == 0 else min(n, share * (1 - share) / variance)
    tail = (1 + LEVEL) / 2
    return independent * (t_quantile(tail, n - 1) / t_quantile(tail, k - 1)) ** 2


def _joined(excess: Sequence[float]) -> list[float]:
    """Ten sums of neighbours; what is over at the front joins the first."""
    size = len(excess) // JOINED_BATCHES
    first = len(excess) - size * JOINED_BATCHES
    sums = [math.fsum(excess[k : k + size]) for k in range(first, len(excess), size)]
    sums[0] += math.fsum(excess[:first])
    return sums
