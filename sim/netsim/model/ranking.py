"""Which node gets the next task: swarmkit's filters and ranking, for the first placement and for every later one.

Filters: constraints, reserved processors, published host ports, most replicas per node. Ranking: nodes where the
service failed often go last; the branch of each placement preference with the fewest tasks of the service; then
the node with the fewest tasks of the service, then with the fewest tasks in total, then the order of the nodes.
Limits do not count. (swarmkit's manager/scheduler: filter.go, nodeset.go, scheduler.go)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from netsim.model.entities import Node
from netsim.scenario.schema_service import Service

# The swarm adds reservations up in whole nano-CPUs.
NANO = 10**9


class Ranking:
    """What is placed where, and where the next task fits best. ``total``: tasks by node."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.nodes = list(nodes)
        self.total: Counter[str] = Counter()
        self.reserved: Counter[str] = Counter()
        self.host_ports: Counter[tuple[str, int, str]] = Counter()

    def allowed(self, service: Service) -> list[Node]:
        """The nodes that meet the constraints of the service."""
        return [node for node in self.nodes if meets(node, service)]

    def refusal(self, node: Node, service: Service, here: Mapping[str, int]) -> str | None:
        """Why the node cannot take one more task of the service now; None if it can. ``here``: its tasks by node."""
        most = service.placement.max_replicas_per_node
        if most and here[node.name] >= most:
            return "max replicas per node limit exceed"
        if self.reserved[node.name] + reservation(service) > node.cores * NANO:
            return "insufficient resources"
        if any(self.host_ports[(node.name, *port)] for port in host_ports(service)):
            return "host-mode port already in use"
        return None

    def take(self, node: Node, service: Service, here: Counter[str]) -> None:
        """One more task of the service on the node."""
        self.count(node, here, 1)
        self.hold(node, service, 1)

    def count(self, node: Node, here: Counter[str], count: int) -> None:
        """So many more tasks that are wanted there; -1: one less."""
        here[node.name] += count
        self.total[node.name] += count

    def hold(self, node: Node, service: Service, count: int) -> None:
        """So many more tasks of the service have their processors and ports there, which they keep until they have ended
        (addTask and removeTask in swarmkit's manager/scheduler/nodeinfo.go); -1: one less."""
        self.reserved[node.name] += count * reservation(service)
        for port in host_ports(service):
            self.host_ports[(node.name, *port)] += count

    def best(
        self,
        fitting: list[Node],
        allowed: list[Node],
        service: Service,
        here: Mapping[str, int],
        failures: Mapping[str, int] | None = None,
    ) -> Node:
        """The one among ``fitting`` that the ranking puts first. ``failures``: many recent ones, by node."""
        for depth, preference in enumerate(service.placement.preferences):
            # A branch is a value of each label so far; nodes without the label are a branch of their own.
            keys = service.placement.preferences[:depth]
            chosen = {tuple(label(node, key) for key in keys) for node in fitting}
            load: Counter[str] = Counter()
            for node in allowed:
                if tuple(label(node, key) for key in keys) in chosen:
                    load[label(node, preference)] += here[node.name]
            least = min(load[label(node, preference)] for node in fitting)
            branch = next(label(n, preference) for n in fitting if load[label(n, preference)] == least)
            fitting = [node for node in fitting if label(node, preference) == branch]
        failed = failures or {}
        return min(fitting, key=lambda n: (failed.get(n.name, 0), here[n.name], self.total[n.name], n.index))


def matches(node: Node, constraint: str) -> bool:
    """Whether a node meets ``KEY == VALUE`` or ``KEY != VALUE``. Case does not count; a missing label is empty."""
    key, _, rest = constraint.partition(" ")
    operator, _, value = rest.partition(" ")
    found = {"node.role": node.role, "node.hostname": node.name}.get(key)
    if found is None:
        found = label(node, key)
    return (found.casefold() == value.casefold()) == (operator == "==")


def meets(node: Node, service: Service) -> bool:
    """Whether a node meets all constraints of a service."""
    return all(matches(node, constraint) for constraint in service.placement.constraints)


def label(node: Node, key: str) -> str:
    """The value of ``node.labels.NAME`` on a node; empty without it."""
    return node.labels.get(key.removeprefix("node.labels."), "")


def reservation(service: Service) -> int:
    """Reserved processors of one task (nano-CPUs). Nodes have no memory size, so memory always fits."""
    return round((service.resources.reservations.cpus or 0) * NANO)


def host_ports(service: Service) -> set[tuple[int, str]]:
    """Ports that a task takes on its node."""
    return {
        (port.published, port.protocol)
        for port in service.ports
        if port.mode == "host" and port.published is not None
    }
