"""Sequential stopping: replications until every number is known well enough.

Chow and Robbins, Annals of Mathematical Statistics 36 (1965): stop when the interval is narrow enough. With few
replications the interval is sometimes narrow by chance, and its coverage then falls below its level; so there are
several before the first look, and the next look comes after as many as the spread of the present ones asks for
(coverage is measured in tests/stats/test_sequential.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from netsim.stats.intervals import across

#: Replications before the first look.
FIRST = 5
#: A round at least adds this many, and at most makes so many times as many.
LEAST_MORE = 2
MOST_TIMES = 4

Samples = Mapping[str, Sequence[float | None]]


def half_width(samples: Sequence[float | None]) -> float | None:
    """Half the 95 % interval as a share of the mean; None where nothing is known, or the mean is 0."""
    found = across(samples)
    if found.value is None or found.low is None or found.high is None or found.value == 0:
        return None
    return (found.high - found.low) / 2 / abs(found.value)


def widest(samples: Samples) -> tuple[str, float] | None:
    """The number that is known least, and half its interval as a share of it; None if nothing can be known."""
    found = {path: half for path, values in samples.items() if (half := half_width(values)) is not None}
    return max(found.items(), key=lambda item: item[1]) if found else None


def next_total(done: int, half: float, precision: float) -> int:
    """How many replications there should be at the next look, if there are ``done``."""
    needed = math.ceil(done * (half / precision) ** 2)
    return max(done + LEAST_MORE, min(needed, MOST_TIMES * done))
