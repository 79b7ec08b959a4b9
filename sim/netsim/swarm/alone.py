"""Containers outside any service: no manager knows of them, dockerd alone starts them again, as their restart policy says
(MB daemon/restartmanager and daemon.restore)."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import simpy

from netsim.engine.border import What
from netsim.model.entities import DEFAULT_BRIDGE, Task
from netsim.scenario.schema_service import Container

if TYPE_CHECKING:
    from netsim.swarm.world import Swarm

#: Policies that start a container when dockerd starts; one that was stopped by hand, where they differ, is not in the language.
ALWAYS = ("always", "unless-stopped")


@dataclass(eq=False, slots=True)
class Alone:
    """One container. ``since``: when it was started last; ``tries``: restarts after failures so far; ``wait_ps``: the last
    back-off; ``turn``: what was to start it again is out of date when this has changed. ``networks``: those it is on now."""

    name: str
    node: int
    spec: Container
    since: int
    networks: set[str]
    runs: bool = True
    tries: int = 0
    wait_ps: int = 0
    turn: int = 0
    off: list[str] = field(default_factory=list)  # networks whose names are gone while it is down

    @property
    def policy(self) -> str:
        """Without the number of tries."""
        return self.spec.restart.partition(":")[0]

    @property
    def most(self) -> int | None:
        """Tries at most after failures; None: any number."""
        number = self.spec.restart.partition(":")[2]
        return int(number) if number else None


class Containers:
    """All of them, by name."""

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm
        self.env = swarm.env
        self.table = swarm.table
        self.found = {task.name: self._adopt(task) for task in swarm.model.containers.values()}

    def _adopt(self, task: Task) -> Alone:
        assert isinstance(task.spec, Container)
        return Alone(task.name, task.node.index, task.spec, self.env.now, set(task.spec.networks))

    def on(self, node: int) -> list[Alone]:
        """Those on a node."""
        return [one for one in self.found.values() if one.node == node]

    def attached(self, name: str, network: str, present: bool) -> None:
        """One joins or leaves a network."""
        if name in self.found:
            (self.found[name].networks.add if present else self.found[name].networks.discard)(network)

    def kill(self, name: str) -> bool:
        """The process of one ends with a failure, and dockerd starts it again if its policy says so. False: it does not run."""
        one = self.found[name]
        if not one.runs:
            return False
        self._end(one)
        if self.swarm.ways.live[one.node]:
            self._after_failure(one)
        return True

    def _after_failure(self, one: Alone) -> None:
        """The first wait is 100 ms, each further one twice the one before, up to a minute, and begins anew after a run of
        10 s (MB restartmanager.go)."""
        if one.policy == "no" or (
            one.policy == "on-failure" and one.most is not None and one.tries >= one.most
        ):
            return
        if self.env.now - one.since >= self.table.restart_reset_ps:
            one.wait_ps = 0
        one.wait_ps = min(2 * one.wait_ps or self.table.restart_first_ps, self.table.restart_most_ps)
        one.tries += 1
        self.env.process(self._start(one, one.wait_ps))

    def lose(self, node: int) -> None:
        """The node's power is gone."""
        for one in self.on(node):
            one.runs, one.turn = False, one.turn + 1

    def daemon_gone(self, node: int) -> None:
        """Nobody starts anything again meanwhile."""
        for one in self.on(node):
            one.turn += 1

    def daemon_back(self, node: int, keeps: bool) -> None:
        """dockerd starts: without live-restore it ends what ran on, then starts what its policy says; what has failed while it was
        away is not told from what it ended (docs.docker.com: on-failure does not restart when the daemon does)."""
        for one in self.on(node):
            if one.runs and not keeps:
                self._end(one)
            if not one.runs and one.policy in ALWAYS:
                self.env.process(self._start(one, 0))

    def _end(self, one: Alone) -> None:
        """Its process has ended, and with it its endpoints: their addresses answer no more, their names are gone. A port that
        it published is refused by its node."""
        swarm = self.swarm
        one.runs, one.turn = False, one.turn + 1
        swarm.log("exited", one.name)
        swarm.journal.alone(What.TASK_GONE, one.name)
        if not one.spec.ports:
            swarm.journal.alone(What.SANDBOX_GONE, one.name)
        if one.policy != "no":
            one.off = sorted(one.networks & self._named())
            for network in one.off:
                swarm.endpoint(one.name, network, False)

    def _named(self) -> set[str]:
        """Networks whose names all nodes on them keep."""
        addresses = self.swarm.model.addresses
        return {
            name
            for name, plan in addresses.items()
            if plan.driver.scope == "swarm" and name != DEFAULT_BRIDGE
        }

    def _start(self, one: Alone, wait_ps: int) -> Generator[simpy.Event, object, None]:
        swarm, turn = self.swarm, one.turn
        yield self.env.timeout(max(1, wait_ps))
        if one.turn != turn:
            return
        yield from swarm.agents.starts(one.node)
        if one.turn != turn or not swarm.ways.live[one.node]:
            return
        one.runs, one.since = True, self.env.now
        swarm.log("started again", one.name)
        for network in one.off:
            swarm.endpoint(one.name, network, True)
        one.off = []
        swarm.journal.alone(What.TASK_AGAIN, one.name, one.spec.image.start)
