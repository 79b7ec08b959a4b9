"""How each workload went over time: rates and latency by time slice, pooled over replications."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netsim.engine.record import RunRecord
from netsim.picoseconds import PS_PER_S
from netsim.results.latency import quantile_of


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


def series(records: Sequence[RunRecord]) -> list[SeriesRow]:
    """All workloads, slice by slice; workloads in the order of their names within a slice."""
    if not records:
        return []
    by_workload = [_workload(name, records) for name in sorted(records[0].workloads)]
    return [row for rows in zip(*by_workload, strict=True) for row in rows]


def _workload(name: str, records: Sequence[RunRecord]) -> list[SeriesRow]:
    duration_ps, parts = records[0].duration_ps, [record.workloads[name] for record in records]
    width, count = parts[0].slice_ps, len(parts[0].fates)
    started = sum((part.fates.sum(axis=1) for part in parts), start=np.zeros(count, np.int64))
    ended = sum((part.ended for part in parts), start=np.zeros((count, 3), np.int64))
    histogram = sum((part.histogram for part in parts), start=np.zeros_like(parts[0].histogram))
    rows = []
    for k in range(count):
        seconds = (min((k + 1) * width, duration_ps) - k * width) / PS_PER_S * len(records)
        rows.append(
            SeriesRow(
                t_s=k * width / PS_PER_S,
                workload=name,
                started_per_s=float(started[k]) / seconds,
                completed_per_s=float(ended[k, 0]) / seconds,
                failed_per_s=float(ended[k, 1]) / seconds,
                p50_s=_seconds(quantile_of(histogram[k], 0.5)),
                p99_s=_seconds(quantile_of(histogram[k], 0.99)),
            )
        )
    return rows


def _seconds(ps: float | None) -> float | None:
    return None if ps is None else ps / PS_PER_S
