"""Who answers a new connection: the entry in front of the swarm, then IPVS round robin."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from netsim.engine.kernel import Kernel
from netsim.engine.routes import RouteBook, Ways
from netsim.engine.streams import stream_key, uniform
from netsim.model.entities import OUTSIDE, Model

if TYPE_CHECKING:
    from netsim.engine.server import Server


class Conntrack:
    """Entries of each node's connection tracking: open connections and those in TIME_WAIT."""

    def __init__(self, time_wait_ps: int) -> None:
        self.time_wait_ps = time_wait_ps
        self.count: dict[str, int] = {}
        self.peak: dict[str, int] = {}
        self._ending: deque[tuple[int, tuple[str, ...]]] = deque()

    def add(self, nodes: tuple[str, ...], now: int) -> None:
        """A connection passed these nodes' tables (a node occurs as often as it has entries)."""
        while self._ending and self._ending[0][0] <= now:
            for node in self._ending.popleft()[1]:
                self.count[node] -= 1
        for node in nodes:
            count = self.count[node] = self.count.get(node, 0) + 1
            if count > self.peak.get(node, 0):
                self.peak[node] = count

    def end(self, nodes: tuple[str, ...], now: int) -> None:
        """It was closed; its entries stay in TIME_WAIT."""
        self._ending.append((now + self.time_wait_ps, nodes))


class Balancers:
    """The state that choices leave behind: IPVS pointers and the entry's turn."""

    def __init__(
        self,
        kernel: Kernel,
        model: Model,
        book: RouteBook,
        servers: dict[str, Server],
        seed: int,
        replication: int,
        conntrack: Conntrack,
    ) -> None:
        self.kernel = kernel
        self.model = model
        self.book = book
        self.servers = servers
        self.conntrack = conntrack
        self._pointer: dict[tuple[str, str], int] = {}
        self._entry_turn = 0
        self._entry_key = stream_key(seed, replication, OUTSIDE, "entry")
        self._entry_draws = 0
        self.out: set[str] = set()  # nodes that the entry does not use for new connections

    def entry(self, nodes: tuple[str, ...], client: int) -> str | None:
        """The node by which a connection of outside client ``client`` enters; None if all are out."""
        if self.out:
            nodes = tuple(name for name in nodes if self._place(name) not in self.out)
        if not nodes:
            return None
        kind = self.model.outside.entry.choose
        if kind == "first":
            return nodes[0]
        if kind == "source-hash":
            return nodes[int(uniform(self._entry_key, (1 << 40) + client) * len(nodes))]
        if kind == "random":
            self._entry_draws += 1
            return nodes[int(uniform(self._entry_key, self._entry_draws) * len(nodes))]
        self._entry_turn += 1
        return nodes[(self._entry_turn - 1) % len(nodes)]

    def _place(self, name: str) -> str:
        task = self.model.tasks.get(name)
        return name if task is None else task.node.name

    def next(self, balancer: tuple[str, str], candidates: tuple[str, ...]) -> str | None:
        """IPVS rr: the one after the last chosen, in the list's order (net/netfilter/ipvs/ip_vs_rr.c)."""
        if not candidates:
            return None
        index = self._pointer.get(balancer, -1) + 1
        if index >= len(candidates):
            index = 0
        self._pointer[balancer] = index
        return candidates[index]


class Choice:
    """The choices of one connection, made as its SYN reaches those who choose."""

    __slots__ = ("balancers", "src", "src_node", "target", "reach", "via", "dst", "ways", "first", "balanced",
                 "at_send", "possible", "chosen", "tracked")  # fmt: skip

    def __init__(self, balancers: Balancers, src: str, src_node: str, target: str, client: int) -> None:
        found = balancers.book.reach(src, target)
        self.balancers = balancers
        self.src = src
        self.src_node = src_node
        self.target = target
        self.reach = found
        self.balanced = found.balancer is not None
        self.possible = bool(found.candidates)
        self.via: str | None = balancers.entry(found.vias, client) if found.vias else None
        self.at_send = not self.balanced or found.kind == "vip"
        self.chosen = False
        self.dst: str | None = None
        self.ways: Ways
        self.first: Ways
        self.tracked: tuple[str, ...] = ()
        if self.possible:
            self.dst = found.candidates[0]
            if found.vias and self.via is None:
                self.dst = None
            elif found.kind == "host" and found.balancer is None:
                self.dst = balancers.entry(found.candidates, client)
            if self.dst is None:
                self.possible = False
                return
            self.first = self.ways = balancers.book.ways(src, target, self.dst, self.via)

    def choose(self) -> bool:
        """Let the balancer choose; False if there is nobody to choose. A SYN that comes again meets the entry
        that the first one left in IPVS's table, and goes to the same back end."""
        if self.balanced and not self.chosen:
            where = self.via or self.src_node
            self.dst = self.balancers.next((where, self.target), self.reach.candidates)
            if self.dst is None:
                return False
            self.chosen = True
            self.ways = self.balancers.book.ways(self.src, self.target, self.dst, self.via)
        return True

    def server(self) -> Server | None:
        """Who answers; None for the outside."""
        return self.balancers.servers.get(self.dst or "")

    def opened(self) -> None:
        """The SYN got through: every table on its way has an entry."""
        path = self.ways.syn.path.stages
        self.tracked = tuple(stage.node for stage in path if stage.stage == "conntrack.new")
        self.balancers.conntrack.add(self.tracked, self.balancers.kernel.now)

    def closed(self) -> None:
        """It ended."""
        if self.tracked:
            self.balancers.conntrack.end(self.tracked, self.balancers.kernel.now)
            self.tracked = ()
