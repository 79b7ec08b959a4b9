"""Receive rings of a node's cards."""

from __future__ import annotations

from collections import deque

from netsim.engine.cpu import Core
from netsim.engine.meter import Meter


class Ring:
    """A receive ring: wire packets wait here until softirq has taken them."""

    __slots__ = ("meter", "size", "core", "moderation_ps", "raised_ps", "_waiting", "_packets")

    def __init__(self, meter: Meter, size: int, core: int, moderation_ps: int) -> None:
        self.moderation_ps = moderation_ps
        self.raised_ps = -(1 << 62)  # its last interrupt
        self.meter = meter
        self.size = size
        self.core = core
        self._waiting: deque[tuple[int, int]] = deque()
        self._packets = 0

    def room(self, now_ps: int, packets: int) -> bool:
        """Whether the ring takes these packets."""
        waiting = self._waiting
        while waiting and waiting[0][0] <= now_ps:
            self._packets -= waiting.popleft()[1]
            self.meter.record.served += 1
        return not self._packets or self._packets + packets <= self.size

    def hold(self, until_ps: int, packets: int) -> None:
        """They stay until then."""
        self._waiting.append((until_ps, packets))
        self._packets += packets

    def interrupts(self, now_ps: int, core: Core) -> bool:
        """Whether what comes now raises an interrupt: not while its core takes what came before off the ring (NAPI polls),
        nor before the last one's time is over."""
        if core.softirq_free > now_ps or now_ps < self.raised_ps + self.moderation_ps:
            return False
        self.raised_ps = now_ps
        return True

    def clear(self, now_ps: int) -> None:
        """Its node has lost power: what waits is lost."""
        self.room(now_ps, 0)
        for _ in self._waiting:
            self.meter.drop(now_ps)
        self._waiting.clear()
        self._packets = 0
