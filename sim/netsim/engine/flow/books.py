"""Station records from rates: busy time, waits and bytes, as the other engines count them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from netsim.engine.flow.queues import NONE, Wait
from netsim.engine.flow.solve import PS_PER_S, Stations
from netsim.engine.histogram import bucket
from netsim.engine.record import StationRecord

if TYPE_CHECKING:
    from netsim.engine.flow.simulate import Period

LEVELS = 200  # points at which the exponential wait of those who wait is counted


def station_records(stations: Stations, periods: Sequence[Period]) -> dict[str, StationRecord]:
    """Every station over the measured period; threads' time is shared equally by a node's cores."""
    found: dict[str, StationRecord] = {}
    met = {name for probe in stations.probes.values() for name in (*probe.demands, *probe.wire_bytes)}
    for name, old in stations.known.items():
        record = found[name] = StationRecord(name, old.kind, old.node, old.servers)
        if name not in met and f"{old.node}/cpu" not in met:
            record.busy_by_slice_ps = [0] * len(periods)
            continue
        for period in periods:
            _add(stations, record, period)
        record.arrived = record.served = record.waits
    return found


def _add(stations: Stations, record: StationRecord, period: Period) -> None:
    rates, state = period.offered, period.state
    name = f"{record.node}/cpu" if record.kind == "cpu" else record.name
    share = 1 / stations.cores(record.node) if record.kind == "cpu" else 1.0
    visits = sum(rates[w] * p.demands[name].visits for w, p in stations.probes.items() if name in p.demands)
    sent = sum(rates[w] * p.wire_bytes.get(name, 0.0) for w, p in stations.probes.items())
    width = period.end_ps - period.start_ps
    busy = min(1.0, state.busy.get(name, 0.0)) * width * record.servers
    record.busy_by_slice_ps.append(round(busy))
    record.busy_ps += round(busy)
    record.bytes_sent += round(sent * period.seconds)
    _count_waits(record, state.waits.get(name, NONE), round(visits * share * period.seconds))


def _count_waits(record: StationRecord, found: Wait, count: int) -> None:
    if not count:
        return
    record.waits += count
    record.wait_sum_ps += round(count * found.mean_s * PS_PER_S)
    waiting = round(count * found.chance)
    record.wait_histogram[0] = record.wait_histogram.get(0, 0) + count - waiting
    each = found.mean_s / found.chance if found.chance else 0.0
    points = min(LEVELS, waiting)
    for k in range(points):
        many = (k + 1) * waiting // points - k * waiting // points
        index = bucket(round(-math.log(1 - (k + 0.5) / points) * each * PS_PER_S))
        record.wait_histogram[index] = record.wait_histogram.get(index, 0) + many
