"""Who asks: one source of requests with its pool of connections; what it asks is in `netsim.engine.exchange`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from netsim.datapath.choices import choices
from netsim.datapath.congestion.registry import number
from netsim.datapath.dns import Asking, asking, dns_table, looks_up, records_of
from netsim.datapath.reach import Reach
from netsim.engine.balance import Choice
from netsim.engine.connection import Connection
from netsim.engine.cpu import Thread
from netsim.engine.kernel import Key
from netsim.engine.keys import Tag, fold
from netsim.engine.lookup import RECORD
from netsim.engine.peer import Cut, Peer, Stage
from netsim.engine.streams import stream_key, uniform

if TYPE_CHECKING:
    from netsim.engine.exchange import Exchange
    from netsim.engine.world import World
    from netsim.scenario.schema_work import Connection as ConnectionSpec
    from netsim.scenario.schema_work import Retries


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked. Sizes in bytes, times in ps."""

    target: str
    request: int
    response: int
    connection: ConnectionSpec
    timeout: int | None
    retries: Retries
    cache: bool = False  # answers of DNS are kept
    udp: bool = False  # datagrams


class Slot:
    """A place for one connection and the client's thread that uses it."""

    __slots__ = ("number", "conn", "thread", "opened")

    def __init__(self, number: int, thread: Thread | None) -> None:
        self.number = number
        self.conn: Connection | None = None
        self.thread = thread
        self.opened = 0


class Live(Protocol):
    """What ends when a client's process does: an attempt of a request, a bulk flow, or a socket that sends datagrams."""

    @property
    def slot(self) -> Slot | None:
        """Its place, if it has one."""

    def abandon(self) -> None:
        """Who waits for it is gone."""


class Client:
    """One source of requests: the outside, or one task, asking one target."""

    def __init__(
        self, world: World, name: str, source: str, node: str, ask: Ask, thread: Callable[[], Thread] | None,
        *, pool: int, count: int = 1, parallel: bool = False, clients: int = 1,
    ) -> None:  # fmt: skip
        self.world = world
        self.kernel = world.kernel
        self.name = name
        self.source = source
        self.node = node
        self.ask = ask
        self.make_thread = thread
        self.count = count
        self.parallel = parallel
        self.clients = clients
        self._made = 0
        self._pooled = ask.connection.kind == "pool"
        self._free: deque[Slot] = deque()
        self.limit = pool
        self._queue: deque[Exchange] = deque()
        self._hash_key = stream_key(world.draws.seed, world.draws.replication, name, "flow")
        self._flows = 0
        self.control = number(ask.connection.congestion)
        self.asked: Asking | None = asking(
            world.model, world.book.reach(source, ask.target), source, ask.target
        )
        self._record = 0
        self._known_until = -1 << 62
        self.dead = False  # its process has ended, or its node has no power
        self.life = 0  # how often it has
        self.live: dict[Live, None] = {}
        #: The networks by which it can go; by which new connections go now, and by which once its name is looked up again.
        self.networks = choices(world.model, source, ask.target)
        self.network = self.answer = self.networks[0]
        self.cuts = dict.fromkeys(self.networks, Cut(0))
        world.clients.append(self)

    def kill(self) -> None:
        """Its process has ended: nobody waits any more, and its connections are gone."""
        self.life += not self.dead
        self.dead = True
        for slot in self._free:
            if slot.conn is not None:
                slot.conn.close()
        live, self.live = list(self.live), {}
        for exchange in live:
            if exchange.slot is not None:
                self._made -= 1
            exchange.abandon()

    def connections(self) -> Iterator[Connection]:
        """Those that it has, open or opening."""
        used = (live.slot for live in self.live)
        for slot in (*self._free, *(slot for slot in used if slot is not None)):
            if slot.conn is not None and not slot.conn.closed:
                yield slot.conn

    def acquire(self, exchange: Exchange) -> None:
        """Call ``exchange.with_slot`` as soon as there is a connection to use.

        The connection that rested longest is taken first, and all of the pool's get used.
        """
        if self._pooled and self._made >= self.limit and not self._free:
            self._queue.append(exchange)
            return
        if self._free and (self._made >= self.limit or not self._pooled):
            exchange.with_slot(self._free.popleft())
            return
        self._made += 1
        thread = self.make_thread() if self.make_thread is not None else None
        exchange.with_slot(Slot(self._made, thread))

    def release(self, slot: Slot, keep: bool) -> None:
        """The exchange is over; ``keep``: its connection may be used again."""
        conn, spec = slot.conn, self.ask.connection
        if conn is not None:
            conn.served += 1
            conn.user, conn.stage = None, Stage.IDLE
            stays = keep and self._pooled and conn.peer == Peer.ALIVE
            if not stays or (spec.requests is not None and conn.served >= spec.requests):
                conn.close()
                slot.conn = None
        while self._queue:
            exchange = self._queue.popleft()
            if not exchange.over:
                exchange.with_slot(slot)
                return
        self._free.append(slot)

    def reach(self, network: str) -> Reach:
        """How it reaches its target by one of its networks."""
        by = None if network == self.networks[0] else network
        return self.world.book.reach(self.source, self.ask.target, by)

    def moved(self, network: str) -> None:
        """Where the target is found is another network from now on; who looks up its name learns that with the next answer."""
        self.answer = network
        if not looks_up(self.reach(network)):
            self.network = network

    def knows_name(self) -> bool:
        """Whether the name needs no query: there is none, or its last answer is kept."""
        return self.asked is None or (self.ask.cache and self.kernel.now < self._known_until)

    def answered(self, key: Key) -> bool:
        """DNS answered a query made for ``key``, in random order; False if the name has no address, or not here."""
        return not self.cuts[self.answer] & Cut.DNS and self.learn(key)

    def records(self) -> int:
        """How many addresses its name has now, in the engine of its node."""
        found, state = self.reach(self.answer), self.world.state
        row = -1 if self.asked is None else state.names(self.node, self.ask.target, found)
        if row < 0:
            return records_of(found)
        if found.balancer is not None:
            return state.table.has_name(row, self.kernel.now)
        return state.table.count_offered(row, len(found.candidates), self.kernel.now)

    def learn(self, key: Key) -> bool:
        """The client knows the addresses, and takes the first one; False if there is none."""
        self.network = self.answer
        found, state, count = self.reach(self.network), self.world.state, self.records()
        self._record = 0
        if self.asked is not None and found.balancer is None:
            self._record = int(self.world.draws.uniform(key, RECORD) * count)
            row = state.names(self.node, self.ask.target, found)
            if row >= 0:
                self._record = state.table.offered_place(row, len(found.candidates), self._record)
        self._known_until = self.kernel.now + dns_table().ttl_ps if count else -1 << 62
        return count > 0

    def connect(self, slot: Slot) -> Connection | str:
        """A new connection for the slot, not open yet, or why there can be none."""
        self._flows += 1
        client = (slot.number - 1) % self.clients
        found = self.reach(self.network)
        choice = Choice(
            self.world.balancers,
            self.source,
            self.node,
            self.ask.target,
            found,
            client,
            self._record,
            self.ask.udp,
        )
        if not choice.possible:
            return choice.cause
        hash_ = int(uniform(self._hash_key, self._flows) * (1 << 31))
        key = fold(self._hash_key, Tag.RESET, self._flows)
        slot.conn = Connection(
            self.kernel, self.world.machine, self.world.tcp, choice, hash_, key, self.control
        )
        slot.conn.client = self
        return slot.conn
