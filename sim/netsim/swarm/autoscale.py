"""Autoscaling: something outside the swarm looks at a service every so often and tells the managers how many replicas it
should have. Docker has no such thing; the rule is that of Kubernetes' horizontal pod autoscaler.

A control plane runs before its data plane, and what a rule reads is there only afterwards. So a run is made in
passes: each knows the decisions that were made before it, goes on to the first new one, and the next pass begins
from the start with one decision more. What comes before a decision is the same in every pass.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import simpy

from netsim.engine.machinery import Machinery, advance_to
from netsim.picoseconds import PS_PER_S
from netsim.scenario.schema import Scenario
from netsim.scenario.schema_service import Autoscale
from netsim.swarm.constants import swarm_table

if TYPE_CHECKING:
    from collections.abc import Generator

    from netsim.swarm.world import Swarm


@dataclass(frozen=True, slots=True)
class Decision:
    """A rule wants another number of replicas from ``at_ps`` on; ``why``: what it has read."""

    at_ps: int
    service: str
    before: int
    replicas: int
    why: str


class Autoscaler:
    """Carries out decisions, as somebody who says `docker service scale`."""

    def __init__(self, swarm: Swarm, decisions: Iterable[Decision]) -> None:
        self.swarm = swarm
        for decision in decisions:
            swarm.env.process(self._at(decision))

    def _at(self, decision: Decision) -> Generator[simpy.Event, object, None]:
        swarm = self.swarm
        yield swarm.env.timeout(decision.at_ps - swarm.env.now)
        swarm.log("autoscale", decision.service, f"{decision.before} to {decision.replicas}: {decision.why}")
        yield from swarm.orchestrator.scale(decision.service, decision.replicas)


def wanted(rule: Autoscale, total: float, replicas: int) -> int:
    """How many replicas a rule wants: ``total`` over all tasks, so that each gets the target at most; none more or fewer
    while the mean is within the tolerance of the target."""
    target = rule.target.per_task
    if abs(total / (replicas * target) - 1) <= swarm_table().autoscale_tolerance:
        count = replicas
    else:
        count = math.ceil(total / target - 1e-9)
    return min(max(count, rule.min), rule.max)


class Watcher:
    """Reads what the rules of a scenario need of a data plane. ``tasks``: by service, the names of all its tasks."""

    def __init__(
        self, scenario: Scenario, tasks: Mapping[str, Sequence[str]], decisions: Sequence[Decision]
    ) -> None:
        self.scenario = scenario
        self.tasks = tasks
        self.rules = {
            name: spec.autoscale
            for name, spec in sorted(scenario.services.items())
            if spec.autoscale is not None
        }
        self.decisions = {(decision.at_ps, decision.service): decision for decision in decisions}
        self.latest = max(self.decisions, default=(-1, ""))
        self.replicas = {name: scenario.services[name].replicas for name in self.rules}
        self.free_at: dict[str, int] = defaultdict(int)
        self.before: dict[str, tuple[int, int]] = {}

    def follow(
        self, plane: Machinery, advance: Callable[[Machinery, int], None] = advance_to
    ) -> Decision | None:
        """Let a data plane run from look to look (by ``advance``), until a rule decides what is not decided yet; None at the
        end."""
        duration = self.scenario.duration
        looks = sorted(
            {(at, name) for name, rule in self.rules.items() for at in range(0, duration, rule.interval)}
        )
        for at, name in looks:
            advance(plane, at)
            if plane.stopped:
                return None
            decision = self.look(plane, at, name)
            if decision is not None:
                return decision
        return None

    def look(self, plane: Machinery, at_ps: int, name: str) -> Decision | None:
        """What has happened since the last look, and what the rule says to it."""
        rule, tasks = self.rules[name], self.tasks[name]
        counts = [plane.pool(task) for task in tasks]
        now = sum(arrived for arrived, _ in counts), sum(busy for _, busy in counts)
        before, self.before[name] = self.before.get(name), now
        if before is None:  # at 0
            return None
        known = self.decisions.get((at_ps, name))
        if known is not None:
            self.replicas[name], self.free_at[name] = known.replicas, at_ps + rule.cooldown
            return None
        if (at_ps, name) <= self.latest or at_ps < self.free_at[name]:
            return None
        replicas = self.replicas[name]
        total = self._total(rule, name, now[0] - before[0], now[1] - before[1])
        count = wanted(rule, total, replicas)
        if count == replicas:
            return None
        return Decision(at_ps, name, replicas, count, rule.target.text(total / replicas))

    def _total(self, rule: Autoscale, name: str, arrived: int, busy_ps: int) -> float:
        if rule.target.requests is not None:
            return arrived * PS_PER_S / rule.interval
        return busy_ps / (rule.interval * self.scenario.services[name].work.workers)
