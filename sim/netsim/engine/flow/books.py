"""Station records from rates: busy time, waits and bytes, as the other engines count them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from netsim.engine.flow.queues import NONE, Floats, Wait
from netsim.engine.flow.solve import Stations
from netsim.engine.histogram import bucket
from netsim.engine.record import StationRecord
from netsim.picoseconds import PS_PER_S

if TYPE_CHECKING:
    from netsim.engine.flow.simulate import Period

LEVELS = 200  # points at which the exponential wait of those who wait is counted, over all states
LEAST = 20  # and in each, at the least


def station_records(stations: Stations, periods: Sequence[Period]) -> dict[str, StationRecord]:
    """Every station over the measured period; threads' time is shared equally by a node's cores."""
    alike: dict[int, list[Period]] = {}
    for period in periods:
        alike.setdefault(id(period.state), []).append(period)
    shares = {id(period.stations): period.stations for period in periods}
    met = {key: _met(found) for key, found in shares.items()}
    lasting = {key: sum(period.seconds for period in members) for key, members in alike.items()}
    found: dict[str, StationRecord] = {}
    for name, old in stations.known.items():
        record = found[name] = StationRecord(name, old.kind, old.node, old.servers)
        key = f"{old.node}/cpu" if old.kind == "cpu" else name
        record.busy_by_slice_ps = [_busy_ps(record, key, period) for period in periods]
        record.busy_ps = sum(record.busy_by_slice_ps)
        share = 1 / stations.cores(old.node) if old.kind == "cpu" else 1.0
        for which, members in alike.items():
            visits, sent = met[id(members[0].stations)]
            if key not in visits and key not in sent:
                continue
            state, rates = members[0].state, members[0].offered
            seconds = lasting[which]
            record.bytes_sent += round(seconds * sum(rates[w] * each for w, each in sent.get(key, ())))
            there = {w: found.get(key, 1.0) for w, found in state.reached.items()}
            count = (
                share * seconds * sum(rates[w] * each * there.get(w, 1.0) for w, each in visits.get(key, ()))
            )
            lost, levels = state.lost.get(key, 0.0), max(LEAST, LEVELS // len(alike))
            record.drops += round(count * lost)
            taken = round(count) - round(count * lost)
            if key in state.buffers:
                _count_levels(record, state.buffers[key].waits_s, taken)
            else:
                _count_waits(record, state.waits.get(key, NONE), taken, levels)
        record.served, record.dropped = record.waits, record.drops
        record.arrived = record.served + record.dropped
    return found


Shares = dict[str, list[tuple[str, float]]]


def _met(stations: Stations) -> tuple[Shares, Shares]:
    """By station, which workloads meet it: visits and bytes on the wire per request."""
    visits: Shares = {}
    sent: Shares = {}
    for workload, probe in stations.probes.items():
        for name, demand in probe.demands.items():
            visits.setdefault(name, []).append((workload, demand.visits))
        for name, each in probe.wire_bytes.items():
            sent.setdefault(name, []).append((workload, each))
    return visits, sent


def _busy_ps(record: StationRecord, key: str, period: Period) -> int:
    state = period.state
    if key not in state.busy and key not in state.computing:
        return 0
    busy = state.busy.get(key, 0.0) + state.computing.get(key, 0.0)
    return round(min(1.0, busy) * (period.end_ps - period.start_ps) * record.servers)


def _count_waits(record: StationRecord, found: Wait, count: int, levels: int) -> None:
    if not count:
        return
    record.waits += count
    record.wait_sum_ps += round(count * found.mean_s * PS_PER_S)
    waiting = count if found.fixed_s else round(count * found.chance)
    record.wait_histogram[0] = record.wait_histogram.get(0, 0) + count - waiting
    each = found.each_s
    points = min(levels, waiting)
    for k in range(points):
        many = (k + 1) * waiting // points - k * waiting // points
        index = bucket(round((found.fixed_s - math.log(1 - (k + 0.5) / points) * each) * PS_PER_S))
        record.wait_histogram[index] = record.wait_histogram.get(index, 0) + many


def _count_levels(record: StationRecord, waits_s: Floats, count: int) -> None:
    """Waits of which quantiles are known."""
    record.waits += count
    record.wait_sum_ps += round(count * float(waits_s.mean()) * PS_PER_S)
    for k, wait_s in enumerate(waits_s.tolist()):
        many = (k + 1) * count // len(waits_s) - k * count // len(waits_s)
        index = bucket(round(wait_s * PS_PER_S))
        record.wait_histogram[index] = record.wait_histogram.get(index, 0) + many
