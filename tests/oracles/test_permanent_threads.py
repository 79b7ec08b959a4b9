"""Requests beside threads that always compute: processor sharing with permanent customers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import run_long, scenario_from

TEXT = """
netsim: 1
duration: 300s
warmup: 10s
nodes: {{host: {{role: manager, cores: 1, count: 2, profile: zero.yaml, nic: {{rate: 10Gbit}}}}}}
networks: {{net: {{driver: overlay}}}}
services:
  src: {{networks: [net], placement: {{constraints: [node.hostname == host-1]}}}}
  a: {{networks: [net], placement: {{constraints: [node.hostname == host-2]}}, work: {{cpu: {{exponential: {{mean: 10ms}}}}, workers: 3000}}}}
  batch: {{networks: [net], placement: {{constraints: [node.hostname == host-2]}}, work: {{busy: {busy}}}, resources: {{limits: {{cpus: {limit}}}}}}}
load:
  jobs: {{from: src, to: a, arrivals: {{poisson: 50/s}}, connection: {{pool: 3000}}}}
"""


def means(folder: Path, busy: int, limit: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Of four replications: the mean time of a request in processor and queue (s), and how busy the core was."""
    scenario = scenario_from(TEXT.format(busy=busy, limit=limit), folder)
    times, used = [], []
    for replication in range(4):
        record = run_long(scenario, replication)
        split = record.workloads["jobs"].log.split
        times.append(np.mean([(s.get("queue:cpu", 0) + s["app.work"]) / 1e12 for s in split]))
        used.append(record.stations["host-2/cpu0"].busy_ps / record.duration_ps)
    return np.array(times), np.array(used)


@pytest.mark.parametrize("busy", [0, 1, 3])
def test_a_request_shares_the_core_with_all_threads_that_compute(busy: int, tmp_path: Path) -> None:
    """With K permanent customers in M/M/1 processor sharing the time in it is (K + 1) / (mu - lambda) (Kleinrock, Queueing Systems 2,
    4.4). Standard deviation of a mean over replications below 3 %: four of them, one false alarm in 15,000."""
    times, used = means(tmp_path, busy)
    assert times.mean() == pytest.approx((busy + 1) / (100 - 50), rel=0.12)
    assert used.mean() == pytest.approx(1.0 if busy else 0.5, abs=0.02)


def test_a_limit_holds_a_thread_that_computes(tmp_path: Path) -> None:
    """Half a core for requests in the mean, and a fifth for the thread."""
    _, used = means(tmp_path, 1, 0.2)
    assert used.mean() == pytest.approx(0.7, abs=0.02)
