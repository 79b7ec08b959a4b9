"""One replication on the flow engine: rates by time slice, queueing formulas, and requests drawn from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from netsim.engine.flow import bulk
from netsim.engine.flow.books import station_records
from netsim.engine.flow.closed import settled
from netsim.engine.flow.constants import constants
from netsim.engine.flow.drawn import Drawing
from netsim.engine.flow.moved import moved
from netsim.engine.flow.probe import Probe, narrowed, probe
from netsim.engine.flow.queues import MOST
from netsim.engine.flow.quota import QUOTA
from netsim.engine.flow.rates import mean_rate
from netsim.engine.flow.replay import Met, Span, replay
from netsim.engine.flow.shares import Course, Sharing, computing
from netsim.engine.flow.solve import State, Stations
from netsim.engine.record import RunRecord, WorkloadRecord
from netsim.engine.tally import slice_ps
from netsim.model.entities import Model
from netsim.picoseconds import PS_PER_S
from netsim.scenario.schema import Scenario

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
#: What the last scenario's probes said, for its other replications.
KEPT: list[tuple[Scenario, int, dict[str, Probe]]] = []


@dataclass(slots=True)
class Period:
    """One time slice: its state, what each workload offers and what of it can be done (1/s), and the delay of the
    backlog at its begin and end (s). ``sending``: the share of a workload's senders that is there, where it is not all. ``where``: what part of a
    request's time the backlog is. ``grown_s``: by stream, how much longer its datagrams stand in buffers at the end than at the begin."""

    start_ps: int
    end_ps: int
    stations: Stations
    state: State
    offered: dict[str, float]
    able: dict[str, float]
    behind_s: tuple[float, float]
    sending: dict[str, float]
    where: str
    grown_s: dict[str, float]

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end_ps - self.start_ps) / PS_PER_S


