"""Bulk transfers beside requests: requests come first, transfers share what is left, and requests then wait behind both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace

from netsim.engine.flow import bulk
from netsim.engine.flow.bulk import Moved
from netsim.engine.flow.probe import Demand
from netsim.engine.flow.shares import Course
from netsim.engine.flow.simulate import Flow, Period
from netsim.engine.flow.solve import State
from netsim.engine.flow.watching import ring_cores
from netsim.engine.record import RunRecord, StationRecord
from netsim.engine.tally import Tally
from netsim.model.entities import Model
from netsim.picoseconds import PS_PER_S
from netsim.scenario.schema import Scenario

#: A station that transfers fill is reckoned as this busy: what waits there then is windows of data, of which no formula here knows.
FILLED = 0.95
#: Below one: not all of the requests around a change are known as they are.
MOST_OF_ALL = 0.999
#: The last scenario without its transfers, since probes are kept by scenario.
KEPT: list[tuple[Scenario, Scenario]] = []


def simulate(
    scenario: Scenario, model: Model, seed: int, replication: int, stop: Callable[[], bool] | None,
    course: Course | None = None,
) -> RunRecord:  # fmt: skip
    """One replication. Raises ``InterruptedError`` if ``stop()`` says so."""
    rest = _requests(scenario)
    alone = None if course is None else replace(course, model=replace(course.model, scenario=rest))
    flow = Flow(rest, model, seed, replication, stop, alone)
    for met in flow.met.values():  # what was replayed met no transfers, so it tells of trouble alone
        met.share = min(met.share, MOST_OF_ALL)
    before = {name: r.busy_by_slice_ps for name, r in flow.record().stations.items()}
    world, changes = bulk.world_of(scenario, model, seed, replication, course)
    cores = ring_cores(world.machine)
    edges = [period.start_ps / PS_PER_S for period in flow.periods] + [scenario.duration / PS_PER_S]
    moved = bulk.play(world, edges, _taken(flow, cores), changes)
    flow.warnings.clear()
    flow.periods = [_behind(flow, period, moved, k, cores) for k, period in enumerate(flow.periods)]
    flow._judge(flow.periods)
    record = flow.record()
    for name, station in record.stations.items():
        station.busy_by_slice_ps = list(before[name])
        station.busy_ps = sum(before[name])
    for name, idle in world.machine.records().items():  # stations that no request meets
        record.stations.setdefault(name, StationRecord(name, idle.kind, idle.node, idle.servers))
    bulk.add_stations(moved, record.stations, bulk.cores_of(model))
    names = sorted(name for name, load in scenario.load.items() if load.bulk is not None)
    tally = Tally(names, scenario.duration)
    transfers = tally.records([0] * len(names), [0] * len(names)) | bulk.workload_records(moved, names, tally)
    return replace(
        record, workloads=dict(sorted({**record.workloads, **transfers}.items())),
        visits=record.visits + bulk.visits(moved), warnings=[*flow.warnings, *bulk.doubts(moved)],
    )  # fmt: skip


def _requests(scenario: Scenario) -> Scenario:
    for old, rest in KEPT:
        if old is scenario:
            return rest
    load = {name: load for name, load in scenario.load.items() if load.bulk is None}
    rest = scenario.model_copy(update={"load": load, "warmup": scenario.warmup_ps})
    KEPT[:] = [(scenario, rest)]
    return rest


def _taken(flow: Flow, cores: Mapping[str, str]) -> dict[str, float]:
    """The mean shares of links and cores that requests have."""
    found: dict[str, float] = {}
    whole = sum(period.seconds for period in flow.periods)
    for period in flow.periods:
        for name, busy in period.state.busy.items():
            key = cores.get(name, name)
            found[key] = found.get(key, 0.0) + busy * period.seconds / whole
    return found


def _behind(flow: Flow, period: Period, moved: Moved, k: int, cores: Mapping[str, str]) -> Period:
    """A period in which requests wait behind transfers, too."""
    stations = copy(period.stations)
    stations.beside = _demands(flow, period.state.busy, moved, k, period.seconds, cores)
    stations.standing = moved.standing.delays_s[k]
    stations.even = _even(stations.beside, moved, k, period.seconds)
    known: dict[tuple[float, ...], State] = {}
    state = flow._state(stations, period.start_ps, period.end_ps, {}, known)
    for name in stations.standing:
        if name in state.busy:
            state.busy[name] = FILLED
    return replace(period, stations=stations, state=state, offered=dict(state.rates))


def _even(
    found: Mapping[str, Demand], moved: Moved, k: int, seconds: float
) -> dict[str, tuple[int, float, float]]:
    """By link that transfers do not fill, the streams of those that a full one holds back elsewhere: out of that they come evenly. How many, and
    what they ask for per second, in seconds and squares."""
    done, full = moved.moved[k + 1] - moved.moved[k], moved.standing.delays_s[k]
    streams: dict[str, tuple[int, float, float]] = {}
    whole: dict[str, float] = {}
    for each, price, held in zip(done, moved.prices, moved.standing.holds[k], strict=True):
        for name in price.wire:
            took = float(each) * price.seconds.get(name, 0.0) / seconds
            if name in found and took:
                whole[name] = whole.get(name, 0.0) + took
                if held in full:
                    many, busy, squares = streams.get(name, (0, 0.0, 0.0))
                    streams[name] = (
                        many + 1,
                        busy + took,
                        squares + took * price.seconds[name] * price.unit_bytes,
                    )
    # As much of it as is reckoned with at all.
    parts = {name: min(1.0, found[name].seconds / whole[name]) for name in streams}
    return {
        name: (many, busy * parts[name], squares * parts[name])
        for name, (many, busy, squares) in streams.items()
    }


def _demands(
    flow: Flow, busy: Mapping[str, float], moved: Moved, k: int, seconds: float, cores: Mapping[str, str]
) -> dict[str, Demand]:
    """What transfers ask of the stations that requests meet, per second of a slice."""
    done = moved.moved[k + 1] - moved.moved[k]
    share: dict[str, float] = {}
    square: dict[str, float] = {}
    for each, price in zip(done, moved.prices, strict=True):
        for name, cost in price.seconds.items():
            took = float(each) * cost / seconds
            share[name] = share.get(name, 0.0) + took
            square[name] = square.get(name, 0.0) + took * cost * price.unit_bytes
    found: dict[str, Demand] = {}
    for name in flow.stations.names:
        key = cores.get(name, name)
        if not share.get(key) or name in moved.standing.delays_s[k]:
            continue
        wide, took = 1.0, share[key]
        if name.endswith("/cpu"):  # of all cores, threads alone: receive work stands at its queues
            node = name.removesuffix("/cpu")
            wide = float(flow.stations.cores(node))
            took -= sum(
                share.get(core, 0.0) for core in {c for c in cores.values() if c.startswith(f"{node}/cpu")}
            )
        part = min(took, max(0.0, FILLED - busy.get(name, 0.0)) * wide)
        if part > 0:
            service = square[key] / share[key]
            found[name] = Demand(part / service, 0.0, part, part * service, part * service)
    return found
