"""Bulk transfers as fluid: flows share links, receive cores and nodes' cores at max-min fair rates, each below what its threads
and its window allow.

What a byte costs depends on the size of units, and that on the rate; so all is played a few times, with the mean rates of the
time before. Acknowledgements take what they need and do not hold their flow back: they leave that much less to all others. A flow begins as late as slow start makes it: with the bytes that it is behind one that sends at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from netsim.engine.border import Change
from netsim.engine.flow.constants import constants
from netsim.engine.flow.fluid import Transfers
from netsim.engine.flow.following import Left, follow
from netsim.engine.flow.life import Life, Sender, life, slow_start_s
from netsim.engine.flow.opening import Way, opened
from netsim.engine.flow.shares import Course as Changing
from netsim.engine.flow.standing import Standing
from netsim.engine.flow.ways import Price, Pricing, quota_of
from netsim.engine.parts import PART
from netsim.engine.record import FATES, RunRecord, StationRecord, WorkloadRecord
from netsim.engine.tally import W_ENDED, Tally, request_rows, slice_ps
from netsim.engine.world import World
from netsim.model.entities import Model
from netsim.picoseconds import PS_PER_S
from netsim.scenario.schema import Scenario

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
ROUNDS = 3
#: Why rates of bulk transfers may be others.
WITHIN = "flows stay within a node, and whether a thread comes to the core of its receive work is chance"
CROSSED = "flows meet more than one full station, and lose at each of them"
BEHIND = "acknowledgements wait in the queue of a full link, and windows last longer"
TIMERS = "flows whose way was cut go on with their next time-out, which doubles each time and depends on the last round trips"
CORES = "cores are full, or would be with the small units that losses leave behind"


@dataclass(slots=True)
class Moved:
    """What the flows of a run have done. ``sending``: those that were opened, with ``prices``. ``moved``: bytes of each at each
    edge of a slice; ``busy_s``: of each station likewise, since the begin; ``ends_s``: nan if not before the run's end.
    ``fullest``: of each station, the largest share of its capacity that is in use in a slice; ``small``: of each receive core, with
    small units."""

    ways: list[Way]
    sending: list[Way]
    prices: list[Price]
    stations: list[str]
    moved: Floats
    busy_s: Floats
    ends_s: Floats
    fullest: dict[str, float]
    small: dict[str, float]
    lives: list[Life]
    standing: Standing
    span_s: float


def play(
    world: World, edges_s: Sequence[float], taken: Mapping[str, float], changes: Sequence[Change] = ()
) -> Moved:
    """All bulk transfers of a world, up to the last of these times, while the swarm changes. ``taken``: shares of stations that
    others have."""
    opening = opened(world, round(edges_s[-1] * PS_PER_S), changes)
    sending = [way for way in opening.ways if way.conn is not None]
    pricing = Pricing(world, opening.rates)
    rates, busy = np.full(len(sending), np.inf), dict[str, float]()
    prices: list[Price] = []
    acks: dict[str, float] = {}
    standing = Standing(world, opening.rates, [], [])
    for _ in range(ROUNDS):
        prices = _prices(pricing, sending, prices, rates, busy)
        stations = list(dict.fromkeys(name for price in prices for name in [*price.seconds, *price.back]))
        whole = _capacities(world, stations, {}, {})
        lives = _lives(world, sending, prices, rates, standing)
        what, order = _transfers(world, sending, prices, stations, rates, lives)
        left = Left(stations, _capacities(world, stations, taken, acks), opening.capacities)
        flows = [
            (_congestion(world, way), mss_of(way), price) for way, price in zip(sending, prices, strict=True)
        ]
        standing = Standing(world, opening.rates, stations, flows)
        played = follow(left, what, order, lives, edges_s, standing.look)
        ends = np.where(
            np.isfinite(played.ends_s), played.ends_s, [min(each.ends_s, edges_s[-1]) for each in lives]
        )
        active = np.maximum(
            ends - np.array([way.begun_ps for way in sending]) / PS_PER_S - _idle(lives, ends), 1e-9
        )
        rates = played.moved[-1] / active
        acks = _acks(prices, played.moved[-1] / edges_s[-1])
        busy = {
            name: seconds / float(np.max(active, initial=1e-9)) + acks.get(name, 0.0)
            for name, seconds in zip(stations, played.busy_s[-1], strict=True)
        }
    with_acks = played.busy_s + np.array([_seconds(prices, stations, row) for row in played.moved])
    shares = np.diff(with_acks, axis=0) / np.diff(np.array(edges_s))[:, None] / whole
    fullest = dict(zip(stations, shares.max(axis=0, initial=0.0).tolist(), strict=True))
    small = small_units(pricing, sending, rates, busy)
    return Moved(
        opening.ways,
        sending,
        prices,
        stations,
        played.moved,
        with_acks,
        played.ends_s,
        fullest,
        small,
        lives,
        standing,
        edges_s[-1] - edges_s[0],
    )


def _congestion(world: World, way: Way) -> str:
    return world.scenario.load[way.workload].connection.congestion


def _lives(
    world: World, ways: Sequence[Way], prices: Sequence[Price], rates: Floats, standing: Standing
) -> list[Life]:
    found = []
    for k, (way, price, rate) in enumerate(zip(ways, prices, rates, strict=True)):
        queued = partial(standing.before_s, k)
        found.append(
            life(way, Sender(_congestion(world, way), mss_of(way), price, float(rate), world.tcp, queued))
        )
    return found


def _idle(lives: Sequence[Life], ends_s: Floats) -> Floats:
    """How long each flow could not send (s)."""
    found = np.zeros(len(lives))
    for k, (each, end) in enumerate(zip(lives, ends_s, strict=True)):
        for (at, cap), (until, _) in zip(each.caps, [*each.caps[1:], (end, 0.0)], strict=True):
            if not cap:
                found[k] += max(0.0, min(until, end) - at)
    return found


def _acks(prices: Sequence[Price], rates_bps: Floats) -> dict[str, float]:
    """What acknowledgements take of each station (s/s) at these rates."""
    found: dict[str, float] = {}
    for price, rate in zip(prices, rates_bps, strict=True):
        for name, seconds in price.back.items():
            found[name] = found.get(name, 0.0) + float(rate) * seconds
    return found


def _seconds(prices: Sequence[Price], stations: Sequence[str], moved: Floats) -> list[float]:
    """What the acknowledgements of so many bytes took, by station."""
    found = _acks(prices, moved)
    return [found.get(name, 0.0) for name in stations]


def _prices(
    pricing: Pricing, ways: Sequence[Way], before: Sequence[Price], rates: Floats, busy: Mapping[str, float]
) -> list[Price]:
    return [
        pricing.price(way, min(rate, 1e18), before[k].rtt_s if before else 0.0, busy)
        for k, (way, rate) in enumerate(zip(ways, rates, strict=True))
    ]


def cores_of(model: Model) -> dict[str, int]:
    """Cores of nodes, and of machines that nodes share."""
    nodes = model.nodes.values()
    return {node.name: min(node.cores, node.machine_cores) for node in nodes} | {
        node.machine: node.machine_cores for node in nodes
    }


def _capacities(
    world: World, stations: Sequence[str], taken: Mapping[str, float], acks: Mapping[str, float]
) -> Floats:
    """Seconds per second: as many as a node has cores, one of everything else, without what others take."""
    several = {f"{place}/cpu": float(count) for place, count in cores_of(world.model).items()}
    limits = ((task.name, task.spec.resources.limits.cpus) for task in world.model.tasks.values())
    several |= {quota_of(task): limit for task, limit in limits if limit is not None}
    whole = ((name, several.get(name, 1.0)) for name in stations)
    return np.array([max(0.0, s * (1 - taken.get(name, 0.0)) - acks.get(name, 0.0)) for name, s in whole])


def _transfers(
    world: World,
    ways: Sequence[Way],
    prices: Sequence[Price],
    stations: Sequence[str],
    rates: Floats,
    lives: Sequence[Life],
) -> tuple[Transfers, Ints]:
    """The flows in the order in which they start, and that order."""
    place = {name: k for k, name in enumerate(stations)}
    tcp = world.tcp
    caps = np.array([each.caps[0][1] for each in lives])
    starts = np.array([
        way.begun_ps / PS_PER_S + price.one_way_s
        + slow_start_s(price.rtt_s, rate, tcp.initial_window_packets * mss_of(way))
        for way, price, rate in zip(ways, prices, np.minimum(caps, rates), strict=True)
    ])  # fmt: skip
    order = np.argsort(starts, kind="stable")
    rows = [prices[k].seconds for k in order]
    found = Transfers(
        starts[order], np.array([float(ways[k].size_bytes) for k in order]),
        np.cumsum([0] + [len(row) for row in rows]),
        np.array([place[name] for row in rows for name in row], np.int64),
        np.array([seconds for row in rows for seconds in row.values()], np.float64),
        np.ones(len(ways)), caps[order],
    )  # fmt: skip
    return found, order


def mss_of(way: Way) -> int:
    """Bytes of data in a packet."""
    assert way.conn is not None
    return way.conn.ways.request.mss_bytes


def workload_records(found: Moved, names: Sequence[str], tally: Tally) -> dict[str, WorkloadRecord]:
    """The bulk transfers as the other engines tell of them: every flow is a request, its bytes count as they come."""
    done, good = [0] * len(names), [0] * len(names)
    duration_ps = tally.duration_ps
    sending = {id(way): k for k, way in enumerate(found.sending)}
    ended: list[tuple[int, int]] = []  # when, and how; -1: not yet
    for way in found.ways:
        number, k = names.index(way.workload), sending.get(id(way))
        end, fate = -1, -1
        if way.fate is not None:
            end, fate = way.begun_ps, FATES.index(way.fate)
        elif k is not None:
            good[number] += round(float(found.moved[-1, k] - found.moved[0, k]))
            broken = found.lives[k]
            if np.isfinite(found.ends_s[k]):
                end, fate = round(found.ends_s[k] * PS_PER_S), 0
                done[number] += 1
            elif broken.ends_s * PS_PER_S < duration_ps:
                end, fate = round(broken.ends_s * PS_PER_S), FATES.index(broken.fate)
        ended.append((end, fate))
    ends, fates = np.array(ended, np.int64).reshape(-1, 2).T
    begins = np.array([way.asked_ps for way in found.ways], np.int64)
    rows = request_rows(
        [names.index(way.workload) for way in found.ways], [way.number for way in found.ways], begins, ends, fates, ends >= 0,
        np.where(fates == 0, [way.size_bytes for way in found.ways], 0),
    )  # fmt: skip
    rows[:, W_ENDED + PART["queue:tcp_window"]] = np.where(fates == 0, ends - begins, 0)
    tally.add(rows)
    records = tally.records(done, good)
    return {way.workload: records[way.workload] for way in found.ways}


def add_stations(found: Moved, records: dict[str, StationRecord], cores: Mapping[str, int]) -> None:
    """Busy time and bytes of bulk transfers onto station records; threads' time is shared equally by a node's cores."""
    busy = {name: np.diff(found.busy_s[:, k]) * PS_PER_S for k, name in enumerate(found.stations)}
    softirq: dict[str, Floats] = {}
    for name, seconds in busy.items():
        record = records.get(name)
        if record is not None and record.kind == "cpu":
            softirq[record.node] = softirq.get(record.node, 0.0) + seconds
    for name, record in records.items():
        each = busy.get(name)
        if record.kind == "cpu" and f"{record.node}/cpu" in busy:
            threads = busy[f"{record.node}/cpu"] - softirq.get(record.node, 0.0)
            each = threads / cores[record.node] + (0.0 if each is None else each)
        if each is not None:
            slices = record.busy_by_slice_ps or [0] * len(each)
            record.busy_by_slice_ps = [a + round(b) for a, b in zip(slices, each, strict=True)]
            record.busy_ps = sum(record.busy_by_slice_ps)
    span = found.moved[-1] - found.moved[0] if len(found.sending) else []
    for moved, price in zip(span, found.prices, strict=True):
        for name, wire in price.wire.items():
            if name in records:
                records[name].bytes_sent += round(float(moved) * wire)


def visits(found: Moved) -> int:
    """Visits to stations that this stands for."""
    span = found.moved[-1] - found.moved[0] if len(found.sending) else []
    return round(sum(float(moved) * price.visits for moved, price in zip(span, found.prices, strict=True)))


def small_units(
    pricing: Pricing, ways: Sequence[Way], rates_bps: Floats, busy: Mapping[str, float]
) -> dict[str, float]:
    """The shares of receive cores at these rates if units were as small as they stay after losses, when acknowledgements let go
    a few packets at a time."""
    found: dict[str, float] = {}
    for way, rate in zip(ways, rates_bps, strict=True):
        for name, seconds in pricing.price(
            way, rate, 0.0, busy, constants().small_unit_packets
        ).seconds.items():
            if is_core(name):
                found[name] = found.get(name, 0.0) + float(rate) * seconds
    return found


def is_core(station: str) -> bool:
    """Whether a station is one core, and not all of a node."""
    place = station.rsplit("/", 1)[-1]
    return place.startswith("cpu") and place != "cpu"


def doubts(found: Moved) -> list[str]:
    """Where the shares of TCP are known to be others than these: a sentence for each reason, with the first place."""
    told: dict[str, str] = {}
    full = {name: share for name, share in found.fullest.items() if share > constants().full}
    flows: dict[str, set[int]] = {}
    for k, price in enumerate(found.prices):
        for name in price.seconds:
            if name in full:
                flows.setdefault(name, set()).add(k)
    for k, (way, price) in enumerate(zip(found.sending, found.prices, strict=True)):
        if way.sender is not None and way.sender == way.receiver:
            told.setdefault(WITHIN, way.sender)
        met = [name for name in price.seconds if name in full]
        crossed = next((name for name in met if flows[name] != flows[met[0]]), None)
        if crossed is not None:
            told.setdefault(CROSSED, crossed)
        if found.lives[k].waited_s > constants().waited * found.span_s:
            told.setdefault(TIMERS, way.receiver or way.workload)
        behind = next((name for name in price.back if name in full and k not in flows.get(name, ())), None)
        if behind is not None:
            told.setdefault(BEHIND, behind)
    for name in [*full, *(name for name, share in found.small.items() if share > constants().full)]:
        if name.rsplit("/", 1)[-1].startswith("cpu"):
            told.setdefault(CORES, name)
    return [
        f"The flow engine shares fairly, and TCP may not: {reason} ({place}). Look at the rates of bulk transfers with the fast engine."
        for reason, place in told.items()
    ]


def world_of(
    scenario: Scenario, model: Model, seed: int, replication: int, changing: Changing | None
) -> tuple[World, Sequence[Change]]:
    """The world in which connections are opened, and its changes; tasks that come later do not listen yet."""
    if changing is None:
        return World(scenario, model, seed, replication), ()
    world = World(scenario, changing.model, seed, replication)
    for name in changing.later:
        world.servers[name].listens, world.servers[name].awaited = False, True
    return world, changing.changes


def simulate(
    scenario: Scenario, model: Model, seed: int, replication: int, changing: Changing | None = None
) -> RunRecord:
    """One replication of bulk transfers alone."""
    world, changes = world_of(scenario, model, seed, replication, changing)
    width, names = slice_ps(scenario.duration), sorted(scenario.load)
    edges = [*range(0, scenario.duration, width), scenario.duration]
    found = play(world, [edge / PS_PER_S for edge in edges], {}, changes)
    records = world.machine.records()
    for record in records.values():  # what opening the connections cost is in no account
        records[record.name] = StationRecord(record.name, record.kind, record.node, record.servers)
    add_stations(found, records, cores_of(model))
    tally = Tally(names, scenario.duration)
    done = tally.records([0] * len(names), [0] * len(names)) | workload_records(found, names, tally)
    return RunRecord(
        seed=seed, replication=replication, duration_ps=scenario.duration, complete=True,
        simulated_ps=scenario.duration + scenario.warmup_ps, visits=visits(found), slice_ps=width,
        workloads=done, stations=records, warnings=doubts(found),
    )  # fmt: skip
