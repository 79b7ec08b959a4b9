"""What a scenario expects: ``users.latency.p99 < 50ms``. Grammar only; judging is done with the results.

The grammar is written down in ``docs/expectations.md``. Every error knows its column in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from netsim.picoseconds import PS_PER_S
from netsim.scenario.problems import suggest
from netsim.scenario.units import UnitError, parse_duration, parse_per_second, parse_rate, parse_share

LATENCIES = ("mean", "p50", "p90", "p95", "p99", "p999", "max")
WORKLOAD_METRICS = ("latency", "jitter", "errors", "outage", "throughput", "goodput", "completed", "failed")
FAILOVER_METRICS = (
    "exit_seen", "gossip_removed", "node_down", "leader_elected", "replaced", "whole", "node_back", "takeover",
    "outage",
)  # fmt: skip
_STATION_METRICS = ("utilisation", "wait", "drops")
_NODE_METRICS = ("cpu", "nic_tx", "nic_rx")
_OVER_REPLICATIONS = ("p50", "p95", "max")
_PATH = re.compile(r"[^\s<>=]*")
_OPERATOR = re.compile(r"<=|>=|<|>")
_BASELINE = re.compile(r"baseline(?:\s*(?P<sign>[+-])\s*(?P<share>.*))?")
_ALL = re.compile(r"\s*baseline\s*:\s*")
_CHANGE = re.compile(r"\+?\s*(?P<number>[0-9]{1,9}(?:\.[0-9]{1,9})?)\s*%")
#: How an expectation on everything begins, also when it is written as a mapping.
BASELINE = "baseline: "
FORM = "METRIC < LIMIT, like users.latency.p99 < 50ms"


@dataclass(frozen=True, slots=True)
class Expectation:
    """``value of (kind, name, metric, detail) op limit``; limits in s, 1/s, bit/s, shares or counts.

    ``name`` may hold the wildcards ``*`` and ``?``: then all that match must satisfy it. ``relative``: the value is
    the change to a baseline's (share; 0.05 is 5 % more). Of the kind ``baseline``, it is the largest worsening of
    anything that users see.
    """

    text: str
    kind: str  # workload | station | node | bottleneck | failover | baseline
    name: str
    metric: str
    detail: str
    op: str
    limit: float
    relative: bool = False

    def matching(self, names: Iterable[str]) -> list[str]:
        """Those of ``names`` that it is about."""
        return (
            [name for name in names if fnmatchcase(name, self.name)] if is_pattern(self.name) else [self.name]
        )

    @property
    def path(self) -> str:
        """Its number, as in the text: ``users.latency.p99``."""
        room = {"station": "stations", "node": "nodes", "workload": ""}.get(self.kind, self.kind)
        return ".".join(part for part in (room, self.name, self.metric, self.detail) if part)


class ExpectError(ValueError):
    """A line that is no expectation: ``code``, what was expected, what was found, from which column (from 1), help."""

    def __init__(
        self, code: str, expected: str, found: str, help: str | None = None, column: int = 1
    ) -> None:
        super().__init__(f"expected {expected}, got {found}")
        self.code = code
        self.expected = expected
        self.found = found
        self.help = help
        self.column = column


def is_pattern(name: str) -> bool:
    """Whether a name holds wildcards."""
    return "*" in name or "?" in name


def parse_expectation(text: str, workloads: Iterable[str], nodes: Iterable[str]) -> Expectation:
    """One line; names may stand in double quotes. Raises `ExpectError`."""
    bare, columns = _unquoted(text)
    try:
        return replace(_parse(bare, list(workloads), list(nodes)), text=text)
    except ExpectError as error:
        error.column = columns[min(error.column - 1, len(columns) - 1)]
        raise


def _unquoted(text: str) -> tuple[str, list[int]]:
    """The text without double quotes, and the column of each of its characters and of its end."""
    kept = [(c, k + 1) for k, c in enumerate(text) if c != '"']
    return "".join(c for c, _ in kept), [column for _, column in kept] + [len(text) + 1]


def _parse(text: str, workloads: list[str], nodes: list[str]) -> Expectation:
    everything = _ALL.match(text)
    if everything is not None and "baseline" not in workloads:
        change = _change(text, everything.end())
        return Expectation(text, "baseline", "", "", "", "<=", change, relative=True)
    start = len(text) - len(text.lstrip())
    path = _PATH.match(text, start)
    assert path is not None  # it matches nothing at all, too
    at = _skip_blanks(text, path.end())
    operator = _OPERATOR.match(text, at)
    if operator is None or not path[0]:
        raise ExpectError("BAD_EXPECTATION", FORM, text, column=at + 1)
    kind, name, metric, detail = _metric(_Path(path[0], start + 1), workloads, nodes)
    at = _skip_blanks(text, operator.end())
    limit = text[at:].rstrip()
    relative = _BASELINE.fullmatch(limit)
    if relative is not None:
        if kind in ("bottleneck", "failover") or metric == "drops":
            found = f"{path[0]} against a baseline"
            raise ExpectError("BAD_EXPECTATION", "a limit of its own for this number", found, column=at + 1)
        sign = -1 if relative["sign"] == "-" else 1
        share = _change(text, at + relative.start("share")) if relative["sign"] else 0.0
        return Expectation(text, kind, name, metric, detail, operator[0], sign * share, relative=True)
    if not limit:
        raise ExpectError("BAD_EXPECTATION", "a limit after the comparison", "nothing", column=at + 1)
    try:
        number = _limit_parser(kind, metric)(limit)
    except UnitError as error:
        raise ExpectError(error.code, error.expected, limit, error.help, at + 1) from None
    return Expectation(text, kind, name, metric, detail, operator[0], number)


def _skip_blanks(text: str, at: int) -> int:
    return len(text) - len(text[at:].lstrip())


def _change(text: str, at: int) -> float:
    """A share of the baseline's number, from ``5%`` or ``+5%``."""
    found = text[at:].strip()
    match = _CHANGE.fullmatch(found)
    if match is None:
        help = "write baseline - 5% with a comparison, like users.throughput > baseline - 5%"
        raise ExpectError(
            "UNIT",
            "a percentage, like +5%",
            found or "nothing",
            help if found.startswith("-") else None,
            at + 1,
        )
    return float(match["number"]) / 100


