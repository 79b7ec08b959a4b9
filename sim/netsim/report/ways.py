"""A request's way through the swarm as plain numbers: stages in order, those at one place together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netsim.report.chart import Chart
from netsim.report.glossary import stage_text
from netsim.results.result import Result
from netsim.results.text import duration

NS_PER_S = 1e9


@dataclass(frozen=True, slots=True)
class Step:
    """Consecutive stages at one place: ``way`` is there or back, ``where`` a station, or the node where none is asked."""

    way: str
    node: str
    where: str
    stages: tuple[str, ...]
    ns: float


def steps(found: Mapping[str, Any]) -> list[Step]:
    """The steps of one of a result's ``paths``."""
    made: list[Step] = []
    for key, way in (("request", "there"), ("reply", "back")):
        for stage, node, station, ns in found[key]:
            where = node if station == "-" else station
            last = made[-1] if made else None
            if last is not None and (last.way, last.where) == (way, where):
                made[-1] = Step(way, node, where, (*last.stages, stage), last.ns + ns)
            else:
                made.append(Step(way, node, where, (stage,), ns))
    return made


def ways(result: Result) -> list[Mapping[str, Any]]:
    """The paths of a result; none in those of earlier versions."""
    return list(result.data.get("paths", []))


def way_chart(found: Mapping[str, Any]) -> Chart:
    """Every stage of one way."""
    rows = [
        (way, stage, node, station if station != "-" else None, ns / 1000, stage_text(stage))
        for key, way in (("request", "there"), ("reply", "back"))
        for stage, node, station, ns in found[key]
    ]
    columns = ("way", "stage", "node", "station", "time (us)", "what happens")
    return Chart(way_title(found), way_reading(found), columns, rows)


def way_title(found: Mapping[str, Any]) -> str:
    """Whose way it is."""
    return f"From {found['from']} to {found['to']}"


def way_reading(found: Mapping[str, Any]) -> str:
    """One sentence: who answers, how long it takes, and what takes longest."""
    by_stage: dict[str, float] = {}
    for key in ("request", "reply"):
        for stage, _, _, ns in found[key]:
            by_stage[stage] = by_stage.get(stage, 0.0) + ns
    entered = f", entering at {found['entered_by']}" if found["entered_by"] else ""
    text = f"{found['answered_by']} answers{entered}: {duration(found['total_ns'] / NS_PER_S)} there and back when nobody waits"
    inner = {stage: ns for stage, ns in by_stage.items() if stage != "outside"}
    if inner:
        longest = max(inner, key=lambda stage: inner[stage])
        text += f"; inside the swarm {longest} takes longest ({duration(inner[longest] / NS_PER_S)}, {stage_text(longest)})"
    return text + "."
