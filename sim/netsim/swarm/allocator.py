"""Who has which address: the managers' allocator for networks of the swarm, each node's own for those of one node.

A task has its addresses before it has a node, and keeps them until the managers know that it has ended. So the tasks of a
node that is down keep theirs until it is back, or is given up after a day, whoever replaces them. A node on which a
network has tasks has a balancer there with an address, from the first of them until the last has ended. What finds no
address waits until something is given back (swarmkit's manager/allocator/network.go; libnetwork's cnmallocator).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from netsim.drivers.registry import GWBRIDGE
from netsim.model.addresses import pool_of
from netsim.model.build import joined
from netsim.model.entities import NetworkPlan
from netsim.model.ipam import Pool, dotted
from netsim.swarm.store import TaskRow

if TYPE_CHECKING:
    from netsim.swarm.world import Swarm

#: A network, and the node if each gives out the addresses by itself, else "".
Place = tuple[str, str]


class Allocator:
    """Addresses as numbers. ``held``: by network of the swarm, of tasks that have not ended for all that the managers know;
    ``here``: by network of a node, of containers there; ``balancers``: of nodes. ``waiting``: tasks for which there was none."""

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm
        self.model = swarm.model
        self.held: dict[TaskRow, dict[str, int]] = {}
        self.here: dict[TaskRow, dict[Place, int]] = {}
        self.waiting: list[TaskRow] = []
        self.balancers: dict[tuple[str, int], int] = {}
        self._pools: dict[Place, Pool] = {}
        self._tasks: Counter[tuple[str, int]] = Counter()  # on a network and a node
        self._placed: set[TaskRow] = set()
        self._lacking: dict[tuple[str, int], None] = {}  # balancers that found no address
        self._joined: dict[tuple[str, int], tuple[NetworkPlan, ...]] = {}
        for name, plan in self.model.addresses.items():
            if plan.driver.balanced:
                for node, address in plan.balancers.items():
                    self.balancers[name, self.model.nodes[node].index] = int(IPv4Address(address))
        for task in self.model.containers.values():
            self._tasks.update((name, task.node.index) for name in task.addresses)
        if any(port.mode == "ingress" for port in self.model.ports):
            self._tasks.update((self.model.mesh, node.index) for node in self.model.nodes.values())

    def adopt(self, task: TaskRow, name: str) -> None:
        """A task that runs when the clock starts has the addresses that the model gave it."""
        addresses = self.model.tasks[name].addresses
        self.held[task], self.here[task] = {}, {}
        for plan in self._networks(task):
            if plan.name in addresses:
                number = int(IPv4Address(addresses[plan.name]))
                if plan.driver.scope == "swarm":
                    self.held[task][plan.name] = number
                else:
                    self.here[task][self._place(plan, task)] = number
        self._tasks.update(self._members(task))
        self._placed.add(task)

    def submit(self, task: TaskRow) -> None:
        """A new task: to the scheduler, as soon as it has an address on each network of the swarm."""
        if self._allocate(task):
            self.swarm.scheduler.submit(task)
        else:
            self.waiting.append(task)
            self.swarm.log("no address", self.swarm.label(task))

    def placed(self, task: TaskRow) -> None:
        """A task has a node, which needs a balancer on each network of it."""
        self._placed.add(task)
        for key in self._members(task):
            self._tasks[key] += 1
            self._balancer(key)

    def lacks(self, task: TaskRow) -> bool:
        """Whether its node has no balancer on one of its networks yet, for which its agent waits."""
        return any(key in self._lacking for key in self._members(task))

    def release(self, task: TaskRow) -> None:
        """The managers know that a task has ended, or is not wanted before it has a node."""
        if task in self.waiting:
            self.waiting.remove(task)
        found = self.held.pop(task, None)
        if found is None:
            return
        for name, number in found.items():
            self._pool((name, "")).release(number)
        if task in self._placed:
            self._placed.remove(task)
            for key in self._members(task):
                self._tasks[key] -= 1
                self._balancer(key)
        self._retry()

    def enter(self, task: TaskRow) -> bool:
        """A container is started: its node gives it an address on each network of its own. False: there is none left."""
        found = self.here[task] = {}
        for plan in self._networks(task):
            if plan.driver.scope != "swarm":
                place = self._place(plan, task)
                number = self._pool(place).take()
                if number is None:
                    self.leave(task)
                    return False
                found[place] = number
        return True

    def leave(self, task: TaskRow) -> None:
        """A container's sandbox is gone, and with it what its node gave it."""
        for place, number in self.here.pop(task, {}).items():
            self._pool(place).release(number)

    def addresses(self, task: TaskRow) -> dict[str, str]:
        """Those of a container that is being started, by network."""
        found = {name: dotted(number) for name, number in self.held[task].items()}
        return found | {place[0]: dotted(number) for place, number in self.here[task].items()}

    def _retry(self) -> None:
        waiting, self.waiting = self.waiting, []
        for task in waiting:
            if self._allocate(task):
                self.swarm.scheduler.submit(task)
            else:
                self.waiting.append(task)
        for key in list(self._lacking):
            self._balancer(key)

    def _allocate(self, task: TaskRow) -> bool:
        """All of its addresses on networks of the swarm, or none."""
        found: dict[str, int] = {}
        for plan in self._networks(task):
            if plan.driver.scope == "swarm":
                number = self._pool((plan.name, "")).take()
                if number is None:
                    for name, given in found.items():
                        self._pool((name, "")).release(given)
                    return False
                found[plan.name] = number
        self.held[task] = found
        return True

    def _pool(self, place: Place) -> Pool:
        """What is left of a network, or of its part on a node, in this replication."""
        if place not in self._pools:
            plan = self.model.addresses[place[0]]
            given = plan.pools.get(place[1])
            pool = self._pools[place] = pool_of(plan) if given is None else given.copy()
            if given is None and plan.name == GWBRIDGE:
                pool.take()  # the mesh's sandbox has the first one on each node
        return self._pools[place]

    def _balancer(self, key: tuple[str, int]) -> None:
        """A node's balancer on a network comes with the first task there, and goes with the last."""
        if self._tasks[key] and key not in self.balancers:
            number = self._pool((key[0], "")).take()
            if number is None:
                self._lacking[key] = None
            else:
                self.balancers[key] = number
                self._lacking.pop(key, None)
        elif not self._tasks[key]:
            self._lacking.pop(key, None)
            if key in self.balancers:
                self._pool((key[0], "")).release(self.balancers.pop(key))

    def _members(self, task: TaskRow) -> Iterator[tuple[str, int]]:
        assert task.node is not None
        return ((plan.name, task.node) for plan in self._networks(task) if plan.driver.balanced)

    def _place(self, plan: NetworkPlan, task: TaskRow) -> Place:
        if not plan.driver.per_node:
            return plan.name, ""
        assert task.node is not None
        return plan.name, self.swarm.ways.names[task.node]

    def _networks(self, task: TaskRow) -> tuple[NetworkPlan, ...]:
        key = task.service, task.version
        if key not in self._joined:
            names = joined(self.model, task.service, task.spec)
            self._joined[key] = tuple(self.model.addresses[name] for name in names)
        return self._joined[key]
