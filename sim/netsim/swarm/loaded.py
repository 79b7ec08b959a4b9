"""One replication of a swarm under load: the control plane runs first, and the data plane takes up its changes.

Nothing of the load reaches the control plane (its messages do not queue behind data), so the order of the two
does not matter for the outcome; see docs/design.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from netsim.engine.border import Change, What
from netsim.engine.machinery import DRAIN_PS, Machinery, run_out, watch
from netsim.engine.record import RunRecord
from netsim.engine.world import World
from netsim.model.build import build_model
from netsim.model.entities import Model
from netsim.scenario.schema import Scenario
from netsim.swarm.journal import Journal
from netsim.swarm.simulate import build, failovers


def simulate(
    kind: type[Machinery],
    scenario: Scenario,
    model: Model,
    seed: int,
    replication: int,
    on_progress: Callable[[int], None] | None = None,
    stop: Callable[[], bool] | None = None,
    keep_requests: bool = False,
) -> RunRecord:
    """Like `netsim.engine.reference.simulate`, on a machinery of the given kind, with ``timeline`` and ``failovers``.

    Stations of tasks that the scenario did not place (replacements) are simulated and not told: they are others
    in every replication.
    """
    swarm = build(model, seed, replication)
    swarm.env.run(until=scenario.duration)
    timeline, marks = list(swarm.timeline), failovers(swarm)
    swarm.env.run(until=scenario.duration + DRAIN_PS)
    journal = swarm.journal
    world = World(scenario, build_model(scenario, later=journal.later), seed, replication, keep_requests)
    plane = kind(world, watch(on_progress, stop))
    plane.apply([*absent(journal, plane.now_ps, len(model.nodes)), *journal.changes])
    plane.apply(list(entry_checks(scenario, model, journal.changes)))
    record = run_out(plane)
    later = {f"{task.name}/workers" for task in journal.later}
    stations = {name: found for name, found in record.stations.items() if name not in later}
    return replace(record, timeline=timeline, failovers=marks, stations=stations)


def absent(journal: Journal, now_ps: int, nodes: int) -> Iterator[Change]:
    """Tasks of later are nowhere when the clock starts: neither in a list nor listening."""
    for task in journal.later:
        yield Change(What.BACKEND_REMOVE, task.name, times_ps=np.full(nodes, now_ps, np.int64))
        yield Change(What.TASK_TERMS, task.name, now_ps)


def entry_checks(scenario: Scenario, model: Model, changes: list[Change]) -> Iterator[Change]:
    """The entry leaves out a node without power after so many failed checks, each told by its timeout.

    Checks of a node come every ``every`` from the start of the warm-up on.
    """
    check = scenario.outside.entry.check
    if check is None:
        return
    entries = set(model.entry_nodes())
    for change in changes:
        if change.what == What.NODE_DOWN and change.subject in entries:
            since = change.at_ps + scenario.warmup_ps
            first = -(-since // check.every) * check.every - scenario.warmup_ps
            out = first + (check.failures - 1) * check.every + check.timeout
            yield Change(What.ENTRY_OUT, change.subject, out)
