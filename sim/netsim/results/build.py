"""From the records of all replications to the answer."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from itertools import islice
from typing import Any

from netsim.engine.record import RunRecord
from netsim.model.entities import Model
from netsim.picoseconds import PS_PER_S
from netsim.results.baseline import Against
from netsim.results.credit import credit_rows
from netsim.results.failovers import failover_numbers, failover_rows
from netsim.results.findings import place_of_station
from netsim.results.judging import Numbers, judge_all
from netsim.results.places import place_rows
from netsim.results.result import MOST_STATIONS, SCHEMA_VERSION, Result
from netsim.results.samples import samples, unknown
from netsim.results.series import series
from netsim.results.services import service_numbers
from netsim.results.settling import settling_warnings
from netsim.results.setup import setup
from netsim.results.stations import StationNumbers, bottleneck, node_numbers, station_numbers
from netsim.results.validity import validity
from netsim.results.ways import request_ways
from netsim.results.workloads import workload_numbers
from netsim.scenario.schema import Scenario
from netsim.stats.expect import Judged, over_replications, unit_of
from netsim.stats.intervals import LEVEL, rounded

_LIBRARIES = ("simpy", "numpy", "numba", "scipy")


def build_result(
    scenario: Scenario,
    model: Model,
    records: Sequence[RunRecord],
    engine: str,
    wall_s: float,
    warnings: Sequence[str] = (),
    baseline: Result | None = None,
    interrupted: bool = False,
) -> Result:
    """The result of the complete ones among ``records``; ``wall_s`` is the time that the run took (s). ``interrupted``:
    more replications were wanted than there are records.

    Expectations against a baseline are judged with ``baseline``.

    Raises ``ValueError`` if no replication is complete.
    """
    complete = [record for record in records if record.complete]
    if not complete:
        raise ValueError("no complete replication")
    workloads = {name: workload_numbers(name, complete) for name in scenario.load}
    stations = station_numbers(complete)
    nodes = node_numbers(model, stations, complete)
    smt = {node.cpu_station: (node.cores, node.smt) for node in model.nodes.values() if node.smt is not None}
    busiest = bottleneck(stations.values(), smt)
    each = samples(model, workloads, stations, MOST_STATIONS)
    against = Against.of(each, complete[0].seed, baseline)
    numbers = Numbers(workloads, stations, nodes, busiest, failover_numbers(complete))
    services = service_numbers(complete)
    judged = judge_all(scenario, numbers, against, len(complete))
    ground = _grounds(model, stations, complete)
    spent = any(row["out"] for row in ground["credit"])  # then no warm-up would make the rest alike
    all_stations = {name: station.to_dict() for name, station in stations.items()}
    data: dict[str, object] = {
        "schema": SCHEMA_VERSION,
        "scenario": {"name": scenario.name, "sha256": scenario.sha256},
        "manifest": _manifest(
            complete,
            engine,
            wall_s,
            [*warnings, *([] if spent else settling_warnings(scenario, complete))],
            interrupted or len(complete) < len(records),
        ),
        "setup": {**setup(scenario, model, engine), "validity": validity(scenario, engine)},
        "workloads": {name: found.to_dict() for name, found in workloads.items()},
        "stations": dict(islice(all_stations.items(), MOST_STATIONS)),
        "nodes": {name: node.to_dict() for name, node in nodes.items()},
        "bottleneck": busiest.to_dict() | _place(scenario, busiest.station, all_stations),
        **{key: rows for key, rows in ground.items() if rows},
        "limits": _limits(model),
        "paths": request_ways(model),
        "timeline": list(complete[0].timeline),
        "failovers": failover_rows(complete),
        **({"services": services} if services else {}),
        "expectations": [_expectation(found, scenario, k) for k, found in enumerate(judged)],
        "unknown": unknown(workloads, stations.values()),
        "samples": each,
    }
    return Result(data, all_stations, series(complete), scenario.source)


def _grounds(
    model: Model, stations: Mapping[str, StationNumbers], records: Sequence[RunRecord]
) -> dict[str, list[dict[str, Any]]]:
    """Where nodes stand, and what their cards have left of their credit; keys without rows are left out."""
    return {"places": place_rows(model, stations, records), "credit": credit_rows(model, records)}


def _limits(model: Model) -> list[dict[str, object]]:
    """What `netsim check` finds, the worst first."""
    from netsim.audit import audit, to_dict  # a later room, which is not needed to read results

    return [to_dict(limit, model) for limit in audit(model)]


def versions() -> dict[str, str]:
    """Versions of netsim, Python and the libraries that results depend on."""
    found = {"netsim": _version("swarm-netsim"), "python": platform.python_version()}
    return found | {name: _version(name) for name in _LIBRARIES}


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"


def _manifest(
    records: Sequence[RunRecord], engine: str, wall_s: float, warnings: Sequence[str], interrupted: bool
) -> dict[str, object]:
    told = [*warnings, *(text for record in records for text in record.warnings)]
    method = "t interval across replications" if len(records) > 1 else "batch means of one replication"
    return {
        "seed": records[0].seed,
        "replications": len(records),
        "engine": engine,
        "versions": versions(),
        "wall_s": rounded(wall_s),
        "simulated_s": rounded(sum(record.simulated_ps for record in records) / PS_PER_S),
        "events": sum(record.visits for record in records),
        "warnings": list(dict.fromkeys(told)),
        "interval": {"level": LEVEL, "method": method},
        "interrupted": interrupted,
    }


def _place(
    scenario: Scenario, station: str | None, stations: Mapping[str, Mapping[str, object]]
) -> dict[str, int]:
    """Where the scenario sizes the station."""
    line, column = (0, 0) if station is None else place_of_station(scenario, stations[station], station)
    return {"line": line, "column": column}


def _expectation(judged: Judged, scenario: Scenario, number: int) -> dict[str, object]:
    line, column = scenario.line_of(("expect", number))
    return {
        "text": judged.expectation.text,
        **judged.estimate.to_dict(),
        "status": judged.status,
        "limit": judged.expectation.limit,
        "unit": unit_of(judged.expectation),
        "relative": judged.expectation.relative,
        "where": judged.where,
        "over_replications": over_replications(judged.expectation),
        "more_replications": judged.more,
        "reason": judged.reason,
        "line": line,
        "column": column,
    }
