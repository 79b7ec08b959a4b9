"""One message over an open connection: windows, acknowledgements, loss and retransmission.

The receiver acknowledges units only while the sender still has some to send; what comes after carries
the last acknowledgements. The window opens by what is acknowledged (slow start), then by one segment per
window (after a loss).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from netsim.engine.kernel import Key, Phase
from netsim.engine.keys import Tag, fold
from netsim.engine.machine import AWAY, MTU, Split
from netsim.engine.peer import Peer
from netsim.engine.route import Cost, Route

if TYPE_CHECKING:
    from netsim.engine.connection import Connection, Party


def message_cost(route: Route, size: int, unit: int, sending: bool) -> Cost:
    """Thread time of a whole message by stage: one pass for each skb."""
    price = route.send_cost if sending else route.recv_cost
    whole, rest = divmod(size, unit)
    found: dict[str, int] = {}
    for piece, times in ((unit, whole), (rest, 1 if rest or not whole else 0)):
        if times:
            for stage, ps in price(piece):
                found[stage] = found.get(stage, 0) + ps * times
    return list(found.items())


class Flow:
    """TCP's state of one direction of a connection. Sizes in bytes."""

    __slots__ = ("window", "threshold", "last_cut")

    def __init__(self, window: int) -> None:
        self.window = window
        self.threshold = 1 << 62
        self.last_cut = -(1 << 62)


