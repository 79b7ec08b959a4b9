"""How far the flow engine is from the fast one: windows of the measured time on both, number by number."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netsim.results.errors import EngineError
from netsim.results.felt import FELT
from netsim.results.text import quantity, signed_share
from netsim.stats.compare import change
from netsim.stats.intervals import rounded

if TYPE_CHECKING:
    from netsim.engine.record import RunRecord
    from netsim.model.entities import Model
    from netsim.results.result import Result
    from netsim.scenario.schema import Scenario

PS_PER_S = 1_000_000_000_000
MOST_WINDOWS = 5
LEAST_WINDOWS = 2  # fewer have no spread
LEAST_WINDOW_PS = PS_PER_S
#: What the flow engine is held to against the fast one, as a share of the fast one's number.
RANGES = {"throughput_per_s": 0.05, "latency_s.p50": 0.10, "latency_s.p99": 0.30}


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the measured time, in the scenario's clock (ps)."""

    start_ps: int
    end_ps: int


def refuse_unfit(scenario: Scenario, engine: str, percent: float) -> None:
    """Raises `EngineError` where there is nothing to check, or nothing to check it with."""
    if not 0 < percent <= 100:
        raise EngineError(f"expected --check above 0 and up to 100 (% of the measured time), got {percent:g}")
    if engine != "flow":
        raise EngineError(
            f"--check holds the flow engine against the fast one, and this run uses {engine}; "
            "say --engine flow, or leave --check out"
        )
    if not _steady_ps(scenario):
        raise EngineError(
            "--check replays time before the first fault or operation, and the first is at 0s; "
            "move it to later, or leave --check out"
        )


def _steady_ps(scenario: Scenario) -> int:
    """How long nothing but the load changes: the fast engine cannot begin in the middle of a failover."""
    events = [*scenario.faults, *scenario.operations]
    return min([scenario.duration, *(event.at for event in events)])


def windows(scenario: Scenario, seed: int, percent: float) -> list[Window]:
    """``percent`` of the measured time before the first fault or operation: one window at a random place in each of
    up to five equal parts."""
    from netsim.engine.streams import stream_key, uniform

    span = _steady_ps(scenario)
    total = span * percent / 100
    count = max(LEAST_WINDOWS, min(MOST_WINDOWS, int(total // LEAST_WINDOW_PS)))
    part, length = span // count, max(1, round(total / count))
    key = stream_key(seed, 0, "check", "window")
    starts = [k * part + int(uniform(key, k) * max(0, part - length)) for k in range(count)]
    return [Window(start, start + min(length, part)) for start in starts]


def windowed(scenario: Scenario, window: Window) -> Scenario:
    """The scenario with its measured time cut to a window; its clock begins with it."""
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
            "faults": (), "operations": (),
        }
    )  # fmt: skip


def check(
    scenario: Scenario,
    model: Model,
    seed: int,
    percent: float,
    stop: Callable[[], bool] | None = None,
) -> dict[str, Any] | None:
    """The key ``check`` of ``result.json``: windows on the fast and on the flow engine with the same arrivals. None
    if ``stop()`` ended it."""
    from netsim.results.build import build_result
    from netsim.results.run import simulator

    began, chosen = time.perf_counter(), windows(scenario, seed, percent)
    results: dict[str, Result] = {}
    for engine in ("fast", "flow"):
        records: list[RunRecord] = []
        for number, window in enumerate(chosen):
            records.append(simulator(engine)(windowed(scenario, window), model, seed, number, None, stop))
            if not records[-1].complete:
                return None
        results[engine] = build_result(windowed(scenario, chosen[0]), model, records, engine, 0.0)
    found = {name: _workload(results, name) for name in scenario.load}
    return {
        "share": percent / 100,
        "engine": "fast",
        "windows": [{"start_s": w.start_ps / PS_PER_S, "end_s": w.end_ps / PS_PER_S} for w in chosen],
        "wall_s": time.perf_counter() - began,
        "workloads": found,
    }


def _workload(results: dict[str, Result], name: str) -> dict[str, Any]:
    found = {}
    for key in FELT:
        fast, flow = (results[e].data["samples"].get(f"workloads.{name}.{key}") for e in ("fast", "flow"))
        if not fast or not flow:
            continue
        told = change(fast, flow, True)
        if told.a is None or told.b is None:
            continue
        value, limit = told.relative.value, RANGES.get(key)
        outside = limit is not None and value is not None and abs(value) > limit
        found[key] = {
            "fast": rounded(told.a), "flow": rounded(told.b), "difference": told.relative.to_dict(), "range": limit,
            "outside": outside,
        }  # fmt: skip
    return found


def check_warnings(found: dict[str, Any]) -> list[str]:
    """A sentence for each workload of which a number is outside its range."""
    warnings = []
    for name, numbers in found["workloads"].items():
        told = [
            f"{FELT[key][0]} by {signed_share(row['difference']['value'])}"
            for key, row in numbers.items()
            if row["outside"]
        ]
        if told:
            warnings.append(
                f"The flow engine is off in the windows that the fast engine replayed: {name} {', '.join(told)}. "
                "Trust the fast engine."
            )
    return warnings


def check_table(found: Mapping[str, Any]) -> list[list[str]]:
    """What both engines say, and how far they are apart; a row for each workload and number, below a head."""
    rows = [["workload", "number", "fast", "flow", "difference", ""]]
    for name, numbers in found["workloads"].items():
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
