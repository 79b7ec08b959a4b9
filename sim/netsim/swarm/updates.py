"""Rolling updates and rollbacks: slot by slot, with as many workers as the parallelism says."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import simpy

from netsim.scenario.schema_service import Service
from netsim.swarm.store import ServiceRow, State, TaskRow

if TYPE_CHECKING:
    from netsim.swarm.world import Swarm

Steps = Generator[simpy.Event, object, None]
#: How often a worker looks whether its task runs; the swarm tells it by an event of the store.
LOOK_PS = 20_000_000_000


class Updater:
    """Updates of all services. A newer update of a service replaces the one that goes on."""

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm
        self.env = swarm.env

    def update(self, name: str, spec: Service) -> Steps:
        """A new form of a service; a job runs once more."""
        yield from self.swarm.raft.commit()
        service = self.swarm.services[name]
        if service.spec.is_job:
            self.swarm.jobs.again(service, spec)
            return
        service.previous, service.spec = service.spec, spec
        yield from self._roll(service, rolling_back=False)

    def rollback(self, name: str) -> Steps:
        """Back to the previous form; without one nothing happens."""
        yield from self.swarm.raft.commit()
        service = self.swarm.services[name]
        if service.previous is None:
            self.swarm.log("no previous form", name)
            return
        if service.spec.is_job:
            self.swarm.jobs.again(service, service.previous)
            return
        service.spec, service.previous = service.previous, None
        yield from self._roll(service, rolling_back=True)

    def _roll(self, service: ServiceRow, rolling_back: bool) -> Steps:
        service.version += 1
        service.updating = turn = service.updating + 1
        config = service.spec.rollback_config if rolling_back else service.spec.update_config
        monitor = config.monitor if config.delay < config.monitor else config.delay + 10**12
        dirty = [
            tasks for tasks in service.slots().values() if any(t.version < service.version for t in tasks)
        ]
        total, fresh = len(dirty), []  # type: int, list[TaskRow]
        state = {"failed": False}

        def failures() -> int:
            return sum(
                t.state > State.RUNNING
                and t.state != State.SHUTDOWN
                and (t.started is None or self._end_of(t) - t.started <= monitor)
                for t in fresh
            )

        def stopped() -> bool:
            if (
                total
                and failures() / total > config.max_failure_ratio
                and config.failure_action != "continue"
            ):
                state["failed"] = True
            return state["failed"] or service.updating != turn

        def worker() -> Steps:
            while dirty and not stopped():
                old = [t for t in dirty.pop(0) if t.runnable]
                if not old:
                    continue
                new = yield from self._swap(service, old, config.order)
                fresh.append(new)
                while new.state < State.RUNNING and new.desired <= State.RUNNING and not stopped():
                    yield self.env.timeout(LOOK_PS)
                if config.order == "start-first" and new.state == State.RUNNING:
                    yield from self.swarm.raft.commit()
                    for task in old:
                        self.swarm.want(task, State.SHUTDOWN)
                yield self.env.timeout(max(1, config.delay))

        crew = [self.env.process(worker()) for _ in range(min(config.parallelism or total, total))]
        if crew:
            yield self.env.all_of(crew)
        ends = self.env.now + monitor
        while self.env.now < ends and not stopped():
            yield self.env.timeout(min(LOOK_PS * 5, max(1, ends - self.env.now)))
        if service.updating != turn:
            return
        what = "rollback" if rolling_back else "update"
        if not state["failed"]:
            self.swarm.log(f"{what} completed", service.name)
        elif config.failure_action == "rollback" and not rolling_back:
            self.swarm.log("update failed, rolls back", service.name)
            yield from self.rollback(service.name)
        else:
            self.swarm.log(f"{what} paused", service.name)

    def _end_of(self, task: TaskRow) -> int:
        return self.swarm.ends.get(task, self.env.now)

    def _swap(
        self, service: ServiceRow, old: list[TaskRow], order: str
    ) -> Generator[simpy.Event, object, TaskRow]:
        """The new task of a slot; stop-first: prepared at once, started when the old one has stopped."""
        yield from self.swarm.raft.commit()
        node = old[0].node if service.spec.is_global else None
        if order == "start-first":
            return self.swarm.create(service, old[0].slot, node=node)
        for task in old:
            self.swarm.want(task, State.SHUTDOWN)
        return self.swarm.create(service, old[0].slot, node=node, waits_for=old[0], delay=0)
