"""The numbers of each workload: load, throughput, latency, errors, outage, attribution."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from netsim.engine.record import FATES, RunRecord, WorkloadRecord
from netsim.picoseconds import PS_PER_S
from netsim.results.attribution import attribution
from netsim.results.latency import completed, mean_ps, quantile_ps
from netsim.results.outage import outage_s
from netsim.results.over_time import errors_over_time, latency_histogram
from netsim.stats.intervals import ALONE, MIN_BATCHES, NOTHING, Estimate, across, batch_means
from netsim.stats.quantiles import least_for_value, quantile_levels

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999, "max": 1.0}
ATTRIBUTED = ("p50", "p99")
MIN_FOR_MEAN = 10

Array = npt.NDArray[np.int64]


@dataclass(slots=True)
class WorkloadNumbers:
    """One workload over all replications.

    ``samples``: the number of each replication by the name of its estimate, like ``latency_s.p99``; None where a
    replication does not know it.
    """

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
    samples: dict[str, list[float | None]] = field(default_factory=dict)
    latency_histogram: Mapping[str, object] = field(default_factory=dict)
    errors_over_time: Mapping[str, object] = field(default_factory=dict)
    #: Of datagrams: the mean difference between the latencies of two in a row at one socket (s).
    jitter_s: Estimate | None = None

    def estimates(self) -> dict[str, Estimate]:
        """Every estimate but the attribution's, by name."""
        return {
            "offered_per_s": self.offered_per_s,
            "throughput_per_s": self.throughput_per_s,
            "goodput_bps": self.goodput_bps,
            "error_share": self.error_share,
            "outage_s": self.outage_s,
            **{f"latency_s.{key}": estimate for key, estimate in self.latency_s.items()},
            **({} if self.jitter_s is None else {"jitter_s": self.jitter_s}),
        }

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
            **({} if self.jitter_s is None else {"jitter_s": self.jitter_s.to_dict()}),
            "outage_s": self.outage_s.to_dict(),
            "attribution": {
                key: {stage: estimate.to_dict() for stage, estimate in stages.items()}
                for key, stages in self.attribution.items()
            },
            "latency_histogram": dict(self.latency_histogram),
            "errors_over_time": dict(self.errors_over_time),
        }


def workload_numbers(name: str, records: Sequence[RunRecord]) -> WorkloadNumbers:
    """All numbers of the workload ``name``; ``records`` are complete replications of equal duration."""
    parts = [record.workloads[name] for record in records]
    duration_ps = records[0].duration_ps
    seconds = duration_ps / PS_PER_S
    by_cause = sum((part.fates.sum(axis=0) for part in parts), start=np.zeros(len(FATES) + 1, np.int64))
    errors = {FATES[k]: int(n) for k, n in enumerate(by_cause[:-1]) if k and n}
    samples = workload_samples(parts, duration_ps)
    latency = _latency(parts, duration_ps, samples)
    return WorkloadNumbers(
        name=name,
        offered_per_s=_rate(samples["offered_per_s"], parts, duration_ps, lambda p: p.fates.sum(axis=1)),
        throughput_per_s=_rate(samples["throughput_per_s"], parts, duration_ps, lambda p: p.ended[:, 0]),
        goodput_bps=_rate(samples["goodput_bps"], parts, duration_ps, lambda p: p.ended[:, 2] * 8),
        error_share=_error_share(parts, duration_ps, samples["error_share"]).within(0, 1),
        sent=int(by_cause.sum()),
        completed=int(by_cause[0]),
        failed=int(by_cause[1:-1].sum()),
        errors=dict(sorted(errors.items())),
        latency_s=latency,
        outage_s=across(samples["outage_s"]).within(0, seconds),
        attribution={
            key: _attribution(parts, QUANTILES[key]) if latency[key].value is not None else {}
            for key in ATTRIBUTED
        },
        samples=samples,
        latency_histogram=latency_histogram(parts),
        errors_over_time=errors_over_time(parts),
        jitter_s=across(samples["jitter_s"]).within(0) if "jitter_s" in samples else None,
    )


