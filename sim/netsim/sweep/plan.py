"""Inverse questions, answered by search over runs: the most load, the fewest nodes, whether it holds with nodes gone."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from netsim.results.errors import EngineError
from netsim.scenario.load import load as load_scenario
from netsim.scenario.problems import ScenarioError
from netsim.scenario.schema import Scenario
from netsim.sweep.keep import Kept, kept
from netsim.sweep.measure import FIRST, Bench, Outcome, schedule
from netsim.sweep.search import LEVEL_OF_A_LOOK, Edge, Look, Space, find_edge
from netsim.sweep.variants import Gone, load_override, losses, present_load, price_per_h, without

Status = Literal["found", "holds", "fails", "impossible", "inconclusive"]
#: Called with what was just decided: the point's text and its side.
Told = Callable[[str, str], None]
SCHEMA_VERSION = 1
PLAN = "plan.json"
TOLERANCE = 0.02
MOST_REPLICATIONS = 40
#: The search goes this far from where the scenario is.
MOST_FACTOR = 1024
MOST_POINTS = 40
REMOVED = (
    "Nodes that are gone are left out of the scenario from its beginning: the swarm has placed their tasks elsewhere. "
    "What users see while it does is not part of this answer."
)


@dataclass(slots=True)
class Point:
    """A place that the search looked at: load, number of nodes, or neither; and its outcome with the worst loss."""

    at: float | None
    outcome: Outcome

    def to_dict(self) -> dict[str, Any]:
        """As in ``plan.json``."""
        o = self.outcome
        names = ("text", "value", "low", "high", "status")
        return {
            "at": self.at, "side": o.side, "gone": o.gone or None, "replications": o.replications, "reason": o.reason,
            "expectations": [{name: told[name] for name in names} for told in o.expectations],
            "bottleneck": None if o.bottleneck is None else o.bottleneck["station"],
        }  # fmt: skip


@dataclass(slots=True)
class Plan:
    """The answer to one question.

    ``value`` with ``low`` and ``high``, the ends of its interval, in ``unit``; ``present`` is the scenario's own.
    ``limit``: the point beyond the edge, which shows what limits it.
    """

    scenario: str
    sha256: str
    question: dict[str, Any]
    kept: Kept
    status: Status
    unit: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    present: float | None = None
    tolerance: float = TOLERANCE
    points: list[Point] = field(default_factory=list)
    limit: Point | None = None
    contradictions: list[tuple[float, float]] = field(default_factory=list)
    growth: dict[str, Any] | None = None
    price: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)
    manifest: dict[str, Any] = field(default_factory=dict)
    interrupted: bool = False

    def limited_by(self) -> dict[str, Any] | None:
        """The expectation that fails first, with what was found just beyond the edge and the busiest station there."""
        if self.limit is None:
            return None
        o = self.limit.outcome
        told = o.expectations[o.worst] if o.worst is not None else None
        return {
            "at": self.limit.at, "gone": o.gone or None, "reason": o.reason,
            "expectation": told and {name: told[name] for name in ("text", "value", "low", "high", "limit", "unit")},
            "station": o.bottleneck and o.bottleneck["station"],
            "utilisation": o.bottleneck and o.bottleneck["utilisation"]["value"],
            "errors": o.errors,
        }  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """The content of ``plan.json``."""
        return {
            "schema": SCHEMA_VERSION,
            "scenario": {"name": self.scenario, "sha256": self.sha256},
            "question": self.question,
            "keep": self.kept.texts,
            "implied": self.kept.implied,
            "status": self.status,
            "answer": {"value": self.value, "low": self.low, "high": self.high, "unit": self.unit, "present": self.present},
            "limited_by": self.limited_by(),
            "growth": self.growth,
            "price": self.price,
            "monotone": not self.contradictions,
            "contradictions": [list(pair) for pair in self.contradictions],
            "points": [point.to_dict() for point in self.points],
            "notes": self.notes,
            "manifest": self.manifest,
        }  # fmt: skip

    def json(self) -> str:
        """``plan.json`` as text."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def save(self, directory: str | os.PathLike[str]) -> list[str]:
        """Write plan.json and report.html; their paths, the report last. Raises ``OSError``."""
        from netsim.results.files import REPORT, write_texts
        from netsim.sweep.plan_page import render

        return write_texts(directory, {PLAN: self.json(), REPORT: render(self)})


