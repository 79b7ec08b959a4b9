"""Streams of datagrams: the same on both machineries, and what arithmetic says."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from netsim.engine.star import Setup


@pytest.mark.parametrize(
    ("gap_ps", "buffer"), [(11_584_000, 1_000_000), (1_100_000, 30_000), (700_000, 6_000)]
)
def test_both_machineries_agree(gap_ps: int, buffer: int) -> None:
    slow, fast = (
        Setup(5, 400_000, gap_ps=gap_ps, buffer=buffer).run(engine) for engine in ("reference", "fast")
    )
    assert asdict(slow) == asdict(fast)
    assert fast.sent == fast.arrived + fast.lost


def test_a_star_without_contention_is_arithmetic() -> None:
    found = Setup(4, 1_000_000).run()
    assert found.lost == 0
    assert found.sent == 4 * -(-1_000_000_000 // 11_584_000)
    assert found.hops == 2 * found.sent
    service_ps = (1448 + 42) * 8 * 100  # at 10 Gbit/s
    for station in found.stations.values():
        if station.kind in ("nic_tx", "switch") and station.arrived:
            assert station.wait_sum_ps == 0
            assert station.busy_ps == pytest.approx(station.arrived * service_ps, abs=service_ps)
