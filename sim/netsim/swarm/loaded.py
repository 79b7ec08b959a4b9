"""What a control plane does in a run under load, as changes for the data plane; `netsim.swarm.passes` lets both run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from netsim.engine.border import Change, What
from netsim.engine.machinery import DRAIN_PS
from netsim.engine.record import RunRecord
from netsim.model.build import Later, build_model
from netsim.model.entities import DEFAULT_BRIDGE, Model
from netsim.scenario.schema import Scenario
from netsim.swarm.autoscale import Decision
from netsim.swarm.checks import away, entry_checks
from netsim.swarm.counted import counted
from netsim.swarm.journal import Journal
from netsim.swarm.lines import Load
from netsim.swarm.moves import moves
from netsim.swarm.ports import port_rows
from netsim.swarm.pulls import Pulls
from netsim.swarm.reuse import given_again
from netsim.swarm.simulate import build, failovers, views


@dataclass(frozen=True, slots=True)
class Managed:
    """What a control plane has done in a run: its changes for a data plane whose ``model`` has all tasks of ``later``, too,
    and what is told of it. ``pulls``: those of images."""

    model: Model
    later: list[Later]
    changes: list[Change]
    timeline: list[dict[str, object]]
    failovers: list[dict[str, str | float | None]]
    views: list[dict[str, float]]
    services: dict[str, dict[str, float | None]]
    pulls: Pulls | None = None

    def told(self, record: RunRecord) -> RunRecord:
        """A data plane's record with it."""
        later = {f"{task.name}/workers" for task in self.later}
        return replace(
            record,
            timeline=self.timeline,
            failovers=self.failovers,
            views=self.views,
            services=self.services,
            stations={name: found for name, found in record.stations.items() if name not in later},
        )


def managed(
    model: Model, seed: int, replication: int, decisions: Sequence[Decision] = (), load: Load | None = None
) -> Managed:
    """Let a control plane run by itself, with these decisions of rules, and with the data's load where its messages pass."""
    scenario, start_ps = model.scenario, -model.scenario.warmup_ps
    swarm = build(model, seed, replication, decisions, load)
    swarm.env.run(until=scenario.duration)
    timeline, marks, seen = list(swarm.timeline), failovers(swarm), views(swarm)
    services = counted(swarm, decisions)
    swarm.env.run(until=scenario.duration + DRAIN_PS)
    journal = swarm.journal
    whole = build_model(scenario, later=journal.later)
    changes = [
        *absent(journal, start_ps, len(model.nodes)),
        *outside(model, start_ps),
        *given_again(whole, journal.changes, start_ps),
        *moves(whole, journal.changes, start_ps),
        *entry_checks(scenario, model, journal.changes),
        *port_rows(
            whole,
            {new.name for new in journal.later},
            journal.changes,
            away(model, journal.changes),
            start_ps,
        ),
        *addresses(scenario, journal, start_ps),
    ]
    return Managed(whole, journal.later, changes, timeline, marks, seen, services, swarm.agents.pulls)


def simulate_flow(
    scenario: Scenario,
    model: Model,
    seed: int,
    replication: int,
    on_progress: Callable[[int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> RunRecord:
    """Like `simulate`, on the flow engine. What rules of autoscaling decide is found in passes, as there."""
    from netsim.engine.flow.scaling import decide
    from netsim.engine.flow.shares import Course
    from netsim.engine.flow.simulate import simulate as fluid

    decisions: list[Decision] = []
    while True:
        found = managed(model, seed, replication, decisions)
        course = Course(found.model, found.changes, frozenset(task.name for task in found.later))
        new = decide(scenario, model, seed, replication, stop, course, decisions)
        if new is None:
            break
        decisions.append(new)
    return found.told(fluid(scenario, model, seed, replication, on_progress, stop, course))


def absent(journal: Journal, now_ps: int, nodes: int) -> Iterator[Change]:
    """Tasks of later are in no list when the clock starts."""
    for task in journal.later:
        yield Change(What.BACKEND_REMOVE, task.name, times_ps=np.full(nodes, now_ps, np.int64))


def outside(model: Model, now_ps: int) -> Iterator[Change]:
    """Containers are not yet on the networks that they join later."""
    for name, container in model.containers.items():
        for network in model.scenario.container_networks(name):
            if network not in container.spec.networks and network != DEFAULT_BRIDGE:
                yield Change(What.DETACH, name, network=network, at_ps=now_ps)
                yield Change(What.NAME_REMOVE, name, network=network, at_ps=now_ps)


def addresses(scenario: Scenario, journal: Journal, start_ps: int) -> Iterator[Change]:
    """Where the virtual address of the entry is. Who opens a connection is half a round trip away from the edge, so what
    comes to a node from then on has been sent to it so much earlier."""
    before = ""
    for at, name in journal.addresses:
        yield Change(What.ENTRY_ADDRESS, name, at)
        sent = max(start_ps, at - scenario.outside.rtt // 2)
        if name and name != before:
            yield Change(What.ENTRY_IN, name, sent)
            for other in [before] if before else scenario.node_names():
                if other != name:
                    yield Change(What.ENTRY_OUT, other, sent)
            before = name
