"""Where tasks run: Swarm's scheduler at the moment of deployment.

Filters: constraints, reserved processors, published host ports, most replicas per node. Ranking: the branch
of each placement preference with the fewest tasks of the service, then the node with the fewest tasks of the
service, then with the fewest tasks in total, then the order of the nodes. Limits do not count.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable

from netsim.model.entities import Node
from netsim.model.problems import Problems
from netsim.scenario.schema_service import Service

# The swarm adds reservations up in whole nano-CPUs.
NANO = 10**9


class Placer:
    """Places services one after the other; what is placed counts for the next."""

    def __init__(self, nodes: Iterable[Node], problems: Problems) -> None:
        self.nodes = list(nodes)
        self.problems = problems
        self.total: Counter[str] = Counter()
        self.reserved: Counter[str] = Counter()
        self.host_ports: set[tuple[str, int, str]] = set()

    def place(self, name: str, service: Service) -> list[Node]:
        """A node for each task of the service, by slot; shorter, and a problem, if some fit nowhere."""
        allowed = [node for node in self.nodes if _meets(node, service)]
        here: Counter[str] = Counter()
        placed: list[Node] = []
        if service.mode == "global":
            for node in allowed:
                if self._refusal(node, service, here) is None:
                    self._take(node, service, here)
                    placed.append(node)
                else:
                    self._tell(name, service, len(placed) + 1, [node], here)
                    return placed
            if not allowed:
                self._tell(name, service, 1, allowed, here)
            return placed
        if not service.placement.preferences:
            return self._fewest_first(name, service, allowed, here)
        for slot in range(1, service.replicas + 1):
            fitting = [node for node in allowed if self._refusal(node, service, here) is None]
            if not fitting:
                self._tell(name, service, slot, allowed, here)
                return placed
            best = self._prefer(fitting, allowed, service, here)
            self._take(best, service, here)
            placed.append(best)
        return placed

    def _fewest_first(
        self, name: str, service: Service, allowed: list[Node], here: Counter[str]
    ) -> list[Node]:
        """Without preferences only the node just taken changes its rank, and one that refuses goes on refusing."""
        rank = [(0, self.total[node.name], node.index, node) for node in allowed]
        heapq.heapify(rank)
        placed: list[Node] = []
        for slot in range(1, service.replicas + 1):
            while rank and self._refusal(rank[0][3], service, here) is not None:
                heapq.heappop(rank)
            if not rank:
                self._tell(name, service, slot, allowed, here)
                return placed
            mine, total, index, node = rank[0]
            self._take(node, service, here)
            placed.append(node)
            heapq.heapreplace(rank, (mine + 1, total + 1, index, node))
        return placed

    def _take(self, node: Node, service: Service, here: Counter[str]) -> None:
        here[node.name] += 1
        self.total[node.name] += 1
        self.reserved[node.name] += _reservation(service)
        self.host_ports |= {(node.name, *port) for port in _host_ports(service)}

    def _prefer(self, fitting: list[Node], allowed: list[Node], service: Service, here: Counter[str]) -> Node:
        """The node that the ranking puts first."""
        for depth, preference in enumerate(service.placement.preferences):
            # A branch is a value of each label so far; nodes without the label are a branch of their own.
            keys = service.placement.preferences[:depth]
            chosen = {tuple(_label(node, key) for key in keys) for node in fitting}
            load: Counter[str] = Counter()
            for node in allowed:
                if tuple(_label(node, key) for key in keys) in chosen:
                    load[_label(node, preference)] += here[node.name]
            least = min(load[_label(node, preference)] for node in fitting)
            branch = next(_label(n, preference) for n in fitting if load[_label(n, preference)] == least)
            fitting = [node for node in fitting if _label(node, preference) == branch]
        return min(fitting, key=lambda node: (here[node.name], self.total[node.name], node.index))

    def _refusal(self, node: Node, service: Service, here: Counter[str]) -> str | None:
        """Why the node cannot take one more task of the service now; None if it can."""
        most = service.placement.max_replicas_per_node
        if most and here[node.name] >= most:
            return "max replicas per node limit exceed"
        if self.reserved[node.name] + _reservation(service) > node.cores * NANO:
            return "insufficient resources"
        if any((node.name, *port) in self.host_ports for port in _host_ports(service)):
            return "host-mode port already in use"
        return None

    def _tell(
        self, name: str, service: Service, slot: int, candidates: list[Node], here: Counter[str]
    ) -> None:
        """One problem in the swarm's own words: how many nodes, and why not."""
        reasons: Counter[str] = Counter()
        for node in candidates:
            reasons[self._refusal(node, service, here) or ""] += 1
        unmet = len(self.nodes) - len(candidates) if service.mode != "global" or not candidates else 0
        if unmet:
            reasons["scheduling constraints not satisfied"] = unmet
        told = "; ".join(f"{why} on {n} node{'s' if n != 1 else ''}" for why, n in reasons.items() if why)
        path: tuple[str, ...] = ("services", name)
        if unmet == len(self.nodes) and service.placement.constraints:
            path += ("placement",)
        self.problems.add(path, "NO_SUITABLE_NODE", f"a node for {name}.{slot}", f"no suitable node ({told})")


def matches(node: Node, constraint: str) -> bool:
    """Whether a node meets ``KEY == VALUE`` or ``KEY != VALUE``. Case does not count; a missing label is empty."""
    key, _, rest = constraint.partition(" ")
    operator, _, value = rest.partition(" ")
    found = {"node.role": node.role, "node.hostname": node.name}.get(key)
    if found is None:
        found = _label(node, key)
    return (found.casefold() == value.casefold()) == (operator == "==")


def _meets(node: Node, service: Service) -> bool:
    return all(matches(node, constraint) for constraint in service.placement.constraints)


def _label(node: Node, key: str) -> str:
    """The value of ``node.labels.NAME`` on a node; empty without it."""
    return node.labels.get(key.removeprefix("node.labels."), "")


def _reservation(service: Service) -> int:
    """Reserved processors of one task (nano-CPUs). Nodes have no memory size, so memory always fits."""
    return round((service.resources.reservations.cpus or 0) * NANO)


def _host_ports(service: Service) -> set[tuple[int, str]]:
    return {
        (port.published, port.protocol)
        for port in service.ports
        if port.mode == "host" and port.published is not None
    }
