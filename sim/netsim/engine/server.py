"""What a task does with a request: a worker takes it, works, waits, calls others, answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from netsim.datapath.processors import QUOTA_PERIOD_PS
from netsim.datapath.udp import has_to_fit, takes
from netsim.engine.border import NEVER_PS
from netsim.engine.connection import Connection, Party
from netsim.engine.cpu import Owner, Quota, Thread
from netsim.engine.exchange import Request
from netsim.engine.kernel import Key, Phase
from netsim.engine.keys import Tag, fold, name_key
from netsim.engine.peer import Peer, Stage
from netsim.engine.span import Span
from netsim.engine.streams import Kind, draw_ps, stream_key, uniform
from netsim.engine.transfer import Transfer, message_cost
from netsim.engine.udp import Datagram
from netsim.engine.unit import Split

if TYPE_CHECKING:
    from netsim.engine.client import Client
    from netsim.engine.exchange import Exchange
    from netsim.engine.world import World
    from netsim.model.entities import Task
    from netsim.scenario.schema_work import Distribution

_KINDS = {
    "constant": Kind.CONSTANT,
    "exponential": Kind.EXPONENTIAL,
    "lognormal": Kind.LOGNORMAL,
    "uniform": Kind.UNIFORM,
}


class Draws:
    """Chance of one replication, drawn by the key of a request, so that no request disturbs another."""

    def __init__(self, seed: int, replication: int) -> None:
        self.seed = seed
        self.replication = replication
        self.base = stream_key(seed, replication, "", "draws") >> 2

    def draw(self, what: Distribution, key: Key, purpose: int, index: int = 0) -> int:
        """A duration in ps; ``purpose`` is the key of what it is for."""
        if what.kind == "constant":
            return what.mean
        stream = fold(key ^ self.base ^ purpose, Tag.DRAW, index)
        return draw_ps(_KINDS[what.kind], what.mean, what.cv, what.low, what.high, stream, 0)

    def uniform(self, key: Key, purpose: int, index: int = 0) -> float:
        """A number between 0 and 1."""
        return uniform(fold(key ^ self.base ^ purpose, Tag.DRAW, index), 0)


class Server(Owner):
    """One task's workers. ``waiting``: established connections that no worker has accepted yet.

    ``listens``: SYNs are answered; ``gone``: its process has ended; ``silent``: its address answers no more.
    ``life``: how often its process has ended, ``ended_ps``: when last. ``awaited``: it begins later, so nothing that happens to its node before means anything to it.
    ``open``: connections that clients have with it. ``sources``: clients by which workloads come from it.
    """

    def __init__(self, world: World, task: Task) -> None:
        self.world = world
        self.kernel = world.kernel
        self.machine = world.machine
        self.task = task
        self.name = task.name
        self.node = task.node.name
        self.work = task.spec.work
        self.key = name_key(task.name)
        self.cpu_purpose = name_key(f"{task.party}.cpu")
        self.wait_purpose = name_key(f"{task.party}.wait")
        cpus = task.spec.resources.limits.cpus
        self.quota = None if cpus is None else Quota(cpus)
        self.pool = self.machine.pool(task.name, self.node, self.work.workers)
        self.threads: list[Thread | None] = [None] * self.work.workers
        self.waiting = 0
        wanted = self.work.receive_buffer
        node = task.node.profile.kernel["rmem_default"]
        self.receive_buffer_bytes = int(node) if wanted is None else wanted
        self.has_to_fit = int(has_to_fit(task.node.profile.kernel["version"]))
        self.buffered_bytes = 0  # of datagrams that wait for a worker, as the kernel counts them
        self.held: dict[Datagram, None] = {}  # datagrams that wait, or that it is at work on
        self.clients: list[Client] = []
        self.sources: list[Client] = []
        self.listens = True
        self.life, self.ended_ps = 0, -NEVER_PS
        self.awaited = False
        self.silent = False
        self.open: dict[Connection, None] = {}
        self._spare = 0

    def thread(self, worker: int) -> Thread:
        """The thread of a worker."""
        found = self.threads[worker]
        if found is None:
            found = self.threads[worker] = self.machine.thread(
                fold(self.key, Tag.WORKER, worker), 1.0, self.quota, self
            )
        return found

    def spare_thread(self) -> Thread:
        """One more thread of the task, for connections that it opens itself or for handshakes."""
        self._spare += 1
        return self.machine.thread(fold(self.key, Tag.SPARE, self._spare), 1.0, self.quota, self)

    def admit(self) -> bool:
        """Whether the listen queue takes one more connection (tcp_v4_conn_request: full means drop)."""
        if self.waiting >= self.work.backlog:
            return False
        self.waiting += 1
        return True

    def accepted(self, conn: Connection) -> None:
        """A worker has taken the connection from the listen queue."""
        if not conn.accepted:
            conn.accepted = True
            self.waiting -= 1

    def compute(self) -> None:
        """Its process begins: threads of it compute until it ends, or the measured time does."""
        left = self.world.scenario.duration - self.kernel.now
        for _ in range(self.work.busy if left > 0 else 0):
            self.machine.run(self.spare_thread(), self.node, [("app.work", left)], lambda: None, None)

    def handshake_work(self, span: Span, then: Callable[[], None]) -> None:
        """Processor time of a TLS handshake, by a thread of the task."""
        split: Split = {}

        def finished() -> None:
            span.take(split, "queue:cpu", self.kernel.now)
            then()

        self.machine.run(
            self.spare_thread(),
            self.node,
            [("tls.handshake", self.world.tls_handshake_ps(self.node))],
            finished,
            split,
        )

    def stop_listening(self) -> None:
        """SIGTERM: no new connections, idle ones get FIN, the others after their answer."""
        if self.gone:
            return
        self.listens = False
        for conn in list(self.open):
            if conn.stage != Stage.IDLE:
                conn.peer = Peer.CLOSING
            elif conn.peer == Peer.ALIVE:
                conn.peer = Peer.RESET
                conn.send_reset(conn.key)

    def end(self) -> None:
        """Its process has ended: what it was doing is lost, and its kernel resets what was open. An answer that
        the kernel has is still sent."""
        if self.gone:
            return
        self.gone, self.listens = True, False
        self.life, self.ended_ps = self.life + 1, self.kernel.now
        self.machine.cpus[self.node].kill(self)
        self.pool.clear()
        for datagram in list(self.held):
            datagram.end("reset")
        for client in (*self.clients, *self.sources):
            client.kill()
        for conn in [] if self.silent else list(self.open):
            if conn.stage == Stage.WRITTEN:
                conn.peer = Peer.CLOSING
            elif conn.peer < Peer.RESET:
                conn.peer = Peer.RESET
                if conn.stage != Stage.IDLE:
                    conn.choice.reset()
                conn.send_reset(conn.key)

    def check_return(self, now_ps: int) -> None:
        """Raises ``ValueError`` where its process ended so short ago that threads of it may still be held back by their quota;
        Docker starts a container again after 100 ms at the earliest."""
        if now_ps < self.ended_ps + QUOTA_PERIOD_PS:
            raise ValueError(
                f"{self.name} ended {now_ps - self.ended_ps} ps ago: it starts again after 100 ms"
            )

    def begin_anew(self) -> None:
        """The same container runs again, with another address: what was open stays what it is."""
        self.gone = self.silent = False
        self.pool.begin_anew(self.work.workers)
        for client in (*self.clients, *self.sources):
            client.dead = False

    def vanish(self) -> None:
        """Its address answers no more."""
        self.silent = True
        for conn in self.open:
            conn.peer = Peer.SILENT
        self.end()

    def receive(self, datagram: Datagram) -> bool:
        """A datagram is at the socket; False if there is no room in its receive buffer."""
        size = datagram.truesize_bytes
        if not takes(self.buffered_bytes, size, self.receive_buffer_bytes, self.has_to_fit):
            self.pool.refuse()
            return False
        self.buffered_bytes += size
        self.held[datagram] = None
        Service(self, datagram).begin()
        return True

    def serve(self, exchange: Exchange) -> None:
        """The whole request is here."""
        exchange.conn.stage = Stage.SERVED
        Service(self, exchange).begin()


class Service:
    """One request, or one datagram, being served. ``span`` is the exchange's: the critical path goes through here."""

    __slots__ = ("server", "exchange", "span", "worker", "at", "fate", "life")

    def __init__(self, server: Server, exchange: Exchange | Datagram) -> None:
        self.server = server
        self.exchange = exchange
        self.span = exchange.span
        self.worker = -1
        self.at = 0
        self.fate = "completed"
        self.life = server.life if isinstance(exchange, Datagram) else exchange.conn.life

    @property
    def over(self) -> bool:
        """The process that served it has ended."""
        return self.server.life != self.life

    def begin(self) -> None:
        self.server.pool.acquire(self._start)

    def _start(self, worker: int) -> None:
        server, exchange = self.server, self.exchange
        self.worker = worker
        self.span.fill("queue:workers", server.kernel.now)
        if isinstance(exchange, Datagram):
            server.buffered_bytes -= exchange.truesize_bytes
        else:
            server.accepted(exchange.conn)
        conn = exchange.conn
        ways = exchange.ways if isinstance(exchange, Datagram) else conn.ways
        work = message_cost(ways.request, exchange.request, conn.tcp.unit_bytes, False)
        cpu = server.world.draws.draw(server.work.cpu, exchange.key, server.cpu_purpose)
        work.append(("app.work", cpu))
        if exchange.tls:
            work.append(
                ("tls.record", server.world.tls_record_ps(server.node, exchange.request + exchange.response))
            )
        self._run(work, self._wait)

    def _run(self, work: list[tuple[str, int]], then: Callable[[], None]) -> None:
        server = self.server
        split: Split = {}

        def finished() -> None:
            self.span.take(split, "queue:cpu", server.kernel.now)
            then()

        server.machine.run(server.thread(self.worker), server.node, work, finished, split)

    def _wait(self) -> None:
        server, exchange = self.server, self.exchange
        wait = server.world.draws.draw(server.work.wait, exchange.key, server.wait_purpose)
        if wait <= 0:
            self._waited()
            return
        at = server.kernel.now + wait
        server.kernel.at(at, Phase.FINISH, fold(exchange.key, Tag.WAIT), self._waited)

    def _waited(self) -> None:
        if self.over:
            return
        self.span.fill("app.wait", self.server.kernel.now)
        if self.server.clients and not self.server.work.blocking:
            self.server.pool.release(self.worker)
            self.worker = -1
        self._next_calls()

    def _next_calls(self) -> None:
        """The next call, or all of a row of parallel ones."""
        clients = self.server.clients
        if self.at >= len(clients) or self.fate != "completed":
            self._back()
            return
        first = last = self.at
        if clients[first].parallel:
            while last + 1 < len(clients) and clients[last + 1].parallel:
                last += 1
            jobs = [(c, copy) for c in range(first, last + 1) for copy in range(clients[c].count)]
            self.at = last + 1
            self._together(jobs)
        else:
            self.at = first + 1
            self._one_by_one(first, 0)

    def _call(self, number: int, copy: int, done: Callable[[str, Span, int], None]) -> None:
        exchange = self.exchange
        client = self.server.clients[number]
        Request(client, fold(exchange.key, Tag.CALL, number * 1024 + copy), done).attempt()

    def _one_by_one(self, number: int, copy: int) -> None:
        def done(fate: str, span: Span, attempts: int) -> None:
            if self.over:
                return
            self.span.take(span.parts, "queue:other", self.server.kernel.now)
            if fate != "completed":
                self.fate = fate
                self._back()
            elif copy + 1 < self.server.clients[number].count:
                self._one_by_one(number, copy + 1)
            else:
                self._next_calls()

        self._call(number, copy, done)

    def _together(self, jobs: list[tuple[int, int]]) -> None:
        left = len(jobs)

        def done(fate: str, span: Span, attempts: int) -> None:
            nonlocal left
            if self.over:
                return
            left -= 1
            if fate != "completed":
                self.fate = fate
            if left == 0:  # the last one is the critical one
                self.span.take(span.parts, "queue:other", self.server.kernel.now)
                self._next_calls()

        for number, copy in jobs:
            self._call(number, copy, done)

    def _back(self) -> None:
        if self.worker < 0:
            self.server.pool.acquire(self._again)
        else:
            self._answer()

    def _again(self, worker: int) -> None:
        self.worker = worker
        self.span.fill("queue:workers", self.server.kernel.now)
        self._answer()

    def _answer(self) -> None:
        exchange = self.exchange
        conn = exchange.conn
        size = exchange.response if self.fate == "completed" else 0
        exchange.fate = self.fate
        if isinstance(exchange, Datagram):
            exchange.end(self.fate)
            self.server.pool.release(self.worker)
            return
        if conn.closed:
            self.server.pool.release(self.worker)
            return
        transfer = Transfer(
            conn, True, size, fold(exchange.key, Tag.ANSWER), exchange.answered, exchange.broken
        )
        if size > conn.tcp.send_buffer_bytes:
            # More than the socket takes at once: the worker writes as the window opens.
            worker = self.worker
            transfer.sender = Party(self.server.node, self.server.thread(worker))

            def free() -> None:
                if not self.over:
                    self.server.pool.release(worker)

            transfer.free = free
            conn.writer = transfer
            transfer.start()
            return
        work = message_cost(conn.ways.reply, size, conn.tcp.unit_bytes, True)

        def written() -> None:
            conn.stage = Stage.WRITTEN
            self.server.pool.release(self.worker)
            transfer.start()

        self._run(work, written)
