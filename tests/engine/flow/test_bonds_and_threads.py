"""What nodes may have, beside the fast engine: bonds, RPS, hardware threads, threads that always compute, buffers that ports share, and ports in
mode host while something changes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import netsim
from netsim.engine.flow.computing import beside
from netsim.engine.flow.queues import erlang_b
from netsim.engine.flow.standing import part_bytes
from netsim.engine.flow.threads import slower
from netsim.scenario.load import loads

WEB = """netsim: 1
name: web
duration: {duration}s
warmup: 1s
replications: 1
nodes: {{w: {{role: manager, count: {nodes}, {node}, nic: {{rate: 10Gbit{card}}}}}}}
outside: {{clients: 300, rtt: 1ms}}
networks: {{net: {{driver: overlay}}}}
services:
  web:
    replicas: {nodes}
    networks: [net]
    ports: [{{published: 8080, target: 80{mode}}}]
    work: {{cpu: {cpu}, workers: 64}}
  batch: {{replicas: {batch}, networks: [net], work: {{busy: {busy}}}}}
load: {{users: {{from: outside, to: "web:8080", arrivals: {{poisson: {rate}/s}}, response: {response}, connection: {{pool: {pool}}}, timeout: 1s}}}}
"""
USUAL: dict[str, Any] = {
    "duration": 2, "nodes": 3, "node": "cores: 4", "card": "", "mode": "", "cpu": "50us", "batch": 0, "busy": 0, "rate": 6000,
    "response": "4KiB", "pool": 60,
}  # fmt: skip
SLOW = pytest.mark.slow
RPS = ", rx_queues: 1, offloads: [tso, gso, gro, rx-checksum, tx-checksum, udp-tunnel-tso, rps]"


def near(more: str = "", p50: float = 0.1, p99: float = 0.3, **words: Any) -> list[Any]:
    """Both engines' results, whose throughput is within 5 %, p50 and p99 within these."""
    scenario = loads(WEB.format(**{**USUAL, **words}) + more)
    found = [netsim.run(scenario, engine=engine) for engine in ("fast", "flow")]
    old, new = (each.data["workloads"]["users"] for each in found)
    assert new["throughput_per_s"]["value"] == pytest.approx(old["throughput_per_s"]["value"], rel=0.05)
    for quantile, limit in (("p50", p50), ("p99", p99)):
        assert new["latency_s"][quantile]["value"] == pytest.approx(
            old["latency_s"][quantile]["value"], rel=limit
        )
    return found


def used(result: Any, station: str) -> float:
    return float(result.stations_all[station]["utilisation"]["value"])


def test_a_bond_carries_on_its_cables_what_hashes_give_them() -> None:
    fast, flow = near(card=", bond: {links: 2}", rate=12000, response="60KiB", p50=0.05, p99=0.1)
    for cable in ("eth0.tx1", "eth0.tx2"):
        assert used(flow, f"w-2/{cable}") == pytest.approx(used(fast, f"w-2/{cable}"), rel=0.05)
    assert used(fast, "w-2/eth0.tx1") != pytest.approx(used(fast, "w-2/eth0.tx2"), rel=0.05)


def test_a_bond_without_one_of_its_cables() -> None:
    fast, flow = near(
        "faults: [{at: 500ms, cut: w-2, cable: 1}]\n", card=", bond: {links: 2}", response="30KiB"
    )
    for cable in ("eth0.tx1", "eth0.tx2"):
        assert used(flow, f"w-2/{cable}") == pytest.approx(used(fast, f"w-2/{cable}"), rel=0.1)


def test_rps_hands_on_to_all_cores() -> None:
    fast, flow = near(card=RPS, rate=40000, duration=1)
    for station in ("w-1/eth0.rx0", "w-1/backlog1", "w-1/backlog2"):
        assert used(flow, station) == pytest.approx(used(fast, station), rel=0.1)


def test_hardware_threads_are_slower_together() -> None:
    """At three quarters of what eight of them can do."""
    near(node="cores: 8, smt: 0.6", nodes=2, cpu="{exponential: {mean: 1ms}}", rate=7000, pool=300)


def test_what_hardware_threads_cost_is_what_the_load_asks_for() -> None:
    """Little's law: as many are busy as the load times the factor; one after the other are as fast as alone, and all at once as slow as two
    on a core."""
    alone, all_busy, half = slower(0.01, 8, 0.6), slower(8.0, 8, 0.6), slower(3.0, 8, 0.6)
    assert alone.mean == pytest.approx(1.0, abs=1e-6)
    assert all_busy.mean == pytest.approx(1 / 0.6, rel=1e-3)
    offered = 3.0 * half.mean
    busy = np.minimum(np.arange(9), 8) @ half.chances
    assert busy == pytest.approx(offered, rel=0.01)


@pytest.mark.parametrize(
    ("busy", "rate", "cpu"),
    [
        (4, 2000, "1ms"),
        pytest.param(2, 3000, "1ms", marks=SLOW),
        pytest.param(8, 1000, "{exponential: {mean: 2ms}}", marks=SLOW),
    ],
)
def test_threads_that_always_compute(busy: int, rate: int, cpu: str) -> None:
    """On all cores, on half of them, and two on each."""
    fast, flow = near(nodes=2, batch=2, busy=busy, rate=rate, cpu=cpu, pool=300, duration=3, p50=0.15)
    assert used(flow, "w-1/cpu") == pytest.approx(used(fast, "w-1/cpu"), rel=0.06)


