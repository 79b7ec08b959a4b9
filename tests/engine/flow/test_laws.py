"""What losses at random leave of a flow's window: by the laws, and on the fast engine."""

from __future__ import annotations

import math

import pytest

import netsim
from netsim.engine.flow.laws import cubic_law_packets, cubic_packets, window_packets
from netsim.scenario.load import loads


@pytest.mark.parametrize("lost", [1e-5, 1e-4, 1e-3])
def test_reno_goes_with_the_root_of_losses(lost: float) -> None:
    """Mathis and others: between 0.87 (delayed acknowledgements) and 1.31 over the root; none delayed here."""
    assert 1.2 < window_packets("reno", lost, 0.02) * math.sqrt(lost) < 1.35


@pytest.mark.parametrize(("lost", "packets"), [(1e-4, 187), (1e-5, 1054), (1e-6, 5926)])
def test_cubic_follows_its_own_law_where_round_trips_are_long(lost: float, packets: int) -> None:
    """RFC 9438, 5.1, figure for a round trip of 0.1 s and C 0.4: losses at even distances; at random within 15 %."""
    assert cubic_law_packets(lost, 0.1) == pytest.approx(packets, rel=0.01)
    assert cubic_packets(lost, 0.1) == pytest.approx(packets, rel=0.15)


def test_cubic_is_reno_where_they_are_short_and_losses_many() -> None:
    """RFC 9438, 4.3: an AIMD of 0.53 and 0.7 has Reno's mean window. Within 10 %: its losses are at random."""
    assert cubic_packets(0.003, 0.001) == pytest.approx(window_packets("reno", 0.003, 0.001), rel=0.10)


def test_bbr_and_no_losses_leave_it_alone() -> None:
    assert window_packets("bbr", 0.1, 0.02) == window_packets("cubic", 0.0, 0.02) == math.inf
    assert window_packets("reno", 1.0, 0.02) == 0.0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("congestion", "lost", "within"),
    [("reno", "0.1%", 0.05), ("reno", "1%", 0.10), ("cubic", "0.1%", 0.12), ("cubic", "1%", 0.20), ("bbr", "1%", 0.06)],
)  # fmt: skip
@pytest.mark.parametrize("rtt_ms", [10, 40])
def test_the_fast_engine_is_near(congestion: str, lost: str, within: float, rtt_ms: int) -> None:
    """Four flows for a minute. At 1 % windows are about a dozen packets: CUBIC of the kernel then counts in whole packets, and looks at
    its slope each 31 ms at the most."""
    scenario = loads(
        f"""netsim: 1
name: lossy
duration: 60s
warmup: 0s
replications: 1
nodes: {{a: {{role: manager, cores: 4}}, b: {{cores: 8, nic: {{rate: 10Gbit}}}}}}
outside: {{clients: 10, rtt: {rtt_ms}ms, entry: {{nodes: [b-1]}}}}
networks: {{net: {{driver: overlay}}}}
services:
  to: {{networks: [net], work: {{cpu: 0s}}, ports: [{{published: 8080, target: 80}}], placement: {{constraints: [node.role == worker]}}}}
load: {{one: {{from: outside, to: "to:8080", bulk: 1TiB, flows: 4, connection: {{congestion: {congestion}}}}}}}
faults: [{{at: 0s, link: b-1, loss: {lost}}}]
"""
    )
    fast, flow = (
        netsim.run(scenario, engine=engine).data["workloads"]["one"]["goodput_bps"]["value"]
        for engine in ("fast", "flow")
    )
    assert flow == pytest.approx(fast, rel=within)
