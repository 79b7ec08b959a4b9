"""Expectations: ``users.latency.p99 < 50ms``, judged against an estimate and its interval."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from netsim.scenario.expectations import Expectation, ExpectError, parse_expectation
from netsim.stats.intervals import Estimate

Status = Literal["pass", "fail", "inconclusive"]

#: Selector of an expectation -> quantile over the replications. Without a selector: the 95th percentile.
OVER_REPLICATIONS = {"": 0.95, "p50": 0.5, "p95": 0.95, "max": 1.0}


class ExpectationError(ValueError):
    """A line that is no expectation: what was expected, what was found, and from which column (from 1)."""

    def __init__(self, text: str, expected: str, found: str, column: int, help: str | None = None) -> None:
        hint = f" ({help})" if help else ""
        super().__init__(f"column {column} of '{text}': expected {expected}, got {found}{hint}")
        self.text = text
        self.expected = expected
        self.found = found
        self.column = column
        self.help = help


@dataclass(frozen=True, slots=True)
class Judged:
    """An expectation with the number that was found (in the unit of its limit) and the verdict."""

    expectation: Expectation
    estimate: Estimate
    status: Status


def parse(text: str, workloads: Iterable[str], nodes: Iterable[str] = ()) -> Expectation:
    """One line; names may stand in double quotes. Raises `ExpectationError`.

    Limits come out in seconds, requests per second, bit/s, shares of 1 or counts.
    """
    bare = text.replace('"', "")
    try:
        parsed = parse_expectation(bare, workloads, nodes)
    except ExpectError as error:
        at = max(text.find(error.found), 0)
        if error.found == bare:  # no comparison: it should come after the first word
            at = len(text) - len(text.lstrip().partition(" ")[2].lstrip()) if text.strip() else 0
        raise ExpectationError(text, error.expected, error.found, at + 1, error.help) from None
    return replace(parsed, text=text)


def unit_of(expectation: Expectation) -> str:
    """The unit of its numbers: ``s``, ``share``, ``/s``, ``bit/s``, or nothing for counts and ratios."""
    if expectation.kind == "failover" or expectation.metric in ("latency", "outage", "wait"):
        return "s"
    if expectation.metric in ("errors", "utilisation", "cpu", "nic_tx", "nic_rx"):
        return "share"
    return {"throughput": "/s", "goodput": "bit/s"}.get(expectation.metric, "")


def judge(estimate: Estimate, op: str, limit: float) -> Status:
    """pass if the whole interval satisfies ``op limit``, fail if all of it violates; else inconclusive."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "inconclusive"
    low, high = satisfies(estimate.low, op, limit), satisfies(estimate.high, op, limit)
    if low and high:
        return "pass"
    return "inconclusive" if low or high else "fail"


def satisfies(value: float, op: str, limit: float) -> bool:
    """``value op limit``."""
    if op == "<":
        return value < limit
    if op == "<=":
        return value <= limit
    if op == ">":
        return value > limit
    if op == ">=":
        return value >= limit
    raise ValueError(f"expected one of < <= > >=, got {op}")


def verdict(statuses: Iterable[Status]) -> Status:
    """Of all together: fail if one fails, else inconclusive if one is, else pass."""
    found = set(statuses)
    if "fail" in found:
        return "fail"
    return "inconclusive" if "inconclusive" in found else "pass"
