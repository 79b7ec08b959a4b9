"""What the workloads of one replication leave behind."""

from __future__ import annotations

import numpy as np

from netsim.engine.record import FATES, WorkloadRecord
from netsim.engine.span import Parts, Span

_FATE = {name: number for number, name in enumerate(FATES)}


class Recorder:
    """Collects the requests of one workload that start in the measured period [0, duration)."""

    def __init__(self, name: str, duration_ps: int) -> None:
        self.name = name
        self.duration_ps = duration_ps
        self.start: list[int] = []
        self.finish: list[int] = []
        self.fate: list[int] = []
        self.bytes: list[int] = []
        self.attempts: list[int] = []
        self.split: list[Parts] = []
        self.open = 0
        self.completed_in_period = 0
        self.goodput_bytes_in_period = 0

    def begin(self, now: int) -> int:
        """A request starts; its number, or -1 outside the measured period."""
        if not 0 <= now < self.duration_ps:
            return -1
        self.open += 1
        self.start.append(now)
        self.finish.append(-1)
        self.fate.append(-1)
        self.bytes.append(0)
        self.attempts.append(0)
        self.split.append({})
        return len(self.start) - 1

    def end(
        self, number: int, fate: str, size: int, attempts: int, span: Span, now: int, counted: bool = False
    ) -> None:
        """It ended. ``counted``: its bytes were counted on the way."""
        if fate == "completed" and 0 <= now < self.duration_ps:
            self.completed_in_period += 1
            if not counted:
                self.goodput_bytes_in_period += size
        if number < 0:
            return
        self.open -= 1
        self.finish[number] = now
        self.fate[number] = _FATE[fate]
        self.attempts[number] = attempts
        if fate == "completed":
            self.bytes[number] = size
            self.split[number] = span.parts

    def received(self, size: int, now: int) -> None:
        """Bytes of a bulk transfer arrived."""
        if 0 <= now < self.duration_ps:
            self.goodput_bytes_in_period += size

    def record(self) -> WorkloadRecord:
        """As plain arrays."""
        return WorkloadRecord(
            self.name,
            np.array(self.start, np.int64),
            np.array(self.finish, np.int64),
            np.array(self.fate, np.int8),
            np.array(self.bytes, np.int64),
            np.array(self.attempts, np.int32),
            self.split,
            self.completed_in_period,
            self.goodput_bytes_in_period,
        )
