"""One replication of a swarm without load: what its managers, agents and gossip do about faults and operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from netsim.engine.record import RunRecord
from netsim.model.entities import Model
from netsim.scenario.schema import Scenario
from netsim.swarm.autoscale import Autoscaler, Decision
from netsim.swarm.clock import NUMBERS
from netsim.swarm.counted import counted
from netsim.swarm.faults import Faults
from netsim.swarm.lines import Load, Replay
from netsim.swarm.operations import Operations
from netsim.swarm.world import Swarm

SLICES = 60


def simulate(
    scenario: Scenario,
    model: Model,
    seed: int,
    replication: int,
    on_progress: Callable[[int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> RunRecord:
    """From ``-warmup`` to the scenario's end, in steps of a second, between which Ctrl-C is heard."""
    swarm = build(model, seed, replication)
    step, complete = 10**12, True
    for until in range(swarm.env.now + step, scenario.duration + step, step):
        swarm.env.run(until=min(until, scenario.duration))
        if on_progress is not None:
            on_progress(swarm.env.now)
        if stop is not None and stop():
            complete = swarm.env.now >= scenario.duration
            break
    return RunRecord(
        seed=seed,
        replication=replication,
        duration_ps=scenario.duration,
        complete=complete,
        simulated_ps=swarm.env.now + scenario.warmup_ps,
        visits=0,
        slice_ps=max(1, scenario.duration // SLICES),
        workloads={},
        stations={},
        timeline=swarm.timeline,
        failovers=failovers(swarm),
        views=views(swarm),
        services=counted(swarm),
    )


def failovers(swarm: Swarm) -> list[dict[str, str | float | None]]:
    """The failover clock up to now: a row for each fault and operation."""
    numbers = [name for name in NUMBERS if name != "takeover_s" or swarm.vrrp is not None]
    return [
        {"fault": mark.text, "at_s": mark.at / 10**12, **{n: mark.found.get(n) for n in numbers}}
        for mark in swarm.clock.marks
    ]


def views(swarm: Swarm) -> list[dict[str, float]]:
    """For each row of the clock, when each node had dropped the rows of what was gone (s after the fault)."""
    names = swarm.ways.names
    return [
        {
            names[node]: (at - mark.at) / 10**12
            for node, at in sorted(mark.views.items(), key=lambda item: item[1])
        }
        for mark in swarm.clock.marks
    ]


def build(
    model: Model, seed: int, replication: int, decisions: Iterable[Decision] = (), load: Load | None = None
) -> Swarm:
    """A swarm with its faults and operations and what rules have decided, before its clock starts; ``load``: that of the
    data, which its messages feel."""
    if model.scenario.cluster_store is not None:
        from netsim.swarm.kv.cluster import Cluster  # it is a Swarm itself

        swarm: Swarm = Cluster(model, seed, replication)
    else:
        swarm = Swarm(model, seed, replication)
    Autoscaler(swarm, decisions)
    Faults(swarm)
    Operations(swarm)
    if load is not None:
        Replay(swarm, load)
    swarm.env.process(swarm.watch())
    return swarm