def workload_samples(parts: Sequence[WorkloadRecord], duration_ps: int) -> dict[str, list[float | None]]:
    """The number of each replication, by the name of its estimate."""
    seconds = duration_ps / PS_PER_S
    fates = [part.fates.sum(axis=0) for part in parts]
    found: dict[str, list[float | None]] = {
        "offered_per_s": [int(counts.sum()) / seconds for counts in fates],
        "throughput_per_s": [part.completed_in_period / seconds for part in parts],
        "goodput_bps": [part.goodput_bytes_in_period * 8 / seconds for part in parts],
        "error_share": [_failed_share(part.fates) for part in parts],
        "outage_s": [outage_s(part, duration_ps) for part in parts],
        "completed": [int(counts[0]) for counts in fates],
        "failed": [int(counts[1:-1].sum()) for counts in fates],
        "latency_s.mean": [_seconds(mean_ps(part)) for part in parts],
    }
    if any(part.jitters for part in parts):
        found["jitter_s"] = [
            part.jitter_sum_ps / part.jitters / PS_PER_S if part.jitters else None for part in parts
        ]
    for key, q in QUANTILES.items():
        found[f"latency_s.{key}"] = [
            _seconds(quantile_ps(part, q)) if completed(part) >= least_for_value(q) else None
            for part in parts
        ]
    return found


def _seconds(ps: float | None) -> float | None:
    return None if ps is None else ps / PS_PER_S


def _batches(part: WorkloadRecord, duration_ps: int, least: int) -> list[slice]:
    """20 to 39 groups of equally many whole time slices, if ``least`` requests completed in each; or none."""
    whole = min(len(part.histogram), duration_ps // part.slice_ps)
    size = whole // MIN_BATCHES
    if size == 0:
        return []
    count = whole // size
    groups = [slice(whole - (count - k) * size, whole - (count - k - 1) * size) for k in range(count)]
    done = part.histogram[:whole].sum(axis=1)
    return groups if all(int(done[group].sum()) >= least for group in groups) else []


def _latency(
    parts: Sequence[WorkloadRecord], duration_ps: int, samples: dict[str, list[float | None]]
) -> dict[str, Estimate]:
    """Mean and quantiles: t intervals across replications; within one, batch means and order statistics."""
    fewest = min((n for part in parts if (n := completed(part))), default=0)
    alone = parts[0] if len(parts) == 1 else None
    groups = _batches(alone, duration_ps, MIN_FOR_MEAN) if alone is not None else []
    if alone is None:
        found = {"mean": across(samples["latency_s.mean"]).within(0)}
    else:
        means = [_seconds(mean_ps(alone, group.start, group.stop)) for group in groups]
        found = {"mean": batch_means(samples["latency_s.mean"][0], means).within(0)}
    for key, q in QUANTILES.items():
        values, least = samples[f"latency_s.{key}"], least_for_value(q)
        if fewest < least:
            text = (
                f"{fewest:,} requests completed in a replication, and fewer than {least:,} do not tell {key}"
            )
            found[key] = Estimate(reason=text if fewest else NOTHING)
        elif alone is None:
            found[key] = across(values).within(0)
        else:
            found[key] = _quantile(alone, groups, q, values[0])
    return found


def _quantile(part: WorkloadRecord, groups: Sequence[slice], q: float, value: float | None) -> Estimate:
    """A quantile of one replication with its interval by order statistics."""
    if q >= 1:
        return Estimate(value, reason=ALONE)
    batches = np.array([part.histogram[group].sum(axis=0) for group in groups], np.int64)
    levels = quantile_levels(batches, q)
    if isinstance(levels, str) or value is None:
        return Estimate(value, reason=NOTHING if value is None else str(levels))
    low, high = (_seconds(quantile_ps(part, level)) or 0.0 for level in levels)
    return Estimate(value, min(low, value), max(high, value))


def _attribution(parts: Sequence[WorkloadRecord], q: float) -> dict[str, Estimate]:
    """Each stage's seconds, averaged over the replications in which anything completed."""
    splits = [split for part in parts if (split := attribution(part, q)) is not None]
    stages = sorted({stage for split in splits for stage in split})
    return {stage: across(split.get(stage, 0.0) for split in splits).within(0) for stage in stages}


def _failed_share(fates: Array) -> float | None:
    """Finally failed requests over all whose end is known; None without any."""
    counts = fates.sum(axis=0)[:-1]
    return float(counts[1:].sum() / counts.sum()) if counts.any() else None


def _error_share(
    parts: Sequence[WorkloadRecord], duration_ps: int, samples: Sequence[float | None]
) -> Estimate:
    """Finally failed requests over all whose end is known."""
    if len(parts) > 1:
        return across(samples)
    groups = _batches(parts[0], duration_ps, MIN_FOR_MEAN)
    return batch_means(samples[0], [_failed_share(parts[0].fates[group]) for group in groups])


def _rate(
    samples: Sequence[float | None],
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
