"""What is asked: a request with all its attempts, time-outs and retries."""

from __future__ import annotations

from collections.abc import Callable

from netsim.datapath.dns import dns_table
from netsim.engine.client import Client, Slot
from netsim.engine.connection import Connection, Handshake, Party
from netsim.engine.kernel import Key, Phase
from netsim.engine.keys import Tag, fold, name_key
from netsim.engine.lookup import Lookup
from netsim.engine.span import Span
from netsim.engine.transfer import Transfer, message_cost
from netsim.engine.unit import Split

Done = Callable[[str, Span, int], None]  # fate, span, attempts
BACKOFF = name_key("backoff")
REFUSAL_PS = 50_000_000  # an idle node's answer that nobody is there: 50 us


class Request:
    """A request with all its attempts; its span runs from the first attempt's start."""

    __slots__ = ("client", "key", "done", "span", "tries", "life")

    def __init__(self, client: Client, key: Key, done: Done) -> None:
        self.client = client
        self.key = key
        self.done = done
        self.span = Span(client.kernel.now)
        self.tries = 0
        self.life = client.life

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
        if self.client.dead or self.client.life != self.life:
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
