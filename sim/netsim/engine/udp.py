"""Streams of UDP datagrams: sockets that send in turn, and what becomes of what they sent.

A socket is one flow for all tables on the way: its first datagram makes the entries and lets a balancer choose, like a SYN, and
nothing comes back. Every other one goes where the entries lead (`netsim.datapath.flows.datagrams`), which may be a task that is
gone. It belongs to one thread, which sends one datagram after the other. At the other end a datagram waits in
the receive buffer of its task's socket until a worker takes it; what finds no room anywhere is lost, and nobody knows.

The name is looked up once: a socket keeps its address. What a client outside sends to a node that the entry does not use any more
goes on as a new flow by another node, since that is what a proxy in front of a swarm does.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from netsim.datapath.flows.layout import UNKNOWN
from netsim.datapath.udp import truesize_bytes
from netsim.engine.border import Holder
from netsim.engine.client import Client, Slot
from netsim.engine.connection import Connection
from netsim.engine.holders import is_silent, refuses
from netsim.engine.kernel import Key
from netsim.engine.keys import Tag, fold, name_key
from netsim.engine.machine import AWAY, MTU, POWER, WIRE
from netsim.engine.peer import Cut, Stage
from netsim.engine.recorder import Recorder
from netsim.engine.route import Route
from netsim.engine.routes import Ways
from netsim.engine.span import Span
from netsim.engine.starts import Starts
from netsim.engine.unit import Split

if TYPE_CHECKING:
    from netsim.engine.server import Server
    from netsim.engine.world import World

TABLES = "ipvs"  # where `netsim.engine.machine.Machine.send` drops what the tables do not take


class Stream:
    """One workload of datagrams."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.kernel = world.kernel
        self.name = name
        self.key = name_key(name)
        self.load = load = world.scenario.load[name]
        assert load.arrivals is not None and load.datagram is not None
        self.size = load.datagram
        self.recorder = Recorder(world.tally, name)
        self.clients: list[Client] = world.sources(name)
        self.sockets = [
            Socket(self, self.clients[flow % len(self.clients)], flow)
            for flow in range(load.flows if self.clients else 0)
        ]

    def start(self) -> None:
        """Queue the first datagram; a service without tasks sends none."""
        if self.sockets:
            Starts(self.world, self.name, self._arrive).queue()

    def stand(self) -> None:
        """Its clients are others now: new ones open sockets of their own."""
        for flow, socket in enumerate(self.sockets):
            client = self.clients[flow % len(self.clients)]
            if socket.client is not client:
                self.sockets[flow] = Socket(self, client, flow)

    def _arrive(self, index: int) -> None:
        socket = self.sockets[index % len(self.sockets)]
        if socket.client.dead:
            return
        socket.put(Datagram(socket, fold(self.key, Tag.ARRIVAL, index)))


