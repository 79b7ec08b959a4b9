"""How far the flow engine is from the fast one: windows of the measured time on both, number by number.

The fast engine cannot begin in the middle of a failover. So before the first change windows are at random places, and one
more is around that change, with the control plane and all that follows in it on both engines. Its time before and after the
change are alike shares of the run's: so its percentiles mix both as those of the run do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netsim.picoseconds import PS_PER_S
from netsim.results.errors import EngineError
from netsim.results.felt import FELT
from netsim.results.text import quantity, signed_share
from netsim.stats.compare import change
from netsim.stats.intervals import rounded

if TYPE_CHECKING:
    from netsim.engine.record import RunRecord
    from netsim.results.result import Result
    from netsim.scenario.schema import Scenario

MOST_WINDOWS = 5
LEAST_WINDOWS = 2  # fewer have no spread
LEAST_WINDOW_PS = PS_PER_S
#: What the flow engine is held to against the fast one, as a share of the fast one's number.
RANGES = {"throughput_per_s": 0.05, "latency_s.p50": 0.10, "latency_s.p99": 0.30}


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the measured time, in the scenario's clock (ps); ``changes``: it is around the first change."""

    start_ps: int
    end_ps: int
    changes: bool = False


def refuse_unfit(scenario: Scenario, engine: str, percent: float) -> None:
    """Raises `EngineError` where there is nothing to check, or nothing to check it with."""
    if not 0 < percent <= 100:
        raise EngineError(f"expected --check above 0 and up to 100 (% of the measured time), got {percent:g}")
    if engine != "flow":
        raise EngineError(
            f"--check holds the flow engine against the fast one, and this run uses {engine}; "
            "say --engine flow, or leave --check out"
        )


def _steady_ps(scenario: Scenario) -> int:
    """How long nothing but the load changes."""
    if scenario.model_copy(update={"faults": (), "operations": ()}).changes:
        return 0  # tasks change by themselves
    events = [*scenario.faults, *scenario.operations]
    return min([scenario.duration, *(event.at for event in events)])


def windows(scenario: Scenario, seed: int, percent: float) -> list[Window]:
    """``percent`` of the measured time before the first change, one window at a random place in each of up to five equal
    parts, and one window around the first change of as much of the time on either side of it."""
    span = _steady_ps(scenario)
    rest = scenario.duration - span
    found = _steady(seed, span, percent) if span else []
    if rest:
        length = min(rest, max(LEAST_WINDOW_PS, round(rest * percent / 100)))
        found.append(Window(span - round(span * length / rest), span + length, True))
    return found


