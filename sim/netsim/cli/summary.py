"""The answer on one screen."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from netsim.report.data import busiest, error_share
from netsim.results.checking import check_table
from netsim.results.failovers import failover_table
from netsim.results.result import Result
from netsim.results.services import service_lines
from netsim.results.text import found_text, quantity, with_interval

MOST_WORKLOADS = 8
MOST_EXPECTATIONS = 10
MOST_REASONS = 6
MOST_FAILOVERS = 12


def summary(result: Result, paths: Sequence[str] = ()) -> str:
    """Load, throughput, latency and errors by workload; bottleneck, expectations, where the files are."""
    blocks = [_head(result), _workloads(result.data["workloads"]), _unknown(result.data.get("unknown", {}))]
    if result.data["workloads"] or not (result.data["failovers"] or result.data.get("services")):
        blocks.append("\n".join(busiest(result)))
    blocks.append("\n".join(service_lines(result.data.get("services", {}))))
    blocks.append(_failovers(result.data["failovers"]))
    blocks.append(_check(result.data.get("check")))
    blocks += [_expectations(result.data["expectations"]), _files(paths)]
    return "\n\n".join(block for block in blocks if block)


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Aligned columns; those in ``right`` to the right."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if k in right else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _head(result: Result) -> str:
    manifest = result.data["manifest"]
    count = manifest["replications"]
    head = (
        f"{result.name}: {count} replication{'' if count == 1 else 's'} of "
        f"{quantity(result.data['setup']['duration_s'], 's')}, seed {manifest['seed']}, "
        f"engine {manifest['engine']}, {manifest['wall_s']:.1f} s of computing; 95 % intervals in brackets"
    )
    choice, told = manifest.get("choice"), manifest.get("precision")
    if choice is not None:
        head += f"\nauto: {choice['engine']}, since {choice['why']}"
    return head if told is None else f"{head}\n{_precision(told)}"


def _precision(told: Mapping[str, Any]) -> str:
    """Whether the precision was reached, and if not, why not."""
    wanted = quantity(told["wanted"], "share")
    if told["number"] is None:
        return f"No number can be known to {wanted}: nothing was measured in every replication."
    least = f"{told['number'].removeprefix('workloads.')} to {quantity(told['reached'], 'share')}"
    if told["stopped"] == "precision":
        return f"Every throughput, mean latency and p99 is known to {wanted} or better; {least}."
    return f"The precision of {wanted} was not reached, {told['stopped']} came first; {least}."


def _workloads(found: dict[str, Any]) -> str:
    if not found:
        return "The scenario has no load."
    rows = [("workload", "offered", "throughput", "p50", "p99", "failed")]
    for name, numbers in list(found.items())[:MOST_WORKLOADS]:
        failed = error_share(numbers)
        if numbers["failed"]:
            causes = sorted(numbers["errors"].items(), key=lambda item: (-item[1], item[0]))
            failed += f" ({', '.join(f'{cause} {n}' for cause, n in causes[:2])})"
        rows.append(
            (
                name,
                quantity(numbers["offered_per_s"]["value"], "/s"),
                with_interval(numbers["throughput_per_s"], "/s"),
                with_interval(numbers["latency_s"]["p50"], "s"),
                with_interval(numbers["latency_s"]["p99"], "s"),
                failed,
            )
        )
    text = table(rows, right=(1,))
    more = len(found) - MOST_WORKLOADS
    return f"{text}\n{more} more in result.json" if more > 0 else text


def _failovers(rows: Sequence[Mapping[str, Any]]) -> str:
    """The failover clock: seconds after each event, mean and range over the replications."""
    if not rows:
        return ""
    text = table(failover_table(rows[:MOST_FAILOVERS]))
    more = len(rows) - MOST_FAILOVERS
    return f"{text}\n{more} more in result.json" if more > 0 else text


def _check(found: Mapping[str, Any] | None) -> str:
    """How far the flow engine is from the fast one."""
    if found is None:
        return ""
    head = f"Held against the fast engine in {len(found['windows'])} windows, {quantity(found['share'], 'share')} of the time:"
    return f"{head}\n{table(check_table(found))}"


def _unknown(found: Mapping[str, str]) -> str:
    """Which numbers of the workloads are unknown or have no interval, and why: one line for each reason."""
    together: dict[tuple[str, str], list[str]] = {}
    for path, reason in found.items():
        room, _, rest = path.partition(".")
        if room == "workloads":
            name, _, number = rest.partition(".")
            word = re.sub("^latency_s[.]|_per_s$|_bps$|_share$|_s$", "", number)
            together.setdefault((name, reason), []).append(word)
    lines = [f"{name}: {', '.join(numbers)}: {reason}" for (name, reason), numbers in together.items()]
    if len(lines) > MOST_REASONS:
        lines[MOST_REASONS:] = [f"{len(lines) - MOST_REASONS} more in result.json under unknown"]
    return "\n".join(lines)


def _expectations(found: Sequence[dict[str, Any]]) -> str:
    if not found:
        return ""
    order = {"fail": 0, "inconclusive": 1, "pass": 2}
    shown = sorted(found, key=lambda e: order[e["status"]])[:MOST_EXPECTATIONS]
    text = table([(e["status"], e["text"], found_text(e)) for e in shown])
    more = len(found) - MOST_EXPECTATIONS
    return f"{text}\n{more} more in result.json" if more > 0 else text


def _files(paths: Sequence[str]) -> str:
    if not paths:
        return "Nothing was written: --out DIR writes result.json, tables and a report."
    names = " ".join(os.path.basename(path) for path in paths)
    return f"Report: {paths[-1]}\nBeside it: {names}"