def plan(
    file: str | os.PathLike[str],
    *,
    max_load: str | None = None,
    min_nodes: str | None = None,
    n_plus: int = 0,
    keep: Sequence[str] = (),
    growth: tuple[float, str] | None = None,
    overrides: Mapping[str, str] | None = None,
    seed: int | None = None,
    engine: str = "auto",
    jobs: int = 1,
    tolerance: float = TOLERANCE,
    max_replications: int = MOST_REPLICATIONS,
    on_point: Told | None = None,
    on_compile: Callable[[int, int], None] | None = None,
) -> Plan:
    """The most load of a workload, the fewest nodes of a group, or whether the scenario holds with nodes gone.

    ``max_load``: a workload; ``min_nodes``: a group; ``n_plus``: with any so many nodes gone (alone, or with either of
    them). ``keep``: expectations, in full or short (``p99 < 50ms``); without any, the scenario's. ``growth``: share
    and period, like (0.03, "month"). ``tolerance``: the answer counts as found when both ends of its interval are
    this near (share). All points share their random numbers. Raises `ScenarioError` and `EngineError`.
    """
    from netsim.results.run import resolve_engine, stop_flag

    if max_load is not None and min_nodes is not None:
        raise EngineError("expected one question, got --max-load and --min-nodes")
    if max_load is None and min_nodes is None and n_plus == 0:
        raise EngineError("expected a question: --max-load WORKLOAD, --min-nodes GROUP or --n-plus 1")
    if growth is not None and max_load is None:
        raise EngineError("--growth goes with --max-load WORKLOAD")
    resolved = resolve_engine(engine)
    base = dict(overrides or {})
    scenario = load_scenario(file, base)
    asked = kept(scenario, keep, max_load)
    base["expect"] = json.dumps(asked.texts)
    if resolved == "fast":
        from netsim.engine.fast.warmup import warm_up

        warm_up(on_compile, scenario)
    used = scenario.seed if seed is None else seed
    began = time.perf_counter()
    with (
        stop_flag() as flag,
        Bench(resolved, used, schedule(FIRST, max_replications), jobs, flag.is_set) as bench,
    ):
        planner = _Planner(file, base, asked, bench, n_plus, on_point)
        question = {"max_load": max_load, "min_nodes": min_nodes, "n_plus": n_plus}
        found = Plan(scenario.name, scenario.sha256, question, asked, "inconclusive", tolerance=tolerance)
        if max_load is not None:
            planner.max_load(scenario, max_load, found)
        elif min_nodes is not None:
            planner.min_nodes(scenario, min_nodes, found)
        else:
            planner.holds(found)
        found.interrupted = flag.is_set()
    if found.interrupted:
        found.status = "inconclusive"
        found.notes.append("Interrupted: the interval is as far as the search had come.")
    if growth is not None:
        found.growth = remaining(found, *growth)
    found.manifest = {
        "seed": used, "engine": resolved, "replications": bench.replications, "events": bench.visits,
        "wall_s": time.perf_counter() - began, "level_of_a_look": LEVEL_OF_A_LOOK, "interrupted": found.interrupted,
    }  # fmt: skip
    return found


