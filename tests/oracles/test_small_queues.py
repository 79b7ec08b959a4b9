"""What a host's own queue holds of its bulk transfers, against the rule of TCP small queues (tcp_small_queue_check in
net/ipv4/tcp_output.c): a small request beside them waits for that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import scenario_from

from netsim.datapath.congestion.bbr_model import BB_RATE, RATE_SHIFT, TICK_NS
from netsim.datapath.congestion.registry import Window, number
from netsim.engine.fast.simulate import FastPlane
from netsim.engine.machinery import run_out
from netsim.engine.record import RunRecord
from netsim.engine.world import World
from netsim.model.build import build_model

MS = 10**9
MSS = 1398  # behind an overlay's MTU of 1450
FRAME = MSS + 52 + 50 + 38
UNIT = 65160 // MSS  # packets: what TSO takes, over round trips below half a millisecond
TEXT = """netsim: 1
duration: 2s
warmup: 1s
nodes:
  a: {{role: manager, cores: 8, profile: zero.yaml, nic: {{rate: 1Gbit}}}}
  b: {{count: 4, cores: 8, profile: zero.yaml, nic: {{rate: 10Gbit}}}}
fabric: {{latency: {latency}, buffer: 64MiB}}
networks: {{net: {{driver: overlay}}}}
services:
  src: {{networks: [net], placement: {{constraints: [node.role == manager]}}, work: {{cpu: 0s}}}}
  dst: {{replicas: 4, networks: [net], placement: {{constraints: [node.role == worker]}}, work: {{cpu: 0s, workers: 64}}}}
load:
  asks: {{from: src, to: dst, arrivals: {{poisson: 300/s}}, request: 100B, response: 1B, connection: {{pool: 64}}}}
  copy: {{from: src, to: dst, bulk: 4TiB, flows: {flows}, connection: {{congestion: {control}}}}}
"""


def beside(folder: Path, flows: int, latency: str = "5us", control: str = "cubic") -> tuple[RunRecord, float]:
    """A run, and how long requests took in the median (s)."""
    scenario = scenario_from(TEXT.format(flows=flows, latency=latency, control=control), folder)
    record = run_out(FastPlane(World(scenario, build_model(scenario), 1, 0, keep_requests=True)))
    log = record.workloads["asks"].log
    return record, float(
        np.median((log.finish_ps - log.start_ps)[(log.fate == 0) & (log.start_ps > 0)]) / 1e12
    )


@pytest.mark.parametrize("flows", [4, 16, 64])
def test_a_request_waits_for_three_units_of_each_flow(flows: int, tmp_path: Path) -> None:
    """Two units are let into the queue and one more; when one has left the next one follows, so between two and three stand
    there. The card is never idle, and its queue never full."""
    record, took = beside(tmp_path, flows)
    one = UNIT * FRAME * 8 / 1e9
    assert 2 * flows * one < took < 3 * flows * one + 1e-4
    carried = record.workloads["copy"].goodput_bytes_in_period * 8 / 2
    assert carried == pytest.approx(1e9 * MSS / FRAME, rel=0.01)
    assert record.stations["a-1/eth0.tx"].drops == 0


@pytest.mark.parametrize("flows", [4, 16, 64])
def test_where_flows_take_turns_a_request_waits_for_what_the_card_has(
    flows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The unit that is sent, half of it in the mean, and the next one, however many flows there are; but for requests whose
    flow shares one of the 1,024 queues of fq_codel with a bulk transfer. The card is as busy as in order of arrival."""
    monkeypatch.setitem(globals(), "TEXT", TEXT.replace("rate: 1Gbit}}", "rate: 1Gbit, qdisc: fq_codel}}"))
    record, took = beside(tmp_path, flows)
    one = UNIT * FRAME * 8 / 1e9
    assert one < took < 2 * one
    log = record.workloads["asks"].log
    late = (log.finish_ps - log.start_ps)[log.start_ps > 0] > 3.5 * one * 1e12
    assert late.mean() < 3 * flows / 1024 + 0.02
    carried = record.workloads["copy"].goodput_bytes_in_period * 8 / 2
    assert carried == pytest.approx(1e9 * MSS / FRAME, rel=0.01)
    assert record.stations["a-1/eth0.tx"].busy_ps / 2e12 == pytest.approx(1, abs=0.01)


def test_far_flows_fill_a_few_milliseconds_however_many_they_are(tmp_path: Path) -> None:
    """A unit over long paths is 1/1024 s at the rate of pacing, which is at least 1.2 times a flow's real one (BBR's: 1.25 times at
    the most), and two to three units of all flows take as long as two to three such times."""
    tick = 1 / 1024
    found = [beside(tmp_path, flows, "5ms")[1] - 0.010 for flows in (16, 32)]
    assert found[0] == pytest.approx(found[1], rel=0.15) and min(found) > 2 * 1.2 * tick
    assert 2 * tick < beside(tmp_path, 32, "5ms", "bbr")[1] - 0.010 < 3 * 1.25 * tick


def test_the_bound_is_the_kernel_s() -> None:
    """Two units, or 1/1024 s of twice the window a round trip in slow start and of 1.2 times it later, or the setting."""
    flow = Window(number("reno"), 100)
    flow.measured(10 * MS)
    rate = 2 * 100 * MSS / 0.010
    assert flow.queue_limit(1, MSS, 1 << 20) == pytest.approx(rate / 1024, abs=MSS)
    assert flow.queue_limit(40_000, MSS, 1 << 20) == 80_000
    assert flow.queue_limit(40_000, MSS, 50_000) == 50_000
    flow.lost(1, 99, flow.sent(0))
    assert flow.packets == 50
    assert flow.queue_limit(1, MSS, 1 << 20) == pytest.approx(1.2 * 50 * MSS / 0.010 / 1024, abs=MSS)


def test_what_bbr_paces_has_no_other_bound() -> None:
    """sk_pacing_status: the setting holds where nothing paces."""
    flow = Window(number("bbr"), 10)
    flow.cells[BB_RATE] = (1000 << RATE_SHIFT) // TICK_NS + 1
    assert flow.queue_limit(1, MSS, 10_000) == 1000 * MSS
    assert flow.queue_limit(1 << 20, MSS, 10_000) == 2 << 20
