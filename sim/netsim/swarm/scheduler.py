"""The scheduler on the leader: pending tasks to nodes, 50 ms after the last commit, 1 s at the latest."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Generator
from typing import TYPE_CHECKING

import simpy

from netsim.model.ranking import Ranking
from netsim.swarm.store import ServiceRow, State, TaskRow

if TYPE_CHECKING:
    from netsim.swarm.world import Swarm


class Scheduler:
    """Counts every task that is wanted on a node and runs or will run (desired state up to COMPLETE)."""

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm
        self.env = swarm.env
        self.table = swarm.table
        self.ranking = Ranking(swarm.model.nodes.values())
        self.here: dict[str, Counter[str]] = defaultdict(Counter)
        self.pending: list[TaskRow] = []
        self._counted: set[TaskRow] = set()
        self._holding: set[TaskRow] = set()
        self._first: int | None = None
        self._turn = 0

    def count(self, task: TaskRow) -> None:
        """A task is on its node; one that is no longer wanted counts there no more, but has its processors and ports until it
        has ended."""
        if task.node is None:
            return
        node = self.ranking.nodes[task.node]
        if task.runnable != (task in self._counted):
            (self._counted.add if task.runnable else self._counted.discard)(task)
            self.ranking.count(node, self.here[task.service], 1 if task.runnable else -1)
        holds = task.state <= State.RUNNING
        if holds != (task in self._holding):
            (self._holding.add if holds else self._holding.discard)(task)
            self.ranking.hold(node, task.spec, 1 if holds else -1)

    def submit(self, task: TaskRow) -> None:
        """A new task that needs a node, or has one (global services) and needs the scheduler's consent."""
        task.state = State.PENDING
        self.pending.append(task)
        self.kick()

    def kick(self) -> None:
        """Something was committed that may let a pending task run."""
        if not self.pending:
            return
        self._turn += 1
        if self._first is None:
            self._first = self.env.now
        wait = min(
            self.table.scheduler_debounce_ps, self._first + self.table.scheduler_latest_ps - self.env.now
        )
        self.env.process(self._later(self._turn, max(1, wait)))

    def _later(self, turn: int, wait: int) -> Generator[simpy.Event, object, None]:
        yield self.env.timeout(wait)
        if turn != self._turn:
            return
        self._first = None
        yield from self.swarm.raft.commit()
        self._run()

    def _run(self) -> None:
        waiting, self.pending = self.pending, []
        allowed: dict[tuple[str, int], list] = {}  # type: ignore[type-arg]
        for task in waiting:
            if task.desired > State.RUNNING:
                continue
            key = (task.service, task.version)
            if key not in allowed:
                allowed[key] = self.ranking.allowed(task.spec)
            if not self._place(task, allowed[key]):
                self.pending.append(task)

    def _place(self, task: TaskRow, allowed: list) -> bool:  # type: ignore[type-arg]
        service = self.swarm.services[task.service]
        rows, here = self.swarm.nodes, self.here[task.service]
        candidates = allowed if task.node is None else [self.ranking.nodes[task.node]]
        fitting = [
            node
            for node in candidates
            if rows[node.index].valid and self.ranking.refusal(node, task.spec, here) is None
        ]
        if not fitting:
            return False
        best = self.ranking.best(fitting, allowed, task.spec, here, self._failing(service, task.version))
        task.node, task.state = best.index, State.ASSIGNED
        rows[best.index].tasks.add(task)
        self.count(task)
        self.swarm.allocator.placed(task)
        self.swarm.assign(task)
        return True

    def _failing(self, service: ServiceRow, version: int) -> dict[str, int]:
        """Nodes with at least 5 failures of this version within 5 minutes, and how many."""
        since, found = self.env.now - self.table.failure_window_ps, {}
        for (node, of), times in service.failures.items():
            recent = sum(t > since for t in times)
            if of == version and recent >= self.table.failures_to_avoid:
                found[self.swarm.ways.names[node]] = recent
        return found
