"""What the compiled engine has counted, as the records that every engine leaves behind."""

from __future__ import annotations

import numpy as np

from netsim.datapath.shaping import MILLION, credit_now
from netsim.engine.fast import layout as y
from netsim.engine.fast.engine import Fast
from netsim.engine.fast.entries import (
    close_books,
)
from netsim.engine.histogram import BUCKETS
from netsim.engine.record import RunRecord, StationRecord, WorkloadRecord


def run_record(fast: Fast, complete: bool) -> RunRecord:
    """Close the books at the present time: all that a replication leaves behind."""
    M, world = fast.M, fast.world
    now = int(M[y.H_NOW])
    stations = station_records(fast)
    return RunRecord(
        seed=world.draws.seed,
        replication=world.draws.replication,
        duration_ps=world.scenario.duration,
        complete=complete,
        simulated_ps=now + world.scenario.warmup_ps,
        visits=int(M[y.H_VISITS]),
        slice_ps=world.slice_ps,
        workloads=_workloads(fast),
        stations=stations,
        conntrack_peak=world.state.peaks(),
        warnings=world.state.warnings(),
    )


def station_records(fast: Fast) -> dict[str, StationRecord]:
    """Close the books at the present time: every station's counters."""
    M, meters = fast.M, fast.world.machine.meters
    b = fast.builder
    close_books(M, len(b.links.rows), len(b.rings.rows), len(b.servers.rows), len(b.cores.rows))
    slices = int(M[y.H_SLICES])
    found = {}
    for i, name in enumerate(fast.builder.station_names):
        row = M[int(M[y.B_STATION]) + i * y.W_STATION :][: y.W_STATION]
        record = meters[name].record
        histogram = fast.HIST[i * BUCKETS : (i + 1) * BUCKETS]
        (used,) = np.nonzero(histogram)
        waits = {int(k): int(histogram[k]) for k in used}
        at_once = int(row[y.S_WAITS]) - sum(waits.values())
        arrived, served, gone = (int(row[c]) for c in (y.S_ARRIVED, y.S_SERVED, y.S_DROPPED))
        found[name] = StationRecord(
            name, record.kind, record.node, record.servers, int(row[y.S_BUSY]), int(row[y.S_WAIT]), int(row[y.S_WAITS]),
            {0: at_once, **waits} if at_once else waits, int(row[y.S_DROPS]), arrived, served, gone,
            arrived - served - gone, int(row[y.S_BYTES]),
            busy_by_slice_ps=[int(v) for v in M[int(M[y.B_SLICE]) + i * slices :][:slices]],
        )  # fmt: skip
    for name, place in b.link_index.items():
        k = int(M[y.B_LINK]) + place * y.W_LINK
        if M[k + y.L_BASE]:
            found[name].credit_left_bytes, found[name].credit_out_ps = _credit(
                M[k : k + y.W_LINK].tolist(), int(M[y.H_NOW])
            )
    return found


def _credit(link: list[int], now_ps: int) -> tuple[int, int | None]:
    """What is left of a link's burst credit (bytes), and when somebody waited for it first."""
    left, _ = credit_now(link[y.L_CREDIT], link[y.L_SINCE], now_ps, link[y.L_BASE], link[y.L_MOST])
    return max(0, left) // MILLION, None if link[y.L_OUT] == y.NEVER else link[y.L_OUT]


def _workloads(fast: Fast) -> dict[str, WorkloadRecord]:
    fast.count()
    fast.count_open()
    M = fast.M
    table = M[M[y.B_WL] : M[y.B_WL] + len(fast.builder.workloads.rows) * y.W_WL].reshape(-1, y.W_WL)
    jitters = [(int(row[y.WL_JITTER]), int(row[y.WL_JITTERS])) for row in table]
    return fast.world.tally.records(
        table[:, y.WL_COMPLETED].tolist(), table[:, y.WL_GOODPUT].tolist(), jitters
    )
