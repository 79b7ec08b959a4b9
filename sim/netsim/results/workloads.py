"""The numbers of each workload: load, throughput, latency, errors, outage, attribution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from netsim.engine.record import FATES, RunRecord, WorkloadRecord
from netsim.results.attribution import attribution
from netsim.results.outage import outage_s
from netsim.stats.intervals import (
    MIN_BATCHES,
    Estimate,
    across,
    batch_means,
    exact_quantile,
    split_batches,
)

PS_PER_S = 1_000_000_000_000
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999, "max": 1.0}
ATTRIBUTED = ("p50", "p99")
#: A batch's own quantile means something with this many requests above it.
ABOVE_QUANTILE = 5
MIN_FOR_MEAN = 10

Array = npt.NDArray[np.int64]


@dataclass(slots=True)
class WorkloadNumbers:
    """One workload over all replications. ``samples`` holds the outage (s) of each replication."""

    name: str
    offered_per_s: Estimate
    throughput_per_s: Estimate
    goodput_bps: Estimate
    error_share: Estimate
    sent: int
    completed: int
    failed: int
    errors: dict[str, int]
    latency_s: dict[str, Estimate]
    outage_s: Estimate
    attribution: dict[str, dict[str, Estimate]]
    outage_samples: list[float] = field(default_factory=list)
    completed_each: list[int] = field(default_factory=list)
    failed_each: list[int] = field(default_factory=list)

    def to_dict(self) -> dict[str, object]:
        """As in ``result.json``."""
        return {
            "offered_per_s": self.offered_per_s.to_dict(),
            "throughput_per_s": self.throughput_per_s.to_dict(),
            "goodput_bps": self.goodput_bps.to_dict(),
            "sent": self.sent,
            "completed": self.completed,
            "failed": self.failed,
            "errors": self.errors,
            "error_share": self.error_share.to_dict(),
            "latency_s": {key: estimate.to_dict() for key, estimate in self.latency_s.items()},
            "outage_s": self.outage_s.to_dict(),
            "attribution": {
                key: {stage: estimate.to_dict() for stage, estimate in stages.items()}
                for key, stages in self.attribution.items()
            },
        }


def workload_numbers(name: str, records: Sequence[RunRecord]) -> WorkloadNumbers:
    """All numbers of the workload ``name``; ``records`` are complete replications of equal duration."""
    parts = [record.workloads[name] for record in records]
    duration_ps = records[0].duration_ps
    seconds = duration_ps / PS_PER_S
    outages = [outage_s(part, duration_ps) for part in parts]
    failed = [int(np.count_nonzero(part.fate > 0)) for part in parts]
    completed = [int(np.count_nonzero(part.fate == 0)) for part in parts]
    fates = sum((np.bincount(part.fate[part.fate > 0], minlength=len(FATES)) for part in parts), start=0)
    errors = {FATES[k]: int(n) for k, n in enumerate(np.atleast_1d(fates)) if n}
    return WorkloadNumbers(
        name=name,
        offered_per_s=_rate([len(part.start_ps) / seconds for part in parts], parts, duration_ps, _started),
        throughput_per_s=_rate(
            [part.completed_in_period / seconds for part in parts], parts, duration_ps, _finished
        ),
        goodput_bps=_rate(
            [part.goodput_bytes_in_period * 8 / seconds for part in parts], parts, duration_ps, _bits
        ),
        error_share=_error_share(parts).within(0, 1),
        sent=sum(len(part.start_ps) for part in parts),
        completed=sum(completed),
        failed=sum(failed),
        errors=dict(sorted(errors.items())),
        latency_s=_latency(parts),
        outage_s=across(outages).within(0, seconds),
        attribution={key: _attribution(parts, QUANTILES[key]) for key in ATTRIBUTED},
        outage_samples=outages,
        completed_each=completed,
        failed_each=failed,
    )


def latencies(record: WorkloadRecord) -> Array:
    """First attempt's start to last byte of the completed requests (ps), in order of start."""
    done = record.fate == 0
    latency: Array = record.finish_ps[done] - record.start_ps[done]
    return latency