class _Planner:
    """Looks at points of one scenario file, each with every loss of nodes that is asked about."""

    def __init__(
        self,
        file: str | os.PathLike[str],
        base: dict[str, str],
        asked: Kept,
        bench: Bench,
        n_plus: int,
        told: Told | None,
    ) -> None:
        self.file, self.base, self.asked, self.bench, self.n_plus, self.told = (
            file,
            base,
            asked,
            bench,
            n_plus,
            told,
        )
        self.points: list[Point] = []

    def look(self, at: float | None, more: Mapping[str, str], text: str) -> Look:
        """The worst outcome over all losses; the first loss that is surely bad is enough."""
        worst: Outcome | None = None
        try:
            scenario = load_scenario(self.file, {**self.base, **more})
        except ScenarioError as error:
            first = error.problems[0]
            worst = Outcome("bad", reason=f"{first.path}: expected {first.expected}, got {first.found}")
        else:
            for gone in [Gone(), *(losses(scenario, self.n_plus) if self.n_plus else [])]:
                here, reason = without(scenario, gone) if gone.names else (scenario, None)
                outcome = (
                    self.bench.outcome(here, self.asked) if reason is None else Outcome("bad", reason=reason)
                )
                outcome.gone = str(gone)
                worst = outcome if worst is None else _worse(worst, outcome)
                if self.told is not None:
                    self.told(f"{text}, {gone} gone" if gone.names else text, outcome.side)
                if worst.side == "bad" or self.bench.stop():
                    break
        assert worst is not None
        self.points.append(Point(at, worst))
        return worst.look

    def search(
        self, found: Plan, space: Space, start: float, change: Callable[[float], dict[str, str]]
    ) -> Edge:
        """Search along one axis; fills the plan with all but the answer."""

        def look(x: float) -> Look:
            unit = found.unit if found.unit.startswith("/") else f" {found.unit}"
            return self.look(x, change(x), f"{x:.5g}{unit}")

        edge = find_edge(look, space, start, MOST_POINTS, self.bench.stop)
        found.points = sorted(self.points, key=lambda point: point.at or 0.0)
        found.contradictions = edge.contradictions
        found.limit = next((p for p in self.points if p.at == edge.bad), None)
        if edge.contradictions:
            good, bad = edge.contradictions[0]
            text = f"It holds at {good:.5g} and fails at {bad:.5g}: the answer is not an edge between better and worse."
            found.notes.append(text)
        found.status = "found" if edge.ending == "found" and not edge.contradictions else "inconclusive"
        if edge.ending == "wide" and edge.bad is not None and edge.good is not None:
            found.notes.append(
                f"Replications up to {self.bench.looks[-1]} do not know it to {found.tolerance:.2g}: "
                "allow more (--max-replications), or longer runs."
            )
        undecided = next(
            (p.outcome.reason for p in self.points if p.outcome.side == "open" and p.outcome.reason), None
        )
        if undecided:
            found.notes.append(f"Undecided: {undecided}.")
        if self.n_plus:
            found.notes.append(REMOVED)
        return edge

    def max_load(self, scenario: Scenario, name: str, found: Plan) -> None:
        """The most load of a workload."""
        present, found.unit = present_load(scenario, name)
        found.present = present
        whole = found.unit == "users"
        low, high = (1.0, 1e6) if whole else (present / MOST_FACTOR, min(present * MOST_FACTOR, 1e9))
        space = Space(low, high, True, whole, found.tolerance)
        load = scenario.load[name]
        edge = self.search(found, space, present, lambda x: load_override(load, name, x))
        found.value, found.low, found.high = edge.value, edge.good, edge.bad
        if edge.ending == "all bad":
            found.status = "impossible"
            found.notes.append(f"Even {low:.5g} {found.unit.lstrip('/')} are too much.")
        if edge.ending == "all good":
            found.notes.append(f"It holds at {high:.5g} as well, which is as far as the search goes.")
        cost = price_per_h(scenario)
        if cost is not None and not whole and edge.value:
            found.price = {"per_h": cost, "per_million_requests": cost / (edge.value * 3600) * 1e6}

    def min_nodes(self, scenario: Scenario, group: str, found: Plan) -> None:
        """The fewest nodes of a group."""
        if group not in scenario.nodes:
            from netsim.scenario.problems import suggest

            help = suggest(group, scenario.nodes, "groups")
            raise EngineError(
                f"expected the name of a group of nodes, got --min-nodes {group}"
                + (f" ({help})" if help else "")
            )
        present, found.unit = scenario.nodes[group].count, "nodes"
        found.present = present
        space = Space(1, min(present * 64, 10_000), False, True, 0.0)
        edge = self.search(found, space, present, lambda x: {f"nodes.{group}.count": str(round(x))})
        found.value = found.high = edge.good
        found.low = None if edge.good is None else 1.0 if edge.bad is None else edge.bad + 1
        if edge.ending == "all good":
            found.status = "inconclusive" if edge.contradictions else "found"
        if edge.ending == "all bad":
            found.status, found.low = "impossible", None
            found.notes.append(f"Even {space.high:,.0f} nodes are too few.")
        cost, each = price_per_h(scenario), scenario.nodes[group].price
        if cost is not None and each is not None and edge.good is not None:
            found.price = {"per_h": cost + each * (edge.good - present), "present_per_h": cost}

    def holds(self, found: Plan) -> None:
        """Whether the scenario as it is holds with nodes gone."""
        look = self.look(None, {}, "all nodes")
        found.points, found.unit = self.points, "nodes"
        found.status = {"good": "holds", "bad": "fails", "open": "inconclusive"}[look.side]  # type: ignore[assignment]
        found.limit = self.points[-1]
        found.notes.append(REMOVED)


def _worse(a: Outcome, b: Outcome) -> Outcome:
    """The outcome that says more against the scenario."""
    order = {"bad": 2, "open": 1, "good": 0}

    def key(o: Outcome) -> tuple[int, float]:
        return order[o.side], -math.inf if o.distance is None else o.distance

    return max(a, b, key=key)


def remaining(found: Plan, share: float, period: str) -> dict[str, Any]:
    """Periods of compound growth by ``share`` until the present load has grown to the most load, with the interval."""

    def periods(load: float | None) -> float | None:
        if load is None or not found.present:
            return None
        return max(0.0, math.log(load / found.present) / math.log1p(share))

    return {
        "share": share, "per": period, "value": periods(found.value), "low": periods(found.low), "high": periods(found.high),
    }  # fmt: skip
