"""The distribution of a request's time: the parts of idle requests, with spread work and waits drawn on top.

Waits at different stations are taken as independent. A wait is zero, or exponential with the mean that Pollaczek and
Khinchin's formula (or its kin in `netsim.engine.flow.queues`) gives for those who wait.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from netsim.engine.flow.solve import PS_PER_S, State, Stations
from netsim.engine.flow.work import draws
from netsim.engine.parts import PART

MOST_ROUNDS = 64  # visits of one kind that are drawn one by one
QUEUE = {
    "cpu": "queue:cpu", "workers": "queue:workers", "nic_tx": "queue:nic_tx", "nic_rx": "queue:nic_rx",
    "switch": "queue:switch",
}  # fmt: skip
Floats = npt.NDArray[np.float64]


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

    def draw(self, state: State, rng: np.random.Generator, count: int) -> Floats:
        """The parts of so many requests (ps, columns of `netsim.engine.parts`)."""
        base = self.probe.parts
        parts = base[rng.integers(0, len(base), count)].astype(np.float64)
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
            parts[:, PART[QUEUE[kind]]] += self._waits(names, state, rng, count) * PS_PER_S
        return parts

    def _work(self, parts: Floats, state: State, rng: np.random.Generator) -> None:
        """Work and pauses as they spread, each task's in its share of the requests."""
        stations, count = self.stations, len(parts)
        work, pause, turns = np.zeros(count), np.zeros(count), np.zeros(count)
        groups: dict[str, list[str]] = {}
        for task in stations.model.tasks.values():
            if f"{task.name}/workers" in self.probe.demands:
                groups.setdefault(task.party, []).append(task.name)
        expected = [0.0, 0.0]
        for names in groups.values():
            visits = np.array([self.probe.demands[f"{name}/workers"].visits for name in names])
            spec = stations.model.tasks[names[0]].spec.work
            slopes = np.array([
                state.waits[f"{stations.model.tasks[name].node.name}/cpu"].per_second for name in names
            ])  # fmt: skip
            quantum = np.array([stations.quantum_s[stations.model.tasks[name].node.name] for name in names])
            total = float(visits.sum())
            expected[0] += total * spec.cpu.mean / PS_PER_S
            expected[1] += total * spec.wait.mean / PS_PER_S
            for chosen in _visits(total, rng, count):
                which = rng.choice(len(names), len(chosen), p=visits / total)
                took = draws(spec.cpu, rng, len(chosen))
                work[chosen] += took
                turns[chosen] += np.maximum(took - quantum[which], 0) * slopes[which]
                pause[chosen] += draws(spec.wait, rng, len(chosen))
        # Calls side by side: the critical path has its share of all work.
        for k, (column, drawn) in enumerate((("app.work", work), ("app.wait", pause))):
            if expected[k]:
                parts[:, PART[column]] = (
                    drawn * PS_PER_S * (parts[:, PART[column]].mean() / PS_PER_S / expected[k])
                )
        parts[:, PART["queue:cpu"]] += turns * self.share * PS_PER_S

    def _waits(self, names: list[str], state: State, rng: np.random.Generator, count: int) -> Floats:
        visits = np.array([self.probe.demands[name].on_path for name in names]) * self.share
        total = float(visits.sum())
        found = np.zeros(count)
        if not total:
            return found
        chance = np.array([state.waits[name].chance for name in names])
        mean = np.array([state.waits[name].mean_s for name in names])
        those = np.divide(mean, chance, out=np.zeros(len(names)), where=chance > 0)
        if not those.any():
            return found
        many = max(1.0, total / MOST_ROUNDS)
        for chosen in _visits(total / many, rng, count):
            which = rng.choice(len(names), len(chosen), p=visits / total)
            waits = rng.random(len(chosen)) < chance[which]
            found[chosen] += many * waits * rng.exponential(1.0, len(chosen)) * those[which]
        return found


def _visits(mean: float, rng: np.random.Generator, count: int) -> list[npt.NDArray[np.intp]]:
    """Who makes a first, second... visit, with ``mean`` visits in all per request."""
    whole = int(mean + 1e-9)
    found = [np.arange(count)] * whole
    if mean - whole > 1e-9:
        found.append(np.flatnonzero(rng.random(count) < mean - whole))
    return found
