"""The failover clock: for each fault or operation, when who knew, and when all was whole again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from netsim.picoseconds import PS_PER_S
from netsim.swarm.probes import DEAD
from netsim.swarm.store import TaskRow

if TYPE_CHECKING:
    from netsim.swarm.world import Swarm

MOST_WATCHED = 8
#: The numbers of a fault, seconds after it.
NUMBERS = (
    "exit_seen_s",
    "gossip_removed_s",
    "node_down_s",
    "leader_elected_s",
    "replaced_s",
    "whole_s",
    "node_back_s",
    "takeover_s",
)


@dataclass(eq=False, slots=True)
class Mark:
    """One fault or operation. ``struck``: nodes it takes away; ``tasks``: what it ends; ``counts``: services whose
    replicas are to be complete again."""

    text: str
    at: int
    struck: frozenset[int] = frozenset()
    tasks: tuple[TaskRow, ...] = ()
    counts: tuple[str, ...] = ()
    led: bool = False
    away: frozenset[int] = frozenset()  # nodes whose tasks do not count although they run there
    found: dict[str, float] = field(default_factory=dict)
    down: set[int] = field(default_factory=set)
    back: set[int] = field(default_factory=set)
    removed: bool = False
    waits: bool = False  # for the store
    refused: bool = False
    finishes: bool = False  # whether a job's tasks have to complete, not only to run
    missed: bool = False  # whether the managers have seen fewer than wanted since
    views: dict[int, int] = field(
        default_factory=dict
    )  # node -> when it had dropped all rows of what is gone (ps)

    def note(self, number: str, now: int) -> None:
        """The first time counts."""
        self.found.setdefault(number, (now - self.at) / PS_PER_S)


class FailoverClock:
    """All marks of a replication, looked at after every change that can matter."""

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm
        self.marks: list[Mark] = []
        self._had: int | None = None  # who had the entry's address last

    def begin(self, mark: Mark) -> Mark:
        """A fault happens now."""
        self.marks.append(mark)
        return mark

    def exit_seen(self, task: TaskRow) -> None:
        """The managers know of a task's end."""
        for mark in self.marks:
            if task in mark.tasks and not mark.struck:
                mark.note("exit_seen_s", self.swarm.env.now)
                mark.missed = True

    def node_down(self, node: int) -> None:
        """The managers hold a node for down: the last one of those struck counts."""
        for mark in self.marks:
            if node in mark.struck:
                mark.down.add(node)
                if mark.down == mark.struck:
                    mark.note("node_down_s", self.swarm.env.now)

    def node_ready(self, node: int) -> None:
        """A node that was down is ready again."""
        for mark in self.marks:
            if node in mark.down:
                mark.back.add(node)
                if mark.back == mark.struck:
                    mark.note("node_back_s", self.swarm.env.now)

    def elected(self) -> None:
        """There is a new leader."""
        for mark in self.marks:
            if mark.led:
                mark.note("leader_elected_s", self.swarm.env.now)

    def address(self, before: int | None, holder: int | None) -> None:
        """The entry's virtual address has come to another node, or is lost (None). Where it is again after it was lost or
        moved ends the takeover of the fault that struck who had it, or else of the latest event."""
        if before is not None:
            self._had = before
        if holder is not None:
            for mark in [m for m in self.marks if self._had in m.struck] or self.marks[-1:]:
                mark.note("takeover_s", self.swarm.env.now)

    def dropped(self, observer: int, task: TaskRow) -> None:
        """A node has dropped the row of a task: does it know of all that a mark ended? Of large services, as an update
        replaces them, nobody asks."""
        for mark in self.marks:
            watched = task in mark.tasks and not mark.struck and len(mark.tasks) <= MOST_WATCHED
            if watched and not any(self.swarm.journal.has(other, observer) for other in mark.tasks):
                mark.views.setdefault(observer, self.swarm.env.now)

    def buried(self, observer: int) -> None:
        """Somebody has dropped the rows of a dead node: was it the last one who reaches the managers?"""
        view, live = self.swarm.members.view, self.swarm.ways.live
        for mark in self.marks:
            if not self._with_rows(mark) or mark.removed:
                continue
            struck = sorted(self._with_rows(mark))
            if observer not in mark.struck:
                if not bool((view[observer, struck] == DEAD).all()):
                    continue
                mark.views.setdefault(observer, self.swarm.env.now)
            others = live.copy()
            others[struck] = False
            if others.any() and bool((view[np.ix_(np.flatnonzero(others), np.array(struck))] == DEAD).all()):
                mark.removed = True
                mark.note("gossip_removed_s", self.swarm.env.now)

    def _with_rows(self, mark: Mark) -> frozenset[int]:
        """Those struck whose rows the others have."""
        return mark.struck - self.swarm.apart

    def count(self) -> None:
        """Running replicas against the wanted ones, after a change of tasks."""
        now = self.swarm.env.now
        for mark in self.marks:
            if "replaced_s" in mark.found or not mark.counts or now <= mark.at:
                continue
            if all(self._complete(mark, name) for name in mark.counts):
                mark.note("replaced_s", now)

    def _complete(self, mark: Mark, name: str) -> bool:
        service = self.swarm.services[name]
        if service.spec.is_job and mark.finishes:
            return self.swarm.jobs.over(service)
        gone = mark.struck | mark.away
        found = self.swarm.running(name)
        if service.spec.is_job:
            runs = sum(task.node not in gone and task not in mark.tasks for task in found)
            return runs >= self.swarm.jobs.wanted(service)
        if service.spec.mode == "replicated":
            left_out = {t for node in gone for t in self.swarm.nodes[node].tasks if t in found}
            running = len(found) - len(left_out | {t for t in mark.tasks if t in found})
            return (
                running >= service.replicas
                if not mark.text.startswith("scale")
                else running == service.replicas
            )
        return not any(t.runnable and t in mark.tasks for t in service.tasks) and all(
            any(t.slot == k for t in found) for k in self.swarm.wanted_nodes(service) - gone
        )

    def whole(self) -> None:
        """Replicas complete and all views agree: asked once per gossip tick while something is open."""
        for mark in self.marks:
            if (
                mark.refused
                or mark.waits
                or "whole_s" in mark.found
                or (mark.counts and "replaced_s" not in mark.found)
            ):
                continue
            gone = self._with_rows(mark) and not (mark.removed or mark.back)
            if not gone and (not mark.led or "leader_elected_s" in mark.found) and self.swarm.views_agree():
                mark.note("whole_s", self.swarm.env.now)

    @property
    def open(self) -> bool:
        """Whether some mark waits to be whole."""
        return any("whole_s" not in mark.found and not mark.refused for mark in self.marks)
