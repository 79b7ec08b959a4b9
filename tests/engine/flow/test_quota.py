"""Waits for a processor limit: by arithmetic, and as on the fast engine."""

from __future__ import annotations

import pytest

import netsim
from netsim.engine.flow.quota import waits
from netsim.scenario.load import loads
from netsim.scenario.schema_work import Distribution


def test_work_larger_than_a_budget_waits_for_the_rest_of_its_period() -> None:
    """30 ms of which a period gives 20, seldom: who comes u ms before the period's end waits u - 20 ms, if that is more than nothing;
    in the mean 80^2 / (2 x 100) = 32 ms. Seldom is once in 100 periods: one or two in a hundred still meet another, and wait a
    period or two more, so the mean is up to 3 ms above."""
    found = waits(0.2, 0.01, Distribution("constant", 30 * 10**9), 0.0)
    assert 0.0315 < found.mean() < 0.035
    assert (found > 0.080).mean() < 0.03 and (found == 0).mean() == pytest.approx(0.2, abs=0.02)


def test_work_that_a_budget_holds_never_waits_alone() -> None:
    """One in a hundred meets another in its period."""
    assert (waits(0.5, 0.001, Distribution("constant", 40 * 10**9), 0.0) > 0).mean() < 0.02


def test_nobody_waits_less_with_a_smaller_limit() -> None:
    work = Distribution("exponential", 5 * 10**9)
    means = [waits(cpus, 60.0, work, 0.0).mean() for cpus in (0.4, 0.5, 0.7, 1.0, 2.0)]
    assert means == sorted(means, reverse=True)


@pytest.mark.slow
@pytest.mark.parametrize(("work_ms", "cpus", "per_s"), [(5, 0.5, 100), (5, 0.5, 150), (20, 1.5, 90)])
def test_the_fast_engine_agrees(work_ms: int, cpus: float, per_s: int) -> None:
    """Within what flow is held to: p50 10 %, p99 30 %."""
    scenario = loads(
        f"""netsim: 1
name: limited
duration: 30s
warmup: 2s
replications: 1
nodes: {{w: {{role: manager, count: 2, cores: 4}}}}
outside: {{clients: 100, rtt: 1ms}}
networks: {{net: {{driver: overlay}}}}
services:
  web: {{replicas: 2, networks: [net], ports: ["8080:80"], work: {{cpu: {{exponential: {{mean: {work_ms}ms}}}}, workers: 16}},
        resources: {{limits: {{cpus: {cpus}}}}}}}
load: {{users: {{from: outside, to: "web:8080", arrivals: {{poisson: {per_s}/s}}, connection: {{pool: 100}}}}}}
"""
    )
    fast, flow = (
        netsim.run(scenario, engine=engine).data["workloads"]["users"]["latency_s"]
        for engine in ("fast", "flow")
    )
    assert flow["p50"]["value"] == pytest.approx(fast["p50"]["value"], rel=0.10)
    assert flow["p99"]["value"] == pytest.approx(fast["p99"]["value"], rel=0.30)