def _latency(parts: Sequence[WorkloadRecord]) -> dict[str, Estimate]:
    per_replication = [latencies(part) for part in parts]
    found = {"mean": _estimate(per_replication, _mean_s, MIN_FOR_MEAN)}
    ordered = [np.sort(latency) for latency in per_replication]
    for key, q in QUANTILES.items():
        if len(parts) > 1:
            found[key] = across(_quantile_s(latency, q) for latency in ordered).within(0)
            continue
        value = _quantile_s(ordered[0], q)
        least = round(max(ABOVE_QUANTILE / (1 - q), MIN_FOR_MEAN)) if q < 1 else len(ordered[0]) + 1
        batches = split_batches(per_replication[0], least)
        found[key] = batch_means(value, [_quantile_s(np.sort(b), q) for b in batches]).within(0)
    return found


def _estimate(
    per_replication: Sequence[Array], statistic: Callable[[Array], float | None], least: int
) -> Estimate:
    """Across replications, or with one of them by batches that hold at least ``least`` values."""
    if len(per_replication) > 1:
        return across(statistic(values) for values in per_replication).within(0)
    values = per_replication[0]
    return batch_means(statistic(values), [statistic(b) for b in split_batches(values, least)]).within(0)


def _mean_s(latency: Array) -> float | None:
    return float(latency.mean()) / PS_PER_S if len(latency) else None


def _quantile_s(ordered: Array, q: float) -> float | None:
    ps = exact_quantile(ordered, q)
    return None if ps is None else ps / PS_PER_S


def _attribution(parts: Sequence[WorkloadRecord], q: float) -> dict[str, Estimate]:
    """Each stage's seconds, averaged over the replications in which anything completed."""
    splits = [split for part in parts if (split := attribution(part, q)) is not None]
    stages = sorted({stage for split in splits for stage in split})
    return {stage: across(split.get(stage, 0.0) for split in splits).within(0) for stage in stages}


def _error_share(parts: Sequence[WorkloadRecord]) -> Estimate:
    """Finally failed requests over all whose end is known."""

    def share(fate: Array) -> float | None:
        known = np.count_nonzero(fate >= 0)
        return float(np.count_nonzero(fate > 0) / known) if known else None

    return _estimate([part.fate.astype(np.int64) for part in parts], share, MIN_FOR_MEAN)


Counter = Callable[[WorkloadRecord, int, int], Array]


def _rate(
    samples: list[float], parts: Sequence[WorkloadRecord], duration_ps: int, count: Counter
) -> Estimate:
    """A rate across replications; with one and enough requests, by 20 equal parts of the measured period."""
    if len(parts) > 1:
        return across(samples).within(0)
    if len(parts[0].start_ps) < MIN_FOR_MEAN * MIN_BATCHES:
        return Estimate(samples[0])
    seconds = duration_ps / PS_PER_S / MIN_BATCHES
    counts = count(parts[0], duration_ps, MIN_BATCHES)
    return batch_means(samples[0], [n / seconds for n in counts.tolist()]).within(0)


def _slot(times_ps: Array, duration_ps: int, slots: int) -> Array:
    slot: Array = np.minimum(times_ps // -(-duration_ps // slots), slots - 1)
    return slot


def _started(part: WorkloadRecord, duration_ps: int, slots: int) -> Array:
    return np.bincount(_slot(part.start_ps, duration_ps, slots), minlength=slots)


def _finished(part: WorkloadRecord, duration_ps: int, slots: int) -> Array:
    inside = (part.fate == 0) & (part.finish_ps < duration_ps)
    return np.bincount(_slot(part.finish_ps[inside], duration_ps, slots), minlength=slots)


def _bits(part: WorkloadRecord, duration_ps: int, slots: int) -> Array:
    inside = (part.fate == 0) & (part.finish_ps < duration_ps)
    slot = _slot(part.finish_ps[inside], duration_ps, slots)
    counted = np.bincount(slot, weights=part.response_bytes[inside] * 8.0, minlength=slots)
    return counted.astype(np.int64)
