"""The workloads of a run: open and closed loops of requests, and bulk transfers."""

from __future__ import annotations

from netsim.engine.client import Client, Slot
from netsim.engine.connection import Connection, Handshake, Party
from netsim.engine.exchange import Request
from netsim.engine.kernel import Key, Phase
from netsim.engine.keys import Tag, fold, name_key
from netsim.engine.recorder import Recorder
from netsim.engine.span import Span
from netsim.engine.starts import Starts
from netsim.engine.transfer import Transfer
from netsim.engine.unit import Split
from netsim.engine.world import World

THINK = name_key("think")
GONE_PS = 10**12  # how long a user whose task or node is gone waits besides thinking, before it looks again


class Requests:
    """Requests of one workload, from its arrivals or its users."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.kernel = world.kernel
        self.name = name
        self.key = name_key(name)
        self.load = world.scenario.load[name]
        self.recorder = Recorder(world.tally, name)
        self.clients: list[Client] = world.sources(name)
        self.end_ps = world.scenario.duration

    def start(self) -> None:
        """Queue the first requests; a service without tasks sends none."""
        if not self.clients:
            return
        if self.load.arrivals is not None:
            Starts(self.world, self.name, self._arrive).queue()
        else:
            for user in range(self.load.users or 0):
                self._think(user, 0)

    def stand(self) -> None:
        """Its clients are others now: each request asks who they are."""

    def _arrive(self, index: int) -> None:
        client = self.clients[index % len(self.clients)]
        if client.dead:
            return
        number = self.recorder.begin(self.kernel.now)

        def done(fate: str, span: Span, attempts: int) -> None:
            self.recorder.end(number, fate, self.load.response, attempts, span, self.kernel.now)

        Request(client, fold(self.key, Tag.ARRIVAL, index), done).attempt()

    def _think(self, user: int, index: int, more: int = 0) -> None:
        """A user's pause before request ``index``; the first ones begin spread over a pause."""
        key = fold(self.key, Tag.USER, user)
        think = self.world.draws.draw(self.load.think, key, THINK, index)
        at = (
            max(self.kernel.now, -self.world.scenario.warmup_ps if self.load.start == 0 else self.load.start)
            + think
            + more
        )
        if at < self.end_ps:
            self.kernel.at(at, Phase.ARRIVAL, fold(key, Tag.ARRIVAL, index), self._ask, user, index)

    def _ask(self, user: int, index: int) -> None:
        client = self.clients[user % len(self.clients)]
        if client.dead:
            self._think(user, index + 1, GONE_PS)
            return
        number = self.recorder.begin(self.kernel.now)

        def done(fate: str, span: Span, attempts: int) -> None:
            self.recorder.end(number, fate, self.load.response, attempts, span, self.kernel.now)
            self._think(user, index + 1)

        Request(client, fold(fold(self.key, Tag.USER, user), Tag.ARRIVAL, index), done).attempt()


class Bulk:
    """A bulk transfer over parallel connections; every flow is one request of the workload."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.kernel = world.kernel
        self.key = name_key(name)
        self.load = world.scenario.load[name]
        self.recorder = Recorder(world.tally, name)
        self.clients = world.sources(name)

    def start(self) -> None:
        """Queue the start of all flows; a service without tasks sends none."""
        if not self.clients:
            return
        for flow in range(self.load.flows):
            self.kernel.at(self.load.start, Phase.ARRIVAL, fold(self.key, Tag.FLOW, flow), self._begin, flow)

    def stand(self) -> None:
        """Its clients are others now: each flow asks who they are as it begins."""

    def _begin(self, flow: int) -> None:
        client = self.clients[flow % len(self.clients)]
        if client.dead:
            return
        total = self.load.bulk or 0
        size = total // self.load.flows + (1 if flow < total % self.load.flows else 0)
        self.flow(client, fold(self.key, Tag.FLOW, flow), flow, size).begin()

    def flow(self, client: Client, key: Key, number: int, size: int) -> BulkFlow:
        """One of its connections, not begun."""
        return BulkFlow(self, client, key, number, size)


class BulkFlow:
    """One connection of a bulk transfer. ``over``: it has ended, one way or the other."""

    __slots__ = ("recorder", "client", "key", "size", "slot", "span", "number", "over", "write")

    def __init__(self, bulk: Bulk, client: Client, key: Key, number: int, size: int) -> None:
        self.recorder = bulk.recorder
        self.client = client
        self.key = key
        self.size = size
        self.write = bulk.load.write or 0
        self.slot: Slot | None = Slot(
            number + 1, client.make_thread() if client.make_thread is not None else None
        )
        self.span = Span(client.kernel.now)
        self.number = self.recorder.begin(client.kernel.now)
        self.over = False

    def begin(self) -> None:
        """Open the connection."""
        client, slot = self.client, self.slot
        client.live[self] = None
        assert slot is not None
        client.learn(self.key)  # its one lookup takes no time
        conn = client.connect(slot)
        if isinstance(conn, str):
            self._end(conn)
            return
        tls = client.ask.connection.tls
        party = Party(client.node, slot.thread, client.world.tls_handshake_ps(client.node) if tls else 0)
        conn.user = self._end
        Handshake(conn, party, self.key, self.span, tls, lambda: self._send(conn, party), self._end).start()

    def _send(self, conn: Connection, party: Party) -> None:
        if conn.closed:
            return
        receiver = None
        if conn.server is not None:
            conn.server.accepted(conn)
            receiver = Party(conn.server.node, conn.server.spare_thread())
        Transfer(
            conn, False, self.size, fold(self.key, Tag.REQUEST), self._done, self._end, party, receiver,
            self.recorder.received, self.write,
        ).start()  # fmt: skip

    def _done(self, split: Split, now: int) -> None:
        if not self.over:
            self.span.take(split, "queue:tcp_window", now)
            self._end("completed")

    def abandon(self) -> None:
        """Who sends is gone, with its end of the connection."""
        self._end("reset")

    def _end(self, fate: str) -> None:
        if self.over:
            return
        self.over = True
        self.client.live.pop(self, None)
        size = self.size if fate == "completed" else 0
        self.recorder.end(self.number, fate, size, 1, self.span, self.client.kernel.now, counted=True)
        if self.slot is not None and self.slot.conn is not None:
            self.slot.conn.close()
