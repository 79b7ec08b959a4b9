"""Expectations against results: which number each one reads, and the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from netsim.results.baseline import Against, judge_everything, judge_relative
from netsim.results.stations import Bottleneck, NodeNumbers, StationNumbers
from netsim.results.workloads import WorkloadNumbers
from netsim.scenario.expectations import Expectation, is_pattern
from netsim.scenario.problems import Problem, ScenarioError, suggest
from netsim.scenario.schema import Scenario
from netsim.stats.expect import OVER_REPLICATIONS, Judged, judged, parse, together
from netsim.stats.intervals import NOTHING, Estimate, across, quantile_over


@dataclass(frozen=True, slots=True)
class Numbers:
    """Everything that an expectation can read. ``failovers``: number -> seconds, one per replication."""

    workloads: Mapping[str, WorkloadNumbers]
    stations: Mapping[str, StationNumbers]
    nodes: Mapping[str, NodeNumbers]
    bottleneck: Bottleneck
    failovers: Mapping[str, Sequence[float | None]]


def judge_all(scenario: Scenario, numbers: Numbers, against: Against, replications: int) -> list[Judged]:
    """All expectations of the scenario, in its order."""
    parsed = [parse(text, scenario.load, scenario.node_names()) for text in scenario.expect]
    return [_judge(expectation, numbers, against, replications) for expectation in parsed]


def _judge(expectation: Expectation, numbers: Numbers, against: Against, replications: int) -> Judged:
    if expectation.kind == "baseline":
        return judge_everything(expectation, list(numbers.workloads), against, replications)
    rooms: dict[str, Mapping[str, object]] = {
        "workload": numbers.workloads,
        "station": numbers.stations,
        "node": numbers.nodes,
    }
    names = expectation.matching(rooms.get(expectation.kind, ())) or [expectation.name]
    if expectation.relative:
        return judge_relative(expectation, names, against, replications)
    found = []
    for name in names:
        where = name if is_pattern(expectation.name) else None
        estimate = read(replace(expectation, name=name), numbers)
        found.append(judged(expectation, estimate, replications, where))
    return together(expectation, found)


def check_stations(scenario: Scenario, names: Iterable[str]) -> None:
    """Raises `ScenarioError` where an expectation reads a station that there is not."""
    known = list(names)
    problems = []
    for k, text in enumerate(scenario.expect):
        expectation = parse(text, scenario.load, scenario.node_names())
        if expectation.kind != "station" or any(fnmatchcase(name, expectation.name) for name in known):
            continue
        line, col = scenario.line_of(("expect", k))
        file, help = scenario.source or "<scenario>", suggest(expectation.name, known, "stations")
        expected = (
            "a pattern that a station matches" if is_pattern(expectation.name) else "the name of a station"
        )
        problems.append(
            Problem(file, line, col, "UNKNOWN_STATION", f"expect[{k}]", expected, expectation.name, help)
        )
    if problems:
        raise ScenarioError(problems)


def read(expectation: Expectation, numbers: Numbers) -> Estimate:
    """The number that an expectation is about, in the unit of its limit; unknown if there is none."""
    if expectation.kind == "workload":
        return _of_workload(expectation, numbers.workloads[expectation.name])
    if expectation.kind == "station":
        station = numbers.stations.get(expectation.name)
        return Estimate(reason=NOTHING) if station is None else _of_station(expectation, station)
    if expectation.kind == "node":
        node = numbers.nodes[expectation.name]
        return {"cpu": node.cpu, "nic_tx": node.nic_tx, "nic_rx": node.nic_rx}[expectation.metric]
    if expectation.kind == "bottleneck":
        found = numbers.bottleneck
        return found.utilisation if expectation.metric == "utilisation" else found.headroom
    samples = numbers.failovers.get(expectation.metric, ())
    return quantile_over(samples, OVER_REPLICATIONS[expectation.detail]).within(0)


def _of_workload(expectation: Expectation, found: WorkloadNumbers) -> Estimate:
    if expectation.metric == "latency":
        return found.latency_s[expectation.detail]
    if expectation.metric == "outage":
        return quantile_over(found.samples["outage_s"], OVER_REPLICATIONS[expectation.detail]).within(0)
    if expectation.metric == "completed":
        return across(found.samples["completed"]).within(0)
    if expectation.metric == "failed":
        return across(found.samples["failed"]).within(0)
    if expectation.metric == "jitter":
        return found.jitter_s or Estimate(reason=NOTHING)
    return {
        "errors": found.error_share,
        "throughput": found.throughput_per_s,
        "goodput": found.goodput_bps,
    }[expectation.metric]


def _of_station(expectation: Expectation, station: StationNumbers) -> Estimate:
    if expectation.metric == "utilisation":
        return station.utilisation
    if expectation.metric == "wait":
        return station.wait_mean_s
    return across(station.drops_each).within(0)
