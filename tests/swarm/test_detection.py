"""Who notices, and when: heartbeats, elections, gossip, against the rules they follow. Fixed seeds."""

from __future__ import annotations

import numpy as np
import pytest
from swarms import records, samples, text

from netsim.swarm.gossip import retransmits, suspicion_left, suspicion_ps

S = 10**12
SERVICE = "services: {web: {replicas: 6}}\n"


def test_heartbeats_are_missed_after_two_to_three_periods() -> None:
    down = samples(text("faults: [{at: 3s, crash: worker-2}]"), "node_down_s", 60)
    assert min(down) > 8.9 and max(down) < 16.7
    # Mean 12.5 s; the spread of phase (5 s) and period gives 1.6 s, so 4 standard errors are 0.85 s.
    assert np.mean(down) == pytest.approx(12.5, abs=0.85)


def test_another_heartbeat_period_scales_detection() -> None:
    scenario = text("swarm: {dispatcher_heartbeat: 1s}\nfaults: [{at: 3s, crash: worker-2}]")
    down = samples(scenario, "node_down_s", 20)
    assert min(down) > 1.7 and max(down) < 3.5


def test_a_lost_leader_is_replaced_as_the_election_rule_says() -> None:
    scenario = text("faults: [{at: 3s, crash: leader}]", workers=1)
    elected = samples(scenario, "leader_elected_s", 200)
    assert 11.5 < np.median(elected) < 13.0
    assert min(elected) >= 8.0 and np.mean(np.array(elected) <= 28.8) >= 0.98
    # Votes ignored in lease: some first campaigns fail and a whole timeout follows.
    assert max(elected) > 19.0


@pytest.mark.parametrize(("members", "shortest"), [(2, 4.0), (10, 4.0), (20, 5.2), (50, 6.8), (100, 8.0), (200, 9.2), (500, 10.8), (1000, 12.0)])  # fmt: skip
def test_suspicion_table(members: int, shortest: float) -> None:
    least, longest = suspicion_ps(4, 6, members, S)
    assert least / S == pytest.approx(shortest, abs=0.01) and longest == 6 * least


def test_confirmations_shorten_suspicion() -> None:
    left = suspicion_left(4 * S, 24 * S, np.array([0, 1, 2]), 2) / S
    assert left == pytest.approx([24.0, 11.38, 4.0], abs=0.01)
    assert suspicion_left(4 * S, 24 * S, np.array([0]), 0)[0] == 4 * S


@pytest.mark.parametrize(("members", "times"), [(3, 4), (9, 4), (10, 8), (99, 8), (100, 12), (999, 12)])
def test_retransmissions(members: int, times: int) -> None:
    assert retransmits(4, members) == times


def test_gossip_drops_a_dead_node_in_5_to_9_s() -> None:
    removed = samples(
        text(SERVICE + "faults: [{at: 3s, crash: worker-2}]", workers=5), "gossip_removed_s", 40
    )
    assert 5.0 <= np.median(removed) <= 9.0
    assert np.mean([5.0 <= x <= 9.0 for x in removed]) > 0.9


def test_gossip_takes_longer_in_a_large_swarm() -> None:
    removed = samples(text("faults: [{at: 3s, crash: worker-2}]", workers=97), "gossip_removed_s", 6)
    assert 10.0 <= np.median(removed) <= 13.0


def test_a_longer_heartbeat_notices_later_and_cries_wolf_less() -> None:
    """A link that is dark for 12 s is a false alarm if three periods end within it; a death is noticed after 2 to 3.3
    periods."""
    faults = "faults: [{at: 3s, cut: worker-1, for: 12s}, {at: 30s, crash: worker-2}]"
    alarms, noticed = [], []
    for period in (1, 5, 8):
        scenario = text(f"swarm: {{dispatcher_heartbeat: {period}s}}\n{faults}", duration="70s")
        found = [[row["node_down_s"] for row in record.failovers] for record in records(scenario, 30)]
        alarms.append(sum(cut is not None for cut, _ in found))
        noticed.append(np.mean([float(death) for _, death in found if death is not None]))
    assert alarms[0] == 30 > alarms[1] > alarms[2] == 0
    assert np.array(noticed) / np.array([1, 5, 8]) == pytest.approx(2.5, abs=0.3)
