"""What a replication tells of services that change by themselves: jobs, and services with a rule."""

from __future__ import annotations

from collections.abc import Sequence

from netsim.picoseconds import PS_PER_S
from netsim.swarm.autoscale import Decision
from netsim.swarm.world import Swarm


def counted(swarm: Swarm, decisions: Sequence[Decision] = ()) -> dict[str, dict[str, float | None]]:
    """By service, as it is now. Of a job: ``completed`` and ``failed`` tasks since it last began, and ``over_s``, when
    the last one that was wanted had completed (None: not yet). With a rule: ``replicas_mean`` and ``replicas_max`` that
    were wanted in the measured period, and ``decisions``."""
    found: dict[str, dict[str, float | None]] = {}
    for name, service in swarm.services.items():
        if service.spec.is_job:
            run = swarm.jobs.now[name]
            at = None if run.over_at is None else run.over_at / PS_PER_S
            found[name] = {"completed": run.done, "failed": run.failed, "over_s": at}
        elif service.spec.autoscale is not None:
            mine = [decision for decision in decisions if decision.service == name]
            found[name] = _replicas(swarm.scenario.services[name].replicas, mine, swarm.scenario.duration)
    return found


def _replicas(first: int, decisions: Sequence[Decision], duration_ps: int) -> dict[str, float | None]:
    """A step at each decision."""
    starts = [0, *(decision.at_ps for decision in decisions), duration_ps]
    counts = [first, *(decision.replicas for decision in decisions)]
    spent = sum(
        count * (end - start) for count, start, end in zip(counts, starts[:-1], starts[1:], strict=True)
    )
    return {
        "replicas_mean": spent / duration_ps,
        "replicas_max": max(counts),
        "decisions": len(decisions),
    }
