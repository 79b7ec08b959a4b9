"""Who asks: connection pools, attempts with time-outs, retries."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from netsim.datapath.choices import choices
from netsim.datapath.congestion.registry import number
from netsim.datapath.dns import Asking, asking, dns_table, looks_up, picks
from netsim.datapath.reach import Reach
from netsim.engine.balance import Choice
from netsim.engine.connection import Connection, Handshake, Party
from netsim.engine.cpu import Thread
from netsim.engine.kernel import Key, Phase
from netsim.engine.keys import Tag, fold, name_key
from netsim.engine.lookup import RECORD, Lookup
from netsim.engine.machine import Split
from netsim.engine.peer import Cut, Peer, Stage
from netsim.engine.span import Span
from netsim.engine.streams import stream_key, uniform
from netsim.engine.transfer import Transfer, message_cost

if TYPE_CHECKING:
    from netsim.engine.world import World
    from netsim.scenario.schema_work import Connection as ConnectionSpec
    from netsim.scenario.schema_work import Retries


Done = Callable[[str, Span, int], None]  # fate, span, attempts
BACKOFF = name_key("backoff")

REFUSAL_PS = 50_000_000  # an idle node's answer that nobody is there: 50 us


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
    """What ends when a client's process does: an attempt of a request, or a bulk flow."""

    slot: Slot | None

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
        self.live: dict[Live, None] = {}
        #: The networks by which it can go; by which new connections go now, and by which once its name is looked up again.
        self.networks = choices(world.model, source, ask.target)
        self.network = self.answer = self.networks[0]
        self.cuts = dict.fromkeys(self.networks, Cut(0))
        world.clients.append(self)

    def kill(self) -> None:
        """Its process has ended: nobody waits any more, and its connections are gone."""
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

    def start(self, key: Key, done: Done) -> None:
        """One request; ``done(fate, span, attempts)`` at its end, retries included."""
        Request(self, key, done).attempt()

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

    def learn(self, key: Key) -> bool:
        """The client knows the addresses; False if there is none."""
        self.network = self.answer
        reach = self.reach(self.network)
        found = reach.candidates
        self._record = 0
        if self.asked is not None and picks(reach):
            self._record = int(self.world.draws.uniform(key, RECORD) * len(found))
        self._known_until = self.kernel.now + dns_table().ttl_ps if found else -1 << 62
        return bool(found)

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


class Request:
    """A request with all its attempts; its span runs from the first attempt's start."""

    __slots__ = ("client", "key", "done", "span", "tries")

    def __init__(self, client: Client, key: Key, done: Done) -> None:
        self.client = client
        self.key = key
        self.done = done
        self.span = Span(client.kernel.now)
        self.tries = 0

    def attempt(self) -> None:
        """One more attempt."""
        self.tries += 1
        Exchange(self, fold(self.key, Tag.ATTEMPT, self.tries)).begin()

    def ended(self, fate: str, span: Span) -> None:
        """An attempt ended."""
        now, retries = self.client.kernel.now, self.client.ask.retries
        if fate == "completed":
            self.span.take(span.parts, "queue:other", now)
            self.done(fate, self.span, self.tries)
            return
        self.span.fill("retry", now)
        if self.tries > retries.max:
            self.done(fate, self.span, self.tries)
            return
        wait = retries.backoff << min(self.tries - 1, 20)
        if retries.jitter and wait:
            chance = self.client.world.draws.uniform(self.key, BACKOFF, self.tries)
            wait = round(wait * (1 - retries.jitter * chance))
        if wait <= 0:
            self._retry()
        else:
            self.client.kernel.at(
                now + wait, Phase.TIMEOUT, fold(self.key, Tag.RETRY, self.tries), self._retry
            )

    def _retry(self) -> None:
        if self.client.dead:
            self.abandon()
            return
        self.span.fill("retry", self.client.kernel.now)
        self.attempt()

    def abandon(self) -> None:
        """Who asked is gone."""
        self.span.fill("retry", self.client.kernel.now)
        self.done("reset", self.span, self.tries)


