"""What a transfer has lost, and its timer: losses are found as Linux finds them with SACK (RACK, RFC 8985), by the acknowledgement of
something that was sent later, a tail loss probe if nothing was, or by the retransmission timer.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from netsim.engine.kernel import Phase
from netsim.engine.keys import Tag, fold

if TYPE_CHECKING:
    from netsim.engine.transfer import Transfer

NEVER = 1 << 62
#: A unit that is lost more often is counted anew, under another number.
MOST_LOSSES = 62


class Recovery:
    """``pending``, ``lost``: bytes, number, losses and time of sending of what is lost: the sender does not know yet; and it does.
    ``holes``: bytes in both. ``backoff``: time-outs since the last acknowledgement."""

    __slots__ = ("of", "pending", "lost", "holes", "armed", "heard", "probed", "timers", "backoff")

    def __init__(self, of: Transfer) -> None:
        self.of = of
        self.pending: deque[tuple[int, int, int, int]] = deque()
        self.lost: deque[tuple[int, int, int, int]] = deque()
        self.holes = 0
        self.armed = NEVER  # when the timer fires
        self.heard = -NEVER  # when the last acknowledgement came
        self.probed = -NEVER  # by what time of sending the last tail loss probe is known
        self.timers = 0
        self.backoff = 0

    def loses(self, size: int, number: int, losses: int, sent: int) -> None:
        """A unit, or a part of one, does not arrive; TCP gives up after too many time-outs."""
        transfer, conn = self.of, self.of.conn
        if conn.closed:
            return
        if self.backoff >= conn.tcp.retries2:
            transfer.fail(conn.gave_up())
            return
        if losses == MOST_LOSSES:
            transfer.count += 1
            number, losses = transfer.count, 0
        self.pending.append((size, number, losses + 1, sent))
        self.holes += size
        self.arm()

    def again(self, size: int) -> tuple[int, int, int]:
        """What was lost first is sent once more: its bytes, number and losses; a part of it is a unit of its own."""
        whole, number, losses, sent = self.lost.popleft()
        if size < whole:
            self.lost.appendleft((whole - size, number, losses, sent))
            self.of.count += 1
            number = self.of.count
        self.holes -= size
        return size, number, losses

    def hears(self) -> None:
        """An acknowledgement came: what was sent before the newest that is acknowledged, and is not, is lost."""
        self.heard = self.of.conn.kernel.now
        self.backoff = 0
        while self.pending and self.pending[0][3] <= self.of.flow.newest_ps:
            self._found()

    def arm(self) -> None:
        """See that the timer fires no later than the probe or the retransmission is due."""
        kernel = self.of.conn.kernel
        at = max(kernel.now + 1, min(self._due(), self._probe_due()))
        if at >= self.armed:
            return
        self.armed = at
        self.timers += 1
        kernel.at(at, Phase.TIMEOUT, fold(self.of.key, Tag.RETRY, self.timers), self._timer, self.timers)

    def _found(self) -> None:
        """The sender knows of its first loss: that is on its way no more."""
        transfer = self.of
        found = self.pending.popleft()
        size, _, losses, sent = found
        transfer.flying -= size
        packets = transfer.packets
        transfer.flow.lost(packets(size), packets(transfer.flying), sent, losses > 1)
        self.lost.append(found)

    def _probe(self) -> None:
        """One packet of what was lost first is sent again, whatever the window: its acknowledgement tells of all that was lost
        before it."""
        transfer = self.of
        size, number, losses, sent = self.pending.popleft()
        packet = min(size, transfer.route.mss_bytes)
        if packet < size:
            self.pending.appendleft((size - packet, number, losses, sent))
        transfer.count += 1
        self.holes -= packet
        transfer.send(packet, transfer.count, 0)
        self.probed = transfer.flow.stamp_ps
        if self.pending:
            self.arm()

    def _due(self) -> int:
        """When the retransmission timer fires: some time after the first loss that the sender does not know of was sent, or
        after a probe."""
        sent = self.pending[0][3]
        return max(sent, self.probed) + self.of.conn.tcp.rto_ps(self.of.flow.srtt_ps, self.backoff)

    def _probe_due(self) -> int:
        """When a tail loss probe is sent; `NEVER`: none."""
        tcp, packets = self.of.conn.tcp, self.of.packets(self.of.flying)
        return self.of.flow.probe_due(self.heard, packets, self.probed, tcp.tlp_least_ps, tcp.rto_min_ps)

    def _timer(self, number: int) -> None:
        if number != self.timers:
            return
        self.armed, now = NEVER, self.of.conn.kernel.now
        if self.of.conn.closed or not self.pending:
            return
        probe = self._probe_due()
        if min(self._due(), probe) > now:
            self.arm()
            return
        if probe < NEVER:
            self._probe()
            return
        self.backoff += 1
        self.of.flow.timed_out()
        while self.pending:
            self._found()
        self.of.pump()
