"""The distribution of a request's time: the parts of idle requests, with spread work and waits drawn on top.

Waits at different stations are taken as independent. A wait is zero, or exponential with the mean that Pollaczek and
Khinchin's formula (or its kin in `netsim.engine.flow.queues`) gives for those who wait.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from netsim.engine.flow.lossy import FATE
from netsim.engine.flow.queues import later_turns
from netsim.engine.flow.solve import State, Stations
from netsim.engine.flow.work import draws, turns_after_first
from netsim.engine.parts import PART
from netsim.picoseconds import PS_PER_S
from netsim.scenario.calls import party_of
from netsim.scenario.schema_work import Work

MOST_ROUNDS = 64  # visits of one kind that are drawn one by one
QUEUE = {
    "cpu": "queue:cpu", "workers": "queue:workers", "nic_tx": "queue:nic_tx", "nic_rx": "queue:nic_rx",
    "switch": "queue:switch",
}  # fmt: skip
Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


class Sampler:
    """Draws the parts of requests of one workload in one state."""

    def __init__(self, stations: Stations, workload: str) -> None:
        self.stations = stations
        self.workload = workload
        self.probe = stations.probes[workload]
        self.share = stations.on_path(workload)
        self.kinds: dict[str, list[str]] = {}
        for name in self.probe.demands:
            kind = "cpu" if name.endswith("/cpu") else stations.known[name].kind
            self.kinds.setdefault(kind, []).append(name)

    def rows(self, rng: np.random.Generator, count: int) -> Rows:
        """Requests of the probe that so many go like."""
        return rng.integers(0, len(self.probe.parts), count)

    def draw(self, state: State, rng: np.random.Generator, rows: Rows) -> Floats:
        """The parts of requests that go like these of the probe (ps, columns of `netsim.engine.parts`)."""
        base, count = self.probe.parts, len(rows)
        parts = base[rows].astype(np.float64)
        self._work(parts, state, rng)
        pool = state.waits[self.workload]
        if pool.chance:
            waits = rng.random(count) < pool.chance
            mean_s, ahead = pool.mean_s / pool.chance, 1.0
            if self.stations.scenario.load[self.workload].users is not None:
                # Who waits in a closed loop finds a number ahead that hardly varies: a sum of so many departures.
                ahead = max(1.0, state.rates[self.workload] * mean_s)
            each = rng.gamma(ahead, mean_s / ahead, count)
            parts[:, PART["queue:connection"]] += waits * each * PS_PER_S
        for kind, names in self.kinds.items():
            found = self._waits(names, state, rng, count) + self._standing(names, state, rows)
            parts[:, PART[QUEUE[kind]]] += found * PS_PER_S
        return parts

    def fates(self, state: State, rng: np.random.Generator, rows: Rows) -> Rows:
        """What becomes of datagrams that go like these of the probe: `netsim.engine.record.FATES` by number."""
        found = np.zeros(len(rows), np.int64)
        if not state.lost:
            return found
        for name in self.probe.order:
            if name in self.stations.streams.links and name in state.lost:
                survive = (1 - state.lost[name]) ** self.probe.passes[name][rows]
                found[(found == 0) & (rng.random(len(rows)) > survive)] = FATE[self.stations.known[name].kind]
        pools = {name: demand.visits for name, demand in self.probe.demands.items() if name in state.buffers}
        visits = sum(pools.values())
        share = (
            sum(each * state.lost.get(name, 0.0) for name, each in pools.items()) / visits if visits else 0.0
        )
        found[(found == 0) & (rng.random(len(rows)) < share)] = FATE["workers"]
        return found

    def _work(self, parts: Floats, state: State, rng: np.random.Generator) -> None:
        """Work and pauses as they spread, each task's in its share of the requests."""
        groups: dict[str, list[str]] = {}
        for task in self.stations.model.tasks.values():
            if f"{task.name}/workers" in self.probe.demands:
                groups.setdefault(task.party, []).append(task.name)
        load = self.stations.scenario.load[self.workload]
        target = party_of(self.stations.scenario, load.to, load.from_)
        drawn = Tree(self, groups, state, rng).draw(target, len(parts))
        level = Tree(self, groups, state, None).draw(target, 1)
        for column, found, mean in zip(("app.work", "app.wait"), drawn, level, strict=False):
            if mean[0]:
                parts[:, PART[column]] = found * (parts[:, PART[column]].mean() / mean[0])
        slower_s = self.stations.slower_s(state, self.workload) if state.slower else 0.0
        parts[:, PART["queue:cpu"]] += (drawn[2] + slower_s) * PS_PER_S
        parts[:, PART["queue:workers"]] += drawn[3] * PS_PER_S

    def _standing(self, names: list[str], state: State, rows: Rows) -> Floats:
        """What everybody waits at links behind a queue that others keep standing, as often as a request of the probe passed them: some
        pass such a link once and others three times."""
        found = np.zeros(len(rows))
        for name in names:
            wait_s, passes = state.waits[name].fixed_s, self.probe.passes.get(name)
            if wait_s and passes is not None and passes.any():
                moved = self.probe.demands[name].on_path / float(passes.mean())
                found += wait_s * self.share * moved * passes[rows]
            elif wait_s:
                found += wait_s * self.share * self.probe.demands[name].on_path
        return found

    def _waits(self, names: list[str], state: State, rng: np.random.Generator, count: int) -> Floats:
        visits = np.array([state.paths[self.workload][name] for name in names])
        total = float(visits.sum())
        found = np.zeros(count)
        if not total:
            return found
        chance = np.array([state.waits[name].chance for name in names])
        those = np.array([state.waits[name].each_s for name in names])
        if not those.any():
            return found
        many = max(1.0, total / MOST_ROUNDS)
        shapes = np.array([state.waits[name].shape for name in names])
        plain = bool((shapes == 1).all())
        for chosen in _visits(total / many, rng, count):
            which = rng.choice(len(names), len(chosen), p=visits / total)
            waits = rng.random(len(chosen)) < chance[which]
            sizes = rng.exponential(1.0, len(chosen)) if plain else rng.gamma(shapes[which]) / shapes[which]
            found[chosen] += many * waits * sizes * those[which]
        return found


