"""What a station counts: busy time, waits, arrivals, departures and drops."""

from __future__ import annotations

from netsim.engine.histogram import bucket
from netsim.engine.record import StationRecord


class Meter:
    """Fills one ``StationRecord``. Times outside the measured period [0, duration) are clipped."""

    __slots__ = ("record", "duration_ps", "slice_ps")

    def __init__(
        self, name: str, kind: str, node: str, servers: int, duration_ps: int, slice_ps: int
    ) -> None:
        self.record = StationRecord(name, kind, node, servers)
        self.record.busy_by_slice_ps = [0] * -(-duration_ps // slice_ps)
        self.duration_ps = duration_ps
        self.slice_ps = slice_ps

    def busy(self, start_ps: int, end_ps: int) -> None:
        """One server was busy from start to end."""
        if start_ps < 0:
            start_ps = 0
        if end_ps > self.duration_ps:
            end_ps = self.duration_ps
        if end_ps <= start_ps:
            return
        self.record.busy_ps += end_ps - start_ps
        first, last = start_ps // self.slice_ps, (end_ps - 1) // self.slice_ps
        slices = self.record.busy_by_slice_ps
        if first == last:
            slices[first] += end_ps - start_ps
            return
        for k in range(first, last + 1):
            slices[k] += min(end_ps, (k + 1) * self.slice_ps) - max(start_ps, k * self.slice_ps)

    def waited(self, arrived_ps: int, wait_ps: int) -> None:
        """Somebody who arrived at ``arrived_ps`` waited that long before service."""
        if 0 <= arrived_ps < self.duration_ps:
            record = self.record
            record.waits += 1
            record.wait_sum_ps += wait_ps
            index = bucket(wait_ps)
            record.wait_histogram[index] = record.wait_histogram.get(index, 0) + 1

    def drop(self, now_ps: int) -> None:
        """Somebody found no room."""
        self.record.dropped += 1
        if 0 <= now_ps < self.duration_ps:
            self.record.drops += 1
