"""How long a workload was out: the time in which more than 1 % of what started finally failed."""

from __future__ import annotations

import numpy as np

from netsim.engine.record import WorkloadRecord
from netsim.picoseconds import PS_PER_S

MIN_REQUESTS = 20
MAX_FAILED_PER_100 = 1


def outage_s(
    record: WorkloadRecord, duration_ps: int, since_ps: int = 0, until_ps: int | None = None
) -> float:
    """Seconds of outage in the measured period, or in the part of it from ``since_ps`` to ``until_ps``.

    The period is cut into buckets of 100 ms (wider beyond 1.8 hours); neighbours are merged, from the left, until they hold 20
    requests, and what is left over at the end joins the last of them. A bucket is out if more than
    1 % of the requests that started in it finally failed; its whole length counts. Requests still in
    flight at the end have not failed.
    """
    started, failed = record.outage[:, 0], record.outage[:, 1]
    if not started.any() or duration_ps <= 0:
        return 0.0
    width = record.outage_ps
    total_ps = 0
    for first, end in _merged(started):
        if failed[first:end].sum() * 100 > MAX_FAILED_PER_100 * started[first:end].sum():
            last_ps = min(end * width, duration_ps if until_ps is None else until_ps)
            total_ps += max(0, last_ps - max(first * width, since_ps))
    return total_ps / PS_PER_S


def _merged(started: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[tuple[int, int]]:
    """Ranges of buckets (first, end) that hold at least 20 requests each, if there are as many."""
    ranges: list[tuple[int, int]] = []
    first, inside = 0, 0
    for k, n in enumerate(started.tolist()):
        inside += n
        if inside >= MIN_REQUESTS:
            ranges.append((first, k + 1))
            first, inside = k + 1, 0
    if first < len(started):
        if ranges:
            ranges[-1] = (ranges[-1][0], len(started))
        else:
            ranges.append((first, len(started)))
    return ranges
