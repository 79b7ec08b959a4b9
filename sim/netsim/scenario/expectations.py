"""What a scenario expects: ``users.latency.p99 < 50ms``. Grammar only; judging is done with the results.

Metrics: ``WORKLOAD.latency.QUANTILE``, ``WORKLOAD.errors|outage|throughput|goodput|completed|failed``,
``stations.STATION.utilisation|wait|drops``, ``nodes.NODE.cpu|nic_tx|nic_rx``,
``bottleneck.utilisation|headroom`` and ``failover.NUMBER``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from netsim.scenario.problems import suggest
from netsim.scenario.units import (
    PS_PER_S,
    UnitError,
    parse_duration,
    parse_per_second,
    parse_rate,
    parse_share,
)

LATENCIES = ("mean", "p50", "p90", "p95", "p99", "p999", "max")
WORKLOAD_METRICS = ("latency", "errors", "outage", "throughput", "goodput", "completed", "failed")
FAILOVER_METRICS = (
    "exit_seen", "gossip_removed", "node_down", "leader_elected", "replaced", "whole", "node_back", "outage",
)  # fmt: skip
_STATION_METRICS = ("utilisation", "wait", "drops")
_NODE_METRICS = ("cpu", "nic_tx", "nic_rx")
_OVER_REPLICATIONS = ("p50", "p95", "max")
_LINE = re.compile(r"\s*(?P<metric>\S+)\s*(?P<op><=|>=|<|>)\s*(?P<limit>\S.*?)\s*")


@dataclass(frozen=True, slots=True)
class Expectation:
    """``value of (kind, name, metric, detail) op limit``; limits in s, 1/s, bit/s, shares or counts."""

    text: str
    kind: str  # workload | station | node | bottleneck | failover
    name: str
    metric: str
    detail: str
    op: str
    limit: float


class ExpectError(ValueError):
    """A line that is no expectation: ``code``, what was expected, what was found, help."""

    def __init__(self, code: str, expected: str, found: str, help: str | None = None) -> None:
        super().__init__(f"expected {expected}, got {found}")
        self.code = code
        self.expected = expected
        self.found = found
        self.help = help


def parse_expectation(text: str, workloads: Iterable[str], nodes: Iterable[str]) -> Expectation:
    """One line. Raises `ExpectError`."""
    match = _LINE.fullmatch(text)
    if match is None:
        raise ExpectError("BAD_EXPECTATION", "METRIC < LIMIT, like users.latency.p99 < 50ms", text)
    kind, name, metric, detail = _metric(match["metric"], list(workloads), list(nodes))
    try:
        limit = _limit_parser(kind, metric)(match["limit"])
    except UnitError as error:
        raise ExpectError(error.code, error.expected, match["limit"], error.help) from None
    return Expectation(text, kind, name, metric, detail, match["op"], limit)


def _metric(path: str, workloads: list[str], nodes: list[str]) -> tuple[str, str, str, str]:
    head, _, rest = path.partition(".")
    if head in workloads:
        metric, _, detail = rest.partition(".")
        _one_of(metric, WORKLOAD_METRICS, path)
        if metric == "latency":
            _one_of(detail, LATENCIES, path)
        elif metric == "outage":
            _one_of(detail or "p95", _OVER_REPLICATIONS, path)
        elif detail:
            raise ExpectError("BAD_EXPECTATION", f"{head}.{metric}", path)
        return "workload", head, metric, detail
    if head == "bottleneck":
        _one_of(rest, ("utilisation", "headroom"), path)
        return "bottleneck", "", rest, ""
    if head == "failover":
        metric, _, detail = rest.partition(".")
        _one_of(metric.removesuffix("_s"), FAILOVER_METRICS, path)
        _one_of(detail or "p95", _OVER_REPLICATIONS, path)
        return "failover", "", metric.removesuffix("_s"), detail
    if head in ("stations", "nodes"):
        name, _, metric = rest.rpartition(".")
        _one_of(metric, _STATION_METRICS if head == "stations" else _NODE_METRICS, path)
        if head == "nodes" and name not in nodes:
            raise ExpectError("UNKNOWN_NODE", "the name of a node", name or path, suggest(name, nodes))
        return head[:-1], name, metric, ""
    help = suggest(head, [*workloads, "stations", "nodes", "bottleneck", "failover"])
    raise ExpectError("UNKNOWN_WORKLOAD", "a workload, stations, nodes, bottleneck or failover", head, help)


def _one_of(word: str, valid: tuple[str, ...], path: str) -> None:
    if word not in valid:
        expected = f"one of {', '.join(valid)} in {path}"
        raise ExpectError("BAD_EXPECTATION", expected, word or "nothing", suggest(word, valid))


def _seconds(text: str) -> float:
    return parse_duration(text) / PS_PER_S


def _count(text: str) -> float:
    if re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,9})?", text) is None:
        raise UnitError("BAD_VALUE", "a plain number")
    return float(text)


def _share(text: str) -> float:
    return parse_share(text if text.endswith("%") else _count(text))


def _ratio(text: str) -> float:
    """A headroom: ``30%`` or ``0.3``; more than 100 % is possible."""
    return _count(text[:-1].rstrip()) / 100 if text.endswith("%") else _count(text)


def _limit_parser(kind: str, metric: str) -> Callable[[str], float]:
    if metric in ("latency", "outage", "wait") or kind == "failover":
        return _seconds
    if metric == "headroom":
        return _ratio
    if metric in ("errors", "utilisation", "cpu", "nic_tx", "nic_rx"):
        return _share
    if metric == "throughput":
        return parse_per_second
    if metric == "goodput":
        return lambda text: float(parse_rate(text))
    return _count
