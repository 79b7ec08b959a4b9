"""Latency from histograms: means, quantiles, and the same for groups of time slices."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from netsim.engine.histogram import middle
from netsim.engine.record import WorkloadRecord
from netsim.picoseconds import PS_PER_S

Counts = npt.NDArray[np.integer]


def bucket_of(counts: Counts, q: float) -> int:
    """The bucket that holds the q-quantile: the smallest with at least the share q at or below it."""
    cumulated = np.cumsum(counts, dtype=np.int64)
    rank = min(max(math.ceil(q * int(cumulated[-1]) - 1e-9), 1), int(cumulated[-1]))
    return int(np.searchsorted(cumulated, rank))


def completed(record: WorkloadRecord) -> int:
    """How many requests completed."""
    return int(record.histogram.sum())


def mean_ps(record: WorkloadRecord, first: int = 0, end: int | None = None) -> float | None:
    """The exact mean latency of the requests that started in the slices [first, end); None without any."""
    count = int(record.histogram[first:end].sum())
    if not count:
        return None
    seconds, rest = (int(x) for x in record.latency[first:end, :2].sum(axis=0))
    return (seconds * PS_PER_S + rest) / count


def max_ps(record: WorkloadRecord) -> int | None:
    """The longest latency; None without any."""
    return int(record.latency[:, 2].max()) if completed(record) else None


def quantile_ps(record: WorkloadRecord, q: float) -> float | None:
    """The q-quantile of the whole period: the mean latency in its bucket, at most 1.6 % from any of them. The
    largest (q = 1) is exact. None without completed requests."""
    if q >= 1:
        return max_ps(record)
    counts = record.histogram.sum(axis=0)
    if not counts.any():
        return None
    index = bucket_of(counts, q)
    total = math.fsum(record.parts[index])
    return total / int(counts[index]) if total > 0 else middle(index)


def quantile_of(counts: Counts, q: float) -> float | None:
    """The q-quantile of a histogram (ps): the middle of its bucket, at most 0.8 % off. None if it is empty."""
    return middle(bucket_of(counts, q)) if counts.any() else None
