"""Image pulls: transfers that share the registry's line and each node's card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from typing import TYPE_CHECKING

import simpy

from netsim.swarm.sharing import Job, Shared, level
from netsim.swarm.ways import RECEIVES

if TYPE_CHECKING:
    from netsim.swarm.world import Swarm

PS_PER_S = 10**12


class Pulls(Shared):
    """All pulls at once, max-min fair: each is a connection of equal weight on the registry's line, and those of one node
    together get no more than its card takes, or what a fault leaves of its link."""

    def __init__(self, swarm: Swarm) -> None:
        super().__init__(swarm.env)
        self.swarm = swarm
        self.rates = [node.nic.rate for node in swarm.model.nodes.values()]
        self._under_way: dict[tuple[int, str], simpy.Event] = {}

    def pull(self, node: int, image: str, size_bytes: int) -> Generator[simpy.Event, object, None]:
        """Wait until the node has the image. Who wants one that is already on its way waits for that
        (MB distribution/xfer: one transfer for all who watch it), and pulls it himself if it is given up."""
        while (transfer := self._under_way.get((node, image))) is not None:
            if (yield transfer):
                return
        over = self._under_way[node, image] = self.env.event()
        there = False
        try:
            yield from self.do(Job(node, float(size_bytes * 8 * PS_PER_S), float(self._most(node))))
            there = True
        finally:
            del self._under_way[node, image]
            over.succeed(there)

    def _most(self, node: int) -> int:
        left = int(self.swarm.ways.rate_bps[RECEIVES, node])
        return min(self.rates[node], left) if left else self.rates[node]

    def share(self) -> None:
        """Each pull's rate (bit/s)."""
        count = Counter(job.node for job in self.jobs.values())
        groups = [(float(pulls), float(self._most(node))) for node, pulls in count.items()]
        most = level(self.swarm.table.registry_rate_bps, groups)
        for job in self.jobs.values():
            job.speed = min(most, self._most(job.node) / count[job.node])
