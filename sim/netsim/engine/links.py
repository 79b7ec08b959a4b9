"""Transmitters: NIC transmit queues and switch ports, FIFO, with trains of wire packets.

A unit of n wire packets leaves as a train: the next hop sees its first packet one n-th of the
transmission time after the start, and the station is busy until the last one is out, which cannot
be before the last one has come in.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from netsim.engine.meter import Meter
from netsim.engine.route import MIN_FRAME_BYTES

PS_BITS = 8 * 10**12


@dataclass(slots=True)
class Trouble:
    """What is wrong at a transmitter: nothing passes, or only between some, or not all, or late."""

    cut: bool = False
    loss: float = 0.0
    delay_ps: int = 0
    #: Group of each node that is in one; what comes from another group does not pass. None: no partition.
    groups: dict[str, int] | None = None


class Link:
    """One transmitter. ``rate_bps`` None: never a bottleneck (every visit still takes 1 ps)."""

    __slots__ = (
        "meter",
        "node",
        "port",
        "trouble",
        "rate_bps",
        "buffer_bytes",
        "ring_packets",
        "free_at",
        "_waiting",
        "_bytes",
        "_packets",
    )

    def __init__(
        self, meter: Meter, rate_bps: int | None, buffer_bytes: int | None, ring_packets: int | None
    ) -> None:
        self.meter = meter
        record = meter.record
        self.node = record.node  # whose card transmits, or whose port it is
        self.port = record.kind == "switch"
        self.trouble: Trouble | None = None
        self.rate_bps = rate_bps
        self.buffer_bytes = buffer_bytes
        self.ring_packets = ring_packets
        self.free_at = -(1 << 62)
        self._waiting: deque[tuple[int, int, int]] = deque()
        self._bytes = 0
        self._packets = 0

    def settle(self, now_ps: int) -> None:
        """Forget what has left by now."""
        waiting, record = self._waiting, self.meter.record
        while waiting and waiting[0][0] <= now_ps:
            _, size, packets = waiting.popleft()
            self._bytes -= size
            self._packets -= packets
            record.served += 1

    def refuse(self, now_ps: int) -> None:
        """A unit came that does not pass."""
        self.meter.record.arrived += 1
        self.settle(now_ps)
        self.meter.drop(now_ps)

    def clear(self, now_ps: int) -> None:
        """Its node has lost power: what waits is lost."""
        self.settle(now_ps)
        for _ in self._waiting:
            self.meter.drop(now_ps)
        self._waiting.clear()
        self._bytes = self._packets = 0
        self.free_at = -(1 << 62)

    def enter(
        self, now_ps: int, last_in_ps: int, wire_bytes: int, packets: int
    ) -> tuple[int, int, int] | None:
        """A unit's first packet is here. Returns (start, first packet out, last packet out), None if dropped."""
        record = self.meter.record
        record.arrived += 1
        self.settle(now_ps)
        wire_bytes = max(wire_bytes, MIN_FRAME_BYTES * packets)
        over = self.buffer_bytes is not None and self._bytes + wire_bytes > self.buffer_bytes
        # An skb larger than an empty ring is fed into it piece by piece, so an empty queue takes any unit.
        full = self.ring_packets is not None and self._packets and self._packets + packets > self.ring_packets
        if over or full:
            self.meter.drop(now_ps)
            return None
        service = max(1, wire_bytes * PS_BITS // self.rate_bps) if self.rate_bps else 1
        start = now_ps if now_ps > self.free_at else self.free_at
        one = max(1, service // packets)
        finish = max(start + service, last_in_ps + one)
        self.meter.busy(start, start + service)
        self.meter.waited(now_ps, start - now_ps)
        self.free_at = finish
        self._waiting.append((finish, wire_bytes, packets))
        self._bytes += wire_bytes
        self._packets += packets
        if 0 <= start < self.meter.duration_ps:
            record.bytes_sent += wire_bytes
        return start, start + one, finish
