"""Warnings about a warm-up that is too short, workload by workload."""

from __future__ import annotations

from collections.abc import Sequence

from netsim.engine.record import RunRecord, WorkloadRecord
from netsim.picoseconds import PS_PER_S
from netsim.results.latency import mean_ps
from netsim.scenario.schema import Scenario
from netsim.scenario.schema_load import Load
from netsim.scenario.units import format_duration
from netsim.stats.warmup import MIN_BATCHES, PER_BATCH, unsettled

_STEP_PS = PS_PER_S // 10


def settling_warnings(scenario: Scenario, records: Sequence[RunRecord]) -> list[str]:
    """One sentence for each workload whose latency has not settled when counting begins.

    Only loads that ask alike all the time have a settled state, and only until the first fault or operation.
    """
    events = [event.at for event in (*scenario.faults, *scenario.operations)]
    until_ps = min([scenario.duration, *events])
    found = []
    for name, load in scenario.load.items():
        if not _steady(load):
            continue
        more_ps = unsettled_ps([record.workloads[name] for record in records], until_ps)
        if more_ps:
            wanted = -(-(scenario.warmup_ps + more_ps) // _STEP_PS) * _STEP_PS
            found.append(
                f"The warm-up of {format_duration(scenario.warmup_ps)} is too short for {name}: its latency still "
                f"differs in the first {format_duration(more_ps)} after it (MSER-5); try warmup: "
                f"{format_duration(wanted)}"
            )
    return found


def _steady(load: Load) -> bool:
    if load.bulk is not None or load.start:
        return False
    return load.arrivals is None or len(load.arrivals.points) == 1


def unsettled_ps(parts: Sequence[WorkloadRecord], until_ps: int) -> int:
    """How long after the warm-up the latency still differs (ps); 0 if it has settled or nobody can tell."""
    width = parts[0].slice_ps
    whole = min(len(parts[0].histogram), until_ps // width)
    for size in range(1, whole // MIN_BATCHES + 1):
        groups = [(k * size, (k + 1) * size) for k in range(whole // size)]
        if all(part.histogram[a:b].sum() >= PER_BATCH for part in parts for a, b in groups):
            break
    else:
        return 0
    series = [[mean_ps(part, a, b) or 0.0 for a, b in groups] for part in parts]
    return unsettled(series) * size * width
