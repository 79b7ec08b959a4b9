"""The grammar of expectations, its errors, and the verdict."""

from __future__ import annotations

import pytest

from netsim.stats.expect import ExpectationError, judge, parse, unit_of, verdict
from netsim.stats.intervals import Estimate

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
