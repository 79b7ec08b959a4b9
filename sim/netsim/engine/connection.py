"""TCP connections: who talks to whom, the handshake, and what both ends remember."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netsim.datapath.congestion.registry import Window
from netsim.datapath.flows.layout import NOBODY
from netsim.datapath.tcp import TcpTable
from netsim.engine.cpu import Thread
from netsim.engine.kernel import Kernel, Key, Phase
from netsim.engine.keys import Tag, fold
from netsim.engine.machine import Machine
from netsim.engine.peer import Cut, Peer, Stage
from netsim.engine.route import Route
from netsim.engine.routes import Ways
from netsim.engine.span import Span
from netsim.engine.transfer import Transfer, message_cost
from netsim.engine.unit import Split

if TYPE_CHECKING:
    from netsim.engine.balance import Choice
    from netsim.engine.client import Client
    from netsim.engine.server import Server


@dataclass(slots=True)
class Party:
    """One end: the node it runs on (``outside`` has no cores) and the thread that works for it."""

    node: str
    thread: Thread | None
    tls_ps: int = 0  # processor time of a TLS handshake on this node


class Connection:
    """One TCP connection. ``closed``: nothing more is sent; ``accepted``: a worker has taken it.

    ``control``: number of the congestion control, at both ends.
    """

    __slots__ = ("kernel", "machine", "tcp", "choice", "ways", "flows", "hash", "srtt_ps", "last_ps", "served",
                 "closed", "accepted", "server", "backlog_full", "too_large", "key", "user", "peer", "stage", "writer", "client", "life")  # fmt: skip

    def __init__(
        self, kernel: Kernel, machine: Machine, tcp: TcpTable, choice: Choice, hash_: int, key: Key, control: int = 0
    ) -> None:  # fmt: skip
        self.kernel = kernel
        self.machine = machine
        self.tcp = tcp
        self.choice = choice
        self.ways: Ways = choice.first
        self.hash = hash_
        self.flows = tuple(Window(control, tcp.initial_window_packets, hash_ + way) for way in range(2))
        self.srtt_ps = 0
        self.last_ps = kernel.now
        self.served = 0
        self.closed = False
        self.accepted = False
        self.server: Server | None = None
        self.backlog_full = False
        self.too_large = False  # a card on the way did not take its full packets
        self.key = key
        self.user: Callable[[str], None] | None = None  # told the cause when it breaks
        self.peer = Peer.ALIVE
        self.stage = Stage.IDLE
        self.life = 0  # of the server, when it was opened
        self.client: Client | None = None  # whose it is; None between daemons
        self.writer: Transfer | None = None  # an answer that a worker writes as the window opens

    @property
    def cut(self) -> Cut:
        """What is missing on the network that it goes by. Ports that are elsewhere now are found there."""
        client, network = self.client, self.choice.reach.network
        if client is None:
            return Cut(0)
        found = client.cuts[network]
        return found if client.network == network else found & ~Cut.PORT

    def measured(self, rtt_ps: int) -> None:
        """The first round trip, that of the handshake."""
        self.srtt_ps = rtt_ps
        for flow in self.flows:
            flow.measured(rtt_ps)

    def rest(self, flow: Window) -> None:
        """Slow start after idle."""
        now, tcp = self.kernel.now, self.tcp
        flow.rested(
            now, tcp.rest_ps(now - self.last_ps), tcp.rto_ps(flow.srtt_ps, 0), tcp.initial_window_packets
        )
        self.last_ps = now

    def close(self) -> None:
        """Forget it: nobody waits for an answer any more."""
        if not self.closed:
            self.closed = True
            if self.server is not None:
                self.server.open.pop(self, None)
                if not self.accepted:
                    self.server.waiting -= 1
            self.choice.closed(self.peer in (Peer.CLOSING, Peer.RESET))
            if self.writer is not None and self.writer.free is not None:
                self.writer.broken_off()

    def forgotten(self) -> None:
        """Something is under way on it, and a node that carries it has booted and has no entry: what the client sends again
        is answered with RST, and so is what the server sends, of which the client hears nothing."""
        if self.peer < Peer.RESET:
            self.peer = Peer.RESET if self.stage == Stage.IDLE else Peer.SILENT

    def hindered(self) -> str:
        """Why it could not be opened, if that is known: a full listen queue, or a table on the way."""
        return self.choice.hindered() or ("backlog_full" if self.backlog_full else "")

    def gave_up(self) -> str:
        """Why data was not acknowledged for as long as anybody waited."""
        return "mtu" if self.too_large else "timeout"

    def send_reset(self, key: Key) -> None:
        """The server's kernel says that its end is gone; nobody sends that again if it is lost."""
        self.machine.send(
            self.ways.request_ack,
            0,
            key,
            lambda now: self._broken(),
            lambda now, where: None,
            None,
            self.hash,
        )

    def _broken(self) -> None:
        """The client hears of it: a request fails, an idle connection is forgotten."""
        if self.closed:
            return
        user = self.user
        self.close()
        if user is not None:
            user("reset")


