"""What happened over time as plain numbers: rates, errors by cause, faults, and the failover clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netsim.report.chart import Chart
from netsim.report.glossary import error_text
from netsim.results.result import Result
from netsim.results.text import duration, quantity

#: Kinds of events of the timeline that somebody or something from outside the swarm caused.
CAUSES = ("fault", "operation", "update")
MOST_MARKS = 12
#: The failover clock, in the order in which things happen.
CLOCK = (
    ("takeover_s", "address moved", "the entry's virtual address leads to a node that has it"),
    ("exit_seen_s", "exit seen", "the managers know that the task ended"),
    ("leader_elected_s", "new leader", "the managers have a leader again"),
    ("node_down_s", "node down", "the managers gave the node up"),
    ("gossip_removed_s", "rows gone", "the last live node has dropped the rows of what failed"),
    ("replaced_s", "replaced", "as many replicas run as are wanted"),
    ("whole_s", "whole", "that, and all views agree"),
    ("node_back_s", "node back", "the node is ready again"),
    ("outage_s", "outage felt", "time with over 1 % of requests failing"),
)  # fmt: skip
MOST_FAILOVERS = 10


@dataclass(frozen=True, slots=True)
class Mark:
    """A fault or an operation at a time (s)."""

    t_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Phase:
    """One hand of the failover clock: seconds after the fault, with the ends of its interval."""

    fault: str
    at_s: float
    phase: str
    meaning: str
    seconds: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class View:
    """When each node had dropped the rows of what a fault took away (s after it), in the first replication."""

    fault: str
    at_s: float
    seconds: dict[str, float]


def marks(result: Result) -> list[Mark]:
    """Faults and operations of the first replication in order of time, each once."""
    found = [Mark(row["at_s"], row["fault"]) for row in result.data.get("failovers", [])]
    for event in result.data.get("timeline", []):
        if event["what"] in CAUSES:
            found.append(Mark(event["t_s"], str(event["who"] or event["detail"])))
    once = {(round(mark.t_s, 3), mark.text): mark for mark in found}
    return sorted(once.values(), key=lambda mark: (mark.t_s, mark.text))


def phases(result: Result) -> list[Phase]:
    """All hands of the clock that moved, fault by fault."""
    return [
        Phase(row["fault"], row["at_s"], phase, meaning, row[key]["value"], row[key]["low"], row[key]["high"])
        for row in result.data.get("failovers", [])
        for key, phase, meaning in CLOCK
        if row.get(key, {}).get("value") is not None
    ]


def views(result: Result) -> list[View]:
    """Each node's own view, fault by fault; none of faults that took nothing away."""
    return [
        View(row["fault"], row["at_s"], {node: s for node, s in row["views"].items() if s is not None})
        for row in result.data.get("failovers", [])
        if row.get("views")
    ]


def failing(result: Result) -> list[tuple[float, float]]:
    """(start of slice (s), share of the requests of all workloads that failed in it); empty if none ever did."""
    sums: dict[float, list[float]] = {}
    for row in result.series_rows:
        total = sums.setdefault(row.t_s, [0.0, 0.0])
        total[0] += row.failed_per_s
        total[1] += row.failed_per_s + row.completed_per_s
    found = [(t, failed / ended if ended else 0.0) for t, (failed, ended) in sorted(sums.items())]
    return found if any(share for _, share in found) else []


def errors(result: Result) -> list[tuple[float, str, str, float]]:
    """(start of slice (s), workload, cause, failed requests that started in it, per second), mean of replications."""
    replications = result.data["manifest"]["replications"]
    rows = []
    for name, found in result.data["workloads"].items():
        by_time: Mapping[str, Any] = found.get("errors_over_time") or {"counts": {}}
        for cause, counts in by_time["counts"].items():
            width = by_time["slice_s"]
            rows += [(k * width, name, cause, n / (width * replications)) for k, n in enumerate(counts)]
    return rows


def throughput_chart(result: Result) -> Chart:
    """Requests started, completed and failed."""
    rows = [
        (row.t_s, row.workload, row.started_per_s, row.completed_per_s, row.failed_per_s)
        for row in result.series_rows
    ]
    columns = ("time (s)", "workload", "started (1/s)", "completed (1/s)", "failed (1/s)")
    told = [
        f"{name} asked {quantity(found['offered_per_s']['value'], '/s')} and got "
        f"{quantity(found['throughput_per_s']['value'], '/s')}"
        for name, found in list(result.data["workloads"].items())[:4]
    ]
    more = len(result.data["workloads"]) - len(told)
    reading = "; ".join(told) + (f"; and {more} more" if more > 0 else "") + "."
    return Chart("Throughput", reading if told else "There was no load.", columns, rows)


def errors_chart(result: Result) -> Chart:
    """Failed requests by cause and time of start."""
    rows = errors(result)
    columns = ("time (s)", "workload", "cause", "failed (1/s)")
    totals: dict[str, int] = {}
    for found in result.data["workloads"].values():
        for cause, n in found["errors"].items():
            totals[cause] = totals.get(cause, 0) + n
    if not totals:
        return Chart("Errors by cause", "No request failed.", columns, rows)
    cause = max(totals, key=lambda c: (totals[c], c))
    share = totals[cause] / sum(totals.values())
    reading = f"{quantity(share, 'share')} of the failures are {cause} ({error_text(cause)})"
    if rows:
        worst = max((row for row in rows if row[2] == cause), key=lambda row: row[3])
        reading += f", most of them among requests that start around {worst[0]:g} s"
    return Chart("Errors by cause", reading + ".", columns, rows)


def clock_chart(result: Result) -> Chart:
    """The failover clock."""
    found = phases(result)
    rows: list[tuple[str | float | None, ...]] = [
        (p.fault, p.at_s, p.phase, p.meaning, p.seconds, p.low, p.high) for p in found
    ]
    rows += [
        (
            view.fault,
            view.at_s,
            f"view of {node}",
            "this node has dropped the rows (first replication)",
            seconds,
            None,
            None,
        )
        for view in views(result)
        for node, seconds in view.seconds.items()
    ]
    columns = (
        "fault",
        "at (s)",
        "until",
        "which means",
        "after the fault (s)",
        "95 % from (s)",
        "95 % to (s)",
    )
    whole = [p for p in found if p.phase == "whole"]
    if whole:
        worst = max(whole, key=lambda p: p.seconds)
        reading = f"The longest until all is whole again is {duration(worst.seconds)}, after {worst.fault}."
        seen = [view for view in views(result) if (view.fault, view.at_s) == (worst.fault, worst.at_s)]
        if seen:
            first, last = min(seen[0].seconds.values()), max(seen[0].seconds.values())
            reading += f" The first node stops sending there after {duration(first)}, the last after {duration(last)}."
    elif found:
        reading = "No fault was followed by a swarm that is whole again before the end of the run."
    else:
        reading = "Nothing of what followed the faults is known."
    return Chart("The failover clock", reading, columns, rows)
