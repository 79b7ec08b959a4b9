"""Bulk transfers against the laws of TCP: throughput under loss, by buffer and round trip, shares, incast, slow start.

On hosts on which nothing costs anything, from a fast card over a switch port as fast as the receiver's.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from helpers import scenario_from

from netsim.engine.border import Change, LinkState, What
from netsim.engine.fast.simulate import FastPlane
from netsim.engine.machinery import run_out
from netsim.engine.record import RunRecord
from netsim.engine.world import World
from netsim.model.build import build_model

MSS = 1398  # over VXLAN: 1450 less 52 of IP and TCP
WIRE = 1538  # a full frame with preamble and gap

TEXT = """netsim: 1
duration: {duration}
warmup: 0s
seed: {seed}
nodes:
  a: {{role: manager, cores: 8, profile: zero.yaml, nic: {{rate: 10Gbit, ring: 65536}}}}
  b: {{cores: 8, profile: zero.yaml, nic: {{rate: {rate_bps}bit, ring: 65536}}}}
fabric: {{latency: {one_way_us}us, buffer: {buffer}B}}
networks: {{net: {{driver: overlay}}}}
services:
  src: {{replicas: {senders}, networks: [net], placement: {{constraints: [node.role == manager]}}, work: {{cpu: 0s}}}}
  dst: {{networks: [net], placement: {{constraints: [node.role == worker]}}, work: {{cpu: 0s}}}}
load:
{load}
"""


def run(
    folder: Path, load: str, *, rate_bps: float = 1e10, rtt_s: float = 0.02, buffer: float = 1 << 30,
    seconds: float = 60, loss: float = 0, senders: int = 1, seed: int = 1,
) -> RunRecord:  # fmt: skip
    """``loss``: of each packet on the sender's card."""
    text = TEXT.format(
        duration=f"{seconds:g}s", seed=seed, rate_bps=round(rate_bps), one_way_us=round(rtt_s / 2 * 1e6),
        buffer=round(buffer), senders=senders, load=load,
    )  # fmt: skip
    scenario = scenario_from(text, folder)
    plane = FastPlane(World(scenario, build_model(scenario), scenario.seed, 0, keep_requests=True))
    if loss:
        plane.apply([Change(What.LINK, "a-1", link=LinkState(loss=loss, direction="sends"))])
    return run_out(plane)


def endless(control: str, flows: int = 1) -> str:
    return (
        f"  copy: {{from: src, to: dst, bulk: 4TiB, flows: {flows}, connection: {{congestion: {control}}}}}"
    )


def goodput(record: RunRecord, seconds: float, name: str = "copy") -> float:
    """Bytes per second."""
    return record.workloads[name].goodput_bytes_in_period / seconds


@pytest.mark.parametrize(("rtt_s", "loss"), [(0.01, 1e-3), (0.02, 3e-4), (0.04, 1e-3), (0.1, 3e-3)])
def test_reno_keeps_to_the_square_root_law(rtt_s: float, loss: float, tmp_path: Path) -> None:
    """MSS / RTT * sqrt(3 / 2p) (Mathis and others, 1997) within 15 %: more than 1000 losses each, whose number alone moves the
    mean by less than 2 % (one standard deviation)."""
    law = MSS / rtt_s * math.sqrt(1.5 / loss)
    seconds = 2000 / loss * MSS / law
    record = run(tmp_path, endless("reno"), rtt_s=rtt_s, loss=loss, seconds=seconds)
    assert goodput(record, seconds) == pytest.approx(law, rel=0.15)


@pytest.mark.parametrize(("rtt_s", "loss"), [(0.05, 2e-5), (0.1, 3e-5), (0.1, 1e-5), (0.2, 3e-5)])
def test_cubic_keeps_to_its_own_law(rtt_s: float, loss: float, tmp_path: Path) -> None:
    """A mean window of (C (3 + beta) / 4 (1 - beta))^1/4 (RTT / p)^3/4 packets (RFC 9438, 5.1) within 20 %, where Reno's
    would be smaller: 250 losses each. (Losses at random and the kernel's
    whole numbers of packets make it up to a tenth faster at these windows than the law, which knows neither.)"""
    window = (0.4 * 3.7 / (4 * 0.3)) ** 0.25 * (rtt_s / loss) ** 0.75
    law = MSS / rtt_s * window
    seconds = 250 / loss * MSS / law
    record = run(tmp_path, endless("cubic"), rtt_s=rtt_s, loss=loss, seconds=seconds)
    assert goodput(record, seconds) == pytest.approx(law, rel=0.20)
    assert goodput(record, seconds) > 1.2 * MSS / rtt_s * math.sqrt(1.5 / loss)


@pytest.mark.parametrize("control", ["cubic", "reno"])
@pytest.mark.parametrize("flows", [2, 5, 16])
def test_flows_share_fairly(control: str, flows: int, tmp_path: Path) -> None:
    """Jain's index of flows of one round trip over a port with a buffer of one bandwidth-delay product is above 0.95."""
    rate, rtt, seconds = 2e8, 0.02, 120
    load = "\n".join(
        f"  f{k}: {{from: src, to: dst, bulk: 4TiB, start: {k * 50}ms, connection: {{congestion: {control}}}}}"
        for k in range(flows)
    )
    record = run(tmp_path, load, rate_bps=rate, rtt_s=rtt, buffer=rate / 8 * rtt, seconds=seconds)
    shares = [goodput(record, seconds, f"f{k}") for k in range(flows)]
    assert sum(shares) ** 2 / (flows * sum(x * x for x in shares)) > 0.95
    assert sum(shares) * 8 > 0.85 * rate * MSS / WIRE
