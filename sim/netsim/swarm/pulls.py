"""Image pulls: transfers that share the registry's line and each node's link, that with the data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Generator
from typing import TYPE_CHECKING

import simpy

from netsim.picoseconds import PS_PER_S
from netsim.swarm.lines import Load
from netsim.swarm.sharing import Job, Shared, level
from netsim.swarm.ways import RECEIVES

if TYPE_CHECKING:
    from netsim.swarm.world import Swarm


class Pulls(Shared):
    """All pulls at once, max-min fair: each is a connection of equal weight on the registry's line, and those of one node
    together get no more than its card takes, or what a fault or the data leave of its link.

    ``load``: what the data's load is, if it is known; ``spans``: of each node, from when on (ps) its pulls took how much
    (bit/s).
    """

    def __init__(self, swarm: Swarm) -> None:
        super().__init__(swarm.env)
        self.swarm = swarm
        self.rates = [node.nic.rate for node in swarm.model.nodes.values()]
        self.load: Load | None = None
        self.spans: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self._told: dict[int, int] = {}
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

    def _line(self, node: int) -> int:
        """The rate of the link to a node (bit/s)."""
        left = int(self.swarm.ways.rate_bps[RECEIVES, node])
        return min(self.rates[node], left) if left else self.rates[node]

    def _most(self, node: int) -> int:
        """What the data leave of it: of a link that both want, each has its share at least."""
        line = self._line(node)
        data = None if self.load is None else self.load.received(self.env.now)
        return line if data is None else max(line - int(data[node]), self._own(line))

    def _own(self, line_bps: int) -> int:
        return max(1, round(line_bps * self.swarm.table.pull_share))

    def share(self) -> None:
        """Each pull's rate (bit/s)."""
        count = Counter(job.node for job in self.jobs.values())
        groups = [(float(pulls), float(self._most(node))) for node, pulls in count.items()]
        most = level(self.swarm.table.registry_rate_bps, groups)
        for job in self.jobs.values():
            job.speed = min(most, self._most(job.node) / count[job.node])

    def lasts(self) -> float:
        """What data leave is another in each gossip tick."""
        if self.load is None or not self.load.data_bps:
            return float("inf")
        return float(self.load.tick_ps - self.env.now % self.load.tick_ps)

    def _next(self) -> None:
        super()._next()
        total: dict[int, float] = defaultdict(float)
        for job in self.jobs.values():
            total[job.node] += job.speed
        for node in sorted(total.keys() | self._told.keys()):
            self._tell(node, total.get(node, 0.0))

    def _tell(self, node: int, rate_bps: float) -> None:
        """The data have so much less, but not less than their share; little is not heeded, nor are small changes."""
        line = self._line(node)
        least, before = line * self.swarm.table.heeded_share, self._told.get(node, 0)
        rate = round(rate_bps) if rate_bps >= least else 0
        if rate == before or (rate and before and abs(rate - before) < least):
            return
        self.spans[node].append((self.env.now, rate))
        if min(rate, self._own(line)) != min(before, self._own(line)):
            self.swarm.journal.background("pulls", len(self.rates) + node, min(rate, self._own(line)))
        if rate:
            self._told[node] = rate
        else:
            del self._told[node]

    def squeezed(self, load: Load) -> bool:
        """Whether data that came then would have left pulls less than they had."""
        for node, spans in self.spans.items():
            ends = [at for at, _ in spans[1:]] + [self.env.now]
            for (since, rate), until in zip(spans, ends, strict=True):
                least = self.rates[node] * self.swarm.table.heeded_share
                if rate and any(
                    rate + float(data[node]) > self.rates[node] + least for data in load.between(since, until)
                ):
                    return True
        return False
