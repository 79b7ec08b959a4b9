"""Expectations with patterns and baselines against results."""

from __future__ import annotations

import copy
from typing import Any

from fake_results import record, result, scenario

from netsim.model.build import build_model
from netsim.results.build import build_result
from netsim.results.result import Result
from netsim.results.text import found_text


def against(text: str, factor: float = 1.0, errors: int = 0, base: Result | None = None) -> dict[str, Any]:
    """One expectation of the small result, against itself with a latency that is ``factor`` times lower."""
    stored = base or copy.deepcopy(result())
    for path, values in stored.data["samples"].items():
        if "latency" in path:
            stored.data["samples"][path] = [x / factor for x in values]
    small = scenario(text)
    records = [record(k, errors) for k in range(3)]
    found = build_result(small, build_model(small), records, "reference", 1.0, baseline=stored)
    return dict(found.data["expectations"][0])


def test_all_that_match_must_satisfy() -> None:
    (found,) = result("nodes.worker-1*.cpu < 50%").data["expectations"]
    assert (found["status"], found["where"]) == ("inconclusive", "worker-1")
    assert found["more_replications"] and found["reason"]
    (found,) = result("stations.worker-1/cpu*.utilisation < 60%").data["expectations"]
    assert (found["status"], found["where"]) == ("fail", "worker-1/cpu0")
    (found,) = result("stations.worker-1/cpu?.utilisation > 10%").data["expectations"]
    assert (found["status"], found["where"]) == ("pass", "worker-1/cpu1")
    (found,) = result("*.errors < 1%").data["expectations"]
    assert (found["status"], found["where"]) == ("pass", "users")


def test_what_is_read_over_replications_says_so() -> None:
    limits = ("users.outage < 5s", "users.outage.max < 5s", "users.errors < 1%")
    found = result(*limits).data["expectations"]
    assert [e["over_replications"] for e in found] == [0.95, 1.0, None]
    assert found_text(found[0]).startswith("found 0 s in 95 of 100 replications")
    assert found_text(found[1]).startswith("found 0 s in the worst replication")
    assert "replication" not in found_text(found[2])


def test_every_expectation_knows_its_line() -> None:
    found = result("users.errors < 1%", "users.outage < 5s").data["expectations"]
    assert [(e["line"], e["column"]) for e in found] == [(19, 5), (20, 5)]


def test_against_a_baseline() -> None:
    found = against("users.latency.p99 < baseline + 5%", 1.02)
    assert found["status"] == "pass" and abs(found["value"] - 0.02) < 1e-6 and found["limit"] == 0.05
    assert against("users.latency.p99 < baseline + 5%", 1.08)["status"] == "fail"
    assert against("users.throughput > baseline - 5%")["status"] == "pass"
    assert against("nodes.worker-*.cpu <= baseline")["status"] == "inconclusive"  # worker-2 was never seen


def test_nothing_may_get_worse() -> None:
    assert against("baseline: +5%", 1.02)["status"] == "pass"
    found = against("baseline: +5%", 1.08)
    assert found["status"] == "fail" and found["where"].startswith("users.latency")
    assert against("baseline: +5%", 0.5)["status"] == "pass"  # twice as fast
    found = against("baseline: +5%", errors=30)
    assert (found["status"], found["where"]) == ("fail", "users.errors")


def test_without_a_baseline() -> None:
    for text in ("baseline: +5%", "users.latency.p99 < baseline + 5%"):
        (found,) = result(text).data["expectations"]
        assert found["status"] == "inconclusive" and "--baseline FILE" in found["reason"]


def test_a_baseline_of_something_else() -> None:
    other = copy.deepcopy(result())
    other.data["samples"] = {"workloads.shop.latency_s.p99": [1.0, 1.0, 1.0]}
    assert "nothing" not in against("baseline: +5%", base=other)["reason"]
    assert "no number in common" in against("baseline: +5%", base=other)["reason"]
    assert "no samples of workloads.users" in against("users.errors <= baseline", base=other)["reason"]
