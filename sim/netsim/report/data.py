"""What a report shows, as plain numbers and sentences: no plotting, no markup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netsim.report.glossary import kind_text, remedy, stage_text
from netsim.report.tables import first_to_fill
from netsim.results.credit import credit_sentences, draining
from netsim.results.result import Result
from netsim.results.text import duration, quantity, times, with_interval

MOST_BARS = 15
#: Stages below this share of a latency are shown together.
SMALL = 0.01
OTHER = "other"
#: Below this utilisation nobody asks what moves the limit.
WORTH_A_REMEDY = 0.5
NODE_CPU = "node_cpu"
Ends = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Part:
    """One stage's share of a latency: seconds, and the share of the whole (0 to 1)."""

    stage: str
    meaning: str
    seconds: float
    share: float
    waiting: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """One station's utilisation with its interval (0 to 1)."""

    station: str
    kind: str
    node: str
    utilisation: float
    low: float
    high: float
    wait: str
    drops: int


def parts(found: Mapping[str, Ends]) -> list[Part]:
    """The stages of an attribution, the longest first, the small ones together at the end."""
    seconds = {stage: estimate["value"] or 0.0 for stage, estimate in found.items()}
    total = sum(seconds.values())
    if total <= 0:
        return []
    large = {stage: s for stage, s in seconds.items() if s / total >= SMALL and stage != OTHER}
    ordered = sorted(large.items(), key=lambda item: (-item[1], item[0]))
    shown = [Part(stage, stage_text(stage), s, s / total, stage.startswith("queue:")) for stage, s in ordered]
    rest = total - sum(large.values())
    if rest > total * 1e-9:
        shown.append(Part(OTHER, stage_text(OTHER), rest, rest / total, False))
    return shown


def bars(result: Result, most: int = MOST_BARS) -> list[Bar]:
    """The busiest stations. Single cores are left out: their node stands for them."""
    found = []
    for name, station in result.stations_all.items():
        use = station["utilisation"]
        if station["kind"] == "cpu" or use["value"] is None:
            continue
        low = use["value"] if use["low"] is None else use["low"]
        high = use["value"] if use["high"] is None else use["high"]
        wait = with_interval(station["wait_s"]["mean"], "s")
        found.append(
            Bar(name, station["kind"], station["node"], use["value"], low, high, wait, station["drops"])
        )
    return sorted(found, key=lambda bar: (-bar.utilisation, bar.station))[:most]


def headline(result: Result) -> list[str]:
    """The answer in sentences: the load, what it got, what is busiest and why, where the time goes."""
    sentences = [_of_workload(name, found) for name, found in result.data["workloads"].items()]
    sentences += busiest(result)
    name = _largest(result)
    if name is not None:
        sentences += _where(name, result.data["workloads"][name])
    return sentences


def _of_workload(name: str, found: Mapping[str, Any]) -> str:
    latency = found["latency_s"]
    if latency["p50"]["value"] is None:
        done = "no request completed"
    else:
        done = f"half of its requests were answered within {duration(latency['p50']['value'])}"
        if latency["p99"]["value"] is not None:
            done += f", 99 of 100 within {duration(latency['p99']['value'])}"
    failed = "none failed" if not found["failed"] else f"{error_share(found)} failed"
    return f"{name} sent {quantity(found['offered_per_s']['value'], '/s')}; {done}; {failed}."


def busiest(result: Result) -> list[str]:
    """What is busiest, why, and what would help."""
    found = result.data["bottleneck"]
    if found["station"] is None:
        return ["Nothing was busy."]
    station = result.stations_all.get(found["station"], {})
    kind = station.get("kind", "")
    sentences = [
        f"The busiest station is {found['station']} ({kind_text(kind)}): "
        f"{with_interval(found['utilisation'], 'share')} of its time."
    ]
    room = found["headroom"]["value"]
    if draining(result.data.get("credit", [])) is not None:
        sentences.append("That is no measure of what fits: a card sends more than its baseline, on credit.")
    elif room is not None and room >= 1:
        sentences.append(f"It would be full at about {times(1 + room)} times this load.")
    elif room is not None and room > 0.005:
        sentences.append(f"About {quantity(room, 'share')} more of the same load would fill it.")
    elif room is not None:
        sentences.append("It is full: more load only makes queues and errors.")
    table = first_to_fill(result)
    if table is not None:
        sentences.append(
            f"Before that, the {table.words} are used up: {table.used:,.0f} of {table.most:,.0f}. What helps: {table.help}."
        )
    sentences += credit_sentences(result.data.get("credit", []))
    sentences += [why for why in (_why(result, found["station"], station),) if why]
    if remedy(kind) and (found["utilisation"]["value"] or 0.0) >= WORTH_A_REMEDY:
        sentences.append(remedy(kind))
    return sentences


def _why(result: Result, name: str, station: Mapping[str, Any]) -> str:
    """Who keeps a node's cores busy: the tasks that run there."""
    if station.get("kind") != NODE_CPU:
        return ""
    node = station["node"]
    tasks = [
        task.removesuffix("/workers")
        for task, found in sorted(result.stations_all.items())
        if found["kind"] == "workers" and found["node"] == node
    ]
    if not tasks:
        return ""
    shown = ", ".join(tasks[:6]) + (f" and {len(tasks) - 6} more" if len(tasks) > 6 else "")
    return f"On {node} run {shown}."


def _largest(result: Result) -> str | None:
    """The workload with most completed requests."""
    found = result.data["workloads"]
    named = [name for name in found if found[name]["completed"]]
    return max(named, key=lambda name: found[name]["completed"]) if named else None


def _where(name: str, found: Mapping[str, Any]) -> list[str]:
    shown = parts(found["attribution"]["p99"])
    if not shown:
        return []
    waiting = sum(part.share for part in shown if part.waiting)
    first = shown[0]
    meaning = f" ({first.meaning})" if first.meaning else ""
    return [
        f"Of the p99 of {name}, {quantity(waiting, 'share')} is waiting in queues; the largest part is "
        f"{first.stage}{meaning}, {quantity(first.share, 'share')}."
    ]


def error_share(found: Mapping[str, Any]) -> str:
    """Failed requests over those whose end is known."""
    ended = found["completed"] + found["failed"]
    share = found.get("error_share", {"value": found["failed"] / ended if ended else None})
    return quantity(share["value"], "share")
