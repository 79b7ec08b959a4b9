"""Whole scenarios against theory: a tandem, a closed network against mean-value analysis, header arithmetic.

Intervals are 99 % over replications with fixed seeds: about one in a hundred seeds would fail one check.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from helpers import run_long, scenario_from
from scipy.special import stdtrit

FREE = """
netsim: 1
duration: {duration}
warmup: 10s
nodes: {{host: {{role: manager, cores: 1, count: 4, profile: zero.yaml, nic: {{rate: 10Gbit}}}}}}
networks: {{net: {{driver: overlay}}}}
"""


def interval(values: list[float], level: float = 0.99) -> tuple[float, float]:
    mean, n = float(np.mean(values)), len(values)
    half = float(stdtrit(n - 1, (1 + level) / 2)) * float(np.std(values, ddof=1)) / math.sqrt(n)
    return mean - half, mean + half


def place(service: str, host: int, more: str) -> str:
    return f"  {service}: {{networks: [net], placement: {{constraints: [node.hostname == host-{host}]}}, {more}}}\n"


@pytest.mark.slow
@pytest.mark.parametrize("load", [0.5, 0.8, 0.95])
def test_tandem_of_exponential_queues(tmp_path: Path, load: float) -> None:
    """Jackson: with many threads on one core, a and b are processor-sharing queues in a row; each takes
    1/(mu - lambda), whatever the other does. (Time slices of 3 ms stand for processor sharing with
    exponential work, whose mean does not depend on the discipline.)"""
    work = "work: {cpu: {exponential: {mean: 10ms}}, workers: 3000}"
    text = FREE.format(duration="300s") + "services:\n" + place("src", 1, "work: {}")
    text += place("a", 2, work + ", calls: [{to: b, connection: {pool: 3000}}]") + place("b", 3, work)
    text += f"load:\n  jobs: {{from: src, to: a, arrivals: {load * 100}/s, connection: {{pool: 3000}}}}\n"
    scenario = scenario_from(text, tmp_path)
    means, used = [], []
    for replication in range(8):
        record = run_long(scenario, replication)
        means.append(
            float(
                np.mean(
                    [
                        (s.get("queue:cpu", 0) + s["app.work"]) / 1e12
                        for s in record.workloads["jobs"].log.split
                    ]
                )
            )
        )
        used.append(record.stations["host-3/cpu0"].busy_ps / record.duration_ps)
    low, high = interval(means)
    assert low <= 2 * 0.01 / (1 - load) <= high
    low, high = interval(used)
    assert low <= load <= high


def mva(users: int, think_s: float, demands_s: list[float]) -> tuple[float, float]:
    """Exact mean-value analysis of single-server queues: (throughput 1/s, response time s)."""
    queue = [0.0] * len(demands_s)
    throughput = response = 0.0
    for n in range(1, users + 1):
        times = [d * (1 + q) for d, q in zip(demands_s, queue, strict=True)]
        response = sum(times)
        throughput = n / (think_s + response)
        queue = [throughput * t for t in times]
    return throughput, response


@pytest.mark.parametrize(
    "users", [6, pytest.param(11, marks=pytest.mark.slow), pytest.param(16, marks=pytest.mark.slow)]
)  # 0.5, 0.8 and 0.95 busy
def test_closed_network_against_mean_value_analysis(tmp_path: Path, users: int) -> None:
    text = FREE.format(duration="200s") + "services:\n" + place("src", 1, "work: {}")
    text += place("a", 2, "work: {cpu: {exponential: {mean: 10ms}}, workers: 64}, calls: [{to: b}]")
    text += place("b", 3, "work: {cpu: {exponential: {mean: 6ms}}, workers: 64}")
    text += f"load:\n  jobs: {{from: src, to: a, users: {users}, think: {{exponential: {{mean: 100ms}}}}, connection: {{pool: 64}}}}\n"
    scenario = scenario_from(text, tmp_path)
    rates, times, used = [], [], []
    for replication in range(8):
        record = run_long(scenario, replication)
        jobs = record.workloads["jobs"]
        rates.append(jobs.completed_in_period / 200)
        times.append(float(np.mean((jobs.log.finish_ps - jobs.log.start_ps) / 1e12)))
        used.append(record.stations["host-2/cpu0"].busy_ps / record.duration_ps)
    wire_s = 4 * 2e-5  # two messages each way over links and switch, bounded from above
    throughput, response = mva(users, 0.1, [0.010, 0.006])
    for found, theory, slack in (
        (rates, throughput, throughput * 1e-3),
        (times, response, wire_s),
        (used, throughput * 0.01, 1e-3),
    ):
        low, high = interval(found)
        assert low - slack <= theory <= high + slack


BULK = """
load:
  copy: {{from: {source}, to: {target}, bulk: 10GiB, flows: {flows}}}
"""


@pytest.mark.parametrize(("source", "target", "gbit"), [("c", "outside", 9.415), ("c", "d", 9.090)])
def test_a_saturated_link_gives_the_goodput_of_header_arithmetic(
    tmp_path: Path, source: str, target: str, gbit: float
) -> None:
    """1448/1538 of 10 Gbit/s at MTU 1500 with timestamps; 1398/1538 by VXLAN at inner MTU 1450."""
    text = (
        FREE.format(duration="1s")
        .replace("warmup: 10s", "warmup: 1s")
        .replace("nodes:", "outside: {rtt: 200us}\nnodes:")
    )
    text += "services:\n" + place("c", 1, "work: {}") + place("d", 2, "work: {}")
    text += BULK.format(source=source, target=target, flows=4).replace("flows: 4", "flows: 4, start: 0s")
    record = run_long(scenario_from(text, tmp_path))
    station = record.stations["host-1/eth0.tx"]
    # From the first full window on: the slices after the start-up.
    goodput = record.workloads["copy"].goodput_bytes_in_period * 8 / 1e9
    busy = station.busy_ps / record.duration_ps
    assert busy > 0.99
    share = 1448 / 1538 if target == "outside" else 1398 / 1538
    assert share * 10 == pytest.approx(gbit, abs=0.001)
    assert goodput / busy == pytest.approx(gbit, rel=2e-3)
    assert station.dropped == 0
