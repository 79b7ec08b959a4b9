"""Rates, utilisations and waits of all stations for given arrivals: one steady state."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from netsim.engine.flow.buffers import Buffered
from netsim.engine.flow.constants import constants
from netsim.engine.flow.cores import Cores
from netsim.engine.flow.lossy import EVEN, Streams
from netsim.engine.flow.maxmin import Floats
from netsim.engine.flow.probe import Demand, Probe
from netsim.engine.flow.queues import NONE, Wait, evenly, wait
from netsim.engine.flow.quota import QUOTA, waits
from netsim.engine.flow.threads import Slower
from netsim.engine.flow.work import cv2, slices_square
from netsim.model.entities import Model
from netsim.picoseconds import PS_PER_S
from netsim.scenario.calls import party_of
from netsim.scenario.schema import Scenario
from netsim.scenario.schema_work import Work

ROUNDS = 60
LOSSES = 30  # at the most, until what is lost of datagrams stays


@dataclass(slots=True)
class State:
    """A steady state: requests per second by workload; busy share and wait by station, those of a workload's own pool
    of connections under its name.

    ``paths``: by workload, the visits of each station before which a request waits as anybody does (see `Stations.paths`).
    ``lost``: by station, the share of datagrams that it loses; ``buffers``: by worker pool, what its receive buffer does; ``asked``: of
    links and receive queues on the way of datagrams, the share that they are asked for, and how long their buffers last (s); ``alone``: by worker pool, the share of
    the wait for its node's cores that its threads have; ``slower``: by cores, how many times as long work takes there beside other hardware threads; ``computing``: the share of cores that threads have which always compute; ``reached``: of streams, the
    share of their visits that is left, by station. ``hold_s``: how long a worker is held, by pool. ``limited_s``: quantiles of the wait for its processor limit, by task.
    """

    rates: dict[str, float]
    busy: dict[str, float] = field(default_factory=dict)
    waits: dict[str, Wait] = field(default_factory=dict)
    paths: dict[str, dict[str, float]] = field(default_factory=dict)
    lost: dict[str, float] = field(default_factory=dict)
    buffers: dict[str, Buffered] = field(default_factory=dict)
    asked: dict[str, tuple[float, float]] = field(default_factory=dict)
    alone: dict[str, float] = field(default_factory=dict)
    slower: dict[str, Slower] = field(default_factory=dict)
    computing: dict[str, float] = field(default_factory=dict)
    reached: dict[str, dict[str, float]] = field(default_factory=dict)
    hold_s: dict[str, float] = field(default_factory=dict)
    limited_s: dict[str, Floats] = field(default_factory=dict)


class Stations(Cores):
    """Everything about the stations of a scenario that the formulas need, and the formulas over them."""

    def __init__(self, scenario: Scenario, model: Model, probes: Mapping[str, Probe]) -> None:
        super().__init__(scenario, model, probes)
        self.streams = Streams(scenario, model, probes)
        self.names = sorted({name for probe in probes.values() for name in probe.demands})
        #: What bulk transfers ask of stations, per second.
        self.beside: dict[str, Demand] = {}
        #: Of that, streams of units that come evenly to a link: how many, and seconds and squares per second.
        self.even: dict[str, tuple[int, float, float]] = {}
        #: How long what comes to a link stands behind them (s), where they fill it.
        self.standing: dict[str, float] = {}
        self._squares: dict[tuple[Work, float], tuple[float, float]] = {}

    def spread(self, work: Work, quantum_s: float) -> tuple[float, float]:
        """What a work's spread adds to the mean square and to the turns' squares (s^2)."""
        key = (work, quantum_s)
        if key not in self._squares:
            mean = work.cpu.mean / PS_PER_S
            whole, rest = divmod(mean, quantum_s)
            level = whole * quantum_s**2 + rest**2
            self._squares[key] = mean * mean * cv2(work.cpu), slices_square(work.cpu, quantum_s) - level
        return self._squares[key]

    def totals(self, rates: Mapping[str, float], lost: Mapping[str, float]) -> dict[str, Demand]:
        """Visits, seconds and squares per second at every station, of datagrams without those that are lost before it."""
        found = {name: replace(self.beside[name]) if name in self.beside else Demand() for name in self.names}
        for workload, probe in self.probes.items():
            rate = rates[workload]
            for name, demand in probe.demands.items() if workload not in self.streams.probes else ():
                total = found[name]
                total.visits += rate * demand.visits
                total.seconds += rate * demand.seconds
                total.squares += rate * demand.squares
                total.short_squares += rate * demand.short_squares
        self.streams.totals(found, rates, lost)
        for task in self.model.tasks.values():
            pool = found.get(f"{task.name}/workers")
            if pool is not None:
                _, slices = self.spread(task.spec.work, self.quantum_s[task.node.name])
                found[task.node.cpu_station].short_squares += pool.visits * slices
        return found

    def solve(self, rates: Mapping[str, float], full: Collection[str] = ()) -> State:
        """The state at these rates (see `_state`). What is lost of datagrams depends on how long workers are held, and that on what is lost."""
        lost: dict[str, float] = {}
        for _ in range(LOSSES):
            state = self._state(rates, full, lost)
            new = {name: state.lost.get(name, 0.0) for name in {*state.lost, *lost}}
            if all(abs(share - lost.get(name, 0.0)) < 1e-4 for name, share in new.items()):
                break
            lost = {name: (share + lost[name]) / 2 if name in lost else share for name, share in new.items()}
        return state

    def _state(self, rates: Mapping[str, float], full: Collection[str], lost: Mapping[str, float]) -> State:
        """Utilisations and waits at these rates. Nobody waits for the connections of workloads in ``full``: they are the users."""
        state = State(dict(rates))
        totals = self.totals(rates, lost)
        state.reached = {name: self.streams.reached(name, lost) for name in self.streams.probes}
        self.hardware_threads(state, totals)
        softirq = self.softirq_share(totals)
        queued, later = self.by_core(totals), self.later(totals)
        state.computing = {
            name: min(1.0, n / self.cores(name.removesuffix("/cpu")))
            for name, (n, _) in self.computing.items()
        }
        for name, total in totals.items():
            if not total.visits:
                state.busy[name], state.waits[name] = 0.0, NONE
                continue
            if name.endswith("/cpu"):
                share = softirq[name.removesuffix("/cpu")]
                state.busy[name] = total.seconds / self.cores(name.removesuffix("/cpu")) + share
                state.waits[name] = self.threads_wait(
                    state, name, total, share, later.get(name, (0.0, 0.0)), rates
                )
            elif self.known[name].kind != "workers":
                state.busy[name] = total.seconds
                behind, row = self.standing.get(name), queued.get(self.ring_cores.get(name, ""), total)
                if behind is not None:
                    state.waits[name] = Wait(0.0, behind, 0.0, behind)
                elif name in self.even:
                    state.waits[name] = evenly(total.seconds, total.squares, *self.even[name])
                else:
                    state.waits[name] = wait(row.visits, row.seconds / row.visits, row.squares / row.visits)
                self.streams.full(name, total, state)
        self._limits(state, totals)
        self._pools(state, totals)
        for workload in self.probes:
            state.paths[workload] = self.paths(state, workload)
            state.waits[workload] = NONE
            if workload not in full:
                self._connections(state, workload)
        return state

    def paths(self, state: State, workload: str) -> dict[str, float]:
        """By station, the visits before which a request of a workload waits as anybody does. Who comes back to cores soon after it was served
        there finds those who came while it waited before, and nobody else: such a visit counts for less (`netsim.engine.flow.queues.sliced`)."""
        probe, share = self.probes[workload], self.on_path(workload)
        found = {}
        for name, demand in probe.demands.items():
            settles = state.waits[name].settles_s
            again = probe.again_s.get(name, probe.again_s.get("")) if settles else None
            soon = 0.0 if again is None else float(np.exp(-again / settles).mean())
            found[name] = demand.on_path * share * (1 - (1 - state.waits[name].at_once) * soon)
        for pool, alone in state.alone.items():
            cores = self.streams.tasks[pool].node.cpu_station
            if pool in probe.demands and cores in found:
                found[cores] = max(0.0, found[cores] - probe.demands[pool].visits * (1 - alone))
        return found

    def _limits(self, state: State, totals: Mapping[str, Demand]) -> None:
        """Tasks with a limit of processor time."""
        for task in self.model.tasks.values():
            cpus, total = task.spec.resources.limits.cpus, totals.get(f"{task.name}/workers")
            if cpus is None or total is None or not total.visits:
                continue
            work, rest = task.spec.work.cpu, constants().own_s * (1 + sum(c.count for c in task.spec.calls))
            rate = float(f"{total.visits:.3g}")
            state.limited_s[task.name] = waits(cpus, rate, work, rest)
            state.busy[task.name + QUOTA] = total.visits * (work.mean / PS_PER_S + rest) / cpus

    def limited_s(self, state: State, task: str) -> float:
        """The mean wait for a task's processor limit."""
        return float(state.limited_s[task].mean()) if task in state.limited_s else 0.0

    def _connections(self, state: State, workload: str) -> None:
        """A workload's pool of connections: each is held for a response."""
        load = self.scenario.load[workload]
        if load.datagram is not None:
            self._sockets(state, workload)
        if load.connection.kind != "pool" or load.datagram is not None:
            return
        sources = max(1, len(self.model.services.get(load.from_, ())))
        each = -(-load.connection.pool // sources)
        rate, hold = state.rates[workload] / sources, self.response_s(state, workload)
        state.busy[workload] = rate * hold / each
        state.waits[workload] = wait(rate, hold, hold * hold + self._variance(state, workload), each)

    def _sockets(self, state: State, workload: str) -> None:
        """A socket's thread sends one datagram after the other."""
        load, each_s = self.scenario.load[workload], self.streams.socket_s(workload)
        if each_s and load.arrivals is not None:
            rate = state.rates[workload] / load.flows
            cpus = [
                state.waits[name].mean_s for name in self.probes[workload].demands if name.endswith("/cpu")
            ]
            hold = each_s + sum(cpus) / len(cpus)
            state.busy[workload] = rate * hold
            state.waits[workload] = wait(
                rate, hold, 2 * hold * hold, 1, EVEN.get(load.arrivals.kind, load.arrivals.cv**2)
            )

    def _variance(self, state: State, workload: str) -> float:
        """Of a response (s^2): works, pauses and waits, as if each were by itself."""
        probe, found = self.probes[workload], 0.0
        for name, visits in state.paths[workload].items():
            waiting = state.waits[name]
            if waiting.chance:
                mean = waiting.mean_s - waiting.fixed_s
                found += visits * mean**2 * (2 / waiting.chance - 1)
        for task in self.model.tasks.values():
            pool = probe.demands.get(f"{task.name}/workers")
            if pool is not None:
                work, pause = task.spec.work, task.spec.work.wait.mean / PS_PER_S
                each, _ = self.spread(work, self.quantum_s[task.node.name])
                found += pool.visits * (each + pause * pause * cv2(work.wait))
        return found

    def _pools(self, state: State, totals: Mapping[str, Demand]) -> None:
        """Worker pools: a worker is held for its work, its waits and, if blocking, its calls."""
        answer: dict[
            str, float
        ] = {}  # of a party: seconds that its requests wait, over those of the idle system
        for _ in range(ROUNDS):
            before = dict(answer)
            sums: dict[str, list[float]] = {}
            for task in self.model.tasks.values():
                name = f"{task.name}/workers"
                total = totals.get(name)
                if total is None or not total.visits:
                    continue
                work, node = task.spec.work, task.node.name
                cpu = state.waits[task.node.cpu_station]
                variance, _ = self.spread(work, self.quantum_s[node])
                alone = 1.0
                if name in self.streams.pools:
                    cores = totals[task.node.cpu_station]
                    alone = self.streams.own_wait(name, total, cores, self.cores(task.node.machine), cpu)
                    state.alone[name] = alone
                waits_s = cpu.mean_s + self.later_s(work, self.quantum_s[node], cpu)
                longer_s = self.longer(state, task.node.cpu_station) * work.cpu.mean / PS_PER_S
                own = alone * waits_s + longer_s + self.limited_s(state, task.name)
                calls = 0.0
                for call in task.spec.calls:
                    target = party_of(self.scenario, call.to)
                    times = 1 if call.parallel else call.count
                    calls += times * (2 * cpu.mean_s + before.get(target, 0.0))
                idle = total.seconds / total.visits
                hold = idle + own + (calls if work.blocking else 0.0)
                pause = work.wait.mean / PS_PER_S
                square = hold * hold + variance + pause * pause * cv2(work.wait)
                state.hold_s[name] = hold
                state.busy[name] = total.visits * hold / work.workers
                # Those who wait for the node's cores would wait for them without a pool, too, and are counted there.
                state.waits[name] = wait(
                    total.visits, hold - own, square - hold * hold + (hold - own) ** 2, work.workers
                )
                if name in self.streams.pools:
                    self.streams.pool(name, total, hold, state)
                entry = sums.setdefault(task.party, [0.0, 0.0])
                entry[0] += total.visits
                entry[1] += total.visits * (own + calls + state.waits[name].mean_s)
            answer = {party: waits / visits for party, (visits, waits) in sums.items()}
            if all(abs(answer[k] - before.get(k, 0.0)) <= 1e-9 + 1e-6 * answer[k] for k in answer):
                break

    def response_s(self, state: State, workload: str) -> float:
        """The mean time of a request."""
        probe = self.probes[workload]
        total = float(probe.parts.sum(axis=1).mean()) / PS_PER_S if len(probe.parts) else 0.0
        total += state.waits[workload].mean_s
        share = self.on_path(workload)
        total += self.slower_s(state, workload)
        for name, visits in state.paths[workload].items():
            total += visits * state.waits[name].mean_s
        for task in self.model.tasks.values():
            pool = probe.demands.get(f"{task.name}/workers")
            if pool is not None:
                cpu = state.waits[task.node.cpu_station]
                later_s = self.later_s(task.spec.work, self.quantum_s[task.node.name], cpu)
                longer_s = self.longer(state, task.node.cpu_station) * task.spec.work.cpu.mean / PS_PER_S
                total += pool.visits * share * (later_s + longer_s + self.limited_s(state, task.name))
        return total
