"""Requests of a task whose threads use up its processor limit: all of them come to their turn, as under CFS bandwidth control."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import run_long, scenario_from

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


@pytest.mark.parametrize(("busy", "full_after_s"), [(0, PERIOD_S), (1, 0.05), (2, 0.025), (4, 0.025)])
def test_a_request_waits_for_the_next_period_and_no_longer(
    busy: int, full_after_s: float, tmp_path: Path
) -> None:
    """Half a core in 100 ms is used up by threads that always compute after 50 ms on one core and 25 ms on two. Who comes then waits for the
    rest of the period, half of that in the mean, and then behind a slice of each other thread at the most, and behind requests that have
    waited, too (1 ms each). When a thread could take its whole budget at once, requests starved beside two."""
    record = run_long(scenario_from(TEXT.format(busy=busy), tmp_path), 0)
    log = record.workloads["asks"].log
    assert (log.fate == 0).all() and len(log.fate) > 5500
    waits = np.array([s.get("queue:cpu", 0) / 1e12 for s in log.split])
    rest = PERIOD_S - full_after_s
    expected = rest**2 / (2 * PERIOD_S)
    assert 0.93 * expected <= waits.mean() <= expected + busy * SLICE_S + 0.001
    assert waits.max() <= rest + busy * SLICE_S + 0.008
