"""Comparisons of results: what is judged, in which order, and what the reader is told."""

from __future__ import annotations

import copy
import json

import pytest
from fake_results import result

import netsim
from netsim.results.compare import ORDER, compare_results
from netsim.results.errors import ResultError
from netsim.results.result import Result


def changed(factors: dict[str, float], seed: int = 1) -> Result:
    """The small result with some samples multiplied."""
    found = copy.deepcopy(result())
    found.data["manifest"]["seed"] = seed
    for path, factor in factors.items():
        values = found.data["samples"][path]
        found.data["samples"][path] = [x * factor for x in values]
    return found


def test_equal_results_are_the_same() -> None:
    found = compare_results(result(), result())
    assert found.paired and not found.regressions and found.notes == []
    assert {one.verdict for one in found.differences} == {"same"}


def test_worse_better_and_changed() -> None:
    other = changed(
        {
            "workloads.users.latency_s.p99": 1.05,
            "workloads.users.latency_s.p50": 0.9,
            "workloads.users.latency_s.p95": 1.005,
            "workloads.users.throughput_per_s": 0.9,
            "stations.web.1/workers.utilisation": 1.5,
            "nodes.worker-1.cpu": 1.2,
        }
    )
    found = compare_results(result(), other)
    verdicts = {one.what: one.verdict for one in found.differences}
    assert verdicts["users.latency.p99"] == verdicts["users.throughput"] == "worse"
    assert verdicts["users.latency.p50"] == "better"
    assert verdicts["users.latency.p95"] == "same"  # certain, but below 1 %
    assert verdicts["stations.web.1/workers.utilisation"] == verdicts["nodes.worker-1.cpu"] == "changed"
    assert verdicts["nodes.worker-*.cpu"] == "worse"
    ranks = [ORDER.index(one.verdict) for one in found.differences]
    assert ranks == sorted(ranks)
    worst = [abs(one.change.relative.value or 0) for one in found.regressions]
    assert worst == sorted(worst, reverse=True)


def test_other_seeds_are_no_pairs() -> None:
    found = compare_results(result(), changed({"workloads.users.latency_s.p99": 1.02}, seed=2))
    assert not found.paired and "seeds differ" in found.notes[0]
    p99 = next(one for one in found.differences if one.what == "users.latency.p99")
    assert p99.verdict == "unclear"


def test_new_errors_are_a_regression() -> None:
    """From no failure at all, no share can be told, and still it is worse."""
    found = compare_results(result(), result(errors=30))
    assert "users.errors" in {one.what for one in found.regressions}


def test_as_json_and_table() -> None:
    found = netsim.compare(result(), changed({"workloads.users.latency_s.p99": 1.05}))
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert data["regression"] is True and data["differences"][0]["what"] == "users.latency.p99"
    assert data["differences"][0]["relative"]["value"] == pytest.approx(0.05)
    assert found.frame.loc["users.latency.p99", "relative_low"] == pytest.approx(0.05)
    assert "1 regressions" in repr(found)


def test_results_without_samples() -> None:
    old = result()
    del old.data["samples"]
    with pytest.raises(ResultError, match="expected a result with samples"):
        compare_results(old, result())


def test_workloads_without_a_counterpart_are_told() -> None:
    other = changed({})
    other.data["workloads"]["shop"] = other.data["workloads"]["users"]
    assert "Only in the second, so not compared: shop." in compare_results(result(), other).notes