class Flow:
    """One replication."""

    def __init__(
        self, scenario: Scenario, model: Model, seed: int, replication: int, stop: Callable[[], bool] | None,
        course: Course | None = None, replayed: bool = True,
    ) -> None:  # fmt: skip
        """``replayed``: what requests meet around changes is asked of the fast machinery."""
        self.scenario = scenario
        self.model = model
        self.seed, self.replication = seed, replication
        self.warnings: list[str] = []
        self.width = slice_ps(scenario.duration)
        probes = dict(self._probes(stop))
        for name, found in list(probes.items()):
            if not len(found.parts):
                self.warnings.append(
                    f"No request of {name} completed even on an idle system; it is left out."
                )
                del probes[name]
        self.course = course
        there = model if course is None else narrowed(course.model, scenario, *probes, later=course.later)
        self.stations = Stations(scenario, there, probes)
        self.met: dict[str, Met] = {}
        self.spans: list[Span] = []
        if course is not None and replayed:
            self.met, self.spans = replay(course, seed, replication, stop)
        self.periods = self._periods()

    def _probes(self, stop: Callable[[], bool] | None) -> dict[str, Probe]:
        """Of all workloads. All replications ask replication 0: means, of which chance changes little."""
        for scenario, seed, probes in KEPT:
            if scenario is self.scenario and seed == self.seed:
                return probes
        found: dict[str, Probe] = {}
        for name in sorted(self.scenario.load):
            if self._has_sources(name):
                new = probe(self.scenario, self.model, name, self.seed, 0, self._guess(name), stop)
                if found:  # idle stations are kept once
                    new.stations = {
                        key: old for key, old in new.stations.items() if old.waits or old.bytes_sent
                    }
                found[name] = new
        KEPT[:] = [(self.scenario, self.seed, found)]
        return found

    def _has_sources(self, name: str) -> bool:
        source = self.scenario.load[name].from_
        return bool(self.model.services.get(source, True))

    def _guess(self, name: str) -> float:
        load = self.scenario.load[name]
        if load.arrivals is not None:
            return mean_rate(load.arrivals, 0, self.scenario.duration)
        return (load.users or 1) / max(load.think.mean / PS_PER_S, 0.01)

    def _edges(self) -> list[int]:
        """The warm-up's begin, and all time slices."""
        warmup = [-self.scenario.warmup_ps] if self.scenario.warmup_ps else []
        return [*warmup, *range(0, self.scenario.duration, self.width), self.scenario.duration]

    def _periods(self) -> list[Period]:
        found: list[Period] = []
        known: dict[tuple[float, ...], State] = {}
        behind, able = 0.0, dict.fromkeys(self.stations.probes, 0.0)
        edges, buffers = self._edges(), dict[str, float]()
        for start, end, (stations, sending) in zip(edges, edges[1:], self._shared(edges), strict=False):
            state = self._state(stations, start, end, sending, known)
            standing = dict(buffers)
            state = stations.streams.filled(state, buffers, (end - start) / PS_PER_S)
            busiest, where = max(((u, name) for name, u in state.busy.items()), default=(0.0, ""))
            after = max(0.0, behind + (busiest - 1) * (end - start) / PS_PER_S) if busiest > MOST else max(
                0.0, behind - (1 - busiest) * (end - start) / PS_PER_S
            )  # fmt: skip
            if busiest:
                able = {name: rate / busiest for name, rate in state.rates.items()}
            found.append(
                Period(
                    start,
                    end,
                    stations,
                    state,
                    dict(state.rates),
                    able,
                    (behind, after),
                    sending,
                    "queue:connection" if where in stations.probes else "queue:other",
                    stations.streams.grown_s(standing, buffers),
                )
            )
            behind = after
        self._judge(found)
        return [period for period in found if period.start_ps >= 0]

    def _state(
        self, stations: Stations, start: int, end: int, sending: dict[str, float], known: dict[tuple[float, ...], State]
    ) -> State:  # fmt: skip
        """The steady state of a time slice, in which ``sending`` of the senders are there."""
        offered: dict[str, float] = {}
        users: dict[str, int] = {}
        for name in stations.probes:
            load = self.scenario.load[name]
            begin = min(max(load.start or -self.scenario.warmup_ps, start), end)
            active = (end - begin) / (end - start) * sending.get(name, 1.0)
            if load.arrivals is None:
                users[name] = round((load.users or 0) * active)
            else:
                offered[name] = active * mean_rate(load.arrivals, begin, end)
        users = {name: count for name, count in users.items() if count}
        rates = (
            *(round(offered.get(n, 0.0), 9) for n in stations.probes),
            *(users.get(n, 0) for n in stations.probes),
        )
        key = (id(stations), *rates)
        if key not in known:
            idle = {n: offered.get(n, 0.0) for n in stations.probes}
            open_ = {n: rate for n, rate in idle.items() if n not in users}
            known[key] = settled(stations, open_, users)
        return known[key]

    def _shared(self, edges: list[int]) -> Iterator[tuple[Stations, dict[str, float]]]:
        """For each time slice, the stations with their demands as requests are shared then, and how many of the senders
        are there; only what changes is made anew."""
        if self.course is None:
            for _ in edges[1:]:
                yield self.stations, {}
            return
        shares = {
            name: Sharing(self.course, name, found, self._guess(name))
            for name, found in self.stations.probes.items()
        }
        first = {name: share.first() for name, share in shares.items()}
        ways = [share.cells(self.course.changes, edges) for share in shares.values()]
        last, stations = dict(first), self.stations
        for threads in computing(self.course, edges):
            cells = {name: next(way) for name, way in zip(shares, ways, strict=True)}
            if threads != stations.computing or not all(
                cell.same(last[name]) for name, cell in cells.items()
            ):
                probes = {
                    name: moved(found, self.stations.known, shares[name], first[name], cells[name])
                    for name, found in self.stations.probes.items()
                }
                last, stations = cells, Stations(self.scenario, self.stations.model, probes)
                stations.known, stations.computing = self.stations.known, threads
            yield stations, {name: cell.sending for name, cell in cells.items()}

    def _judge(self, periods: list[Period]) -> None:
        valid = constants().valid
        top = max(((share, name) for p in periods for name, share in p.state.busy.items()), default=(0.0, ""))
        if top[0] > valid:
            self.warnings.append(
                f"The flow engine's formulas are held against the fast engine up to {valid:.0%} utilisation; "
                f"{top[1]} comes to {min(top[0], 9.99):.0%}: look at waiting times with the fast engine."
            )
        quotas = {
            name: share for p in periods for name, share in p.state.busy.items() if name.endswith(QUOTA)
        }
        if quotas:
            most = max(quotas, key=quotas.__getitem__)
            self.warnings.append(
                f"Waits for processor limits are approximate: on the fast engine p99 was up to a third off for open loads of which a period holds several "
                f"requests, and more for small budgets and closed loops ({most.removesuffix(QUOTA)} uses {quotas[most]:.0%} of its limit); "
                "--check tells how far off."
            )

    def record(self) -> RunRecord:
        """Draw the requests and close the books."""
        names = sorted(self.scenario.load)
        workloads: dict[str, WorkloadRecord] = {}
        for number, name in enumerate(names):
            workloads[name] = Drawing(self, number, name).record(names)
        visits = sum(
            p.seconds * sum(p.offered[n] * found.visits for n, found in p.stations.probes.items())
            for p in self.periods
        )
        return RunRecord(
            seed=self.seed,
            replication=self.replication,
            duration_ps=self.scenario.duration,
            complete=True,
            simulated_ps=self.scenario.duration + self.scenario.warmup_ps,
            visits=round(visits),
            slice_ps=self.width,
            workloads=workloads,
            stations=station_records(self.stations, self.periods),
            warnings=self.warnings,
        )


def simulate(
    scenario: Scenario, model: Model, seed: int, replication: int, on_progress: Callable[[int], None] | None = None,
    stop: Callable[[], bool] | None = None, course: Course | None = None,
) -> RunRecord:  # fmt: skip
    """Compute one replication. ``on_progress(now_ps)`` is told the end; ``stop()`` ends it early by returning True
    (the record then has ``complete`` False). ``course``: what the control plane changes meanwhile."""
    try:
        large = [load.bulk is not None for load in scenario.load.values()]
        if any(large):
            from netsim.engine.flow import beside

            return (
                bulk.simulate(scenario, model, seed, replication, course) if all(large)
                else beside.simulate(scenario, model, seed, replication, stop, course)
            )  # fmt: skip
        record = Flow(scenario, model, seed, replication, stop, course).record()
    except InterruptedError:
        return RunRecord(
            seed, replication, scenario.duration, False, 0, 0, slice_ps(scenario.duration), {}, {}
        )
    if on_progress is not None:
        on_progress(scenario.duration)
    return record