def test_threads_that_compute_until_their_task_is_killed() -> None:
    fast, flow = near(
        "faults: [{at: 2s, kill_task: batch.1}]\n",
        nodes=2,
        batch=2,
        busy=4,
        rate=2000,
        cpu="1ms",
        pool=300,
        duration=5,
        p50=0.15,
    )
    for node in ("w-1", "w-2"):
        assert used(flow, f"{node}/cpu") == pytest.approx(used(fast, f"{node}/cpu"), rel=0.1)
    assert min(used(fast, "w-1/cpu"), used(fast, "w-2/cpu")) < 0.8


def test_a_server_on_vacation() -> None:
    """One core and one such thread, which has always had less than its slice: half a slice, as in M/G/1 with gated vacations, whose wait is
    rate E[S^2] / 2 (1 - u) + V / 2 + u V / (1 - u) (Takagi)."""
    rate, mean, slices = 400.0, 1e-3, 1e-6
    found = beside(rate, mean, slices, 1, 1, 0.0, 1.0)
    assert found.wait.mean_s == pytest.approx(rate * slices / (2 * 0.6) + 0.5 + 0.4 / 0.6)
    assert found.share == pytest.approx(0.6)
    seldom = beside(1.0, mean, slices, 1, 1, 0.0, 3e-3)
    assert seldom.wait.mean_s < 1e-5  # a slice that is over by then ends at once
    assert beside(rate, mean, slices, 4, 1, 0.0, 3e-3).wait.chance < erlang_b(3, 0.4) + 1e-9


def test_erlangs_loss_formula() -> None:
    states = [2.0**k / math.factorial(k) for k in range(4)]
    assert erlang_b(3, 2.0) == pytest.approx(states[-1] / sum(states))
    assert erlang_b(0, 2.0) == 1.0


def test_ports_share_a_buffer() -> None:
    """With alpha 1 one full port gets half, and two a third each; the rest stays free."""
    assert part_bytes(3e6, 1.0, 1) == 1.5e6
    assert part_bytes(3e6, 1.0, 2) == 1e6
    assert 3e6 - 4 * part_bytes(3e6, 2.0, 4) == pytest.approx(part_bytes(3e6, 2.0, 4) / 2)


SHARED = """netsim: 1
name: shared
duration: 4s
warmup: 2s
replications: 1
nodes:
  a: {{role: manager, cores: 4, count: 2, nic: {{rate: 10Gbit}}}}
  b: {{count: 2, cores: 4, nic: {{rate: 1Gbit}}}}
fabric: {{buffer: 4MiB, alpha: {alpha}}}
outside: {{clients: 100, rtt: 1ms, entry: {{nodes: [a-1]}}}}
networks: {{net: {{driver: overlay}}}}
services:
  web: {{replicas: 2, networks: [net], ports: ["8080:80"], placement: {{constraints: [node.role == worker]}},
        work: {{cpu: {{exponential: {{mean: 1ms}}}}, workers: 16}}}}
  db: {{replicas: 2, networks: [net], work: {{cpu: 0s}}, placement: {{constraints: [node.role == manager]}}}}
load:
  users: {{from: outside, to: "web:8080", arrivals: {{poisson: 400/s}}, response: 12KiB, connection: {{pool: 100}}}}
  copy: {{from: db, to: web, bulk: 1TiB, flows: 8}}
"""


@pytest.mark.parametrize("alpha", [1, pytest.param(0.25, marks=SLOW)])
def test_requests_behind_transfers_in_a_buffer_that_ports_share(alpha: float) -> None:
    """p50; of p99 the fast engine has losses, which no request has here. That is flagged, since the ports are full."""
    scenario = loads(SHARED.format(alpha=alpha))
    fast, flow = (netsim.run(scenario, engine=engine) for engine in ("fast", "flow"))
    old, new = (each.data["workloads"]["users"]["latency_s"]["p50"]["value"] for each in (fast, flow))
    assert new == pytest.approx(old, rel=0.1)
    assert any("formulas are held against" in told for told in flow.warnings)


@pytest.mark.parametrize(
    "change",
    [
        "faults: [{at: 1s, crash: w-2}]\n",
        pytest.param("faults: [{at: 1s, kill_task: web.2}]\n", marks=SLOW),
        pytest.param("operations: [{at: 1s, scale: {web: 2}}]\n", marks=SLOW),
    ],
)
def test_ports_in_mode_host_beside_changes(change: str) -> None:
    """The entry's list of such ports is its own, and its checks find what nobody tells it."""
    fast, flow = near(change, mode=", mode: host", rate=1500, cpu="{exponential: {mean: 1ms}}", duration=6)
    old, new = (each.data["workloads"]["users"]["errors"] for each in (fast, flow))
    assert sum(new.values()) == pytest.approx(sum(old.values()), rel=0.1, abs=5)
