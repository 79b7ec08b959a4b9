"""What a report draws of a workload beside its numbers: the spread of its latency, and its errors over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netsim.engine.histogram import low
from netsim.engine.record import FATES, WorkloadRecord
from netsim.picoseconds import PS_PER_S
from netsim.stats.intervals import rounded

#: A factor of two is drawn as at most this many steps: 9 % each, so that a report stays small.
STEPS_PER_OCTAVE = 8


def latency_histogram(parts: Sequence[WorkloadRecord]) -> dict[str, list[float] | list[int]]:
    """Completed requests of all replications by latency: ``low_s`` and ``high_s`` of each step that holds any, and
    ``counts``. The steps are whole buckets of the engine's histogram, so the counts are exact."""
    counts = sum((part.histogram.sum(axis=0, dtype=np.int64) for part in parts), start=np.int64(0))
    steps: dict[int, list[int]] = {}
    for index in np.flatnonzero(counts):
        step = steps.setdefault(_step(int(index)), [int(index), int(index), 0])
        step[1] = int(index)
        step[2] += int(np.asarray(counts)[index])
    found = [steps[key] for key in sorted(steps)]
    return {
        "low_s": [rounded(low(first) / PS_PER_S) or 0.0 for first, _, _ in found],
        "high_s": [rounded(low(last + 1) / PS_PER_S) or 0.0 for _, last, _ in found],
        "counts": [count for _, _, count in found],
    }


def _step(bucket: int) -> int:
    """Buckets go 64 to the octave from 128 on; below, the first two octaves' worth are single picoseconds."""
    return bucket * STEPS_PER_OCTAVE // 64


def errors_over_time(parts: Sequence[WorkloadRecord]) -> dict[str, object]:
    """Failed requests of all replications by cause and by the slice of their start: ``slice_s`` and, for each cause
    that occurred, its ``counts``."""
    fates = sum((part.fates for part in parts), start=np.zeros_like(parts[0].fates))
    causes = {FATES[k]: fates[:, k].tolist() for k in range(1, len(FATES)) if fates[:, k].any()}
    return {"slice_s": parts[0].slice_ps / PS_PER_S, "counts": dict(sorted(causes.items()))}