class Handshake:
    """Opens a connection: SYN (a balancer chooses the back end), SYN-ACK, and TLS if wanted.

    ``done()`` when the client may send; ``fail(cause)`` when it gives up.
    """

    def __init__(
        self, conn: Connection, client: Party, key: Key, span: Span, tls: bool,
        done: Callable[[], None], fail: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.conn = conn
        self.client = client
        self.key = key
        self.span = span
        self.tls = tls
        self.done = done
        self.fail = fail
        self.sent_ps = 0

    def start(self) -> None:
        """The first SYN, after the client's connect()."""
        conn = self.conn
        self.sent_ps = conn.kernel.now
        self._syn(0)

    def _syn(self, number: int) -> None:
        conn = self.conn
        if conn.closed:
            return
        if number and not conn.choice.enter_anew():
            self.fail(conn.choice.cause)
            return
        if conn.choice.at_send:
            met = conn.choice.choose()
            if met == NOBODY:
                self.fail(conn.choice.cause)
                return
            if met < 0:
                self._again(number)
                return
        conn.ways = conn.choice.ways
        route = conn.ways.syn
        split: Split = {}
        if self.client.thread is None:
            self._launch(route, number, split)
        else:
            conn.machine.run(self.client.thread, self.client.node, route.send_cost(0),
                             lambda: self._launch(route, number, split), split)  # fmt: skip

    def _launch(self, route: Route, number: int, split: Split) -> None:
        conn = self.conn

        def choose() -> Route | None:
            if conn.choice.choose() < 0:
                return None
            conn.ways = conn.choice.ways
            return conn.ways.syn

        conn.machine.send(
            route,
            0,
            fold(self.key, Tag.SYN, number),
            lambda now: self._at_server(number, split),
            lambda now, where: self._dropped(number, where),
            split,
            conn.hash,
            None if conn.choice.at_send or not conn.choice.balanced else choose,
        )

    def _dropped(self, number: int, where: str) -> None:
        if where == "ipvs" and self.conn.choice.met == NOBODY:
            self.fail(self.conn.choice.cause)  # IPVS answers with an ICMP error at once
            return
        self._again(number)

    def _again(self, number: int) -> None:
        conn = self.conn
        if conn.closed:
            return
        if number >= conn.tcp.syn_retries:
            self.fail(conn.hindered() or "timeout")
            return
        wait = conn.tcp.syn_wait_ps(number)
        conn.kernel.at(
            max(conn.kernel.now + 1, self.sent_ps + wait),
            Phase.TIMEOUT,
            fold(self.key, Tag.RETRY, number),
            self._retry,
            number + 1,
        )

    def _retry(self, number: int) -> None:
        if not self.conn.closed:
            self.span.fill("syn.retry", self.conn.kernel.now)
            self.sent_ps = self.conn.kernel.now
            self._syn(number)

    def _at_server(self, number: int, split: Split) -> None:
        conn = self.conn
        if conn.closed:
            return
        server = conn.choice.server()
        if conn.cut & Cut.PACKETS or conn.choice.silent():
            self._again(number)
            return
        if conn.choice.refuses() or (server is not None and conn.cut & Cut.PORT):
            conn.choice.refused()
            key = fold(self.key, Tag.SYN_ACK, number)
            conn.machine.send(
                conn.ways.syn_ack,
                0,
                key,
                self._refused,
                lambda now, where: self._again(number),
                None,
                conn.hash,
            )
            return
        if server is not None and not server.admit():
            conn.backlog_full = True
            self._again(number)
            return
        conn.server, conn.peer = server, Peer.ALIVE
        if server is not None:
            server.open[conn], conn.life = None, server.life
        conn.choice.opened()
        conn.machine.send(
            conn.ways.syn_ack, 0, fold(self.key, Tag.SYN_ACK, number), lambda now: self._open(split, now),
            lambda now, where: self._lost_answer(number), split, conn.hash,
        )  # fmt: skip

    def _refused(self, now: int) -> None:
        if not self.conn.closed:
            self.fail("refused")

    def _lost_answer(self, number: int) -> None:
        conn = self.conn
        if conn.server is not None and not conn.closed:
            conn.server.open.pop(conn, None)
            conn.server.waiting -= 1
            conn.server = None
        self._again(number)

    def _open(self, split: Split, now: int) -> None:
        conn = self.conn
        if conn.closed:
            return
        self.span.take(split, "queue:cpu", now)
        conn.measured(now - self.sent_ps)
        conn.last_ps = now
        if self.tls:
            self._hello()
        else:
            self.done()

    def _hello(self) -> None:
        """TLS 1.3: the client's key share, the server's answer and certificate, then data may flow."""
        conn, tcp = self.conn, self.conn.tcp

        def there(split: Split, now: int) -> None:
            self.span.take(split, "queue:tcp_window", now)
            if conn.server is None:
                answer()
            else:
                conn.server.handshake_work(self.span, answer)

        def answer() -> None:
            Transfer(
                conn, True, tcp.tls_answer_bytes, fold(self.key, Tag.HELLO_ANSWER), back, self.fail
            ).start()

        def back(split: Split, now: int) -> None:
            self.span.take(split, "queue:tcp_window", now)
            self._work(
                [("tls.handshake", self.client.tls_ps), *conn.ways.reply.recv_cost(tcp.tls_answer_bytes)],
                self.done,
            )

        def send() -> None:
            Transfer(conn, False, tcp.tls_hello_bytes, fold(self.key, Tag.HELLO), there, self.fail).start()

        self._work(message_cost(conn.ways.request, tcp.tls_hello_bytes, tcp.unit_bytes, True), send)

    def _work(self, work: list[tuple[str, int]], then: Callable[[], None]) -> None:
        conn = self.conn
        split: Split = {}
        if self.client.thread is None:
            then()
            return

        def finished() -> None:
            self.span.take(split, "queue:cpu", conn.kernel.now)
            if not conn.closed:
                then()

        conn.machine.run(self.client.thread, self.client.node, work, finished, split)
