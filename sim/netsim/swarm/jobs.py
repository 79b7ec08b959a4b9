"""Jobs: services whose tasks end by themselves. A task that succeeded is not started again; one that failed is, by the
restart policy (SK manager/orchestrator/jobs).

The jobs' orchestrator looks at a job when one of its tasks has ended or when the job itself changes, and at nothing
else: tasks on a node that is down or drained are not moved. Those of a replicated job are started again when the node
is back and tells that they have ended; those of a global one are given up at the next look.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import simpy

from netsim.scenario.schema_service import Service
from netsim.swarm.store import ServiceRow, State, TaskRow

if TYPE_CHECKING:
    from netsim.swarm.world import Swarm

Steps = Generator[simpy.Event, object, None]


@dataclass(eq=False, slots=True)
class Iteration:
    """One time that a job runs. ``over_at``: when all that is wanted had completed (ps). ``active``: tasks that are wanted
    and have not succeeded; ``free``: slots below ``total`` in which nothing runs or has succeeded, as a heap; ``total``:
    slots that have been dealt with."""

    done: int = 0
    failed: int = 0
    over_at: int | None = None
    active: set[TaskRow] = field(default_factory=set)
    free: list[int] = field(default_factory=list)
    total: int = 0


class Jobs:
    """All jobs."""

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm
        self.env = swarm.env
        self.now: dict[str, Iteration] = {}

    def adopt(self, service: ServiceRow) -> None:
        """A job whose first tasks run when the clock starts."""
        self.now[service.name] = Iteration(active=set(service.tasks), total=len(service.tasks))

    def done(self, service: ServiceRow) -> int:
        """Completed tasks of the present iteration."""
        return self.now[service.name].done

    def over(self, service: ServiceRow) -> bool:
        """Whether as many tasks have completed as are wanted."""
        run = self.now[service.name]
        wanted = len(self._nodes(service)) if service.spec.is_global else service.replicas
        return not run.active and run.done >= wanted

    def wanted(self, service: ServiceRow) -> int:
        """How many tasks should run now."""
        run = self.now[service.name]
        return len(run.active) if service.spec.is_global else self._most(service, run)

    def ended(self, task: TaskRow) -> None:
        """The managers know of a task's end: a success is counted, and what is to be done about it decided."""
        run = self.now[task.service]
        run.failed += task.state in (State.FAILED, State.REJECTED) and task in run.active
        if task.state <= State.RUNNING or task.desired > State.RUNNING or task not in run.active:
            return
        if task.state == State.COMPLETE:
            run.active.discard(task)
            run.done += 1
            service = self.swarm.services[task.service]
            if self.over(service):
                run.over_at = self.env.now
                self.swarm.log("job completed", service.name, f"{run.done} tasks")
        self.env.process(self._ended(task, run))

    def _ended(self, task: TaskRow, run: Iteration) -> Steps:
        yield from self.swarm.raft.commit()
        service = self.swarm.services[task.service]
        if task.desired > State.RUNNING or run is not self.now[task.service]:
            return
        # New tasks are counted before failed ones are restarted: the slot of one that is not is free at the next look.
        self._reconcile(service)
        if task.state != State.COMPLETE:
            self._restart(service, run, task)

    def _restart(self, service: ServiceRow, run: Iteration, task: TaskRow) -> None:
        swarm = self.swarm
        run.active.discard(task)
        again = swarm.orchestrator.restarts(service, task)
        swarm.want(task, State.SHUTDOWN)
        if not again:
            swarm.log("not restarted", swarm.label(task), "restart policy")
            if not service.spec.is_global:
                heapq.heappush(run.free, task.slot)
            return
        service.restarts.setdefault(task.slot, []).append(self.env.now)
        drained = task.node is not None and swarm.nodes[task.node].availability == "drain"
        node = task.node if service.spec.is_global else None
        delay = 0 if drained else service.spec.restart_policy.delay
        run.active.add(swarm.create(service, task.slot, node=node, delay=delay))

    def again(self, service: ServiceRow, spec: Service) -> None:
        """The job runs once more from the beginning; what is left of the last time is ended."""
        old = [task for task in service.tasks if task.runnable]
        service.previous, service.spec = service.spec, spec
        service.version += 1
        service.restarts.clear()
        self.now[service.name] = Iteration()
        for task in old:
            self.swarm.want(task, State.SHUTDOWN)
        self._reconcile(service)

    def scale(self, name: str, replicas: int) -> Steps:
        """Another number of completions; what runs beyond it goes on."""
        yield from self.swarm.raft.commit()
        service = self.swarm.services[name]
        service.replicas = replicas
        self._reconcile(service)
        self.swarm.clock.count()

    def _reconcile(self, service: ServiceRow) -> None:
        """New tasks, as many as may run at the same time and are still to complete."""
        run = self.now[service.name]
        if not self.over(service):
            run.over_at = None
        if service.spec.is_global:
            self._everywhere(service, run)
            return
        for _ in range(self._most(service, run) - len(run.active)):
            if run.free:
                slot = heapq.heappop(run.free)
            else:
                run.total += 1
                slot = run.total
            run.active.add(self.swarm.create(service, slot))

    def _most(self, service: ServiceRow, run: Iteration) -> int:
        left = service.replicas - run.done
        return min(left, service.spec.max_concurrent) if service.spec.max_concurrent else left

    def _everywhere(self, service: ServiceRow, run: Iteration) -> None:
        """A task on each node that has none and has not had one; tasks on nodes that are down or drained are given up."""
        for task in sorted(run.active, key=lambda task: task.number):
            if task.node is not None and self.swarm.nodes[task.node].invalid and task.state <= State.RUNNING:
                run.active.discard(task)
                self.swarm.want(task, State.SHUTDOWN)
        had = {
            task.slot
            for task in service.tasks
            if task.version == service.version and task.desired <= State.RUNNING
        }
        for node in sorted(self._nodes(service)):
            if node not in had:
                run.active.add(self.swarm.create(service, node, node=node))

    def _nodes(self, service: ServiceRow) -> set[int]:
        return self.swarm.wanted_nodes(service)
