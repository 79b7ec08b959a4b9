"""Latency as plain numbers: the spread, over time, and taken apart by stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netsim.report.chart import Chart
from netsim.report.data import OTHER, Part, parts
from netsim.results.result import Result
from netsim.results.text import duration, quantity

#: More workloads cannot be told apart in one drawing; tables hold all.
MOST_WORKLOADS = 8


@dataclass(frozen=True, slots=True)
class Step:
    """Completed requests between two latencies (s), and the share of all that took longer than ``high_s``."""

    low_s: float
    high_s: float
    count: int
    slower: float


@dataclass(frozen=True, slots=True)
class Fall:
    """One stage of a waterfall: it begins where the earlier ones end (s)."""

    part: Part
    begin_s: float


def spread(found: Mapping[str, Any]) -> list[Step]:
    """The steps of a workload's ``latency_histogram`` from short to long; none in results of earlier versions."""
    histogram = found.get("latency_histogram") or {"low_s": [], "high_s": [], "counts": []}
    left = total = sum(histogram["counts"])
    steps = []
    for low, high, count in zip(histogram["low_s"], histogram["high_s"], histogram["counts"], strict=True):
        left -= count
        steps.append(Step(low, high, count, left / total))
    return steps


def waterfall(found: Mapping[str, Any], key: str) -> list[Fall]:
    """The stages of ``attribution.KEY``, the longest first, one after the other."""
    falls, begin = [], 0.0
    for part in parts(found["attribution"].get(key, {})):
        falls.append(Fall(part, begin))
        begin += part.seconds
    return falls


def spread_chart(result: Result) -> Chart:
    """How many requests took how long."""
    rows = [
        (name, step.low_s * 1000, step.high_s * 1000, step.count, step.slower)
        for name, found in result.data["workloads"].items()
        for step in spread(found)
    ]
    columns = ("workload", "from (ms)", "to (ms)", "requests", "share slower than that")
    return Chart("How latency is spread", _spread_reading(result), columns, rows)


def _spread_reading(result: Result) -> str:
    known = {
        name: (found["latency_s"]["p50"]["value"], found["latency_s"]["p99"]["value"])
        for name, found in result.data["workloads"].items()
        if found["latency_s"]["p50"]["value"] and found["latency_s"]["p99"]["value"]
    }
    if not known:
        return "Too few requests completed to tell how latency is spread."
    name, (half, slow) = max(known.items(), key=lambda item: item[1][1] / item[1][0])
    return (
        f"Half of {name}'s requests took at most {duration(half)}, the slowest 1 % at least {duration(slow)}: "
        f"{slow / half:.3g} times as long."
    )


def percentiles_chart(result: Result) -> Chart:
    """p50 and p99 of the requests that started in each slice of time."""
    rows = [
        (row.t_s, row.workload, *(None if v is None else v * 1000 for v in (row.p50_s, row.p99_s)))
        for row in result.series_rows
    ]
    slow = [row for row in result.series_rows if row.p99_s is not None]
    if slow:
        worst = max(slow, key=lambda row: row.p99_s or 0.0)
        same = [row for row in slow if row.workload == worst.workload]
        best = min(same, key=lambda row: row.p99_s or 0.0)
        reading = (
            f"The p99 of {worst.workload} is highest for requests that start at {worst.t_s:g} s "
            f"({duration(worst.p99_s or 0)}) and lowest at {best.t_s:g} s ({duration(best.p99_s or 0)})."
        )
    else:
        reading = "No request completed, or the table timeseries.csv is not beside the result."
    return Chart("Latency over time", reading, ("time (s)", "workload", "p50 (ms)", "p99 (ms)"), rows)


def waterfall_chart(name: str, found: Mapping[str, Any]) -> Chart:
    """p50 and p99 of one workload, stage by stage."""
    rows = [
        (
            key,
            fall.part.stage,
            fall.part.meaning,
            fall.begin_s * 1000,
            fall.part.seconds * 1000,
            fall.part.share * 100,
        )
        for key in ("p99", "p50")
        for fall in waterfall(found, key)
    ]
    columns = ("of", "stage", "what happens", "begins at (ms)", "takes (ms)", "share (%)")
    return Chart(f"Where the time of {name} goes", waterfall_reading(found), columns, rows)


def waterfall_reading(found: Mapping[str, Any]) -> str:
    """``42 % of the p99 is waiting for a core; ...``."""
    told = []
    for key in ("p99", "p50"):
        shown = [fall.part for fall in waterfall(found, key) if fall.part.stage != OTHER]
        if not shown:
            continue
        first = shown[0]
        told.append(f"{quantity(first.share, 'share')} of the {key} is {first.meaning or first.stage}")
    if not told:
        return "No request completed, so there is nothing to take apart."
    waiting = sum(fall.part.share for fall in waterfall(found, "p99") if fall.part.waiting)
    return f"{'; '.join(told)}. Waiting of all kinds makes up {quantity(waiting, 'share')} of the p99."
