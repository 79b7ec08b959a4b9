"""One replication of a swarm under load. Its control plane runs before its data plane, so what the one feels of the other
is found in passes.

A control plane whose messages meet idle links goes first, and the data plane takes up its changes. If the data never kept
control messages waiting, nor full links, nor left image pulls less than they had, that is the result. Else the control
plane runs again with what was seen on the links, and so on until its changes are those of the pass before. What happens
before the first change that differs is final: a message feels what was seen on the links before it left, and that
follows from earlier changes. What rules of autoscaling decide is found in the same way (`netsim.swarm.autoscale`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from netsim.engine.border import NEVER_PS, Change
from netsim.engine.machinery import Machinery, Progress, drain, watch
from netsim.engine.record import RunRecord
from netsim.engine.world import World
from netsim.model.build import Later
from netsim.model.entities import Model
from netsim.picoseconds import PS_PER_S
from netsim.scenario.schema import Scenario
from netsim.scenario.support import beside_changes
from netsim.swarm.autoscale import Decision, Watcher
from netsim.swarm.constants import swarm_table
from netsim.swarm.lines import Lines, Load, Recorder
from netsim.swarm.loaded import Managed, managed
from netsim.swarm.traffic import at_rest

#: Passes after which the last one stands, with a warning: each makes at least one more change final.
MOST_PASSES = 12


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
    return Passes(kind, model, seed, replication, _forward(watch(on_progress, stop)), keep_requests).run()


class Passes:
    """The passes of one replication: ``decisions`` and ``load`` are what is known so far."""

    def __init__(
        self, kind: type[Machinery], model: Model, seed: int, replication: int, progress: Progress, keep_requests: bool
    ) -> None:  # fmt: skip
        self.kind = kind
        self.model = model
        self.scenario = model.scenario
        self.seed, self.replication = seed, replication
        self.progress, self.keep_requests = progress, keep_requests
        self.lines = Lines(model)
        self.start_ps = -model.scenario.warmup_ps
        self.pulls = model.scenario.changes and _pulls(model.scenario)
        self.decisions: list[Decision] = []
        self.load: Load | None = None
        self.warnings: list[str] = []

    def run(self) -> RunRecord:
        """Pass after pass."""
        found = self.managed() if self.scenario.changes else self._untouched()
        left = MOST_PASSES
        while True:
            plane, seen, decision = self.one_pass(found)
            if plane.stopped:
                return self._told(found, found, plane)
            if self._felt(found, seen):
                before, self.load = found, seen
                found = self.managed()
                since = first_difference(before.changes, found.changes, self.start_ps, plane.now_ps)
                if since is not None and not self.scenario.changes and self._unfit():
                    return self._told(replace(before, timeline=found.timeline), before, plane)
                if since is not None and left > 1:
                    left -= 1
                    continue
                if since is not None:
                    self._unsettled(since)
                if decision is None:
                    return self._told(found, before, plane)
            if decision is None:
                return self._told(found, found, plane)
            self.decisions.append(decision)
            found = self.managed()

    def managed(self) -> Managed:
        """The control plane with what is known so far."""
        return managed(self.model, self.seed, self.replication, self.decisions, self.load)

    def _untouched(self) -> Managed:
        """A swarm in which nothing happens."""
        rest = list(at_rest(self.model, self.lines, swarm_table(), self.start_ps))
        return Managed(self.model, [], rest, [], [], [], {})

    def one_pass(self, found: Managed) -> tuple[Machinery, Load, Decision | None]:
        """A data plane with these changes, at the end of the measured period or where a rule decides something new."""
        world = World(self.scenario, found.model, self.seed, self.replication, self.keep_requests)
        for task in found.later:
            world.servers[task.name].listens, world.servers[task.name].awaited = False, True
        plane, recorder = self.kind(world, self.progress), Recorder(self.lines, swarm_table(), self.pulls)
        plane.apply(found.changes)
        watcher = Watcher(self.scenario, tasks_of(self.model, found.later), self.decisions)
        new = watcher.follow(plane, recorder.advance)
        if new is None:
            recorder.advance(plane, self.scenario.duration)
        return plane, recorder.load, new

    def _felt(self, found: Managed, seen: Load) -> bool:
        """Whether the control plane would have done anything else with what was seen on the links."""
        squeezed = found.pulls is not None and found.pulls.squeezed(seen)
        if self.load is None:
            return seen.heeded or squeezed
        pulled = found.pulls is not None and bool(found.pulls.spans)
        return not self.load.same(seen) or pulled

    def _told(self, found: Managed, base: Managed, plane: Machinery) -> RunRecord:
        """The record of a data plane with the changes of ``base``, and what ``found`` tells of the control plane."""
        record = replace(found, later=base.later).told(drain(plane))
        return replace(record, warnings=[*record.warnings, *self._late(), *self.warnings])

    def _late(self) -> Iterator[str]:
        """The longest wait of control messages, where that is longer than a probe waits for its answer."""
        if self.load is None or not self.load.heeded:
            return
        wait, where = self.load.worst(self.lines)
        if wait >= swarm_table().probe_timeout_ps:
            yield (
                f"heartbeats and gossip wait behind data, at {where} for up to {wait / PS_PER_S:.2g} s: "
                "gossip gives up a probe after "
                f"{swarm_table().probe_timeout_ps / PS_PER_S:g} s and a heartbeat after "
                f"{swarm_table().rpc_timeout_ps / PS_PER_S:g} s, so deaths are seen later and the living may be held for dead"
            )

    def _unfit(self) -> bool:
        """Whether the scenario has what the data planes cannot have beside changes; then that is told."""
        for _, what, _ in beside_changes(self.scenario):
            self.warnings.append(
                "full links would let the managers or gossip hold nodes for dead that are not; what follows from that for "
                f"the load is not simulated, since the scenario has {what}"
            )
            return True
        return False

    def _unsettled(self, since_ps: int) -> None:
        self.warnings.append(
            f"after {MOST_PASSES} passes the data's load and what the swarm does about it still change one another from "
            f"{since_ps / PS_PER_S:.3g} s on (replication {self.replication}): what is told of later is one of several possible courses"
        )


def _pulls(scenario: Scenario) -> bool:
    """Whether anything is ever pulled."""
    updates = [words for operation in scenario.operations for words in (operation.update or {}).values()]
    return bool(
        any(service.image.size for service in scenario.services.values())
        or any("image" in words for words in updates)
    )


def tasks_of(model: Model, later: Sequence[Later]) -> dict[str, list[str]]:
    """The names of all tasks that a service has in a run."""
    found = {name: [task.name for task in tasks] for name, tasks in model.services.items()}
    for task in later:
        found[task.service].append(task.name)
    return found


def first_difference(
    one: Sequence[Change], other: Sequence[Change], start_ps: int, until_ps: int
) -> int | None:
    """The time (ps) of the first change before ``until_ps`` that is not in both; None if there is none. What stands at the
    start says only which tasks there will be."""
    a, b = (set(_effects(changes, until_ps)) for changes in (one, other))
    return min((at for at, _ in a ^ b if at > start_ps), default=None)


def _effects(changes: Sequence[Change], until_ps: int) -> Iterator[tuple[int, object]]:
    """What changes, when; of rows, at each node by itself."""
    for change in changes:
        what = (change.what, change.subject, change.value, change.link, change.groups, change.network)
        if change.times_ps is None:
            if change.at_ps < until_ps:
                yield change.at_ps, what
            continue
        for node in np.flatnonzero(change.times_ps < min(until_ps, NEVER_PS)).tolist():
            yield int(change.times_ps[node]), (node, what)


def _forward(progress: Progress) -> Progress:
    """A clock that does not go back when a pass begins anew."""
    reached: list[int] = []

    def told(now_ps: int) -> bool:
        if reached and now_ps < reached[0]:
            now_ps = reached[0]
        reached[:] = [now_ps]
        return progress(now_ps)

    return told
