"""Health checks by the rules of dockerd's monitor: the first check one interval after the start, the next one interval
after the end of the last, so many failures in a row (MB daemon/health.go monitor, handleProbeResult).

Checks that succeed take no time and cost nothing, so those of a healthy container are not events: when the last one was
follows from the first.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import simpy

from netsim.scenario.schema_service import Healthcheck, Service
from netsim.swarm.store import State

if TYPE_CHECKING:
    from netsim.swarm.agent import Agents, Container

Steps = Generator[simpy.Event, object, None]


def check_of(spec: Service) -> Healthcheck | None:
    """The health check of a service, None without one."""
    check = spec.healthcheck
    return None if check is None or check.disable else check


class Checks:
    """The health checks of all containers."""

    def __init__(self, agents: Agents) -> None:
        self.agents = agents
        self.env = agents.env

    def adopt(self, container: Container, name: str) -> None:
        """A container that is healthy when the clock starts: its last check was at some time within an interval."""
        check = check_of(container.task.spec)
        if check is not None:
            ago = self.agents.chance.uniform(name, "health phase", 0, check.interval)
            container.checked = self.env.now - round(ago)

    def first(self, container: Container) -> Steps:
        """Wait until a new container is found healthy or unhealthy, or ends, or is wanted no more.

        Checks fail until the process can serve; those within the start period do not count.
        """
        task, check = container.task, check_of(container.task.spec)
        if check is None:
            return
        began, failures = self.env.now, 0
        while failures < check.retries:
            starting = self.env.now - began < check.start_period
            until = self.env.now + (check.start_interval if starting else check.interval)
            while self.env.now < until:
                if not container.alive or task.desired > State.RUNNING:
                    return
                yield self.env.any_of([self.env.timeout(until - self.env.now), self.agents.pause(container)])
            if self.env.now >= began + task.spec.image.start:
                container.checked = self.env.now
                return
            failures += self.env.now - began >= check.start_period
        self._unhealthy(container)

    def falls_ill(self, container: Container, takes_ps: int) -> None:
        """Checks of a running container fail from now on, each after ``takes_ps``, at most its timeout."""
        container.ill.append(takes_ps)
        self.watch(container)

    def watch(self, container: Container) -> None:
        """Follow the checks of a container that is ill."""
        if container.ill and (container.checks is None or not container.checks.is_alive):
            container.checks = self.env.process(self._failing(container))

    def recovers(self, container: Container, takes_ps: int) -> Steps:
        """Checks succeed again; wait until one has, or until it is too late."""
        container.ill.remove(takes_ps)
        if not container.ill and container.checks is not None and container.checks.is_alive:
            yield container.checks

    def end(self, container: Container) -> None:
        """Nobody checks a container any more: it is about to get SIGTERM, or its dockerd is gone."""
        if container.checks is not None and container.checks.is_alive:
            container.checks.interrupt()
        container.checks = None

    def _failing(self, container: Container) -> Steps:
        """Check after check, until one succeeds, or the container is unhealthy or gone."""
        check = check_of(container.task.spec)
        assert check is not None
        failures = 0
        wait = check.interval - (self.env.now - container.checked) % check.interval
        try:
            while failures < check.retries:
                yield self.env.timeout(wait)
                if not container.alive:
                    return
                if not container.ill:
                    container.checked = self.env.now
                    return
                yield self.env.timeout(min(max(container.ill), check.timeout))
                failures, wait = failures + 1, check.interval
        except simpy.Interrupt:
            return
        if container.alive:
            self._unhealthy(container)

    def _unhealthy(self, container: Container) -> None:
        swarm, task = self.agents.swarm, container.task
        container.unhealthy = True
        assert task.node is not None
        swarm.log("unhealthy", swarm.label(task), f"on {swarm.ways.names[task.node]}")
        self.agents.wake(container)
