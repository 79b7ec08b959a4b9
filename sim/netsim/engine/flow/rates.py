"""Rates of arrivals whose line changes."""

from __future__ import annotations

import numpy as np

from netsim.picoseconds import PS_PER_S
from netsim.scenario.schema_load import Arrivals
from netsim.workload.arrivals import Line


def mean_rate(arrivals: Arrivals, start_ps: int, end_ps: int) -> float:
    """The mean of the arrivals' line over a time (1/s)."""
    line = Line(arrivals.points, start_ps)
    end = (end_ps - start_ps) / PS_PER_S
    inside = sorted({0.0, end, *(t for t in line.times if 0 < t < end)})
    total = 0.0
    for a, b in zip(inside, inside[1:], strict=False):
        middle = np.interp([a + 1e-9 * (b - a), b - 1e-9 * (b - a)], line.times, line.rates)
        total += (b - a) * float(middle.mean())
    return total / end if end > 0 else 0.0
