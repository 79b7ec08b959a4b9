"""The end of a message is lost at a port: how long until it comes after all, against the kernel's rules (RFC 8985, 7)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import run, scenario_from

from netsim.datapath.congestion.layout import CC_RECOVERY, NEVER, OPEN, RECOVERY
from netsim.datapath.congestion.registry import Window, number

MS = 10**9
RTT_MS = 20.0
JIFFIES_MS = 8.0
MSS = 1398  # behind an overlay's MTU of 1450
FRAME = MSS + 52 + 38  # on the wire to the ingress node
TEXT = """netsim: 1
duration: 2s
warmup: 0s
nodes: {{m: {{role: manager, cores: 1, profile: zero.yaml, nic: {{rate: 1Gbit}}}}}}
fabric: {{latency: 0s, buffer: {buffer}B}}
outside: {{rtt: 20ms, clients: 1, entry: {{nodes: [m-1]}}}}
networks: {{net: {{driver: overlay}}}}
services: {{web: {{networks: [net], ports: [{{published: 80, target: 80}}]}}}}
load:
  one: {{from: outside, to: 'web:80', arrivals: {{constant: 1/s}}, request: {size}B, response: 1B, connection: {connection}}}
"""


def latency_ms(folder: Path, packets: int, room: float, connection: str = "new") -> float:
    """Of a request that fills so many packets, over a port with room for ``room`` of them besides the one that it sends."""
    text = TEXT.format(buffer=round(room * FRAME), size=packets * MSS, connection=connection)
    log = run(scenario_from(text, folder)).workloads["one"].log
    assert (log.fate == 0).all()
    return float((log.finish_ps[0] - log.start_ps[0]) / MS)


@pytest.mark.parametrize("lost", [2, 4])
def test_lost_last_packets_cost_two_round_trips_and_not_a_time_out(lost: int, tmp_path: Path) -> None:
    """The others are acknowledged a round trip after they left; two round trips and two jiffies later one packet is sent again, and
    what is left when that is acknowledged."""
    more = latency_ms(tmp_path, 10, 10 - lost + 0.5) - latency_ms(tmp_path, 10, 1000)
    assert more == pytest.approx(RTT_MS + 2 * RTT_MS + JIFFIES_MS + RTT_MS, abs=0.2)


def test_a_last_packet_alone_waits_for_an_acknowledgement_that_may_be_delayed(tmp_path: Path) -> None:
    """tcp_schedule_loss_probe: with one packet on its way 200 ms more, so the retransmission time-out comes first."""
    more = latency_ms(tmp_path, 10, 9.5) - latency_ms(tmp_path, 10, 1000)
    assert more == pytest.approx(200 + RTT_MS, abs=0.2)


def test_what_is_sent_behind_a_loss_tells_of_it_within_a_round_trip(tmp_path: Path) -> None:
    """Eleven packets and a first window of ten: the last one goes out when the first are acknowledged."""
    more = latency_ms(tmp_path, 11, 6.5) - latency_ms(tmp_path, 11, 1000)
    assert more == pytest.approx(RTT_MS, abs=0.2)


def window(rtt: int = 20 * MS) -> Window:
    found = Window(number("reno"), 10)
    found.measured(rtt)
    return found


def test_a_probe_is_due_by_the_last_that_was_sent_or_heard() -> None:
    flow = window()
    stamp = flow.sent(100 * MS)
    assert flow.probe_due(-NEVER, 2, -NEVER, 8 * MS, 200 * MS) == stamp + 48 * MS
    assert flow.probe_due(-NEVER, 1, -NEVER, 8 * MS, 200 * MS) == stamp + 240 * MS
    assert flow.probe_due(150 * MS, 2, -NEVER, 8 * MS, 200 * MS) == 198 * MS
    assert flow.probe_due(150 * MS, 2, stamp, 8 * MS, 200 * MS) == NEVER  # one is not answered yet
    flow.acked(160 * MS, 1, 2, stamp, 20 * MS)
    assert flow.probe_due(160 * MS, 2, stamp, 8 * MS, 200 * MS) < NEVER
    flow.lost(1, 1, stamp)
    assert (
        flow.cells[CC_RECOVERY] == RECOVERY and flow.probe_due(160 * MS, 2, stamp, 8 * MS, 200 * MS) == NEVER
    )


def test_the_last_packets_of_a_unit_belong_to_its_event_and_are_known_by_what_follows() -> None:
    """A unit is known by a time, and its lost end by a picosecond more."""
    flow = window()
    first, last = flow.sent(0), flow.sent(0)
    assert first < first + 1 < last
    flow.lost(3, 17, first + 1)
    before = flow.packets
    flow.lost(2, 15, last + 1)  # sent before the cut: no second one
    assert flow.packets == before == 5
    assert np.array_equal(flow.cells[CC_RECOVERY], RECOVERY)


def test_a_probe_that_repairs_the_only_loss_cuts_the_window() -> None:
    flow = window()
    flow.sent(0)
    flow.probe_told(0)
    assert flow.packets == 5 and flow.cells[CC_RECOVERY] == RECOVERY
    flow.acked(50 * MS, 1, 1, flow.sent(30 * MS), 20 * MS)
    assert flow.cells[CC_RECOVERY] == OPEN
