"""Streams of datagrams: packets of one size at a constant rate, that nobody acknowledges or sends again."""

from __future__ import annotations

from netsim.engine.kernel import Kernel, Phase
from netsim.engine.keys import Tag, fold, name_key
from netsim.engine.machine import Machine
from netsim.engine.route import Route


class Datagrams:
    """One stream over a route: a datagram of ``payload_bytes`` every ``gap_ps`` until ``until_ps``."""

    def __init__(self, name: str, route: Route, payload_bytes: int, gap_ps: int, until_ps: int) -> None:
        self.key = name_key(name)
        self.route = route
        self.payload_bytes = payload_bytes
        self.gap_ps = gap_ps
        self.until_ps = until_ps
        self.sent = self.arrived = self.lost = 0

    def begin(self, kernel: Kernel, machine: Machine) -> None:
        """Send the first datagram on the reference machinery."""
        self._send(kernel, machine, 0)

    def _send(self, kernel: Kernel, machine: Machine, number: int) -> None:
        key = fold(self.key, Tag.DATAGRAM, number)
        if kernel.now + self.gap_ps < self.until_ps:
            kernel.at(kernel.now + self.gap_ps, Phase.ARRIVAL, key, self._send, kernel, machine, number + 1)
        self.sent += 1
        machine.send(self.route, self.payload_bytes, key, self._arrive, self._drop, None, number)

    def _arrive(self, now_ps: int) -> None:
        self.arrived += 1

    def _drop(self, now_ps: int, station: str) -> None:
        self.lost += 1
