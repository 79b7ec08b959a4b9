"""Receive rings of a node's cards."""

from __future__ import annotations

from collections import deque

from netsim.datapath.gro import merged_packets, poll_packets, turn_of
from netsim.engine.cpu import Core
from netsim.engine.meter import Meter
from netsim.engine.route import Visit
from netsim.engine.unit import Unit


class Ring:
    """A receive ring: wire packets wait here until softirq has taken them."""

    __slots__ = ("meter", "size", "core", "moderation_ps", "raised_ps", "_waiting", "_packets")

    def __init__(self, meter: Meter, size: int, core: int, moderation_ps: int) -> None:
        self.moderation_ps = moderation_ps
        self.raised_ps = -(1 << 62)  # its last interrupt
        self.meter = meter
        self.size = size
        self.core = core
        self._waiting: deque[tuple[int, int, int]] = deque()
        self._packets = 0

    def room(self, now_ps: int, packets: int) -> bool:
        """Whether the ring takes these packets."""
        waiting = self._waiting
        while waiting and waiting[0][0] <= now_ps:
            self._packets -= waiting.popleft()[1]
            self.meter.record.served += 1
        return not self._packets or self._packets + packets <= self.size

    def hold(self, until_ps: int, packets: int, flow: int) -> None:
        """They stay until then."""
        self._waiting.append((until_ps, packets, turn_of(flow)))
        self._packets += packets

    def flows(self, flow: int, packets: int) -> int:
        """How many flows, this one among them, have some of so many packets that are next."""
        found, left = {turn_of(flow)}, packets
        for _, count, turn in self._waiting:
            found.add(turn)
            left -= count
            if left <= 0:
                break
        return len(found)

    def interrupts(self, now_ps: int, core: Core) -> bool:
        """Whether what comes now raises an interrupt: not while its core takes what came before off the ring (NAPI polls),
        nor before the last one's time is over."""
        if core.softirq_free > now_ps or now_ps < self.raised_ps + self.moderation_ps:
            return False
        self.raised_ps = now_ps
        return True

    def apart(self, unit: Unit, visit: Visit, core: Core, now_ps: int) -> int:
        """What a unit costs more whose packets come in several skbs, since others' come between them: the rest of the stack
        for each, and an interrupt where the queue is quiet."""
        each, (gap, flows) = visit.again_ps, unit.turns
        if not visit.steered:
            skbs = 1
            if each and visit.poll_ps and gap:
                behind = max(0, core.softirq_free - now_ps)
                if not behind:
                    flows = 1
                    each += visit.poll_ps
                elif flows > 1:
                    flows = min(flows, self.flows(unit.flow, poll_packets()))
                window = max(self.moderation_ps, behind)
                skbs = -(-unit.packets // merged_packets(poll_packets(), gap, window, flows))
            if skbs != unit.skbs and unit.apart is not None:
                unit.apart(skbs)
            unit.skbs = skbs
        return (unit.skbs - 1) * each

    def clear(self, now_ps: int) -> None:
        """Its node has lost power: what waits is lost."""
        self.room(now_ps, 0)
        for _ in self._waiting:
            self.meter.drop(now_ps)
        self._waiting.clear()
        self._packets = 0
