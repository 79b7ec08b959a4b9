"""The grammar of expectations, its errors, and the verdict."""

from __future__ import annotations

import pytest

from netsim.stats.expect import (
    ExpectationError,
    judge,
    judged,
    more_replications,
    parse,
    together,
    unit_of,
    verdict,
)
from netsim.stats.intervals import Estimate, across

LOADS, NODES = ["users", "backup"], ["worker-1", "manager-1"]


@pytest.mark.parametrize(
    ("text", "kind", "name", "metric", "detail", "op", "limit", "unit"),
    [
        ("users.latency.p99 < 50ms", "workload", "users", "latency", "p99", "<", 0.05, "s"),
        ("users.latency.mean<=250us", "workload", "users", "latency", "mean", "<=", 0.00025, "s"),
        ("users.errors < 0.1%", "workload", "users", "errors", "", "<", 0.001, "share"),
        ("users.outage < 10s", "workload", "users", "outage", "", "<", 10.0, "s"),
        ("users.outage.max < 1m30s", "workload", "users", "outage", "max", "<", 90.0, "s"),
        ("users.throughput > 900/s", "workload", "users", "throughput", "", ">", 900.0, "/s"),
        ("backup.goodput >= 5Gbit", "workload", "backup", "goodput", "", ">=", 5e9, "bit/s"),
        ('stations."worker-1/eth0.tx".utilisation < 80%', "station", "worker-1/eth0.tx", "utilisation", "",
         "<", 0.8, "share"),
        ("stations.web.1/workers.wait < 1ms", "station", "web.1/workers", "wait", "", "<", 0.001, "s"),
        ("nodes.worker-1.cpu < 70%", "node", "worker-1", "cpu", "", "<", 0.7, "share"),
        ('nodes."worker-1".cpu < 70%', "node", "worker-1", "cpu", "", "<", 0.7, "share"),
        ("bottleneck.utilisation < 0.8", "bottleneck", "", "utilisation", "", "<", 0.8, "share"),
        ("bottleneck.headroom > 0.3", "bottleneck", "", "headroom", "", ">", 0.3, ""),
        ("failover.whole_s < 20s", "failover", "", "whole", "", "<", 20.0, "s"),
        ("nodes.worker-*.cpu < 80%", "node", "worker-*", "cpu", "", "<", 0.8, "share"),
        ("*.errors < 0.1%", "workload", "*", "errors", "", "<", 0.001, "share"),
        ("users.latency.p99 < baseline + 5%", "workload", "users", "latency", "p99", "<", 0.05, "share"),
        ("users.throughput > baseline-2.5%", "workload", "users", "throughput", "", ">", -0.025, "share"),
        ("nodes.*.cpu <= baseline", "node", "*", "cpu", "", "<=", 0.0, "share"),
        ("baseline: +5%", "baseline", "", "", "", "<=", 0.05, "share"),
        ("baseline: 5%", "baseline", "", "", "", "<=", 0.05, "share"),
        ("failover.replaced.p50 < 20s", "failover", "", "replaced", "p50", "<", 20.0, "s"),
    ],
)  # fmt: skip
def test_grammar(
    text: str, kind: str, name: str, metric: str, detail: str, op: str, limit: float, unit: str
) -> None:
    found = parse(text, LOADS, NODES)
    assert (found.kind, found.name, found.metric, found.detail) == (kind, name, metric, detail)
    assert (found.op, found.limit, found.text) == (op, pytest.approx(limit), text)
    assert unit_of(found) == unit


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("users.latency.p99", 18, "METRIC < LIMIT"),
        ("users.latency.p99 == 5ms", 19, "METRIC < LIMIT"),
        ("users.latency.p98 < 5ms", 15, "p50"),
        ("user.errors < 1%", 1, "did you mean users?"),
        ("users.latency.p99 < 50", 21, "write 50s"),
        ("users.errors < 120%", 16, "a percentage"),
        ("nodes.worker-9.cpu < 70%", 7, "did you mean"),
        ("users.throughput > 900", 20, "a number per time"),
        ("", 1, "METRIC < LIMIT"),
        ("  users.latency < 5s", 16, "one of mean"),
        ("users.errors.p99 < 5%", 14, "nothing after errors"),
        ('stations."a/b".wait < 5', 23, "write 5s"),
        ("nodes.boss-*.cpu < 5%", 7, "a pattern that a node matches"),
        ("users.errors < baseline + 5ms", 27, "a percentage"),
        ("users.errors < baseline +", 26, "a percentage"),
        ("baseline: five", 11, "a percentage"),
        ("bottleneck.headroom > baseline", 23, "a limit of its own"),
        ("users.errors <  ", 17, "a limit after"),
    ],
)
def test_errors_say_what_was_expected_and_where(text: str, column: int, words: str) -> None:
    with pytest.raises(ExpectationError) as caught:
        parse(text, LOADS, NODES)
    assert words in str(caught.value)
    assert caught.value.column == column, str(caught.value)