class Socket:
    """One socket that sends: its flow (a `Connection` without handshake), its thread, and what waits for that."""

    __slots__ = ("stream", "client", "slot", "waiting", "latency_ps")

    def __init__(self, stream: Stream, client: Client, number: int) -> None:
        self.stream = stream
        self.client = client
        self.slot = Slot(number + 1, None)
        self.waiting: deque[Datagram] = deque()
        self.latency_ps = -1  # of the last one that its receiver was done with

    def put(self, datagram: Datagram) -> None:
        """One more to send."""
        self.waiting.append(datagram)
        if len(self.waiting) == 1:
            self._send()

    def _send(self) -> None:
        """The thread takes the first one that waits."""
        while self.waiting:
            datagram = self.waiting[0]
            datagram.span.fill("queue:connection", self.stream.kernel.now)
            cause = self._ready(datagram)
            if cause is None:
                self._work(datagram)
                return
            self.waiting.popleft()
            datagram.end(cause)

    def abandon(self) -> None:
        """Its process has ended: what it has not sent is lost, and its flow is nobody's."""
        waiting, self.waiting = self.waiting, deque()
        conn, self.slot = self.slot.conn, Slot(self.slot.number, None)
        self.latency_ps = -1
        if conn is not None:
            conn.close()
        for datagram in waiting:
            datagram.end("reset")

    def _open(self, key: Key) -> str | None:
        """Look up the name, which takes no time, and make a flow; or why there is none."""
        client, slot = self.client, self.slot
        if slot.thread is None and client.make_thread is not None:
            slot.thread = client.make_thread()
        client.live[self] = None
        if client.asked is not None and not client.answered(key):
            return "dns"
        made = client.connect(slot)
        if isinstance(made, str):
            return made
        made.accepted = True
        return None

    def _ready(self, datagram: Datagram) -> str | None:
        """Its address is known and its entries are made, as far as that is done at the sender; or why not."""
        slot = self.slot
        if slot.conn is not None and slot.conn.choice.left():
            slot.conn.close()
            slot.conn = None
        failed = self._open(datagram.key) if slot.conn is None else None
        if failed is not None or slot.conn is None:
            return failed
        conn = slot.conn
        datagram.first = conn.stage == Stage.IDLE
        if conn.choice.at_send:
            met = conn.choice.meet()
            if met < 0:
                return conn.hindered() or "timeout"
            datagram.first = met == UNKNOWN
            conn.stage = Stage.SERVED
        datagram.go(conn)
        return None

    def _work(self, datagram: Datagram) -> None:
        conn = datagram.conn
        route = datagram.ways.syn if datagram.first else datagram.ways.request
        split: Split = {}

        def sent() -> None:
            datagram.span.take(split, "queue:cpu", self.stream.kernel.now)
            self._leave(datagram, route)

        if self.slot.thread is None:
            self._leave(datagram, route)
        else:
            cost = route.send_cost(self.stream.size)
            conn.machine.run(self.slot.thread, self.client.node, cost, sent, split)

    def _leave(self, datagram: Datagram, route: Route) -> None:
        """Out of the socket, and on to the next one."""
        self.waiting.popleft()
        conn = datagram.conn
        split: Split = {}

        def choose() -> Route | None:
            """The node's tables are met when it comes to them."""
            met = conn.choice.meet()
            if met < 0:
                return None
            conn.stage = Stage.SERVED
            datagram.go(conn)
            return datagram.ways.syn if met == UNKNOWN else datagram.ways.request

        conn.machine.send(
            route,
            self.stream.size,
            fold(datagram.key, Tag.UNIT),
            lambda now: datagram.arrive(split, now),
            lambda now, where: datagram.lost(where),
            split,
            conn.hash,
            None if conn.choice.at_send else choose,
        )
        self._send()


class Datagram:
    """One datagram, up to the end of what its receiver does with it. To a server it is like a request."""

    __slots__ = ("socket", "key", "span", "number", "truesize_bytes", "request", "response", "tls", "fate", "conn", "ways",
                 "server", "holder", "first")  # fmt: skip

    conn: Connection  # the flow that it belongs to
    ways: Ways

    def __init__(self, socket: Socket, key: Key) -> None:
        stream = socket.stream
        self.socket = socket
        self.key = key
        self.span = Span(stream.kernel.now)
        self.number = stream.recorder.begin(stream.kernel.now)
        self.truesize_bytes = 0  # what it is charged with, once it is at a socket
        self.request = stream.size
        self.response = 0
        self.tls = False
        self.fate = "completed"
        self.server: Server | None = None  # to whom it goes
        self.holder = Holder.TASK
        self.first = False  # nobody knows its flow

    def go(self, conn: Connection) -> None:
        """It goes where its flow leads now."""
        self.conn = conn
        conn.ways = self.ways = conn.choice.ways
        self.server, self.holder = conn.choice.server(), conn.choice.holder

    def arrive(self, split: Split, now: int) -> None:
        """It is at the receiver's socket. The outside is done with it at once."""
        conn, server = self.conn, self.server
        self.span.take(split, "queue:other", now)
        if is_silent(self.holder, server, conn.choice.at_node) or conn.cut & Cut.PACKETS:
            self.end("timeout")
        elif server is None:
            self.end("completed")
        elif refuses(self.holder, server) or conn.cut & Cut.PORT:
            self.end("refused")
        else:
            self.truesize_bytes = truesize_bytes(self.request, server.node != self.socket.client.node)
            if not server.receive(self):
                self.end("buffer_full")

    def lost(self, where: str) -> None:
        """It was dropped at a station, the tables did not take it, or nobody was there."""
        if where == TABLES:
            self.end(self.conn.hindered() or "timeout")
        elif where == MTU:
            self.end("mtu")
        elif where in (AWAY, POWER, WIRE):
            self.end("timeout")
        else:
            ring = self.conn.machine.meters[where].record.kind == "nic_rx"
            self.end("ring_full" if ring else "queue_full")

    def end(self, fate: str) -> None:
        """Nothing more happens to it."""
        socket = self.socket
        if self.server is not None:
            self.server.held.pop(self, None)
        stream = socket.stream
        now = stream.kernel.now
        if fate == "completed":
            self.span.fill("queue:other", now)
            if self.number >= 0:
                socket.latency_ps = stream.recorder.jittered(
                    socket.latency_ps, now - stream.recorder.pending[self.number]
                )
        stream.recorder.end(self.number, fate, stream.size, 1, self.span, now)
