"""Receive buffers against the theory of finite queues, and the books of what became of datagrams.

Each case runs independent replications and asks that the theory's loss lies inside the 99 % t-interval of theirs.
"""

from __future__ import annotations

import math
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import pytest
from helpers import run, scenario_from

from netsim.datapath.udp import holds, truesize_bytes
from netsim.engine.record import FATES, RunRecord

REPLICATIONS = 10
T_99_9 = 3.25  # Student's t, 9 degrees of freedom, two-sided 99 %
MEAN_S = 200e-6
ONE_QUEUE = """netsim: 1
duration: 300ms
warmup: 20ms
nodes: {{m: {{role: manager, cores: 2, profile: zero.yaml}}}}
networks: {{br: {{driver: bridge}}}}
containers:
  here: {{node: m-1, networks: [br]}}
  there: {{node: m-1, networks: [br], work: {{cpu: {work}, workers: {workers}, receive_buffer: {buffer}B}}}}
load:
  stream: {{from: here, to: there, arrivals: {{poisson: {rate}/s}}, datagram: 100B}}
"""


def counts(record: RunRecord, name: str) -> dict[str, int]:
    """Datagrams by what became of them."""
    found = record.workloads[name].fates.sum(axis=0)
    return {cause: int(n) for cause, n in zip((*FATES, "open"), found, strict=True) if n}


def loss_of_mm1k(load: float, most: int) -> float:
    """Poisson arrivals, exponential work, one server, ``most`` in the system."""
    return load**most * (1 - load) / (1 - load ** (most + 1))


def loss_of_md1k(load: float, most: int) -> float:
    """Constant work: the chain of what is left behind by who leaves (Gross and Harris, 5.1.8)."""
    arrive = [math.exp(-load) * load**k / math.factorial(k) for k in range(most)]
    step = np.zeros((most, most))
    for i in range(most):
        for k, p in enumerate(arrive):
            j = max(i - 1, 0) + k
            if j < most - 1:
                step[i, j] += p
        step[i, most - 1] = 1 - step[i].sum()
    left = np.linalg.solve(
        np.vstack([(step.T - np.eye(most))[:-1], np.ones(most)]), [0.0] * (most - 1) + [1.0]
    )
    return float(1 - 1 / (left[0] + load))


@pytest.mark.parametrize(
    ("work", "theory"), [("{exponential: {mean: 200us}}", loss_of_mm1k), ("200us", loss_of_md1k)]
)
@pytest.mark.parametrize("load", [0.8, 1.3])
def test_a_receive_buffer_loses_what_a_finite_queue_does(
    work: str, theory: object, load: float, tmp_path: Path
) -> None:
    buffer = 4000
    waiting = holds(buffer, truesize_bytes(100, False), 0)
    text = ONE_QUEUE.format(work=work, workers=1, buffer=buffer, rate=round(load / MEAN_S))
    scenario = scenario_from(text, tmp_path)
    found = []
    for replication in range(REPLICATIONS):
        seen = counts(run(scenario, replication), "stream")
        assert set(seen) <= {"completed", "buffer_full"}
        found.append(seen.get("buffer_full", 0) / sum(seen.values()))
    assert callable(theory)
    half = T_99_9 * stdev(found) / math.sqrt(REPLICATIONS)
    assert abs(fmean(found) - theory(load, 1 + waiting)) < half
    assert half < 0.04


def test_without_a_queue_loss_is_erlangs(tmp_path: Path) -> None:
    """Four workers and a buffer for one datagram of any size: M/M/4/5."""
    load, servers, most = 3.2, 4, 5
    text = ONE_QUEUE.format(
        work="{exponential: {mean: 200us}}", workers=4, buffer=0, rate=round(load / MEAN_S)
    )
    scenario = scenario_from(text.replace("cores: 2", "cores: 6"), tmp_path)
    weights = [
        load**k / (math.factorial(min(k, servers)) * servers ** max(0, k - servers)) for k in range(most + 1)
    ]
    found = []
    for replication in range(REPLICATIONS):
        seen = counts(run(scenario, replication), "stream")
        found.append(seen["buffer_full"] / sum(seen.values()))
    assert abs(fmean(found) - weights[-1] / sum(weights)) < T_99_9 * stdev(found) / math.sqrt(REPLICATIONS)


