"""One message over an open connection: windows, acknowledgements, loss and retransmission.

The receiver acknowledges units only while the sender still has some to send; what comes after carries
the last acknowledgements. The window is that of a congestion control (`netsim.datapath.congestion`). What was lost (`netsim.engine.recovery`) is sent
again before anything new, within the window.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from netsim.datapath.writes import cut_in_two, unit_of_write
from netsim.engine.kernel import Key, Phase
from netsim.engine.keys import Tag, fold
from netsim.engine.machine import AWAY, MTU
from netsim.engine.peer import Peer
from netsim.engine.recovery import Recovery
from netsim.engine.route import Cost, Route
from netsim.engine.smallqueue import SmallQueue
from netsim.engine.unit import Split

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


#: Units that leave at one time at the most: engines make room for so many.
MOST_UNITS = 100


class Transfer:
    """Moves ``size`` bytes; ``done(split, now)`` when all are there, ``fail(cause)`` when TCP gives up.

    With ``sender`` and ``receiver`` threads (bulk), each unit's thread time is paid as it goes, and it
    is acknowledged once it was read; without them the caller pays for the message.
    """

    __slots__ = ("conn", "backward", "flow", "route", "ack_route", "size", "key", "done", "fail", "sender", "receiver",
                 "on_bytes", "next", "flying", "arrived", "count", "sending", "free", "unread", "waits", "waited", "pieces",
                 "begun", "ends", "write", "small", "recovery")  # fmt: skip

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
        write: int = 0,
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
        #: Bytes that a sending thread writes at a time; 0: a unit at the least.
        self.write = write if sender is not None and sender.thread is not None else 0
        self.next = 0
        self.flying = 0
        self.arrived = 0
        self.count = 0
        self.sending = False
        self.unread: deque[tuple[int, int, int, int, Split, int]] = deque()
        self.waits = False  # until it is time for the next unit
        self.waited = 0
        self.free: Callable[[], None] | None = None  # lets the sending thread go, once
        #: Wire packets that its receiver handles together where that cannot merge them (0: it can), and what is left of the
        #: unit that the sender is at, in bytes.
        self.pieces = self.route.pieces if receiver is not None and receiver.thread is not None else 0
        self.begun = 0
        #: A message of one unit is not held back in its own host's queues.
        whole = conn.tcp.unit_bytes // self.route.mss_bytes * self.route.mss_bytes
        self.recovery = Recovery(self)
        self.small = SmallQueue(self.route.queue_bytes if self.size > whole else 0)
        #: The threads that have a bulk transfer's connection for themselves.
        parties = (receiver, sender) if on_bytes is not None else ()
        self.ends = tuple(party.thread for party in parties if party is not None)

    def start(self) -> None:
        """Send what the window allows."""
        self.conn.rest(self.flow)
        self.pump(True)

    def pump(self, writing: bool = False) -> None:
        """Send what is lost and then what is new, as far as the windows allow; ``writing``: new data are not there before the
        thread writes them. Of a sender that had to wait for its window, the next unit is full whatever it writes."""
        mss = self.route.mss_bytes
        units, now, held, most = 0, self.conn.kernel.now, False, 0
        while not self.conn.closed:
            window = self.flow.packets * mss
            if self.recovery.lost:
                size = self._fitting(self.recovery.lost[0][0], window, mss)
            elif self.next < self.size and not self.sending:
                most = self._limit(mss)
                if writing:
                    held = cut_in_two(self.next, self.write, most, mss)
                    most = unit_of_write(self.next, self.write, most, mss)
                left = min(self.size - self.next, most)
                if self.pieces:
                    left = min(left, self.pieces * mss)
                if self.flying + left > window:
                    self.flow.full(now)
                size = self._fitting(left, min(window, self.conn.tcp.window_limit_bytes), mss)
            else:
                if not self.sending:
                    self.flow.idle(self.packets(self.flying))
                return
            if size == 0 or (self.small.most_bytes and self._throttled(size, mss)):
                return
            units += 1
            if self.flow.ready_ps > now or units > MOST_UNITS:
                self._wait(max(self.flow.ready_ps, now + 1))
                return
            self.flow.pace(now, self.packets(size))
            if self.recovery.lost:
                self.flying += size
                self.send(*self.recovery.again(size))
                continue
            self.next += size
            self.flying += size
            self.count += 1
            if self.sender is None or self.sender.thread is None:
                self.send(size, self.count, 0)
            else:
                self._pay(self.sender, size, self.count, most, held)
                return  # it goes on once that is paid, which takes no time where work costs none

    def _limit(self, mss: int) -> int:
        """The largest unit: what TSO takes, or less where the connection is slow and the message more than one unit."""
        whole = self.conn.tcp.unit_bytes // mss * mss
        return whole if self.size <= whole else min(whole, self.flow.unit * mss)

    def _throttled(self, size: int, mss: int) -> bool:
        """Whether so much is in the own host's queues that a unit of ``size`` bytes waits. What is sent again may find twice as
        much there (tcp_xmit_retransmit_queue)."""
        limit = self.flow.queue_limit(size, mss, self.small.most_bytes) << bool(self.recovery.lost)
        until = self.small.wait_until(self.conn.kernel.now, limit)
        if until:
            self._wait(until)
        return until is not None

    def _wait(self, until: int) -> None:
        """It is not time for the next unit."""
        if not self.waits:
            self.waits = True
            self.waited += 1
            self.conn.kernel.at(until, Phase.TIMEOUT, fold(self.key, Tag.PACE, self.waited), self._go_on)

    def _go_on(self) -> None:
        self.waits = False
        self.pump()

    def _fitting(self, size: int, window: int, mss: int) -> int:
        """How many bytes of a unit the window takes; one segment, if nothing is on its way."""
        room = window - self.flying
        if size > room:
            size = min(size, max(room // mss * mss, 0 if self.flying else mss))
        return size

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

    def _pay(self, sender: Party, size: int, number: int, unit: int, held: bool) -> None:
        """``unit``: bytes of the unit that would begin here; ``held``: it is the first of two into which the end of a write is cut. A
        piece of a unit that the thread is at already costs none of what a unit does."""
        self.sending = True
        goes_on = self.pieces > 0 and self.begun > 0
        if not goes_on:
            self.begun = unit
        self.begun -= size

        def paid() -> None:
            self.sending = False
            if self.conn.closed:
                self._let_go()
                return
            self.send(size, number, 0)
            self.pump(True)

        assert sender.thread is not None
        cost = self.route.send_cost(size, goes_on)
        if held and not goes_on:
            cost.append(("tcp.send", self.route.held_ps()))
        self.conn.machine.run(sender.thread, sender.node, cost, paid, None)

    def send(self, size: int, number: int, losses: int) -> None:
        """A unit leaves, under its number, lost so often before."""
        if self.conn.closed:
            return
        if self.backward and self.conn.peer >= Peer.RESET:
            return
        split: Split = {}
        inside = self.small.most_bytes > 0  # the own host's queues
        self.small.queued_bytes += size if inside else 0
        left, sent, skbs = size, self.flow.sent(self.conn.kernel.now, self.flying == size), 1

        def thin(lost: int, last: bool) -> None:
            nonlocal left
            left -= lost
            self.count += 1  # it is a unit of its own from here on
            self.recovery.loses(lost, self.count, losses, sent + last)

        def apart(count: int) -> None:
            nonlocal skbs
            skbs = count

        def leaves(at: int) -> None:
            nonlocal inside
            inside = False
            if self.small.leaves(size, at):
                self._wait(at)

        def dropped(now: int, where: str) -> None:
            if inside and self.small.dropped(size):
                self._wait(now + 1)
            self._dropped(left, number, losses, sent, where)

        self.conn.machine.send(
            self.route,
            size,
            fold(self.key, Tag.UNIT, number * 64 + losses),
            lambda now: self._arrive(left, number, losses, sent, split, now, skbs),
            dropped,
            split,
            self.conn.hash,
            None,
            thin,
            self.ends,
            leaves if inside else None,
            apart,
        )

    def _arrive(
        self, size: int, number: int, losses: int, sent: int, split: Split, now: int, skbs: int
    ) -> None:
        if not self.backward and self.conn.peer >= Peer.RESET:
            if self.conn.peer == Peer.SILENT:
                self.recovery.loses(size, number, losses, sent)
            else:
                self.conn.choice.reset()
                self.conn.send_reset(fold(self.key, Tag.RESET, number * 64 + losses))
            return
        self.arrived += size
        if self.on_bytes is not None:
            self.on_bytes(size, now)
        if self.receiver is not None and self.receiver.thread is not None:
            self.unread.append((size, number, losses, sent, split, skbs))
            if len(self.unread) == 1:
                self._read_next(self.receiver, False)
        else:
            self._read(size, number, losses, sent, split)

    def _read_next(self, receiver: Party, awake: bool) -> None:
        """One thread reads one unit after the other; the one being read stands first. Of pieces, a thread that is ``awake``
        reads the next one within the same system call, and of a unit that came in several skbs, one that slept is woken for each."""
        size, number, losses, sent, split, skbs = self.unread[0]

        def was_read() -> None:
            self.unread.popleft()
            self._read(size, number, losses, sent, split)
            if self.unread:
                self._read_next(receiver, True)

        assert receiver.thread is not None
        cost = self.route.recv_cost(size, awake and self.pieces > 0)
        if skbs > 1 and not awake:
            cost.append(("tcp.recv", (skbs - 1) * self.route.read_again_ps()))
        self.conn.machine.run(receiver.thread, receiver.node, cost, was_read, None)

    def _read(self, size: int, number: int, losses: int, sent: int, split: Split) -> None:
        now, again = self.conn.kernel.now, losses > 0
        if self.next < self.size or self.recovery.holes:
            self.conn.machine.send(
                self.ack_route,
                0,
                fold(self.key, Tag.ACK, number),
                lambda now: self._acked(size, sent, now - sent, again),
                lambda _, where: self._ack_dropped(size, number, losses, sent, where),
                None,
                self.conn.hash,
                ends=self.ends,
            )
            return
        if self.arrived >= self.size and not self.unread:
            self._grow(size, sent, -1, again)
            self.flying -= size
            free, self.free = self.free, None
            self.done(split, now)
            if free is not None:
                free()
            return
        self.flying -= size

    def _ack_dropped(self, size: int, number: int, losses: int, sent: int, where: str) -> None:
        if where == AWAY and self.conn.machine.address:
            self._turned_away(number * 64 + losses)
        else:
            self._acked_later(size, number, sent, losses > 0)

    def _turned_away(self, code: int) -> None:
        """Another node has the address now and knows nothing of the connection: half a round trip later its RST is there."""
        conn = self.conn
        at = conn.kernel.now + conn.srtt_ps // 2 + 1
        conn.kernel.at(at, Phase.TIMEOUT, fold(self.key, Tag.RESET, code), self.fail, "reset")

    def _acked_later(self, size: int, number: int, sent: int, again: bool) -> None:
        """A lost acknowledgement is made good by the next one, one round trip later."""
        at = self.conn.kernel.now + self.conn.srtt_ps
        self.conn.kernel.at(
            at, Phase.TIMEOUT, fold(self.key, Tag.LATE_ACK, number), self._acked, size, sent, -1, again
        )

    def _acked(self, size: int, sent: int, rtt: int, again: bool) -> None:
        self._grow(size, sent, rtt, again)
        self.flying -= size
        self.recovery.hears()
        self.pump()
        if self.recovery.pending and not self.conn.closed:
            self.recovery.arm()

    def packets(self, size: int) -> int:
        """Wire packets of so many bytes."""
        return -(-size // self.route.mss_bytes)

    def _grow(self, size: int, sent: int, rtt: int, again: bool) -> None:
        self.flow.acked(self.conn.kernel.now, self.packets(size), self.packets(self.flying), sent, rtt, again)
        if sent == self.recovery.probed and not self.recovery.pending:
            self.flow.probe_told(self.packets(self.flying - size))

    def _dropped(self, size: int, number: int, losses: int, sent: int, where: str) -> None:
        if where == AWAY and self.conn.machine.address:
            self._turned_away(number * 64 + losses)
            return
        if where == MTU:
            self.conn.too_large = True
        self.recovery.loses(size, number, losses, sent)
