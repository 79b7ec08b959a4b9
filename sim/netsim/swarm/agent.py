"""What an agent does with a task: pull, create, start, watch, stop. One SimPy process for each container."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import simpy

from netsim.engine.border import What
from netsim.swarm.health import Checks
from netsim.swarm.machine import Cores, OtherWork
from netsim.swarm.pulls import Pulls
from netsim.swarm.store import State, TaskRow
from netsim.swarm.time import Clockwork

if TYPE_CHECKING:
    from netsim.swarm.world import Swarm

Steps = Generator[simpy.Event, object, None]


def has_rows(task: TaskRow) -> bool:
    """Whether a task is in the tables of a network, so that its stop waits for gossip."""
    return bool(task.spec.networks) or any(port.mode == "ingress" for port in task.spec.ports)


class Container:
    """A container on a node. ``alive``: its process runs; ``joined``: it has endpoints in its networks; ``wake`` is
    fired when something may have changed.

    ``checked``: when a health check last succeeded (ps); ``ill``: how long each of the faults lets a check take that
    fails (ps); ``unhealthy``: enough of them have failed; ``checks``: who follows them meanwhile.
    """

    __slots__ = (
        "alive",
        "checked",
        "checks",
        "ended",
        "ill",
        "joined",
        "process",
        "task",
        "unhealthy",
        "wake",
    )

    def __init__(self, env: Clockwork, task: TaskRow) -> None:
        self.task = task
        self.alive = False
        self.joined = False
        self.ended: State | None = None
        self.wake = env.event()
        self.process: simpy.Process | None = None
        self.checked = env.now
        self.checks: simpy.Process | None = None
        self.ill: list[int] = []
        self.unhealthy = False


class Agents:
    """All agents. ``containers``: by node, what is or was there; ``outcomes``: how tasks have ended, which their
    agents know and do not start again, whether the managers have heard of it or not."""

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm
        self.env = swarm.env
        self.table = swarm.table
        self.ways = swarm.ways
        self.chance = swarm.chance
        count = len(self.ways.names)
        self.containers: list[dict[TaskRow, Container]] = [{} for _ in range(count)]
        self.images: list[set[str]] = [set() for _ in range(count)]
        self.outcomes: dict[TaskRow, State] = {}
        self.registry = True
        self.cores = self._machines()
        self.pulls = Pulls(swarm)
        self.checks = Checks(self)

    def _machines(self) -> list[Cores]:
        """The cores on which containers are started: a node's, or those of the machine that nodes share."""
        nodes = self.swarm.model.nodes.values()
        cores = {node.machine: node.machine_cores for node in nodes}
        machines = {name: Cores(self.env, count, self._others(name)) for name, count in cores.items()}
        return [machines[node.machine] for node in nodes]

    def _others(self, machine: str) -> OtherWork:
        luck = self.chance.arrays(f"other work {machine}")
        return OtherWork(luck, self.table.other_work, self.table.other_work_stay_ps, self.env.now)

    def adopt(self, task: TaskRow) -> None:
        """A task that runs when the clock starts."""
        assert task.node is not None
        container = self._container(task)
        container.alive = container.joined = True
        self.images[task.node].add(task.spec.image.name)
        self.checks.adopt(container, self.swarm.label(task))
        self._ends_by_itself(container)
        container.process = self.env.process(self._run(container, task.node))

    def assigned(self, task: TaskRow) -> None:
        """An assignment has arrived, new or changed."""
        assert task.node is not None
        known = self.containers[task.node].get(task)
        if known is not None:
            self.wake(known)
        elif task.state < State.RUNNING and task.desired <= State.RUNNING and task not in self.outcomes:
            container = self._container(task)
            container.process = self.env.process(self._life(container, task.node))

    def _ends_by_itself(self, container: Container) -> None:
        """Its process has just begun; some end after a time, with success, whether dockerd runs then or not."""
        takes = container.task.spec.image.run
        if takes is not None:
            lasts = self.chance.draw(self.swarm.label(container.task), "run", takes)
            self.env.process(self._ends(container.task, max(1, lasts)))

    def _ends(self, task: TaskRow, lasts_ps: int) -> Steps:
        yield self.env.timeout(lasts_ps)
        self.kill(task, State.COMPLETE)

    def kill(self, task: TaskRow, state: State = State.FAILED) -> None:
        """The task's process ends."""
        container = self.container(task)
        if container is not None and container.alive:
            container.alive, container.ended = False, state
            self.swarm.journal.task(What.TASK_GONE, task)
            self.wake(container)

    def lose(self, node: int) -> None:
        """The node's power is gone: nothing of it is left."""
        self.swarm.alone.lose(node)
        for task, container in self.containers[node].items():
            container.alive, task.bound = False, False
            self._vanish(task)
            if container.process is not None and container.process.is_alive:
                container.process.interrupt()
        self.containers[node].clear()

    def daemon_gone(self, node: int) -> None:
        """dockerd is killed: containers run on, nobody watches them."""
        self.swarm.alone.daemon_gone(node)
        for container in self.containers[node].values():
            self.checks.end(container)
            if container.process is not None and container.process.is_alive:
                container.process.interrupt()
                container.process = None

    def daemon_back(self, node: int) -> None:
        """dockerd starts: with live-restore it takes up what ran on; without, it ends that, and the agent tells."""
        name = self.ways.names[node]
        keeps = self.swarm.scenario.nodes[self.swarm.model.nodes[name].group].live_restore
        self.swarm.alone.daemon_back(node, keeps)
        if keeps:
            for container in self.containers[node].values():
                container.process = self.env.process(self._resume(container, node))
            return
        for task, container in list(self.containers[node].items()):
            container.alive = False
            del self.containers[node][task]
            self.swarm.journal.task(What.TASK_GONE, task)
            self._vanish(task)
            if task.bound:
                self.swarm.rows_removed(task)
                task.bound = False
            if task.state <= State.RUNNING:
                self.outcomes[task] = container.ended or State.FAILED
                self.env.process(self._report(task, self.outcomes[task], node))

    def _container(self, task: TaskRow) -> Container:
        assert task.node is not None
        container = Container(self.env, task)
        self.containers[task.node][task] = container
        return container

    def container(self, task: TaskRow) -> Container | None:
        """The task's container, if its node has one."""
        return None if task.node is None else self.containers[task.node].get(task)

    def wake(self, container: Container) -> None:
        """Something may have changed."""
        if not container.wake.triggered:
            container.wake.succeed()

    def pause(self, container: Container) -> simpy.Event:
        """What is fired when something may have changed."""
        if container.wake.triggered:
            container.wake = self.env.event()
        return container.wake

    def _work(self, node: int, purpose: str, mean_ps: int, width: float = 1.0) -> Steps:
        yield from self.cores[node].work(node, self._amount(node, purpose, mean_ps), width)

    def _amount(self, node: int, purpose: str, mean_ps: int) -> int:
        return round(self.chance.lognormal(self.ways.names[node], purpose, mean_ps, self.table.work_cv))

    def starts(self, node: int) -> Steps:
        """The work of starting a container."""
        yield from self._work(node, "start", self.table.start_work_ps, self.table.start_width)

    def _report(self, task: TaskRow, state: State, node: int) -> Steps:
        """The status goes to the dispatcher, waits for its batch, and is committed."""
        if task.state >= state:
            return
        while not self.swarm.dispatcher.reachable(node):
            yield self.env.timeout(self.table.tick_ps)
            if not self.ways.live[node]:
                return
        batch = self.chance.uniform(self.ways.names[node], "status batch", 0, self.table.status_batch_ps)
        late = self.swarm.streams.late("report", *self.swarm.dispatcher.path(node))
        yield self.env.timeout(max(1, round(batch) + self.ways.base_ps + late))
        yield from self.swarm.raft.commit()
        self.swarm.task_reported(task, state)

    def _life(self, container: Container, node: int) -> Steps:
        task = container.task
        try:
            if not (yield from self._prepare(container, node)):
                return
            while task.desired < State.RUNNING:
                yield self.pause(container)
            if task.desired == State.RUNNING:
                yield from self.starts(node)
                if not self.swarm.allocator.enter(task):
                    yield from self._end(container, node, State.FAILED)
                    return
                container.alive = container.joined = True
                self.swarm.journal.listens(task, self.env.now + task.spec.image.start)
                self._ends_by_itself(container)
                yield from self.checks.first(container)
            yield from self._run(container, node, announce=True)
        except simpy.Interrupt:
            return

    def _resume(self, container: Container, node: int) -> Steps:
        """A dockerd that has been away goes on where it was; of checks it knows nothing any more."""
        task = container.task
        if not container.alive and container.ended is None:
            yield from self._life(container, node)
            return
        container.checked = self.env.now
        try:
            if task.started is None:
                yield from self.checks.first(container)
            self.checks.watch(container)
        except simpy.Interrupt:
            return
        yield from self._run(container, node, announce=task.started is None)

    def _prepare(self, container: Container, node: int) -> Generator[simpy.Event, object, bool]:
        """Wait for the node's balancers, pull and create; tells READY. False if that failed."""
        task, image = container.task, container.task.spec.image
        until = self.env.now + self.table.attach_timeout_ps
        while self.swarm.allocator.lacks(task):
            if self.env.now >= until:
                yield from self._end(container, node, State.REJECTED)
                return False
            yield self.env.timeout(self.table.attach_poll_ps)
        if image.size and image.name not in self.images[node]:
            if not self.registry:
                yield self.env.timeout(self.table.redial_ps)
                yield from self._end(container, node, State.REJECTED)
                return False
            yield from self.pulls.pull(node, image.name, image.size)
        self.images[node].add(image.name)
        yield from self._work(node, "create", self.table.create_work_ps)
        if task.desired > State.RUNNING:
            yield from self._end(container, node, State.SHUTDOWN)
            return False
        self.env.process(self._report(task, State.READY, node))
        return True

    def _run(self, container: Container, node: int, announce: bool = False) -> Steps:
        """From running to the end, whatever ends it."""
        task = container.task
        try:
            if announce and container.alive and not container.unhealthy and task.desired == State.RUNNING:
                if has_rows(task):
                    self.swarm.rows_added(task)
                    task.bound = True
                task.started = self.env.now
                self.env.process(self._report(task, State.RUNNING, node))
            while container.alive and not container.unhealthy and task.desired <= State.RUNNING:
                yield self.pause(container)
            if container.alive and container.unhealthy:
                # The controller shuts it down itself, and tells its end as soon as the process has ended.
                yield from self._stop(container, node)
                yield from self._end(container, node, State.FAILED)
            elif container.alive:
                yield self.env.timeout(self.table.controller_retry_ps)
                yield from self._stop(container, node)
                yield from self._leave(container, node)
                yield from self._end(container, node, State.SHUTDOWN)
            else:
                yield from self._clean_up(task, node)
                yield from self._end(container, node, container.ended or State.SHUTDOWN)
        except simpy.Interrupt:
            return

    def _clean_up(self, task: TaskRow, node: int) -> Steps:
        """What dockerd does about a process that has ended: its rows go first, its sandbox when all is done."""
        amount = self._amount(node, "stop", self.table.stop_work_ps)
        if task.bound:
            first = round(self.table.unbind_share * amount)
            yield from self.cores[node].work(node, first)
            self.swarm.rows_removed(task)
            task.bound, amount = False, amount - first
        yield from self.cores[node].work(node, amount)

    def _stop(self, container: Container, node: int) -> Steps:
        """Weight 0 and out of DNS, 2 s, SIGTERM, what the process takes to end, at most the grace, SIGKILL."""
        task = container.task
        if task.bound:
            self.swarm.rows_removed(task, stopping=True)
        if has_rows(task):
            yield self.env.timeout(self.table.binding_drain_ps)
        self.checks.end(container)
        grace, takes = task.spec.stop_grace_period, task.spec.image.stop
        if takes is not None:  # else the process ignores the signal
            self.swarm.journal.task(What.TASK_TERMS, task)
        yield self.env.timeout(max(1, grace if takes is None else min(grace, takes)))
        container.alive = False
        self.swarm.journal.task(What.TASK_GONE, task)
        yield from self._work(node, "stop", self.table.stop_work_ps)
        container.joined = False

    def _leave(self, container: Container, node: int) -> Steps:
        """A shutdown that was asked for is over, and told, only when networks that nobody on the node needs are gone."""
        for network in container.task.spec.networks:
            if not any(c.joined and network in c.task.spec.networks for c in self.containers[node].values()):
                yield from self._work(node, "network", self.table.network_removal_work_ps)
                self.swarm.traffic.leaves(node, network)

    def _end(self, container: Container, node: int, state: State) -> Steps:
        task = container.task
        self.containers[node].pop(task, None)
        self.outcomes[task] = state
        if task.bound:
            self.swarm.rows_removed(task)
            task.bound = False
        self._vanish(task)
        yield from self._report(task, state, node)

    def _vanish(self, task: TaskRow) -> None:
        """A container's sandbox is gone: its addresses answer no more."""
        self.swarm.journal.task(What.SANDBOX_GONE, task)
        self.swarm.allocator.leave(task)