@pytest.mark.parametrize(
    ("low", "high", "op", "status"),
    [
        (1.0, 2.0, "<", "pass"),
        (1.0, 3.0, "<", "inconclusive"),
        (1.0, 3.0, "<=", "pass"),
        (3.0, 4.0, "<", "fail"),
        (3.0, 4.0, "<=", "inconclusive"),
        (3.1, 4.0, "<=", "fail"),
        (2.0, 4.0, "<", "inconclusive"),
        (4.0, 5.0, ">", "pass"),
        (3.0, 5.0, ">", "inconclusive"),
        (3.0, 5.0, ">=", "pass"),
        (1.0, 3.0, ">", "fail"),
        (1.0, 2.0, ">=", "fail"),
        (None, None, "<", "inconclusive"),
        (1.0, None, "<", "inconclusive"),
    ],
)
def test_the_whole_interval_decides(low: float | None, high: float | None, op: str, status: str) -> None:
    assert judge(Estimate(2.0, low, high), op, 3.0) == status


def test_nothing_found_is_inconclusive() -> None:
    assert judge(Estimate(), "<", 3.0) == "inconclusive"


def test_verdict_of_all() -> None:
    assert verdict([]) == "pass"
    assert verdict(["pass", "inconclusive"]) == "inconclusive"
    assert verdict(["inconclusive", "fail", "pass"]) == "fail"


def test_how_many_more_by_hand() -> None:
    """s = 1, n = 5, distance 0.5: t(n-1) / sqrt(n) falls below 0.5 at 18 (t17 = 2.1098, 0.4973; at 17: 0.5142)."""
    samples = [8.735089, 9.367544, 10.0, 10.632456, 11.264911]  # mean 10, s 1
    found = across(samples)
    assert more_replications(found, 10.5, 5) == 13
    assert more_replications(found, 9.5, 5) == 13
    assert more_replications(found, 10.0, 5) is None
    assert more_replications(found, 10.000001, 5) is None
    assert more_replications(Estimate(10.0), 10.5, 1) is None


def test_the_advice_decides() -> None:
    """With as many more of the same spread, 86 of 100 are decided: the spread is an estimate from five."""
    import numpy as np

    random, open_ones, decided = np.random.default_rng(4), 0, 0
    while open_ones < 200:
        samples = random.normal(10.0, 1.0, 5)
        more = more_replications(across(samples), 10.8, 5)
        if judge(across(samples), "<", 10.8) == "inconclusive" and more is not None and more < 1000:
            open_ones += 1
            again = across([*samples, *random.normal(samples.mean(), samples.std(ddof=1), more)])
            decided += judge(again, "<", 10.8) != "inconclusive"
    assert decided > 120


def test_the_worst_of_several_stands_for_all() -> None:
    line = parse("nodes.*.cpu < 80%", LOADS, NODES)
    good = judged(line, Estimate(0.5, 0.4, 0.6), 5, "worker-1")
    bad = judged(line, Estimate(0.9, 0.85, 0.95), 5, "worker-2")
    unsure = judged(line, Estimate(0.79, 0.75, 0.83), 5, "manager-1")
    assert together(line, [good, bad, unsure]).status == "fail"
    assert together(line, [good, bad, unsure]).where == "worker-2"
    found = together(line, [good, unsure])
    assert (found.status, found.where) == ("inconclusive", "manager-1") and found.more and found.more > 5
    higher = judged(line, Estimate(0.7, 0.65, 0.75), 5, "manager-1")
    assert together(line, [good, higher]).where == "manager-1"
    other_way = parse("nodes.*.cpu > 10%", LOADS, NODES)
    assert (
        together(other_way, [judged(other_way, e.estimate, 5, e.where) for e in (good, higher)]).where
        == "worker-1"
    )
