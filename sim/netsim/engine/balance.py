"""Who answers a new connection: the entry in front of the swarm, then IPVS round robin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsim.datapath.flows.layout import FINE, NO_PORT, NOBODY, UNKNOWN
from netsim.datapath.reach import Reach, stands_for_node
from netsim.engine.border import Holder
from netsim.engine.holders import Holders, is_silent, refuses
from netsim.engine.kernel import Kernel
from netsim.engine.netstate import CAUSES, NetState
from netsim.engine.routes import RouteBook, Ways
from netsim.engine.streams import stream_key, uniform
from netsim.model.entities import OUTSIDE, Model

if TYPE_CHECKING:
    from netsim.engine.server import Server


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
        state: NetState,
    ) -> None:
        self.kernel = kernel
        self.model = model
        self.book = book
        self.servers = servers
        self.state = state
        self._entry_turn = 0
        self._entry_key = stream_key(seed, replication, OUTSIDE, "entry")
        self._entry_draws = 0
        self.out: set[str] = set()  # nodes that the entry does not use for new connections
        self.virtual = False  # whether the entry is an address that moves
        self.holders = Holders()

    def entry(self, nodes: tuple[str, ...], client: int) -> str | None:
        """The node by which a connection of outside client ``client`` enters; None if all are out."""
        if self.out:
            nodes = tuple(name for name in nodes if self._place(name) not in self.out)
        if not nodes:
            return None
        kind = self.model.outside.entry.chooses
        if kind == "first":
            return nodes[0]
        if kind == "source-hash":
            return nodes[int(uniform(self._entry_key, (1 << 40) + client) * len(nodes))]
        if kind == "random":
            self._entry_draws += 1
            return nodes[int(uniform(self._entry_key, self._entry_draws) * len(nodes))]
        self._entry_turn += 1
        return nodes[(self._entry_turn - 1) % len(nodes)]

    def ports(self, src: str, target: str, found: Reach) -> tuple[str, ...]:
        """Of the tasks with a port in mode host, those whose nodes the entry uses now, as far as its checks of the port say."""
        row = self.state.entries(target, found) if src == OUTSIDE else -1
        if row < 0:
            return found.candidates
        table, now = self.state.table, self.kernel.now
        count = table.count_offered(row, len(found.candidates), now)
        return tuple(
            found.candidates[table.offered_place(row, len(found.candidates), which)] for which in range(count)
        )

    def offers(self, target: str, found: Reach, task: str) -> bool:
        """Whether the outside uses the port of a task's node for new connections."""
        row = self.state.entries(target, found)
        listed = row < 0 or self.state.table.is_offered(row, found.candidates.index(task), self.kernel.now)
        return listed and self._place(task) not in self.out

    def _place(self, name: str) -> str:
        task = self.model.tasks.get(name)
        return name if task is None else task.node.name


