"""What rules of autoscaling read of the flow engine: how much has come to a service's workers, and how long they were busy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np

from netsim.engine.flow.drawn import arrivals
from netsim.engine.flow.maxmin import Floats
from netsim.engine.flow.shares import Course
from netsim.engine.flow.simulate import Flow
from netsim.engine.machinery import Machinery
from netsim.model.entities import Model
from netsim.picoseconds import PS_PER_S
from netsim.scenario.schema import Scenario
from netsim.swarm.autoscale import Decision, Watcher


class Seen:
    """A replication that is computed, to `netsim.swarm.autoscale.Watcher`: `advance` takes no time, and `pool` tells what the periods
    come to. Requests that come as they do are counted where they are known one by one."""

    stopped = False

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.now_ps = -flow.scenario.warmup_ps
        self.edges = np.array([flow.periods[0].start_ps, *(p.end_ps for p in flow.periods)]) / PS_PER_S
        self._sums: dict[str, tuple[Floats, Floats]] = {}
        self._arrived: dict[str, Floats] = {
            name: np.sort(arrivals(flow, name)) / PS_PER_S
            for name in flow.stations.probes
            if flow.scenario.load[name].arrivals is not None
        }

    def advance(self, until_ps: int) -> int:
        """Up to a time."""
        self.now_ps = until_ps
        return until_ps

    def pool(self, task: str) -> tuple[int, int]:
        """Of a task's workers: requests that have come to them, and how long these were busy (ps)."""
        name, now = f"{task}/workers", self.now_ps / PS_PER_S
        if name not in self._sums:
            self._sums[name] = self._of(name)
        came, busy = (float(np.interp(now, self.edges, sums)) for sums in self._sums[name])
        return round(came), round(busy * PS_PER_S)

    def _of(self, name: str) -> tuple[Floats, Floats]:
        """Of a pool, visits and busy seconds up to each edge."""
        came, busy = [0.0], [0.0]
        for k, period in enumerate(self.flow.periods):
            visits = sum(
                found.demands[name].visits * self._offered(workload, k)
                for workload, found in period.stations.probes.items()
                if name in found.demands
            )
            came.append(came[-1] + visits)
            held = visits * period.state.hold_s.get(name, 0.0)
            busy.append(busy[-1] + min(held, self.flow.stations.known[name].servers * period.seconds))
        return np.array(came), np.array(busy)

    def _offered(self, workload: str, k: int) -> float:
        """Requests of a workload in a period."""
        at = self._arrived.get(workload)
        if at is None:
            period = self.flow.periods[k]
            return period.offered[workload] * period.seconds
        return float(np.diff(np.searchsorted(at, self.edges[k : k + 2]))[0])


def decide(
    scenario: Scenario, model: Model, seed: int, replication: int, stop: Callable[[], bool] | None, course: Course,
    decisions: Sequence[Decision],
) -> Decision | None:  # fmt: skip
    """What a rule decides next, after these decisions and what follows from them; None if nothing more."""
    if all(service.autoscale is None for service in scenario.services.values()):
        return None
    tasks = {name: [task.name for task in found] for name, found in model.services.items()}
    for name in sorted(course.later):
        tasks.setdefault(course.model.tasks[name].party, []).append(name)
    try:
        flow = Flow(scenario, model, seed, replication, stop, course, replayed=False)
    except InterruptedError:
        return None
    return Watcher(scenario, tasks, decisions).follow(cast(Machinery, Seen(flow)))
