"""What the workloads of one replication leave behind, on the reference engine."""

from __future__ import annotations

import numpy as np

from netsim.engine.parts import NS, PART
from netsim.engine.record import FATES
from netsim.engine.span import Parts, Span
from netsim.engine.tally import Tally

_FATE = {name: number for number, name in enumerate(FATES)}
_BLOCK = 4096


class Recorder:
    """Collects the requests of one workload that start in the measured period [0, duration)."""

    def __init__(self, tally: Tally, name: str) -> None:
        self.tally = tally
        self.number = tally.names.index(name)
        self.duration_ps = tally.duration_ps
        self.started = 0
        self.pending: dict[int, int] = {}  # start by number
        self.rows: list[list[int]] = []
        self.completed_in_period = 0
        self.goodput_bytes_in_period = 0
        self.jitter_sum_ps = 0
        self.jitters = 0

    @property
    def open(self) -> int:
        """How many have not ended."""
        return len(self.pending)

    def begin(self, now: int) -> int:
        """A request starts; its number, or -1 outside the measured period."""
        if not 0 <= now < self.duration_ps:
            return -1
        number = self.started
        self.started += 1
        self.pending[number] = now
        return number

    def end(
        self, number: int, fate: str, size: int, attempts: int, span: Span, now: int, counted: bool = False
    ) -> None:
        """It ended. ``counted``: its bytes were counted on the way."""
        done = fate == "completed"
        if done and 0 <= now < self.duration_ps:
            self.completed_in_period += 1
            if not counted:
                self.goodput_bytes_in_period += size
        if number >= 0:
            start = self.pending.pop(number)
            self._row(number, start, now, _FATE[fate], attempts, size if done else 0, span.parts)

    def _row(
        self, number: int, start: int, finish: int, fate: int, attempts: int, size: int, parts: Parts
    ) -> None:
        split = [0] * NS
        for name, ps in parts.items():
            split[PART[name]] = ps
        self.rows.append([self.number, number, start, finish, fate, attempts, size, *split])
        if len(self.rows) >= _BLOCK:
            self.flush()

    def flush(self) -> None:
        """Hand over what has ended."""
        if self.rows:
            self.tally.add(np.array(self.rows, np.int64))
            self.rows = []

    def close(self) -> None:
        """The run is over: what has not ended is in flight."""
        for number, start in self.pending.items():
            self._row(number, start, -1, -1, 0, 0, {})
        self.flush()

    def jittered(self, before_ps: int, latency_ps: int) -> int:
        """The latency of a datagram, and of the one before it at its socket (-1: it is the first); the former."""
        if before_ps >= 0:
            self.jitter_sum_ps += abs(latency_ps - before_ps)
            self.jitters += 1
        return latency_ps

    def received(self, size: int, now: int) -> None:
        """Bytes of a bulk transfer arrived."""
        if 0 <= now < self.duration_ps:
            self.goodput_bytes_in_period += size