class _Path:
    """The words of a number's name between dots, each with its column."""

    def __init__(self, text: str, column: int) -> None:
        self.text = text
        self.column = column

    def split(self) -> tuple[str, _Path]:
        """The first word, and the rest."""
        word, _, rest = self.text.partition(".")
        return word, _Path(rest, self.column + len(word) + 1)

    def split_last(self) -> tuple[_Path, _Path]:
        """All before the last dot, and the last word."""
        name, _, word = self.text.rpartition(".")
        return _Path(name, self.column), _Path(word, self.column + len(self.text) - len(word))


def _metric(path: _Path, workloads: list[str], nodes: list[str]) -> tuple[str, str, str, str]:
    head, rest = path.split()
    if head in workloads or (is_pattern(head) and any(fnmatchcase(name, head) for name in workloads)):
        metric, detail = rest.split()
        _one_of(rest, metric, WORKLOAD_METRICS, path)
        if metric == "latency":
            _one_of(detail, detail.text, LATENCIES, path)
        elif metric == "outage":
            _one_of(detail, detail.text or "p95", _OVER_REPLICATIONS, path)
        elif detail.text:
            raise ExpectError("BAD_EXPECTATION", f"nothing after {metric}", detail.text, column=detail.column)
        return "workload", head, metric, detail.text
    if head == "bottleneck":
        _one_of(rest, rest.text, ("utilisation", "headroom"), path)
        return "bottleneck", "", rest.text, ""
    if head == "failover":
        metric, detail = rest.split()
        _one_of(rest, metric.removesuffix("_s"), FAILOVER_METRICS, path)
        _one_of(detail, detail.text or "p95", _OVER_REPLICATIONS, path)
        return "failover", "", metric.removesuffix("_s"), detail.text
    if head in ("stations", "nodes"):
        name, metric_path = rest.split_last()
        _one_of(
            metric_path, metric_path.text, _STATION_METRICS if head == "stations" else _NODE_METRICS, path
        )
        if head == "nodes" and not any(fnmatchcase(node, name.text) for node in nodes):
            expected = "a pattern that a node matches" if is_pattern(name.text) else "the name of a node"
            found, help = name.text or path.text, suggest(name.text, nodes)
            raise ExpectError("UNKNOWN_NODE", expected, found, help, name.column)
        return head[:-1], name.text, metric_path.text, ""
    help = suggest(head, [*workloads, "stations", "nodes", "bottleneck", "failover"])
    expected = "a workload, stations, nodes, bottleneck or failover"
    raise ExpectError("UNKNOWN_WORKLOAD", expected, head, help, path.column)


def _one_of(place: _Path, word: str, valid: tuple[str, ...], path: _Path) -> None:
    if word not in valid:
        expected = f"one of {', '.join(valid)} in {path.text}"
        column = min(place.column, path.column + len(path.text))
        raise ExpectError("BAD_EXPECTATION", expected, word or "nothing", suggest(word, valid), column)


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
    if metric in ("latency", "jitter", "outage", "wait") or kind == "failover":
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