def test_jitter_is_the_mean_difference_of_what_arrives(tmp_path: Path) -> None:
    """Exponential times that nobody waits for: two of them differ by their mean, on average. Constant ones do not."""
    text = ONE_QUEUE.format(work="{exponential: {mean: 200us}}", workers=60, buffer=0, rate=500)
    text = text.replace("cores: 2", "cores: 60").replace("poisson", "constant")
    found = [run(scenario_from(text, tmp_path), k).workloads["stream"] for k in range(REPLICATIONS)]
    means = [one.jitter_sum_ps / one.jitters / 1e12 for one in found]
    assert all(one.jitters == 149 for one in found)
    assert abs(fmean(means) - MEAN_S) < T_99_9 * stdev(means) / math.sqrt(REPLICATIONS)
    still = run(scenario_from(text.replace("{exponential: {mean: 200us}}", "200us"), tmp_path))
    assert still.workloads["stream"].jitter_sum_ps == 0


#: A slow port, a small ring, a full receive buffer and a small table of connections.
LOSSES = """netsim: 1
duration: 100ms
warmup: 0s
nodes:
  m: {role: manager, count: 2, cores: 1, profile: stock, nic: {rate: 1Gbit, ring: 16, rx_queues: 1}}
  w: {cores: 2, profile: tight.yaml, nic: {rate: 10Mbit}}
fabric: {buffer: 20KB}
outside: {clients: 40, entry: {nodes: [m-1]}}
networks: {net: {driver: overlay, attachable: true}}
services:
  web: {networks: [net], placement: {constraints: [node.hostname == m-1]}, ports: [{published: 53, target: 53, protocol: udp}], work: {cpu: 50us, workers: 1, receive_buffer: 4000B}}
containers: {box: {node: m-2, networks: [net]}, slow: {node: w-1, networks: [net]}}
load:
  flood: {from: outside, to: 'web:53', arrivals: {poisson: 300000/s}, datagram: 10B, flows: 40, start: 70ms}
  down: {from: box, to: slow, arrivals: {constant: 3000/s}, datagram: 1000B}
  many: {from: slow, to: web, arrivals: {constant: 1000/s}, datagram: 100B, flows: 9}
"""


def test_every_datagram_is_received_or_lost_at_a_place_that_counts_it(tmp_path: Path) -> None:
    record = run(scenario_from(LOSSES, tmp_path))
    by_cause: dict[str, int] = {}
    for name, work in record.workloads.items():
        seen = counts(record, name)
        assert sum(seen.values()) == len(work.log.start_ps)
        assert (
            work.log.response_bytes.sum()
            == seen["completed"] * {"flood": 10, "down": 1000, "many": 100}[name]
        )
        for cause, n in seen.items():
            by_cause[cause] = by_cause.get(cause, 0) + n
    assert {"buffer_full", "ring_full", "queue_full", "ports_exhausted"} <= set(by_cause)
    at: dict[str, int] = {}
    for station in record.stations.values():
        at[station.kind] = at.get(station.kind, 0) + station.dropped
    assert by_cause["ring_full"] == at["nic_rx"]
    assert by_cause["queue_full"] == at["switch"] + at["nic_tx"]
    assert by_cause["buffer_full"] == at["workers"]


def test_a_slow_port_passes_its_rate(tmp_path: Path) -> None:
    """What arrives over 10 Mbit/s: 1,000 B of 1,000 + 28 + 38 + 50 around them."""
    record = run(scenario_from(LOSSES, tmp_path))
    rate = record.workloads["down"].goodput_bytes_in_period * 8 / 0.1
    assert rate == pytest.approx(10e6 * 1000 / 1116, rel=0.02)
