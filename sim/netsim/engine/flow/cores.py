"""What the formulas need to know of nodes' cores: who works on them, in which turns, and what else goes on there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from netsim.engine.flow.computing import beside
from netsim.engine.flow.probe import Demand, Probe
from netsim.engine.flow.queues import Wait, later_turns, sliced
from netsim.engine.flow.threads import slower
from netsim.engine.flow.work import Turns, spread_of_turns
from netsim.engine.parts import PART
from netsim.engine.record import StationRecord
from netsim.model.entities import Model
from netsim.picoseconds import PS_PER_S
from netsim.scenario.calls import asked_of, spec_of
from netsim.scenario.schema import Scenario
from netsim.scenario.schema_work import Distribution, Work

if TYPE_CHECKING:
    from netsim.engine.flow.solve import State


class Cores:
    """The cores of all nodes, and the requests of ``probes`` on them."""

    def __init__(self, scenario: Scenario, model: Model, probes: Mapping[str, Probe]) -> None:
        self.scenario = scenario
        self.model = model
        self.probes = probes
        self.known: dict[str, StationRecord] = {}
        for probe in probes.values():
            self.known |= probe.stations
        for task in model.tasks.values():  # probes know the tasks of their workload
            pool = f"{task.name}/workers"
            if pool not in self.known:
                self.known[pool] = StationRecord(pool, "workers", task.node.name, task.spec.work.workers)
        self.quantum_s = {n.name: n.profile.quantum_ps / PS_PER_S for n in model.nodes.values()}
        nodes = model.nodes.values()
        self._cores = {n.name: n.cores for n in nodes} | {n.machine: n.machine_cores for n in nodes}
        #: By cores, threads that always compute, and their time slice (s).
        self.computing: dict[str, tuple[int, float]] = {}
        for task in model.tasks.values():
            if task.spec.work.busy:
                before = self.computing.get(task.node.cpu_station, (0, 0.0))[0]
                self.computing[task.node.cpu_station] = (
                    before + task.spec.work.busy,
                    self.quantum_s[task.node.name],
                )
        #: Receive queues by node, where nodes have hardware threads.
        self.rings: dict[str, list[str]] = {}
        for name, record in self.known.items() if any(n.smt is not None for n in nodes) else ():
            if record.kind == "nic_rx":
                self.rings.setdefault(record.node, []).append(name)
        self.place = {n.name: n.machine for n in nodes}
        self.ring_cores = {ring: core for probe in probes.values() for ring, core in probe.cores.items()}
        self._turns: dict[tuple[Distribution, float], Turns] = {}
        self._parallel = {name: self._side_by_side(name) for name in scenario.load}

    def threads_wait(
        self,
        state: State,
        name: str,
        total: Demand,
        softirq: float,
        later: tuple[float, float],
        rates: Mapping[str, float],
    ) -> Wait:
        """How long threads wait for cores of which softirq has this share; see `later` and `computing`."""
        mean, slices, cores = (
            total.seconds / total.visits,
            total.short_squares / total.visits,
            self.cores(name.removesuffix("/cpu")),
        )
        if name not in self.computing:
            return sliced(total.visits, mean, slices, cores, softirq, *later)
        threads, quantum = self.computing[name]
        found = beside(
            total.visits, mean, slices, cores, threads, softirq, quantum, self.fresh(name, rates, quantum)
        )
        state.computing[name] = found.share
        return found.wait

    def cores(self, node: str) -> int:
        """The cores of a node, or of a machine that nodes share."""
        return self._cores[node]

    def softirq_share(self, totals: Mapping[str, Demand]) -> dict[str, float]:
        """Softirq's share of each node's cores."""
        found = dict.fromkeys(self.place.values(), 0.0)
        for name, total in totals.items():
            record = self.known.get(name)
            if record is not None and record.kind == "nic_rx":
                place = self.place[record.node]
                found[place] += total.seconds / self.cores(place)
        return found

    def by_core(self, totals: Mapping[str, Demand]) -> dict[str, Demand]:
        """What all receive queues of a core ask of it: they are one row, as are its backlog and the queue that hands on to it (RPS)."""
        found: dict[str, Demand] = {}
        for name, core in self.ring_cores.items():
            if name in totals and totals[name].visits:
                found[core] = found.get(core, Demand()).plus(totals[name])
        return found

    def turns(self, work: Work, quantum_s: float) -> Turns:
        """The turns of a work after its first."""
        key = (work.cpu, quantum_s)
        if key not in self._turns:
            self._turns[key] = spread_of_turns(work.cpu, quantum_s)
        return self._turns[key]

    def later(self, totals: Mapping[str, Demand]) -> dict[str, tuple[float, float]]:
        """Of cores, the share of threads' work that is done in turns after the first of a work, and the length of a time slice (s)."""
        found: dict[str, tuple[float, float]] = {}
        for task in self.model.tasks.values():
            pool, cores = totals.get(f"{task.name}/workers"), totals.get(task.node.cpu_station)
            quantum_s = self.quantum_s[task.node.name]
            if pool is not None and cores is not None and cores.seconds:
                seconds = pool.visits * self.turns(task.spec.work, quantum_s).seconds
                before = found.get(task.node.cpu_station, (0.0, 0.0))[0]
                found[task.node.cpu_station] = min(1.0, before + seconds / cores.seconds), quantum_s
        return found

    def later_s(self, work: Work, quantum_s: float, first: Wait) -> float:
        """The mean wait of a work before its turns after the first."""
        turns = self.turns(work, quantum_s)
        if not turns.seconds or not first.others:
            return 0.0
        return float(later_turns(first, turns.numbers, quantum_s) @ turns.chances)

    def hardware_threads(self, state: State, totals: dict[str, Demand]) -> None:
        """What two threads on one core take longer."""
        for node in self.model.nodes.values() if self.rings else ():
            names = [name for name in (node.cpu_station, *self.rings.get(node.name, ())) if name in totals]
            load = sum(totals[name].seconds for name in names)
            if node.smt is not None and load > 0:
                # Of what they can do at all, which is what limits a load, and not the share of threads that are busy.
                state.busy[f"{node.machine}/threads"] = load / (node.cores * node.smt)
                found = state.slower[node.cpu_station] = slower(float(f"{load:.4g}"), node.cores, node.smt)
                for name in names:
                    totals[name] = totals[name].times(1.0, found.mean)

    def longer(self, state: State, cores: str) -> float:
        """What is added to a second of work on a node's cores beside other hardware threads."""
        return state.slower[cores].mean - 1 if cores in state.slower else 0.0

    def slower_s(self, state: State, workload: str) -> float:
        """What other hardware threads cost a request, but for its work (s)."""
        probe, found = self.probes[workload], 0.0
        for name, demand in probe.demands.items() if state.slower else ():
            if name.endswith("/cpu"):
                found += self.longer(state, name) * demand.seconds
            elif self.known[name].kind == "nic_rx":
                found += self.longer(state, f"{self.known[name].node}/cpu") * demand.seconds
        for task in self.model.tasks.values() if state.slower else ():
            pool = probe.demands.get(f"{task.name}/workers")
            if pool is not None:
                found -= (
                    self.longer(state, task.node.cpu_station)
                    * pool.visits
                    * task.spec.work.cpu.mean
                    / PS_PER_S
                )
        return max(0.0, found) * self.on_path(workload)

    def _side_by_side(self, name: str) -> bool:
        """Whether requests of a workload lead to parallel calls: then not every visit is on the critical path."""
        load = self.scenario.load[name]
        asked = asked_of(self.scenario, load.to, load.from_)
        specs = [spec_of(self.scenario, party) for party in asked]
        return any(call.parallel for spec in specs if spec is not None for call in spec.calls)

    def on_path(self, workload: str) -> float:
        """The share of visits that a request waits for: below 1 where calls are made side by side."""
        if not self._parallel[workload]:
            return 1.0
        probe = self.probes[workload]
        work = sum(d.seconds for name, d in probe.demands.items() if name.endswith("/cpu"))
        if not work or not len(probe.parts):
            return 1.0
        return min(1.0, float(probe.parts[:, PART["app.work"]].mean()) / PS_PER_S / work)

    def fresh(self, name: str, rates: Mapping[str, float], within_s: float) -> float:
        """The share of visits of cores whose request was not there so short a time before."""
        fresh = total = 0.0
        for workload, probe in self.probes.items():
            if name in probe.demands and name in probe.again_s:
                visits = rates[workload] * probe.demands[name].on_path
                total += visits
                fresh += visits * (1 - float(np.exp(-probe.again_s[name] / within_s).mean()))
        return fresh / total if total else 1.0