def _steady(seed: int, span: int, percent: float) -> list[Window]:
    from netsim.engine.streams import stream_key, uniform

    total = span * percent / 100
    count = max(LEAST_WINDOWS, min(MOST_WINDOWS, int(total // LEAST_WINDOW_PS)))
    part, length = span // count, max(1, round(total / count))
    key = stream_key(seed, 0, "check", "window")
    starts = [k * part + int(uniform(key, k) * max(0, part - length)) for k in range(count)]
    return [Window(start, start + min(length, part)) for start in starts]


def windowed(scenario: Scenario, window: Window) -> Scenario:
    """The scenario with its measured time cut to a window; its clock begins with it. Faults and operations are those of the
    window."""

    def kept(events: Sequence[Any]) -> tuple[Any, ...]:
        inside = (event for event in events if window.start_ps <= event.at < window.end_ps)
        return tuple(event.model_copy(update={"at": event.at - window.start_ps}) for event in inside)

    load = {}
    for name, old in scenario.load.items():
        new: dict[str, Any] = {"start": max(0, old.start - window.start_ps)}
        if old.arrivals is not None:
            points = tuple((at - window.start_ps, rate) for at, rate in old.arrivals.points)
            new["arrivals"] = type(old.arrivals)(old.arrivals.kind, points, old.arrivals.cv)
        load[name] = old.model_copy(update=new)
    return scenario.model_copy(
        update={
            "load": load, "duration": window.end_ps - window.start_ps, "warmup": scenario.warmup_ps, "expect": (),
            "faults": kept(scenario.faults), "operations": kept(scenario.operations),
        }
    )  # fmt: skip


def check(
    scenario: Scenario, seed: int, percent: float, stop: Callable[[], bool] | None = None
) -> dict[str, Any] | None:
    """The key ``check`` of ``result.json``: windows on the fast and on the flow engine with the same arrivals. None
    if ``stop()`` ended it."""
    began, chosen = time.perf_counter(), windows(scenario, seed, percent)
    told: dict[str, Any] = {
        "share": percent / 100,
        "engine": "fast",
        "windows": [
            {"start_s": w.start_ps / PS_PER_S, "end_s": w.end_ps / PS_PER_S, "changes": w.changes} for w in chosen
        ],
    }  # fmt: skip
    for key, changes in (("workloads", False), ("changed", True)):
        some = [window for window in chosen if window.changes == changes]
        results = _on_both(scenario, some, seed, stop) if some else {}
        if results is None:
            return None
        told[key] = {name: _workload(results, name) for name in scenario.load} if results else {}
    return told | {"wall_s": time.perf_counter() - began}


def _on_both(
    scenario: Scenario, chosen: Sequence[Window], seed: int, stop: Callable[[], bool] | None
) -> dict[str, Result] | None:
    """Results of these windows by engine."""
    from netsim.model.build import build_model
    from netsim.results.build import build_result
    from netsim.results.run import simulator

    cut = [windowed(scenario, window) for window in chosen]
    models = [build_model(part) for part in cut]
    results: dict[str, Result] = {}
    for engine in ("fast", "flow"):
        records: list[RunRecord] = []
        for number, (part, model) in enumerate(zip(cut, models, strict=True)):
            name = f"{engine}-swarm" if part.changes else engine
            records.append(simulator(name)(part, model, seed, number, None, stop))
            if not records[-1].complete:
                return None
        results[engine] = build_result(cut[0], models[0], records, engine, 0.0)
    return results


def _workload(results: dict[str, Result], name: str) -> dict[str, Any]:
    found = {}
    for key in FELT:
        fast, flow = (results[e].data["samples"].get(f"workloads.{name}.{key}") for e in ("fast", "flow"))
        if not fast or not flow:
            continue
        told = change(fast, flow, True)
        if told.b is None:
            continue
        value, limit = told.relative.value, RANGES.get(key)
        # Where so much is unanswered that the fast engine knows no such number, flow should not either.
        outside = limit is not None and (value is None or abs(value) > limit)
        found[key] = {
            "fast": None if told.a is None else rounded(told.a), "flow": rounded(told.b),
            "difference": told.relative.to_dict(), "range": limit, "outside": outside,
        }  # fmt: skip
    return found


def check_warnings(found: dict[str, Any]) -> list[str]:
    """A sentence for each workload of which a number is outside its range, before or around the first change."""
    warnings = []
    for part, where in (("workloads", ""), ("changed", " around the first change")):
        for name, numbers in found[part].items():
            told = [_apart(key, row["difference"]["value"]) for key, row in numbers.items() if row["outside"]]
            if told:
                warnings.append(
                    f"The flow engine is off in the windows that the fast engine replayed{where}: {name} "
                    f"{', '.join(told)}. Trust the fast engine."
                )
    return warnings


def _apart(key: str, share: float | None) -> str:
    word = FELT[key][0]
    return f"{word}, which is unknown there" if share is None else f"{word} by {signed_share(share)}"


def check_table(found: Mapping[str, Any]) -> list[list[str]]:
    """What both engines say, and how far they are apart; a row for each workload and number, below a head."""
    rows = [["workload", "number", "fast", "flow", "difference", ""]]
    parts = [(name, numbers) for name, numbers in found["workloads"].items()]
    parts += [
        (f"{name}, around the first change", numbers) for name, numbers in found.get("changed", {}).items()
    ]
    for name, numbers in parts:
        for key, row in numbers.items():
            word, unit, _ = FELT[key]
            limit = row["range"]
            apart = row["difference"]
            told = "-" if apart["value"] is None else signed_share(apart["value"])
            if apart["value"] is not None and apart["low"] is not None:
                told += f" ({signed_share(apart['low'])} to {signed_share(apart['high'])})"
            remark = (
                "" if limit is None else f"outside {limit:.0%}" if row["outside"] else f"within {limit:.0%}"
            )
            rows.append([name, word, quantity(row["fast"], unit), quantity(row["flow"], unit), told, remark])
    return rows
