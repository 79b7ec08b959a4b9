"""Statistics that grow with nothing: requests are counted as they end, into histograms and time slices.

Each ended request is one row of numbers (E_ columns, then the parts of its time); `Tally` counts blocks of rows, in
compiled code, for every machinery. A block is forgotten after that, unless single requests are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike

from netsim.compiled import entry, inner
from netsim.engine.histogram import BUCKETS
from netsim.engine.histogram import bucket as plain_bucket
from netsim.engine.parts import NS, PARTS
from netsim.engine.record import FATES, RequestLog, WorkloadRecord
from netsim.picoseconds import PS_PER_S

MAX_SLICES = 64
OUTAGE_PS = PS_PER_S // 10
MAX_OUTAGE_BUCKETS = 65_536

#: Columns of an ended request; fate and finish are -1 for one that is still in flight when the run ends.
E_WL, E_SERIAL, E_START, E_FINISH, E_FATE, E_TRIES, E_BYTES = range(7)
W_ENDED = 7
W_ROW = W_ENDED + NS

Ints = npt.NDArray[np.int64]
bucket = inner(plain_bucket)


def slice_ps(duration_ps: int) -> int:
    """Length of the equal slices that the measured period is cut into: 1, 2 or 5 times a power of ten, at most 64."""
    unit = 1
    while True:
        for width in (unit, 2 * unit, 5 * unit):
            if -(-duration_ps // width) <= MAX_SLICES:
                return width
        unit *= 10


def outage_bucket_ps(duration_ps: int) -> int:
    """Length of the buckets in which outages are seen: 100 ms, doubled until 65,536 are enough."""
    width = OUTAGE_PS
    while -(-duration_ps // width) > MAX_OUTAGE_BUCKETS:
        width *= 2
    return width


def request_rows(
    workload: ArrayLike, serial: ArrayLike, start_ps: ArrayLike, finish_ps: ArrayLike, fate: ArrayLike, tries: ArrayLike = 0,
    size_bytes: ArrayLike = 0,
) -> Ints:  # fmt: skip
    """Rows of requests for `Tally.add`, whose parts of time are still 0: a number for each of them, or one for all."""
    columns = np.broadcast_arrays(workload, serial, start_ps, finish_ps, fate, tries, size_bytes)
    rows = np.zeros((len(columns[E_SERIAL]), W_ROW), np.int64)
    for column, values in enumerate(columns):
        rows[:, column] = values
    return rows


class Tally:
    """The statistics of all workloads of one replication; workloads are known by their place in ``names``."""

    def __init__(self, names: Sequence[str], duration_ps: int, keep: bool = False) -> None:
        self.names = list(names)
        self.duration_ps = duration_ps
        self.slice_ps, self.outage_ps = slice_ps(duration_ps), outage_bucket_ps(duration_ps)
        count, slices = len(self.names), -(-duration_ps // self.slice_ps)
        self.fates = np.zeros((count, slices, len(FATES) + 1), np.int64)
        self.ended = np.zeros((count, slices, 3), np.int64)
        self.latency = np.zeros((count, slices, 3), np.int64)
        self.histogram = np.zeros((count, slices, BUCKETS), np.int32)
        self.parts = np.zeros((count, BUCKETS, NS), np.float64)
        self.outage = np.zeros((count, -(-duration_ps // self.outage_ps), 2), np.int64)
        self.kept: list[Ints] | None = [] if keep else None

    def add(self, rows: Ints) -> None:
        """Count requests: an array of (n, W_ROW) numbers."""
        if not len(rows):
            return
        if self.kept is not None:
            self.kept.append(rows.copy())
        tally(
            rows, self.duration_ps, self.slice_ps, self.outage_ps, self.fates, self.ended, self.latency, self.histogram,
            self.parts, self.outage,
        )  # fmt: skip

    def times(self, each: int) -> None:
        """What was counted so far stands for so many requests each."""
        for counts in (self.fates, self.ended, self.histogram, self.parts, self.outage):
            counts *= each
        whole, rest = self.latency[:, :, 0], self.latency[:, :, 1]
        whole *= each
        rest *= each
        whole += rest // PS_PER_S
        rest %= PS_PER_S

    def records(
        self, completed: Sequence[int], goodput_bytes: Sequence[int], jitters: Sequence[tuple[int, int]] = ()
    ) -> dict[str, WorkloadRecord]:
        """One record for each workload; what completed in the measured period is counted by its machinery, and the ``jitters``
        of datagrams: their sum (ps) and how many."""
        return {
            name: WorkloadRecord(
                name, self.slice_ps, self.outage_ps, self.fates[i], self.ended[i], self.latency[i], self.histogram[i],
                self.parts[i], self.outage[i], int(completed[i]), int(goodput_bytes[i]), self._log(i),
                *(jitters[i] if jitters else ()),
            )
            for i, name in enumerate(self.names)
        }  # fmt: skip

    def _log(self, workload: int) -> RequestLog | None:
        if self.kept is None:
            return None
        rows = np.concatenate([np.zeros((0, W_ROW), np.int64), *self.kept])
        rows = rows[rows[:, E_WL] == workload]
        rows = rows[np.argsort(rows[:, E_SERIAL], kind="stable")]
        fate = rows[:, E_FATE]
        splits = [
            {PARTS[k]: int(row[W_ENDED + k]) for k in np.flatnonzero(row[W_ENDED:])}
            if row[E_FATE] == 0
            else {}
            for row in rows
        ]
        return RequestLog(
            rows[:, E_START].copy(), rows[:, E_FINISH].copy(), fate.astype(np.int8), rows[:, E_BYTES].copy(),
            rows[:, E_TRIES].astype(np.int32), splits,
        )  # fmt: skip


@entry
def tally(rows, duration, width, outage_width, fates, ended, latency, histogram, parts, outage):  # type: ignore[no-untyped-def]
    """Count ended requests (see `Tally.add`)."""
    for i in range(rows.shape[0]):
        w, start, finish, fate = rows[i, 0], rows[i, 2], rows[i, 3], rows[i, 4]
        s = start // width
        fates[w, s, fate] += 1  # in flight: -1, the last column
        outage[w, start // outage_width, 0] += 1
        if fate > 0:
            outage[w, start // outage_width, 1] += 1
        if fate >= 0 and finish < duration:
            f = finish // width
            ended[w, f, 0 if fate == 0 else 1] += 1
            ended[w, f, 2] += rows[i, 6]
        if fate != 0:
            continue
        took = finish - start
        latency[w, s, 0] += took // 1_000_000_000_000
        latency[w, s, 1] += took % 1_000_000_000_000
        latency[w, s, 0] += latency[w, s, 1] // 1_000_000_000_000
        latency[w, s, 1] %= 1_000_000_000_000
        latency[w, s, 2] = max(latency[w, s, 2], took)
        b = bucket(took)
        histogram[w, s, b] += 1
        for k in range(NS):
            parts[w, b, k] += rows[i, W_ENDED + k]
