"""The orchestrators on the leader: as many tasks as wanted, ended ones replaced by the restart policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from typing import TYPE_CHECKING

import simpy

from netsim.swarm.store import ServiceRow, State, TaskRow

if TYPE_CHECKING:
    from netsim.swarm.world import Swarm


class Orchestrator:
    """Replicated and global services. Every change is committed before it counts."""

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm
        self.env = swarm.env

    def ended(self, task: TaskRow) -> None:
        """A task's end has been reported, or its node is down or drained: replace it if it is wanted."""
        if task.spec.is_job:
            self.swarm.jobs.ended(task)
        elif task.desired <= State.RUNNING:
            self.env.process(self._replace(task))

    def _replace(self, task: TaskRow) -> Generator[simpy.Event, object, None]:
        yield from self.swarm.raft.commit()
        if task.desired > State.RUNNING:
            return
        service = self.swarm.services[task.service]
        drained = task.node is not None and self.swarm.nodes[task.node].availability == "drain"
        again = task.state <= State.RUNNING or self.restarts(service, task)
        failed = task.state > State.RUNNING
        self.swarm.want(task, State.SHUTDOWN)
        is_global = service.spec.is_global
        if not is_global and self._crowded(service, task):
            return
        if is_global and (
            task.node is None or self.swarm.nodes[task.node].invalid or self._others(service, task)
        ):
            return
        if not again:
            self.swarm.log("not restarted", self.swarm.label(task), "restart policy")
            return
        if failed:
            service.restarts.setdefault(task.slot, []).append(self.env.now)
        delay = 0 if drained else service.spec.restart_policy.delay
        self.swarm.create(
            service,
            task.slot,
            node=task.node if is_global else None,
            delay=delay,
            waits_for=task if drained else None,
        )

    def restarts(self, service: ServiceRow, task: TaskRow) -> bool:
        """The restart policy: condition, attempts, window."""
        policy = service.spec.restart_policy
        if policy.condition == "none" or (policy.condition == "on-failure" and task.state == State.COMPLETE):
            return False
        if not policy.max_attempts:
            return True
        since = self.env.now - policy.window if policy.window else -(1 << 62)
        return sum(t > since for t in service.restarts.get(task.slot, ())) < policy.max_attempts

    def _crowded(self, service: ServiceRow, task: TaskRow) -> bool:
        """Whether the slot is beyond what is wanted, or another task of it lives."""
        beyond = task.slot > service.replicas and len(service.slots()) >= service.replicas
        return beyond or self._others(service, task)

    def _others(self, service: ServiceRow, task: TaskRow) -> bool:
        return any(t is not task and t.slot == task.slot and t.runnable for t in service.tasks)

    def node_gone(self, node: int) -> None:
        """Its tasks are to be replaced."""
        for task in self.swarm.nodes[node].in_order():
            self.ended(task)

    def node_here(self, node: int) -> None:
        """Global services come to it; pending tasks may fit."""
        self.env.process(self._globals(node))

    def _globals(self, node: int) -> Generator[simpy.Event, object, None]:
        yield from self.swarm.raft.commit()
        for service in self.swarm.services.values():
            if service.spec.mode != "global" or not self.swarm.nodes[node].valid:
                continue
            if any(t.runnable and t.node == node for t in service.tasks):
                continue
            machine = self.swarm.scheduler.ranking.nodes[node]
            if machine in self.swarm.scheduler.ranking.allowed(service.spec):
                self.swarm.create(service, node, node=node)
        self.swarm.scheduler.kick()

    def scale(self, name: str, replicas: int) -> Generator[simpy.Event, object, None]:
        """New tasks in free slots; away with those on the fullest nodes, those that do not run first."""
        yield from self.swarm.raft.commit()
        service = self.swarm.services[name]
        service.replicas = replicas
        yield from self.swarm.raft.commit()
        slots = service.slots()
        if len(slots) < replicas:
            free = (k for k in range(1, replicas + len(slots) + 1) if k not in slots)
            for _ in range(replicas - len(slots)):
                self.swarm.create(service, next(free))
            return
        load = Counter(t.node for tasks in slots.values() for t in tasks)
        order = sorted(
            slots.values(), key=lambda tasks: (max(t.state == State.RUNNING for t in tasks), tasks[0].slot)
        )
        for _ in range(len(slots) - replicas):
            most = max(
                order, key=lambda tasks: (tasks[0].state != State.RUNNING, load[tasks[0].node], tasks[0].slot)
            )
            order.remove(most)
            for task in most:
                load[task.node] -= 1
                self.swarm.want(task, State.SHUTDOWN)