class Transfer:
    """Moves ``size`` bytes; ``done(split, now)`` when all are there, ``fail(cause)`` when TCP gives up.

    With ``sender`` and ``receiver`` threads (bulk), each unit's thread time is paid as it goes, and it
    is acknowledged once it was read; without them the caller pays for the message.
    """

    __slots__ = ("conn", "backward", "flow", "route", "ack_route", "size", "key", "done", "fail", "sender", "receiver",
                 "on_bytes", "next", "flying", "arrived", "count", "sending", "losses", "free", "unread")  # fmt: skip

    def __init__(
        self,
        conn: Connection,
        backward: bool,
        size: int,
        key: Key,
        done: Callable[[Split, int], None],
        fail: Callable[[str], None],
        sender: Party | None = None,
        receiver: Party | None = None,
        on_bytes: Callable[[int, int], None] | None = None,
    ) -> None:
        self.conn = conn
        self.backward = backward
        self.flow = conn.flows[backward]
        self.route = conn.ways.reply if backward else conn.ways.request
        self.ack_route = conn.ways.reply_ack if backward else conn.ways.request_ack
        self.size = max(1, size)
        self.key = key
        self.done = done
        self.fail = fail
        self.sender = sender
        self.receiver = receiver
        self.on_bytes = on_bytes
        self.next = 0
        self.flying = 0
        self.arrived = 0
        self.count = 0
        self.sending = False
        self.losses = 0
        self.unread: deque[tuple[int, int, Split]] = deque()
        self.free: Callable[[], None] | None = None  # lets the sending thread go, once

    def start(self) -> None:
        """Send what the window allows."""
        self.conn.rest(self.flow)
        self._pump()

    def _pump(self) -> None:
        mss = self.route.mss_bytes
        limit = self.conn.tcp.unit_bytes // mss * mss
        while self.next < self.size and not self.sending and not self.conn.closed:
            room = self.flow.window - self.flying
            size = min(self.size - self.next, limit)
            if size > room:
                size = room // mss * mss
                if size <= 0:
                    if self.flying:
                        return
                    size = min(self.size - self.next, mss)
            self.next += size
            self.flying += size
            self.count += 1
            if self.sender is None or self.sender.thread is None:
                self._send(size, self.count, 0)
            else:
                self._pay(self.sender, size, self.count)

    def broken_off(self) -> None:
        """The client has closed the connection: half a round trip later the writing thread gets an error."""
        at = self.conn.kernel.now + self.conn.srtt_ps // 2 + 1
        self.conn.kernel.at(at, Phase.FINISH, fold(self.key, Tag.ABORT), self._aborted)

    def _aborted(self) -> None:
        if not self.sending:
            self._let_go()

    def _let_go(self) -> None:
        free, self.free = self.free, None
        if free is not None:
            free()

    def _pay(self, sender: Party, size: int, number: int) -> None:
        self.sending = True

        def paid() -> None:
            self.sending = False
            if self.conn.closed:
                self._let_go()
                return
            self._send(size, number, 0)
            self._pump()

        assert sender.thread is not None
        self.conn.machine.run(sender.thread, sender.node, self.route.send_cost(size), paid, None)

    def _send(self, size: int, number: int, losses: int) -> None:
        if self.conn.closed:
            return
        if self.backward and self.conn.peer >= Peer.RESET:
            return
        split: Split = {}
        left = size

        def thin(lost: int) -> None:
            nonlocal left
            left -= lost
            self.count += 1  # it is a unit of its own from here on
            self._lost(lost, self.count, losses)

        self.conn.machine.send(
            self.route,
            size,
            fold(self.key, Tag.UNIT, number * 64 + losses),
            lambda now: self._arrive(left, number, losses, split, now),
            lambda now, where: self._dropped(left, number, losses, where),
            split,
            self.conn.hash,
            None,
            thin,
        )

    def _arrive(self, size: int, number: int, losses: int, split: Split, now: int) -> None:
        if not self.backward and self.conn.peer >= Peer.RESET:
            if self.conn.peer == Peer.SILENT:
                self._lost(size, number, losses)
            else:
                self.conn.send_reset(fold(self.key, Tag.RESET, number * 64 + losses))
            return
        self.arrived += size
        self.losses = 0
        if self.on_bytes is not None:
            self.on_bytes(size, now)
        if self.receiver is not None and self.receiver.thread is not None:
            self.unread.append((size, number, split))
            if len(self.unread) == 1:
                self._read_next(self.receiver)
        else:
            self._read(size, number, split)

    def _read_next(self, receiver: Party) -> None:
        """One thread reads one unit after the other; the one being read stands first."""
        size, number, split = self.unread[0]

        def was_read() -> None:
            self.unread.popleft()
            self._read(size, number, split)
            if self.unread:
                self._read_next(receiver)

        assert receiver.thread is not None
        self.conn.machine.run(receiver.thread, receiver.node, self.route.recv_cost(size), was_read, None)

    def _read(self, size: int, number: int, split: Split) -> None:
        now = self.conn.kernel.now
        if self.next < self.size:
            self.conn.machine.send(
                self.ack_route,
                0,
                fold(self.key, Tag.ACK, number),
                lambda _: self._acked(size),
                lambda _, where: self._ack_dropped(size, number, where),
                None,
                self.conn.hash,
            )
            return
        self.flying -= size
        if self.arrived >= self.size and not self.unread:
            self._grow(size)
            free, self.free = self.free, None
            self.done(split, now)
            if free is not None:
                free()

    def _ack_dropped(self, size: int, number: int, where: str) -> None:
        if where == AWAY and self.conn.machine.address:
            self._turned_away(number)
        else:
            self._acked_later(size, number)

    def _turned_away(self, code: int) -> None:
        """Another node has the address now and knows nothing of the connection: half a round trip later its RST is there."""
        conn = self.conn
        at = conn.kernel.now + conn.srtt_ps // 2 + 1
        conn.kernel.at(at, Phase.TIMEOUT, fold(self.key, Tag.RESET, code), self.fail, "reset")

    def _acked_later(self, size: int, number: int) -> None:
        """A lost acknowledgement is made good by the next one, one round trip later."""
        at = self.conn.kernel.now + self.conn.srtt_ps
        self.conn.kernel.at(at, Phase.TIMEOUT, fold(self.key, Tag.LATE_ACK, number), self._acked, size)

    def _acked(self, size: int) -> None:
        self.flying -= size
        self._grow(size)
        self._pump()

    def _grow(self, size: int) -> None:
        flow = self.flow
        if flow.window < flow.threshold:
            if 2 * (self.flying + size) > flow.window:  # only a window that was used grows
                flow.window += size
        else:
            flow.window += max(1, self.route.mss_bytes * size // flow.window)
        flow.window = min(flow.window, self.conn.tcp.window_limit_bytes)

    def _dropped(self, size: int, number: int, losses: int, where: str) -> None:
        if where == AWAY and self.conn.machine.address:
            self._turned_away(number * 64 + losses)
            return
        if where == MTU:
            self.conn.too_large = True
        self._lost(size, number, losses)

    def _lost(self, size: int, number: int, losses: int) -> None:
        conn, tcp = self.conn, self.conn.tcp
        if conn.closed:
            return
        if losses >= tcp.retries2:
            self.fail(conn.gave_up())
            return
        mss, now = self.route.mss_bytes, conn.kernel.now
        behind = (self.flying - size) // mss
        fast = losses == 0 and behind >= tcp.duplicate_acks
        wait = conn.srtt_ps if fast else tcp.rto_ps(conn.srtt_ps, losses)
        flow = self.flow
        if now - flow.last_cut > conn.srtt_ps:
            flow.last_cut = now
            flow.threshold = max(2 * mss, int(flow.window * tcp.decrease))
            flow.window = flow.threshold if fast else mss
        conn.kernel.at(
            now + max(1, wait),
            Phase.TIMEOUT,
            fold(self.key, Tag.RETRY, number * 64 + losses),
            self._send,
            size,
            number,
            losses + 1,
        )