class Exchange:
    """One attempt: a connection, the request, the answer. ``over``: the client has stopped waiting."""

    __slots__ = ("owner", "client", "key", "span", "slot", "over", "fate", "request", "response",
                 "tls", "looking")  # fmt: skip

    def __init__(self, owner: Request, key: Key) -> None:
        self.owner = owner
        self.client = owner.client
        self.key = key
        self.span = Span(owner.client.kernel.now)
        self.slot: Slot | None = None
        self.over = False
        self.fate = "completed"
        ask = owner.client.ask
        self.request = ask.request
        self.response = ask.response
        self.tls = ask.connection.tls
        self.looking = False

    @property
    def conn(self) -> Connection:
        """The connection in use."""
        assert self.slot is not None and self.slot.conn is not None
        return self.slot.conn

    def begin(self) -> None:
        """Set the clock that gives up, and ask for a connection."""
        self.client.live[self] = None
        timeout = self.client.ask.timeout
        if timeout is not None:
            at = self.client.kernel.now + timeout
            self.client.kernel.at(at, Phase.TIMEOUT, fold(self.key, Tag.TIMEOUT), self._timed_out)
        self.client.acquire(self)

    def with_slot(self, slot: Slot) -> None:
        """There is a place for a connection."""
        now = self.client.kernel.now
        self.slot = slot
        self.span.fill("queue:connection", now)
        conn, spec = slot.conn, self.client.ask.connection
        if conn is not None and spec.idle is not None and now - conn.last_ps > spec.idle:
            conn.close()
        if conn is not None and conn.closed:
            slot.conn = None
        if slot.conn is not None:
            slot.conn.user = self.broken
            if slot.conn.choice.used():
                self._send()
            else:
                at = now + max(1, slot.conn.srtt_ps)
                self.client.kernel.at(at, Phase.TIMEOUT, fold(self.key, Tag.RESET), self.broken, "reset")
            return
        if self.client.knows_name():
            self._connect()
            return
        asked, thread = self.client.asked, slot.thread
        assert asked is not None and thread is not None
        self.looking = True
        lookup = Lookup(self, asked, thread, lambda: self._looked_up(lookup))
        lookup.start()

    def _looked_up(self, lookup: Lookup) -> None:
        if self.over:
            return
        self.looking = False
        if lookup.raced < dns_table().tries and self.client.answered(self.key):
            self._connect()
        else:
            self.broken("dns")

    def _connect(self) -> None:
        """The address is known."""
        assert self.slot is not None
        now = self.client.kernel.now
        made = self.client.connect(self.slot)
        if isinstance(made, str):
            at = now + REFUSAL_PS
            self.client.kernel.at(at, Phase.TIMEOUT, fold(self.key, Tag.REFUSAL), self.broken, made)
            return
        made.user = self.broken
        Handshake(made, self._party(), self.key, self.span, self.tls, self._send, self.broken).start()

    def _party(self) -> Party:
        assert self.slot is not None
        tls = self.client.world.tls_handshake_ps(self.client.node) if self.tls else 0
        return Party(self.client.node, self.slot.thread, tls)

    def _send(self) -> None:
        """Write the request."""
        conn = self.conn
        transfer = Transfer(
            conn, False, self.request, fold(self.key, Tag.REQUEST), self._arrived, self.broken
        )
        party = self._party()
        if party.thread is None:
            transfer.start()
            return
        if self.request > conn.tcp.send_buffer_bytes:
            transfer.sender = party
            transfer.start()
            return
        self._work(message_cost(conn.ways.request, self.request, conn.tcp.unit_bytes, True), transfer.start)

    def _work(self, work: list[tuple[str, int]], then: Callable[[], None]) -> None:
        party = self._party()
        split: Split = {}
        conn = self.conn
        assert party.thread is not None

        def finished() -> None:
            self.span.take(split, "queue:cpu", self.client.kernel.now)
            if not conn.closed:
                then()

        self.client.world.machine.run(party.thread, party.node, work, finished, split)

    def _arrived(self, split: Split, now: int) -> None:
        """The whole request is at the server. The outside answers at once."""
        conn = self.conn
        self.span.take(split, "queue:tcp_window", now)
        if conn.server is not None:
            conn.server.serve(self)
        else:
            Transfer(
                conn, True, self.response, fold(self.key, Tag.ANSWER), self.answered, self.broken
            ).start()

    def answered(self, split: Split, now: int) -> None:
        """The whole answer is at the client's node."""
        if self.over:
            return
        conn = self.conn
        self.span.take(split, "queue:tcp_window", now)
        conn.last_ps = now
        conn.choice.used()
        party = self._party()
        if party.thread is None:
            self._end(self.fate, True)
            return
        size = self.response if self.fate == "completed" else 0
        work = message_cost(conn.ways.reply, size, conn.tcp.unit_bytes, False)
        if self.tls:
            work.append(("tls.record", self.client.world.tls_record_ps(party.node, self.request + size)))
        self._work(work, lambda: self._end(self.fate, True))

    def broken(self, cause: str) -> None:
        """The connection cannot be opened or was given up."""
        if not self.over:
            self._end(cause)

    def _timed_out(self) -> None:
        if self.over:
            return
        cause = ""
        if self.slot is not None and self.slot.conn is not None:
            cause = self.conn.hindered() if self.conn.server is None else ""
            cause = cause or self.conn.gave_up()
        self._end(cause or "timeout")

    def abandon(self) -> None:
        """Who waits for it is gone, with its end of the connection."""
        self.over = True
        if self.slot is not None and self.slot.conn is not None:
            self.slot.conn.user = None
            self.slot.conn.close()
        self.owner.abandon()

    def _end(self, fate: str, answered: bool = False) -> None:
        """The client stops waiting; ``answered``: since the whole answer is there, whatever it says."""
        if self.over:
            return
        self.over = True
        self.client.live.pop(self, None)
        slot = self.slot
        if slot is not None:
            keep = answered and not self.conn.closed
            detached = slot.conn
            if not keep and (detached is not None or self.looking):
                if detached is not None:
                    detached.close()
                # The old connection's thread may still be at work for it.
                make = self.client.make_thread
                fresh = Slot(slot.number, make() if make is not None else None)
                self.client.release(fresh, False)
            else:
                self.client.release(slot, keep)
        self.owner.ended(fate, self.span)
