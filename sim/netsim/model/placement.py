"""Where tasks run at the moment of deployment, by the rules of netsim.model.ranking."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable

from netsim.model.entities import Node
from netsim.model.problems import Problems
from netsim.model.ranking import Ranking
from netsim.scenario.schema_service import Service


class Placer(Ranking):
    """Places services one after the other; what is placed counts for the next."""

    def __init__(self, nodes: Iterable[Node], problems: Problems) -> None:
        super().__init__(nodes)
        self.problems = problems

    def place(self, name: str, service: Service) -> list[Node]:
        """A node for each task of the service, by slot; shorter, and a problem, if some fit nowhere."""
        allowed = self.allowed(service)
        here: Counter[str] = Counter()
        placed: list[Node] = []
        if service.is_global:
            for node in allowed:
                if self.refusal(node, service, here) is None:
                    self.take(node, service, here)
                    placed.append(node)
                else:
                    self._tell(name, service, len(placed) + 1, [node], here)
                    return placed
            if not allowed:
                self._tell(name, service, 1, allowed, here)
            return placed
        if not service.placement.preferences:
            return self._fewest_first(name, service, allowed, here)
        for slot in range(1, service.at_once + 1):
            fitting = [node for node in allowed if self.refusal(node, service, here) is None]
            if not fitting:
                self._tell(name, service, slot, allowed, here)
                return placed
            best = self.best(fitting, allowed, service, here)
            self.take(best, service, here)
            placed.append(best)
        return placed

    def _fewest_first(
        self, name: str, service: Service, allowed: list[Node], here: Counter[str]
    ) -> list[Node]:
        """Without preferences only the node just taken changes its rank, and one that refuses goes on refusing."""
        rank = [(0, self.total[node.name], node.index, node) for node in allowed]
        heapq.heapify(rank)
        placed: list[Node] = []
        for slot in range(1, service.at_once + 1):
            while rank and self.refusal(rank[0][3], service, here) is not None:
                heapq.heappop(rank)
            if not rank:
                self._tell(name, service, slot, allowed, here)
                return placed
            mine, total, index, node = rank[0]
            self.take(node, service, here)
            placed.append(node)
            heapq.heapreplace(rank, (mine + 1, total + 1, index, node))
        return placed

    def _tell(
        self, name: str, service: Service, slot: int, candidates: list[Node], here: Counter[str]
    ) -> None:
        """One problem in the swarm's own words: how many nodes, and why not."""
        reasons: Counter[str] = Counter()
        for node in candidates:
            reasons[self.refusal(node, service, here) or ""] += 1
        unmet = len(self.nodes) - len(candidates) if not service.is_global or not candidates else 0
        if unmet:
            reasons["scheduling constraints not satisfied"] = unmet
        told = "; ".join(f"{why} on {n} node{'s' if n != 1 else ''}" for why, n in reasons.items() if why)
        path: tuple[str, ...] = ("services", name)
        if unmet == len(self.nodes) and service.placement.constraints:
            path += ("placement",)
        self.problems.add(path, "NO_SUITABLE_NODE", f"a node for {name}.{slot}", f"no suitable node ({told})")
