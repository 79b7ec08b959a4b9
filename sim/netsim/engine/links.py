"""Transmitters: NIC transmit queues and switch ports, FIFO, with trains of wire packets.

A unit of n wire packets leaves as a train: the next hop sees its first packet one n-th of the
transmission time after the start, and the station is busy until the last one is out, which cannot
be before the last one has come in.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from netsim.datapath.gro import TURNS, turn_of
from netsim.datapath.qdisc import card_units, queue_of
from netsim.datapath.shaping import MILLION, credit_now, fitting, spend, takes
from netsim.datapath.stage import LinkSpec
from netsim.engine.meter import Meter
from netsim.engine.route import MIN_FRAME_BYTES
from netsim.picoseconds import PS_PER_S

PS_BITS = 8 * 10**12
#: A GSO unit of 64 KiB with its headers on each packet.
LARGEST_UNIT_BYTES = 72_000


@dataclass(slots=True)
class Trouble:
    """What is wrong at a transmitter: nothing passes, or only between some, or not all, or late."""

    cut: bool = False
    loss: float = 0.0
    delay_ps: int = 0
    #: Group of each node that is in one; what comes from another group does not pass. None: no partition.
    groups: dict[str, int] | None = None


class SharedBuffer:
    """The memory of a switch that its ports share. ``alpha`` in thousandths."""

    __slots__ = ("size_bytes", "alpha", "links")

    def __init__(self, size_bytes: int, alpha: int, links: list[Link]) -> None:
        self.size_bytes = size_bytes
        self.alpha = alpha
        self.links = links
        for link in links:
            link.shared = self

    def takes(self, link: Link, now_ps: int, wire_bytes: int) -> bool:
        """Whether one of its ports, whose queue is settled, takes a unit."""
        for other in self.links:
            other.settle(now_ps)
        used = sum(other.queued_bytes for other in self.links)
        return takes(link.queued_bytes, wire_bytes, used, self.size_bytes, self.alpha)


class Credit:
    """Burst credit of a transmitter, in millionths of a byte."""

    __slots__ = ("baseline", "most", "left", "since_ps", "out_ps")

    def __init__(self, spec: LinkSpec, now_ps: int) -> None:
        self.baseline = max(1, (spec.baseline_bps or 0) // 8)
        self.left = spec.credit_bytes * MILLION
        # While a unit is on its way, credit for the next one gathers, or the baseline would not be reached.
        self.most = max(spec.credit_bytes, LARGEST_UNIT_BYTES) * MILLION
        self.since_ps = now_ps
        self.out_ps: int | None = None  # when somebody waited for credit first

    def left_bytes(self, now_ps: int) -> int:
        """What is left, none while units that wait have it before it is there."""
        return max(0, credit_now(self.left, self.since_ps, now_ps, self.baseline, self.most)[0]) // MILLION

    def take(self, start_ps: int, wire_bytes: int) -> int:
        """Picoseconds that a unit waits for credit, which is then used."""
        now = credit_now(self.left, self.since_ps, start_ps, self.baseline, self.most)
        self.left, self.since_ps, wait_ps = spend(*now, wire_bytes, self.baseline)
        if wait_ps and self.out_ps is None:
            self.out_ps = start_ps
        return wait_ps


class Link:
    """One transmitter. Without a rate it is never a bottleneck (every visit still takes 1 ps)."""

    __slots__ = (
        "meter",
        "node",
        "cable",
        "port",
        "trouble",
        "rate_bps",
        "buffer_bytes",
        "ring_packets",
        "packet_ps",
        "credit",
        "shared",
        "free_at",
        "_waiting",
        "queued_bytes",
        "_packets",
        "turns",
        "most_turns",
        "fair",
        "ahead_at",
    )

    def __init__(self, meter: Meter, spec: LinkSpec, now_ps: int) -> None:
        self.meter = meter
        record = meter.record
        self.node = record.node  # whose card transmits, or whose port it is
        self.port = record.kind == "switch"
        self.trouble: Trouble | None = None
        self.cable = spec.cable
        self.rate_bps = spec.rate_bps
        self.buffer_bytes = spec.buffer_bytes
        self.ring_packets = spec.ring_packets
        #: At least this long for each wire packet.
        self.packet_ps = -(-PS_PER_S // spec.packets_per_s) if spec.packets_per_s else 0
        self.credit = None if spec.baseline_bps is None else Credit(spec, now_ps)
        self.shared: SharedBuffer | None = None
        self.free_at = -(1 << 62)
        #: Until when each of the flows has something here whose packets may alternate; None: nobody asks. At the most so many do.
        self.turns: list[int] | None = None
        self.most_turns = TURNS
        #: Until when each of the queues that take turns has something; None: what comes first is served first.
        self.fair = [-(1 << 62)] * spec.queues if spec.queues and self.credit is None else None
        self.ahead_at = -(1 << 62)  # when those that went ahead are done
        self._waiting: deque[tuple[int, int, int]] = deque()
        self.queued_bytes = 0
        self._packets = 0

    def front_at(self) -> int:
        """When a unit of a flow with nothing here is served, if that is later than now. The queue is settled."""
        if self.fair is None or not self._waiting:
            return self.free_at
        taken = self._waiting[min(card_units(), len(self._waiting)) - 1][0]
        return min(self.free_at, max(taken, self.ahead_at))

    def alternate(self, now_ps: int, flow: int, until_ps: int) -> int:
        """With how many flows, itself among them, a unit that leaves by then takes turns."""
        assert self.turns is not None
        self.turns[turn_of(flow)] = until_ps
        return min(self.most_turns, sum(until > now_ps for until in self.turns))

    def settle(self, now_ps: int) -> None:
        """Forget what has left by now."""
        waiting, record = self._waiting, self.meter.record
        while waiting and waiting[0][0] <= now_ps:
            _, size, packets = waiting.popleft()
            self.queued_bytes -= size
            self._packets -= packets
            record.served += 1

    def refuse(self, now_ps: int) -> None:
        """A unit came that does not pass."""
        self.meter.record.arrived += 1
        self.settle(now_ps)
        self.meter.drop(now_ps)

    def look(self, now_ps: int, wire_bytes: int) -> tuple[int, bool, int]:
        """What a packet of so many bytes would meet: its wait (ps), and whether it finds no room; bytes sent so far."""
        self.settle(now_ps)
        if self.shared is not None:
            over = not self.shared.takes(self, now_ps, wire_bytes)
        else:
            over = self.buffer_bytes is not None and self.queued_bytes + wire_bytes > self.buffer_bytes
        full = self.ring_packets is not None and self._packets and self._packets + 1 > self.ring_packets
        return (
            max(0, self.front_at() - now_ps),
            bool(over or full),
            self.meter.record.bytes_sent - self.queued_bytes,
        )

    def clear(self, now_ps: int) -> None:
        """Its node has lost power: what waits is lost."""
        self.settle(now_ps)
        for _ in self._waiting:
            self.meter.drop(now_ps)
        self._waiting.clear()
        self.queued_bytes = self._packets = 0
        self.free_at = -(1 << 62)

    def enter(
        self,
        now_ps: int,
        last_in_ps: int,
        wire_bytes: int,
        packets: int,
        full_bytes: int = 0,
        pieces: int = 1,
        flow: int = 0,
    ) -> tuple[int, int, int, int] | None:
        """A unit's first packet is here. Returns (start, first packet out, last packet out, packets that found no room);
        None if all are dropped. ``full_bytes``: what a full packet takes on the wire; 0: the unit goes as a whole. ``pieces``: frames for each packet."""
        record = self.meter.record
        record.arrived += 1
        self.settle(now_ps)
        wire_bytes = max(wire_bytes, MIN_FRAME_BYTES * packets)
        if self.shared is not None:
            over = not self.shared.takes(self, now_ps, wire_bytes)
        else:
            over = self.buffer_bytes is not None and self.queued_bytes + wire_bytes > self.buffer_bytes
        # An skb larger than an empty ring is fed into it piece by piece, so an empty queue takes any unit.
        full = self.ring_packets is not None and self._packets and self._packets + packets > self.ring_packets
        gone = 0
        if (
            over
            and not full
            and full_bytes
            and packets > 1
            and self.buffer_bytes is not None
            and self.shared is None
        ):
            room = self.buffer_bytes - self.queued_bytes
            fits = fitting(room, full_bytes, packets, last_in_ps - now_ps, self.rate_bps or 0)
            if fits > 0:
                over, gone = False, packets - fits
                packets = fits
                wire_bytes = max(wire_bytes - gone * full_bytes, MIN_FRAME_BYTES * packets)
                if gone:
                    record.arrived += 1
                    self.meter.drop(now_ps)
        if over or full:
            self.meter.drop(now_ps)
            return None
        service = max(1, wire_bytes * PS_BITS // self.rate_bps) if self.rate_bps else 1
        service = max(service, packets * pieces * self.packet_ps)
        one = max(1, service // packets)
        if (
            self.fair is not None
            and self.fair[queue_of(flow, len(self.fair))] <= now_ps < self.front_at() < self.free_at
        ):
            return self._go_ahead(now_ps, last_in_ps, flow, wire_bytes, service, one, gone)
        start = now_ps if now_ps > self.free_at else self.free_at
        held = 0 if self.credit is None else self.credit.take(start, wire_bytes)
        finish = max(start + held + service, last_in_ps + one)
        self.meter.busy(start, start + held + service)
        self.meter.waited(now_ps, start - now_ps)
        self.free_at = finish
        self._waiting.append((finish, wire_bytes, packets))
        self.queued_bytes += wire_bytes
        self._packets += packets
        if self.fair is not None:
            self.fair[queue_of(flow, len(self.fair))] = finish
        if 0 <= start < self.meter.duration_ps:
            record.bytes_sent += wire_bytes
        return start, start + held + one, finish, gone

    def _go_ahead(
        self,
        now_ps: int,
        last_in_ps: int,
        flow: int,
        wire_bytes: int,
        service_ps: int,
        one_ps: int,
        gone: int,
    ) -> tuple[int, int, int, int]:
        """A unit of a flow with nothing here, which is served before what waits. That is not moved; what comes later is."""
        assert self.fair is not None
        start, record = self.front_at(), self.meter.record
        finish = max(start + service_ps, last_in_ps + one_ps)
        self.meter.busy(self.free_at, self.free_at + service_ps)
        self.meter.waited(now_ps, start - now_ps)
        self.ahead_at = start + service_ps
        self.free_at += service_ps
        self._waiting[-1] = (self.free_at, *self._waiting[-1][1:])
        self.fair[queue_of(flow, len(self.fair))] = finish
        record.served += 1
        if 0 <= start < self.meter.duration_ps:
            record.bytes_sent += wire_bytes
        return start, start + one_ps, finish, gone
