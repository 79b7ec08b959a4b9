"""Ways of requests, stage by stage, for the reader of a result: of each workload, and of the calls that follow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netsim.datapath.paths import ReachError
from netsim.datapath.trace import trace
from netsim.model.entities import Model
from netsim.scenario.calls import asked_of, spec_of

MOST_WAYS = 8


def request_ways(model: Model) -> list[dict[str, Any]]:
    """``paths`` of ``result.json``: on idle stations and open connections, from the first task to the first back end,
    each pair once; what cannot be reached, as a service without tasks, is left out."""
    found: list[dict[str, Any]] = []
    seen: set[tuple[str, str]] = set()
    for workload, source, target, size in _asked(model):
        if (source, target) in seen or len(found) == MOST_WAYS:
            continue
        seen.add((source, target))
        try:
            told = trace(model, source, target, size)
        except ReachError:
            continue
        ways = {way: [_stage(line) for line in told[way]] for way in ("request", "reply")}
        found.append({"workload": workload, **told, **ways})
    return found


def _asked(model: Model) -> Iterator[tuple[str, str, str, int]]:
    """Workload, source, target and the size of a request (bytes): all workloads first, then their calls."""
    scenario = model.scenario
    for name, load in scenario.load.items():
        yield name, load.from_, load.to, load.sizes[0]
    for name, load in scenario.load.items():
        for party in asked_of(scenario, load.to, load.from_):
            spec = spec_of(scenario, party)
            for call in spec.calls if spec is not None else ():
                yield name, party, call.to, call.request


def _stage(line: dict[str, Any]) -> list[Any]:
    return [line["stage"], line["node"], line["station"], round(line["ns"], 1)]
