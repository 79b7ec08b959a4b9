"""Streams of UDP datagrams: sockets that send in turn, and what becomes of what they sent.

A socket is one flow for all tables on the way: its first datagram makes the entries and lets a balancer choose, like a SYN, and
nothing comes back. It belongs to one thread, which sends one datagram after the other. At the other end a datagram waits in
the receive buffer of its task's socket until a worker takes it; what finds no room anywhere is lost, and nobody knows.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from netsim.datapath.udp import truesize_bytes
from netsim.engine.client import Client, Slot
from netsim.engine.connection import Connection
from netsim.engine.kernel import Key
from netsim.engine.keys import Tag, fold, name_key
from netsim.engine.machine import MTU
from netsim.engine.peer import Stage
from netsim.engine.recorder import Recorder
from netsim.engine.route import Route
from netsim.engine.span import Span
from netsim.engine.starts import Starts
from netsim.engine.unit import Split

if TYPE_CHECKING:
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

    def _arrive(self, index: int) -> None:
        socket = self.sockets[index % len(self.sockets)]
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

    def _ready(self, datagram: Datagram) -> str | None:
        """Its address is known and its entries are made, as far as that is done at the sender; or why not."""
        client, slot = self.client, self.slot
        if slot.conn is None:
            if slot.thread is None and client.make_thread is not None:
                slot.thread = client.make_thread()
            client.learn(datagram.key)  # its one lookup takes no time
            made = client.connect(slot)
            if isinstance(made, str):
                return made
            made.accepted = True
        conn = datagram.conn
        if conn.stage != Stage.IDLE:
            conn.choice.used()
        elif conn.choice.at_send:
            if conn.choice.choose() < 0:
                return conn.hindered()
            conn.ways = conn.choice.ways
        return None

    def _work(self, datagram: Datagram) -> None:
        conn, size = datagram.conn, self.stream.size
        first = conn.stage == Stage.IDLE
        if first and conn.choice.at_send:
            conn.stage = Stage.SERVED
        route = conn.ways.syn if first else conn.ways.request
        split: Split = {}

        def sent() -> None:
            datagram.span.take(split, "queue:cpu", self.stream.kernel.now)
            self._leave(datagram, route, first and not conn.choice.at_send)

        if self.slot.thread is None:
            self._leave(datagram, route, first and not conn.choice.at_send)
        else:
            conn.machine.run(self.slot.thread, self.client.node, route.send_cost(size), sent, split)

    def _leave(self, datagram: Datagram, route: Route, chooses: bool) -> None:
        """Out of the socket, and on to the next one."""
        self.waiting.popleft()
        conn = datagram.conn
        split: Split = {}

        def choose() -> Route | None:
            """An entry may be there since it left: then it is a packet like any other."""
            if conn.stage != Stage.IDLE:
                return conn.ways.request
            if conn.choice.choose() < 0:
                return None
            conn.ways, conn.stage = conn.choice.ways, Stage.SERVED
            return conn.ways.syn

        conn.machine.send(
            route,
            self.stream.size,
            fold(datagram.key, Tag.UNIT),
            lambda now: datagram.arrive(split, now),
            lambda now, where: datagram.lost(where),
            split,
            conn.hash,
            choose if chooses else None,
        )
        self._send()


class Datagram:
    """One datagram, up to the end of what its receiver does with it. To a server it is like a request."""

    __slots__ = ("socket", "key", "span", "number", "truesize_bytes", "request", "response", "tls", "fate")

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

    @property
    def conn(self) -> Connection:
        """The flow that it belongs to."""
        conn = self.socket.slot.conn
        assert conn is not None
        return conn

    def arrive(self, split: Split, now: int) -> None:
        """It is at the receiver's socket. The outside is done with it at once."""
        conn = self.conn
        self.span.take(split, "queue:other", now)
        if not conn.served:
            conn.choice.opened()
            conn.served = 1
        conn.server = server = conn.choice.server()
        if server is not None:
            self.truesize_bytes = truesize_bytes(self.request, server.node != self.socket.client.node)
        if server is None:
            self.end("completed")
        elif not server.listens:
            self.end("refused")
        elif not server.receive(self):
            self.end("buffer_full")

    def lost(self, where: str) -> None:
        """It was dropped at a station, or the tables did not take it."""
        if where == TABLES:
            self.end(self.conn.hindered())
        elif where == MTU:
            self.end("mtu")
        else:
            found = self.conn.machine.meters.get(where)
            ring = found is not None and found.record.kind == "nic_rx"
            self.end("ring_full" if ring else "queue_full")

    def end(self, fate: str) -> None:
        """Nothing more happens to it."""
        socket = self.socket
        stream = socket.stream
        now = stream.kernel.now
        if fate == "completed":
            self.span.fill("queue:other", now)
            if self.number >= 0:
                socket.latency_ps = stream.recorder.jittered(
                    socket.latency_ps, now - stream.recorder.pending[self.number]
                )
        stream.recorder.end(self.number, fate, stream.size, 1, self.span, now)
