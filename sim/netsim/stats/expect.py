"""Expectations: ``users.latency.p99 < 50ms``, judged against an estimate and its interval."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from netsim.scenario.expectations import Expectation, ExpectError, parse_expectation
from netsim.stats.intervals import LEVEL, MIN_BATCHES, Estimate, t_quantile

Status = Literal["pass", "fail", "inconclusive"]
UNDECIDED = "the limit is inside the interval"
#: More replications than this are no advice.
MOST = 10_000

#: Selector of an expectation -> quantile over the replications. Without a selector: the 95th percentile.
OVER_REPLICATIONS = {"": 0.95, "p50": 0.5, "p95": 0.95, "max": 1.0}


def over_replications(expectation: Expectation) -> float | None:
    """The quantile over the replications that an outage or a failover time is read at; None for other numbers, which are means
    over them, and for changes."""
    spread = expectation.kind == "failover" or expectation.metric == "outage"
    return OVER_REPLICATIONS[expectation.detail] if spread and not expectation.relative else None


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
    """An expectation with the number that was found (in the unit of its limit) and the verdict.

    ``where``: which of several matching names the number belongs to. ``more``: about how many replications on top
    would decide it; None where it is decided or nobody can tell. ``reason``: why it is undecided.
    """

    expectation: Expectation
    estimate: Estimate
    status: Status
    where: str | None = None
    more: int | None = None
    reason: str | None = None


def judged(
    expectation: Expectation, estimate: Estimate, replications: int, where: str | None = None
) -> Judged:
    """The verdict on one number, and what would decide it if it is open."""
    status = judge(estimate, expectation.op, expectation.limit)
    if status != "inconclusive":
        return Judged(expectation, estimate, status, where)
    more = more_replications(estimate, expectation.limit, replications)
    return Judged(expectation, estimate, status, where, more, estimate.reason or UNDECIDED)


def together(expectation: Expectation, each: Sequence[Judged]) -> Judged:
    """The verdict on several numbers that must all satisfy one expectation: the worst of them stands for all."""
    order = {"fail": 0, "inconclusive": 1, "pass": 2}
    sign = 1 if expectation.op in ("<", "<=") else -1

    def bad(one: Judged) -> tuple[int, float]:
        value = one.estimate.value
        return order[one.status], math.inf if value is None else -sign * value

    worst = min(each, key=bad)
    mores = [one.more for one in each if one.status == "inconclusive"]
    more = None if None in mores else max((n for n in mores if n is not None), default=None)
    return Judged(expectation, worst.estimate, worst.status, worst.where, more, worst.reason)


def more_replications(estimate: Estimate, limit: float, replications: int) -> int | None:
    """About how many replications on top leave the limit outside the interval, if value and spread stay.

    The interval of n replications is t(n - 1) s / sqrt(n) to each side; s comes from the present one. None without an
    interval, or if `MOST` replications would not do.
    """
    value, low, high = estimate.value, estimate.low, estimate.high
    if value is None or low is None or high is None or value == limit:
        return None
    half, distance = max(high - value, value - low), abs(value - limit)
    degrees = replications - 1 if replications > 1 else MIN_BATCHES - 1
    spread = half * math.sqrt(replications) / t_quantile((1 + LEVEL) / 2, degrees)

    def decides(n: int) -> bool:
        return t_quantile((1 + LEVEL) / 2, n - 1) * spread / math.sqrt(n) < distance

    first = max(replications + 1, 2)
    if not decides(MOST):
        return None
    needed = bisect_left(range(first, MOST + 1), True, key=decides) + first
    return needed - replications


def parse(text: str, workloads: Iterable[str], nodes: Iterable[str] = ()) -> Expectation:
    """One line; names may stand in double quotes. Raises `ExpectationError`.

    Limits come out in seconds, requests per second, bit/s, shares of 1 or counts.
    """
    try:
        return parse_expectation(text, workloads, nodes)
    except ExpectError as error:
        raise ExpectationError(text, error.expected, error.found, error.column, error.help) from None


def unit_of(expectation: Expectation) -> str:
    """The unit of its numbers: ``s``, ``share``, ``/s``, ``bit/s``, or nothing for counts and ratios."""
    if expectation.relative:
        return "share"
    if expectation.kind == "failover" or expectation.metric in ("latency", "jitter", "outage", "wait"):
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
