"""Attribution sums to the latency it takes apart."""

from __future__ import annotations

import numpy as np
import pytest
from fake_results import MS, S, result, workload

from netsim.engine.histogram import bucket
from netsim.results.attribution import attribution
from netsim.results.latency import quantile_ps


def test_sums_to_the_quantile_in_every_replication() -> None:
    random = np.random.default_rng(3)
    latency = (random.lognormal(3, 1, 2000) * MS).astype(np.int64)
    record = workload(list(range(2000)), latency.tolist())
    for q in (0.5, 0.9, 0.99, 1.0):
        found = attribution(record, q)
        exact = np.quantile(latency, q, method="inverted_cdf")
        assert found is not None
        assert sum(found.values()) == pytest.approx(quantile_ps(record, q) / S, rel=1e-12)
        assert sum(found.values()) == pytest.approx(exact / S, rel=0.016)
        assert found["queue:cpu"] / sum(found.values()) == pytest.approx(0.25, abs=1e-6)


def test_only_the_requests_of_the_bucket_count() -> None:
    latency = [10 * MS] * 98 + [100 * MS, 110 * MS]
    record = workload(list(range(100)), latency, splits={98: {"wire": 50 * MS, "queue:cpu": 50 * MS}})
    assert bucket(latency[-1]) != bucket(latency[-2])
    assert attribution(record, 0.99) == {
        "queue:cpu": pytest.approx(0.05),
        "wire": pytest.approx(0.05),
    }
    assert attribution(record, 0.5) == {"app.work": pytest.approx(0.01)}


def test_only_completed_requests() -> None:
    record = workload([0, 1, 2], [MS, 5 * S, MS], [0, 3, -1])
    assert attribution(record, 0.99) == {
        "app.work": pytest.approx(0.00075),
        "queue:cpu": pytest.approx(0.00025),
    }
    assert attribution(workload([0], [MS], [3]), 0.5) is None


def test_a_split_without_time_is_told_apart() -> None:
    record = workload([0], [MS], splits={0: {}})
    assert attribution(record, 0.5) == {"other": pytest.approx(0.001, rel=0.008)}


@pytest.mark.parametrize("replications", [1, 3, 5])
def test_over_replications_it_sums_to_the_mean_latency(replications: int) -> None:
    users = result(replications=replications).data["workloads"]["users"]
    for key in ("p50", "p99"):
        total = sum(stage["value"] for stage in users["attribution"][key].values())
        assert total == pytest.approx(users["latency_s"][key]["value"], rel=1e-9)
