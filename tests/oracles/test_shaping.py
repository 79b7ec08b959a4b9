"""Burst credit, packets per second and shared buffers against arithmetic."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from helpers import scenario_from
from hypothesis import given
from hypothesis import strategies as st

from netsim.datapath.stage import LinkSpec
from netsim.engine.fast.simulate import FastPlane
from netsim.engine.links import Link, SharedBuffer
from netsim.engine.machinery import run_out
from netsim.engine.meter import Meter
from netsim.engine.record import RunRecord
from netsim.engine.world import World
from netsim.model.build import build_model

S = 10**12


def link(spec: LinkSpec) -> Link:
    return Link(Meter("a/eth0.tx", "nic_tx", "a", 1, 1000 * S, S), spec, 0)


@given(
    rate=st.sampled_from([10**8, 10**9, 10**10]),
    share=st.integers(1, 90),
    credit=st.integers(0, 10**7),
    gaps=st.lists(st.tuples(st.integers(0, 10**10), st.integers(64, 65_000)), min_size=1, max_size=60),
)
def test_no_interval_carries_more_than_the_bucket_allows(
    rate: int, share: int, credit: int, gaps: list[tuple[int, int]]
) -> None:
    """What has left by any time is at most the credit and the baseline's share of the time (RFC 2697, exact rationals)."""
    one = link(LinkSpec(rate, baseline_bps=rate * share // 100, credit_bytes=credit))
    now, sent = 0, 0
    for gap, size in gaps:
        now += gap
        passed = one.enter(now, now, size, 1)
        assert passed is not None
        sent += max(size, 84)
        finish = passed[2]
        assert sent <= credit + Fraction(rate * share // 100 // 8 * finish, S) + 1


@pytest.mark.parametrize(("credit", "size"), [(0, 1500), (10**6, 1500), (10**8, 65_000)])
def test_a_busy_card_sends_its_credit_at_the_line_rate_and_then_the_baseline(credit: int, size: int) -> None:
    rate, base = 10**9, 10**8
    one, sent = link(LinkSpec(rate, baseline_bps=base, credit_bytes=credit)), 0
    last = 0
    while sent < 3 * 10**8:
        passed = one.enter(0, 0, size, 1)
        assert passed is not None
        sent, last = sent + size, passed[2]
    burst = Fraction(
        credit * 8, rate - base
    )  # seconds at the line rate, in which the baseline adds to the credit
    whole = burst + (sent * 8 - burst * rate) / base
    assert last / S == pytest.approx(float(whole), rel=2e-4)
    assert one.credit is not None and one.credit.out_ps is not None
    assert one.credit.out_ps / S == pytest.approx(float(burst), abs=2 * size * 8 / base)


def test_credit_comes_back_at_the_baseline_and_no_further_than_full() -> None:
    one = link(LinkSpec(10**9, baseline_bps=8 * 10**6, credit_bytes=10**6))
    one.enter(0, 0, 10**6, 1)
    assert one.credit is not None
    assert one.credit.left_bytes(0) == 0
    assert one.credit.left_bytes(S // 2) == pytest.approx(500_000, abs=2)
    assert one.credit.left_bytes(60 * S) == 10**6


def test_packets_per_second_hold_small_packets_and_not_large_ones() -> None:
    one = link(LinkSpec(10**9, packets_per_s=100_000))
    for _ in range(1000):
        one.enter(0, 0, 84, 1)
    assert one.free_at == 1000 * S // 100_000
    two = link(LinkSpec(10**9, packets_per_s=100_000))
    for _ in range(1000):
        two.enter(0, 0, 1538, 1)
    assert two.free_at == 1000 * 1538 * 8 * 1000


@pytest.mark.parametrize("alpha", [0.125, 0.5, 1, 4])
@pytest.mark.parametrize("busy", [1, 2, 5, 10])
def test_busy_ports_hold_what_the_dynamic_threshold_leaves_them(alpha: float, busy: int) -> None:
    """Choudhury and Hahne 1998, equation 2: N busy ports hold alpha B / (1 + N alpha) each, and the rest stays free."""
    memory, frame = 1_000_000, 1000
    ports = [link(LinkSpec(10**9, buffer_bytes=memory)) for _ in range(12)]
    SharedBuffer(memory, round(alpha * 1000), ports)
    for _ in range(3000):
        for port in ports[:busy]:
            port.enter(0, 0, frame, 1)
    share = alpha * memory / (1 + busy * alpha)
    for port in ports[:busy]:
        assert port.queued_bytes == pytest.approx(share, abs=(1 + alpha) * frame)
    quiet = ports[-1]
    assert quiet.enter(0, 0, frame, 1) is not None  # others' queues leave room for who has none


def run(text: str, folder: Path) -> RunRecord:
    scenario = scenario_from(text, folder)
    return run_out(FastPlane(World(scenario, build_model(scenario), scenario.seed, 0)))


BULK = """netsim: 1
duration: 4s
warmup: 0s
nodes: {{m: {{role: manager, cores: 8, profile: zero.yaml, nic: {{rate: 1Gbit, {cap}}}}}}}
outside: {{rtt: 1ms}}
networks: {{net: {{driver: overlay}}}}
services: {{web: {{networks: [net], work: {{cpu: 0s}}}}}}
load: {{copy: {{from: web, to: outside, bulk: 4GiB, flows: 4}}}}
"""


def test_a_transfer_uses_the_credit_and_then_the_baseline(tmp_path: Path) -> None:
    """In 4 s pass the credit of 50 MB and four seconds of 200 Mbit/s, less what one queue holds."""
    record = run(BULK.format(cap="burst: {baseline: 200Mbit, credit: 50MB}"), tmp_path)
    station = record.stations["m-1/eth0.tx"]
    assert station.bytes_sent == pytest.approx(50e6 + 4 * 25e6, rel=0.005)
    assert station.credit_out_ps is not None and (station.credit_left_bytes or 0) < 72_000
    assert station.credit_out_ps / S == pytest.approx(
        50e6 * 8 / 0.8e9, rel=0.03
    )  # slow start lasts some round trips


def test_a_transfer_under_a_cap_of_packets(tmp_path: Path) -> None:
    record = run(BULK.format(cap="pps: 20000/s"), tmp_path)
    goodput = record.workloads["copy"].goodput_bytes_in_period
    assert goodput / 4 == pytest.approx(
        20_000 * 1448, rel=0.01
    )  # to the outside without an overlay: full segments


@pytest.mark.parametrize("speed", [1, 2, 10])
@pytest.mark.parametrize("room", [0, 1, 7, 44, 60])
def test_a_port_takes_of_a_train_what_it_would_take_packet_by_packet(speed: int, room: int) -> None:
    """A train that comes ``speed`` times as fast as the port sends: as many packets as find room, and those that leave meanwhile."""
    rate, frame, packets = 10**9, 1500, 45
    gap = frame * 8 * 1000 // speed
    whole = link(LinkSpec(rate, buffer_bytes=60 * frame))
    single = link(LinkSpec(rate, buffer_bytes=60 * frame))
    for port in (whole, single):
        for _ in range(60 - room):
            assert port.enter(0, 0, frame, 1) is not None
    passed = whole.enter(0, (packets - 1) * gap, packets * frame, packets, frame)
    taken = sum(single.enter(k * gap, k * gap, frame, 1) is not None for k in range(packets))
    assert abs((0 if passed is None else packets - passed[3]) - taken) <= 1
    assert whole.meter.record.dropped == (passed is None or passed[3] > 0)
