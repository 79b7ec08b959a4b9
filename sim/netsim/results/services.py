"""Services that change by themselves, over the replications: what jobs have completed, what a rule has kept running."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from netsim.engine.record import RunRecord
from netsim.results.text import quantity, with_interval
from netsim.stats.intervals import across, rounded

#: Numbers that are a time (s); the others are counts.
TIMES = ("over_s",)


def service_numbers(records: Sequence[RunRecord]) -> dict[str, dict[str, object]]:
    """``services`` of ``result.json``: mean and interval of each number, and its samples, one per replication."""
    found: dict[str, dict[str, object]] = {}
    for name, numbers in records[0].services.items():
        found[name] = {}
        for number in numbers:
            samples = [record.services[name][number] for record in records]
            mean = across(samples) if number in TIMES else across(samples).within(0)
            found[name][number] = mean.to_dict() | {"samples": [rounded(x) for x in samples]}
    return found


def service_lines(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A sentence for each of them."""
    return [_job(name, row) if "completed" in row else _rule(name, row) for name, row in found.items()]


def _job(name: str, row: Mapping[str, Any]) -> str:
    samples = row["over_s"]["samples"]
    over = sum(x is not None for x in samples)
    text = f"{name}: {_count(row['completed'])} tasks completed"
    if row["failed"]["value"]:
        text += f", {_count(row['failed'])} failed"
    if not over:
        return f"{text}; the job is not over at the end."
    text += f"; the job was over at {with_interval(row['over_s'], 's')}"
    return f"{text}." if over == len(samples) else f"{text}, in {over} of {len(samples)} replications."


def _rule(name: str, row: Mapping[str, Any]) -> str:
    most = max(row["replicas_max"]["samples"])
    return (
        f"{name}: {_count(row['replicas_mean'])} replicas wanted in the mean, at most {most:.0f}; "
        f"{_count(row['decisions'])} decisions of its rule."
    )


def _count(found: Mapping[str, Any]) -> str:
    """A count, with its interval where replications differ."""
    return quantity(found["value"], "") if found["low"] == found["high"] else with_interval(found, "")