class Tree:
    """Works, pauses, turns and waits in receive buffers (s) of requests and of the calls that they lead to: of calls side by side, the longest.

    Without ``rng``, all works are their means, as in the probe.
    """

    def __init__(
        self, sampler: Sampler, groups: dict[str, list[str]], state: State, rng: np.random.Generator | None
    ) -> None:
        self.sampler = sampler
        self.groups = groups
        self.state = state
        self.rng = rng

    def draw(self, party: str, count: int) -> Floats:
        """Rows for work, pauses, turns and waits in receive buffers, a column for each of ``count`` visits of a service or container."""
        found = np.zeros((4, count))
        if party not in self.groups:
            return found
        scenario, model = self.sampler.stations.scenario, self.sampler.stations.model
        spec = model.tasks[self.groups[party][0]].spec
        self._own(found, party, spec.work)
        calls = list(spec.calls)
        while calls:
            together = 1
            while calls[0].parallel and together < len(calls) and calls[together].parallel:
                together += 1
            row, calls = calls[:together], calls[together:]
            answers = [
                self.draw(party_of(scenario, call.to), count) for call in row for _ in range(call.count)
            ]
            if row[0].parallel:
                last = np.argmax([answer.sum(axis=0) for answer in answers], axis=0)
                found += np.stack(answers)[last, :, np.arange(count)].T
            else:
                found += sum(answers)
        return found

    def _own(self, found: Floats, party: str, work: Work) -> None:
        if self.rng is None:
            found[0], found[1] = work.cpu.mean / PS_PER_S, work.wait.mean / PS_PER_S
            return
        stations, names, count = self.sampler.stations, self.groups[party], found.shape[1]
        nodes = [stations.model.tasks[name].node.name for name in names]
        visits = np.array([self.sampler.probe.demands[f"{name}/workers"].visits for name in names])
        if not visits.any():  # nobody serves: what becomes of requests then is replayed
            visits = np.ones(len(names))
        which = self.rng.choice(len(names), count, p=visits / visits.sum())
        found[0] = draws(work.cpu, self.rng, count)
        found[1] = draws(work.wait, self.rng, count)
        longest = found[0].max(initial=0.0)
        for k, (name, node) in enumerate(zip(names, nodes, strict=True)):
            quantum = stations.quantum_s[node]
            beside = self.state.slower.get(f"{stations.place[node]}/cpu")
            if beside is not None:
                those = np.flatnonzero(which == k)
                factors = self.rng.choice(beside.factors, len(those), p=beside.chances)
                found[2, those] = found[0, those] * (factors - 1)
            if longest > quantum:
                long = np.flatnonzero((which == k) & (found[0] > quantum))
                first = self.state.waits[f"{stations.place[node]}/cpu"]
                alone = self.state.alone.get(f"{name}/workers", 1.0)
                found[2, long] += alone * later_turns(
                    first, turns_after_first(found[0, long], quantum), quantum
                )
            buffer = self.state.buffers.get(f"{name}/workers")
            if buffer is not None:
                those = np.flatnonzero(which == k)
                found[3, those] = self.rng.choice(buffer.waits_s, len(those))
            levels = self.state.limited_s.get(name)
            if levels is not None:
                those = np.flatnonzero(which == k)
                found[2, those] += self.rng.choice(levels, len(those))


def _visits(mean: float, rng: np.random.Generator, count: int) -> list[npt.NDArray[np.intp]]:
    """Who makes a first, second... visit, with ``mean`` visits in all per request."""
    whole = int(mean + 1e-9)
    found = [np.arange(count)] * whole
    if mean - whole > 1e-9:
        found.append(np.flatnonzero(rng.random(count) < mean - whole))
    return found
