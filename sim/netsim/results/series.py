"""How each workload went over time: rates and latency by time slice, pooled over replications."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netsim.engine.record import RunRecord
from netsim.stats.intervals import exact_quantile

PS_PER_S = 1_000_000_000_000
MAX_SLICES = 3600
_WIDTHS_S = (1, 2, 5, 10, 30, 60, 300, 600, 3600, 86_400)


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """One workload in the slice that begins at ``t_s``.

    Started, completed and failed count what happened in the slice, per second, of the requests
    that started in the measured period, averaged over replications. The latency quantiles (s, None
    if nothing completed) are of the requests of all replications that started in the slice.
    """

    t_s: float
    workload: str
    started_per_s: float
    completed_per_s: float
    failed_per_s: float
    p50_s: float | None
    p99_s: float | None


def slice_ps(duration_ps: int) -> int:
    """One second, or more where that would be over 3600 slices."""
    for width in _WIDTHS_S:
        if duration_ps <= width * PS_PER_S * MAX_SLICES:
            return width * PS_PER_S
    return -(-duration_ps // MAX_SLICES)


def series(records: Sequence[RunRecord]) -> list[SeriesRow]:
    """All workloads, slice by slice; workloads in the order of their names within a slice."""
    if not records:
        return []
    by_workload = [_workload(name, records) for name in sorted(records[0].workloads)]
    return [row for rows in zip(*by_workload, strict=True) for row in rows]


def _workload(name: str, records: Sequence[RunRecord]) -> list[SeriesRow]:
    duration_ps = records[0].duration_ps
    width = slice_ps(duration_ps)
    count = -(-duration_ps // width)
    started, completed, failed = np.zeros(count), np.zeros(count), np.zeros(count)
    latency_of: list[list[np.ndarray[tuple[int], np.dtype[np.int64]]]] = [[] for _ in range(count)]
    for record in records:
        part = record.workloads[name]
        slot = np.clip(part.start_ps // width, 0, count - 1)
        started += np.bincount(slot, minlength=count)
        inside = (part.finish_ps >= 0) & (part.finish_ps < duration_ps)
        completed += np.bincount(part.finish_ps[inside & (part.fate == 0)] // width, minlength=count)
        failed += np.bincount(part.finish_ps[inside & (part.fate > 0)] // width, minlength=count)
        done = part.fate == 0
        latency, slot = part.finish_ps[done] - part.start_ps[done], slot[done]
        order = np.argsort(slot, kind="stable")
        ends = np.searchsorted(slot[order], np.arange(1, count))
        for k, chunk in enumerate(np.split(latency[order], ends)):
            latency_of[k].append(chunk)
    rows = []
    for k in range(count):
        seconds = (min((k + 1) * width, duration_ps) - k * width) / PS_PER_S * len(records)
        ordered = np.sort(np.concatenate(latency_of[k]))
        rows.append(
            SeriesRow(
                t_s=k * width / PS_PER_S,
                workload=name,
                started_per_s=float(started[k]) / seconds,
                completed_per_s=float(completed[k]) / seconds,
                failed_per_s=float(failed[k]) / seconds,
                p50_s=_seconds(exact_quantile(ordered, 0.5)),
                p99_s=_seconds(exact_quantile(ordered, 0.99)),
            )
        )
    return rows


def _seconds(ps: int | None) -> float | None:
    return None if ps is None else ps / PS_PER_S
