"""Requests of a task whose threads use up its processor limit: all of them come to their turn, as under CFS bandwidth control."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, run_long, scenario_from

PERIOD_S, SLICE_S = 0.1, 0.003
TEXT = """
netsim: 1
duration: 300s
warmup: 10s
nodes: {{host: {{role: manager, cores: 2, count: 2, profile: zero.yaml}}}}
networks: {{net: {{driver: overlay}}}}
services:
  src: {{networks: [net], placement: {{constraints: [node.hostname == host-1]}}}}
  a: {{networks: [net], placement: {{constraints: [node.hostname == host-2]}}, work: {{cpu: 1ms, busy: {busy}}}, resources: {{limits: {{cpus: 0.5}}}}}}
load:
  asks: {{from: src, to: a, arrivals: {{poisson: 20/s}}, connection: {{pool: 100}}}}
"""


@cache
def waits_s(folder: Path, busy: int) -> np.ndarray:
    """How long each request waits for a core; none is lost."""
    log = run_long(scenario_from(TEXT.format(busy=busy), folder), 0).workloads["asks"].log
    assert (log.fate == 0).all() and len(log.fate) > 5500
    return np.array([s.get("queue:cpu", 0) / 1e12 for s in log.split])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("limits")


@pytest.mark.parametrize(("busy", "full_after_s"), [(0, PERIOD_S), (1, 0.05), (2, 0.025), (4, 0.025)])
def test_a_request_waits_for_the_next_period_and_no_longer(
    busy: int, full_after_s: float, folder: Path
) -> None:
    """Half a core in 100 ms is used up by threads that always compute after 50 ms on one core and 25 ms on two. Who comes then waits for the
    rest of the period, half of that in the mean, and then behind a slice of each other thread at the most, and behind requests that have
    waited, too (1 ms each). When a thread could take its whole budget at once, requests starved beside two."""
    waits = waits_s(folder, busy)
    rest = PERIOD_S - full_after_s
    expected = rest**2 / (2 * PERIOD_S)
    assert 0.93 * expected <= waits.mean() <= expected + busy * SLICE_S + 0.001
    assert waits.max() <= rest + busy * SLICE_S + 0.008


def test_a_real_kernel_lets_them_wait_as_long(folder: Path) -> None:
    """Nothing was fitted. Means of 500 waits that are spread over most of a period: standard error below 5 %."""
    rows = json.loads((ROOT / "tests/data/lab/processor-limits.json").read_text(encoding="utf-8"))["rows"]
    assert [row["busy"] for row in rows] == [1, 2, 4]
    for row in rows:
        found = waits_s(folder, row["busy"]) * 1e3
        assert found.mean() == pytest.approx(row["mean_ms"], rel=0.15), row
        assert np.quantile(found, 0.9) == pytest.approx(row["p90_ms"], rel=0.1), row
