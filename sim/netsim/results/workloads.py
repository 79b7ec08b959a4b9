"""The numbers of each workload: load, throughput, latency, errors, outage, attribution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from netsim.engine.record import FATES, RunRecord, WorkloadRecord
from netsim.results.attribution import attribution
from netsim.results.latency import mean_ps, quantile_of, quantile_ps
from netsim.results.outage import outage_s
from netsim.stats.intervals import MIN_BATCHES, Estimate, across, batch_means

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
    fates = [part.fates.sum(axis=0) for part in parts]
    done = [int(counts[0]) for counts in fates]
    failed = [int(counts[1:-1].sum()) for counts in fates]
    sent = [int(counts.sum()) for counts in fates]
    by_cause = sum(fates, start=np.zeros(len(FATES) + 1, np.int64))
    errors = {FATES[k]: int(n) for k, n in enumerate(by_cause[:-1]) if k and n}
    return WorkloadNumbers(
        name=name,
        offered_per_s=_rate([n / seconds for n in sent], parts, duration_ps, lambda p: p.fates.sum(axis=1)),
        throughput_per_s=_rate(
            [part.completed_in_period / seconds for part in parts],
            parts,
            duration_ps,
            lambda p: p.ended[:, 0],
        ),
        goodput_bps=_rate(
            [part.goodput_bytes_in_period * 8 / seconds for part in parts],
            parts,
            duration_ps,
            lambda p: p.ended[:, 2] * 8,
        ),
        error_share=_error_share(parts, duration_ps).within(0, 1),
        sent=sum(sent),
        completed=sum(done),
        failed=sum(failed),
        errors=dict(sorted(errors.items())),
        latency_s=_latency(parts, duration_ps),
        outage_s=across(outages).within(0, seconds),
        attribution={key: _attribution(parts, QUANTILES[key]) for key in ATTRIBUTED},
        outage_samples=outages,
        completed_each=done,
        failed_each=failed,
    )


def _seconds(ps: float | None) -> float | None:
    return None if ps is None else ps / PS_PER_S


def _batches(part: WorkloadRecord, duration_ps: int, least: int) -> list[slice]:
    """At least 20 groups of equally many whole time slices in which ``least`` requests completed, or none."""
    whole = min(len(part.histogram), duration_ps // part.slice_ps)
    done = part.histogram[:whole].sum(axis=1)
    for size in range(1, whole // MIN_BATCHES + 1):
        count = whole // size
        groups = [slice(whole - (count - k) * size, whole - (count - k - 1) * size) for k in range(count)]
        if all(int(done[group].sum()) >= least for group in groups):
            return groups
    return []


def _latency(parts: Sequence[WorkloadRecord], duration_ps: int) -> dict[str, Estimate]:
    if len(parts) > 1:
        found = {"mean": across(_seconds(mean_ps(part)) for part in parts).within(0)}
        for key, q in QUANTILES.items():
            found[key] = across(_seconds(quantile_ps(part, q)) for part in parts).within(0)
        return found
    part = parts[0]
    groups = _batches(part, duration_ps, MIN_FOR_MEAN)
    means = [_seconds(mean_ps(part, group.start, group.stop)) for group in groups]
    found = {"mean": batch_means(_seconds(mean_ps(part)), means).within(0)}
    for key, q in QUANTILES.items():
        values: list[float | None] = []
        if q < 1:
            least = round(max(ABOVE_QUANTILE / (1 - q), MIN_FOR_MEAN))
            for group in _batches(part, duration_ps, least):
                values.append(_seconds(quantile_of(part.histogram[group].sum(axis=0), q)))
        found[key] = batch_means(_seconds(quantile_ps(part, q)), values).within(0)
    return found


def _attribution(parts: Sequence[WorkloadRecord], q: float) -> dict[str, Estimate]:
    """Each stage's seconds, averaged over the replications in which anything completed."""
    splits = [split for part in parts if (split := attribution(part, q)) is not None]
    stages = sorted({stage for split in splits for stage in split})
    return {stage: across(split.get(stage, 0.0) for split in splits).within(0) for stage in stages}


def _error_share(parts: Sequence[WorkloadRecord], duration_ps: int) -> Estimate:
    """Finally failed requests over all whose end is known."""

    def share(fates: Array) -> float | None:
        counts = fates.sum(axis=0)[:-1]
        return float(counts[1:].sum() / counts.sum()) if counts.any() else None

    if len(parts) > 1:
        return across(share(part.fates) for part in parts)
    part = parts[0]
    groups = _batches(part, duration_ps, MIN_FOR_MEAN)
    return batch_means(share(part.fates), [share(part.fates[group]) for group in groups])


def _rate(
    samples: list[float],
    parts: Sequence[WorkloadRecord],
    duration_ps: int,
    count: Callable[[WorkloadRecord], Array],
) -> Estimate:
    """A rate across replications; with one and enough requests, by groups of time slices."""
    if len(parts) > 1:
        return across(samples).within(0)
    part = parts[0]
    per_slice = count(part)
    rates: list[float | None] = []
    for group in _batches(part, duration_ps, MIN_FOR_MEAN):
        seconds = (group.stop - group.start) * part.slice_ps / PS_PER_S
        rates.append(float(per_slice[group].sum()) / seconds)
    return batch_means(samples[0], rates).within(0)