class Choice:
    """The choices of one connection, made as its SYN reaches those who choose."""

    __slots__ = ("balancers", "client", "record", "src", "src_node", "target", "reach", "via", "dst", "ways", "first", "balanced",
                 "at_send", "at_node", "possible", "cause", "flow", "met", "udp", "holder")  # fmt: skip

    def __init__(
        self, balancers: Balancers, src: str, src_node: str, target: str, found: Reach, client: int, record: int = 0,
        udp: bool = False,
    ) -> None:  # fmt: skip
        """``found``: how the target is reached; ``client``: the number of the outside client; ``record``: which of the
        addresses DNS put first; ``udp``: of a stream of datagrams."""
        self.udp = udp
        self.balancers = balancers
        self.client = client
        self.record = record
        self.src = src
        self.src_node = src_node
        self.target = target
        self.reach = found
        self.balanced = found.balancer is not None
        self.possible = bool(found.candidates)
        self.via: str | None = balancers.entry(found.vias, client) if found.vias else None
        self.at_send = not self.balanced or found.kind == "vip"
        self.at_node = stands_for_node(balancers.model, found)
        self.cause = CAUSES[NOBODY]  # why it is not possible, or nobody was chosen
        self.flow = -1
        self.holder = Holder.TASK
        self.met = 0  # what the SYN met last
        self.dst: str | None = None
        self.ways: Ways
        self.first: Ways
        if self.possible:
            self.dst = found.candidates[record] if record >= 0 else None
            if found.vias and self.via is None:
                self.dst = None
            elif found.kind == "host" and found.balancer is None:
                self.dst = balancers.entry(balancers.ports(src, target, found), client)
            if self.dst is None:
                self.possible = False
                return
            self._lead(self.dst)
            self.first = self.ways
            self._begin()

    def _lead(self, task: str) -> None:
        """Where what is sent to a task's address goes, for all that the node knows that sends it."""
        where, found = self.via or self.src_node, self.reach
        self.dst, self.holder = self.balancers.holders.find(where, found.network, task)
        self.ways = self.balancers.book.ways(self.src, self.target, found, self.dst, self.via, self.udp)

    def _begin(self) -> None:
        """The client takes a port."""
        client = self.client
        state, found, where = self.balancers.state, self.reach, self.via or self.src_node
        assert self.dst is not None
        source = state.address(self.src, found.network)
        self.flow = state.table.begin(
            state.client(self.src, client), state.at(where, self.target, found, self.dst),
            source + client if self.src == OUTSIDE else source, state.balancer(where, self.target, found),
            state.ports(self.src_node), self.balancers.kernel.now,
        )  # fmt: skip
        if self.flow == NO_PORT:
            self.possible, self.cause = False, CAUSES[NO_PORT]

    def enter_anew(self) -> bool:
        """A SYN comes again: where the virtual address of the entry is now. False: no port is left."""
        balancers = self.balancers
        if not balancers.virtual or self.via not in balancers.out or self.flow < 0:
            return True
        via = balancers.entry(self.reach.vias, self.client)
        if via is None:
            return True
        balancers.state.table.end(self.flow, balancers.kernel.now)
        self.via, self.met = via, 0
        self._lead(self.reach.candidates[self.record])
        self._begin()
        return self.flow != NO_PORT

    def choose(self) -> int:
        """A SYN passes the tables: the balancer chooses, unless there is an entry already; conntrack and NAT make theirs.
        What it met (netsim.datapath.flows.layout): FINE, NOBODY to choose, or why it is dropped. Of a connection that
        was given up meanwhile nothing is left there: its SYN goes where it would have gone."""
        if self.flow < 0:
            return FINE
        state, now, table = self.balancers.state, self.balancers.kernel.now, self.balancers.state.table
        if self.balanced:
            self.met = place = table.choose(self.flow, now)
            if place < 0:
                return place
            self._lead(self.reach.candidates[place])
        assert self.dst is not None
        met = self.ways.passed
        self.met = (table.pass_datagram if self.udp else table.pass_tables)(
            self.flow,
            state.namespaces(met, self.dst, self.reach.network),
            state.space(met, self.reach, self.dst),
            now,
        )
        return self.met

    def meet(self) -> int:
        """A datagram passes the tables: FINE if its entries led it on, UNKNOWN if it had none and made them, or why it is dropped.
        Of a socket that was closed meanwhile nothing is left: what it sent goes where it would have gone."""
        if self.flow < 0:
            return FINE
        found = self.balancers.state.table.meet(self.flow, self.balancers.kernel.now)
        if found == UNKNOWN:
            met = self.choose()
            return UNKNOWN if met == FINE else met
        self.met = found
        return found

    def left(self) -> bool:
        """Whether the entry in front of the swarm uses its node, or the port on it, for nothing new any more."""
        if self.src != OUTSIDE:
            return False
        if self.via is not None:
            return self.via in self.balancers.out
        if self.reach.kind != "host" or self.balanced or self.dst is None:
            return False
        return not self.balancers.offers(self.target, self.reach, self.dst)

    def hindered(self) -> str:
        """What kept the last SYN from getting through; empty if nothing of the tables."""
        return CAUSES.get(self.met, "")

    def server(self) -> Server | None:
        """Who answers; None for the outside."""
        return self.balancers.servers.get(self.dst or "")

    def silent(self) -> bool:
        """Whether nobody has the address that a packet goes to."""
        return is_silent(self.holder, self.server(), self.at_node)

    def refuses(self) -> bool:
        """Whether the kernel that has the address has no socket that listens."""
        return refuses(self.holder, self.server())

    def opened(self) -> None:
        """The SYN got through."""
        self.balancers.state.table.answered(self.flow, self.balancers.kernel.now)

    def used(self) -> bool:
        """A packet of an open connection comes. False: no entry knows it."""
        return self.flow < 0 or self.balancers.state.table.use(self.flow, self.balancers.kernel.now)

    def refused(self) -> None:
        """The SYN was answered with RST."""
        if self.flow >= 0:
            self.balancers.state.table.refused(self.flow, self.balancers.kernel.now)

    def reset(self) -> None:
        """What came for the open connection was answered with RST."""
        if self.flow >= 0:
            self.balancers.state.table.reset(self.flow, self.balancers.kernel.now)

    def closed(self, by_server: bool) -> None:
        """It ended; ``by_server``: the server closed first."""
        if self.flow < 0:
            return
        self.balancers.state.table.end(self.flow, self.balancers.kernel.now, by_server)
        self.flow = -1
