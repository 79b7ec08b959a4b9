"""Bulk transfers on the flow engine against the fast one on generated scenarios: bytes moved within 5 %, or flow says why not.

Seeds are fixed, so nothing here is left to chance. Over all transfers of a scenario: which of several has more in two seconds is
TCP's history, and not a rate that anything settles at.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import netsim
from netsim.engine.flow.bulk import BEHIND, CORES, CROSSED, WITHIN
from netsim.scenario.load import loads

sys.path.insert(0, str(Path(__file__).parent))
from generated_bulk import generated  # noqa: E402

NEAR = 0.05


def compare(number: int) -> tuple[float, bool]:
    """How far flow is off, and whether it says so."""
    scenario = generated(number)
    fast, flow = (netsim.run(scenario, engine=engine).data for engine in ("fast", "flow"))
    assert flow["workloads"].keys() == fast["workloads"].keys()
    moved = [
        sum(workload["goodput_bps"]["value"] for workload in data["workloads"].values())
        for data in (fast, flow)
    ]
    told = flow["manifest"]["warnings"]
    return moved[1] / moved[0] - 1, any(
        why in line for line in told for why in (WITHIN, CROSSED, BEHIND, CORES)
    )


@pytest.mark.parametrize("number", [4, 15, 24, 44])
def test_a_few(number: int) -> None:
    off, told = compare(number)
    assert abs(off) <= NEAR and not told, (off, told)


@pytest.mark.slow
def test_all() -> None:
    """Half of all are within 5 %, and none that is not is silent."""
    found = {number: compare(number) for number in range(60)}
    silent = {number: off for number, (off, told) in found.items() if abs(off) > NEAR and not told}
    assert not silent, silent
    assert sum(abs(off) <= NEAR for off, _ in found.values()) >= 30, found
    assert sum(not told for _, told in found.values()) >= 12, found


@pytest.mark.parametrize(
    ("rtt_ms", "flows", "gbps"),
    [(20, 1, 1.25), (20, 4, 5.0), (40, 2, 1.25), (2, 1, 9.1)],
)
def test_windows_and_links_are_what_limits(rtt_ms: int, flows: int, gbps: float) -> None:
    """A window of 3 MiB each round trip (data/tcp.yaml), or what a 10 Gbit/s card carries in data over VXLAN; the round trip is a
    little longer than the wires' (stages, a unit's time on the link), so within 5 %."""
    found = netsim.run(
        loads(
            f"""netsim: 1
name: far
duration: 10s
warmup: 0s
replications: 1
nodes: {{worker: {{role: manager, count: 1, cores: 8, nic: {{rate: 10Gbit}}}}}}
outside: {{rtt: {rtt_ms}ms}}
networks: {{net: {{driver: overlay}}}}
services: {{web: {{networks: [net], work: {{cpu: 0s}}, ports: [{{published: 8080, target: 80}}]}}}}
load: {{copy: {{from: outside, to: "web:8080", bulk: 1TiB, flows: {flows}}}}}
"""
        ),
        engine="flow",
    ).data
    assert found["workloads"]["copy"]["goodput_bps"]["value"] == pytest.approx(gbps * 1e9, rel=0.05)


def test_transfers_end_when_they_do_on_the_fast_engine() -> None:
    """Two short ones after each other over one link: within 3 % of the time that each takes."""
    scenario = loads(
        """netsim: 1
name: short
duration: 2s
warmup: 0s
replications: 1
nodes: {a: {role: manager, cores: 4, nic: {rate: 10Gbit}}, b: {cores: 4, nic: {rate: 10Gbit}}}
networks: {net: {driver: overlay}}
services:
  from: {networks: [net], work: {cpu: 0s}, placement: {constraints: [node.role == manager]}}
  to: {networks: [net], work: {cpu: 0s}, placement: {constraints: [node.role == worker]}}
load:
  one: {from: from, to: to, bulk: 500MB}
  two: {from: from, to: to, bulk: 20MB, start: 1s}
"""
    )
    fast, flow = (netsim.run(scenario, engine=engine).data["workloads"] for engine in ("fast", "flow"))
    for name in ("one", "two"):
        assert flow[name]["completed"] == fast[name]["completed"] == 1
        there, here = (data[name]["latency_s"]["mean"]["value"] for data in (fast, flow))
        assert here == pytest.approx(there, rel=0.03), name
