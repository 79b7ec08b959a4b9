"""Who notices, and when: heartbeats, elections, gossip, against the rules they follow. Fixed seeds."""

from __future__ import annotations

import time
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
from swarms import records, samples, swarm, text

from netsim.swarm.constants import swarm_table
from netsim.swarm.gossip import Broadcasts, push_pull_ps, retransmits, suspicion_left, suspicion_ps

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


@pytest.mark.parametrize("members", [10, 100, 1000])
def test_news_reach_a_member_after_about_log4_of_all_ticks(members: int) -> None:
    """Each who knows tells three others per tick, so those who know become four times as many."""
    ticks = []
    for seed in range(30):
        luck, spread = np.random.default_rng(seed), Broadcasts(members, 7)
        spread.put((1, 1), 0, retransmits(4, members))
        heard = np.zeros(members)
        for tick in range(1, 40):
            message, node = spread.tick(
                luck,
                np.ones(members, bool),
                lambda a, luck=luck: others(luck, a, members),  # type: ignore[misc]
                lambda a, b: np.ones(len(a), bool),
                3,
            )
            spread.known[message, node], spread.left[message, node] = True, retransmits(4, members)
            heard[node] = tick
        assert spread.known[0].all()
        ticks.append(np.median(heard))
    assert np.mean(ticks) == pytest.approx(np.log(members) / np.log(4), abs=0.7)


def others(luck: np.random.Generator, senders: np.ndarray, members: int) -> np.ndarray:
    to = luck.integers(0, members - 1, len(senders))
    return np.asarray(to + (to >= senders), np.int64)


@pytest.mark.slow
def test_a_thousand_nodes_lose_a_rack_in_less_than_a_minute() -> None:
    """10,000 tasks; 40 nodes die together, and their tasks are replaced. The minute is wall time."""
    labels = ", ".join("abcdefghijklmnopqrstuvwxy")
    scenario = text(
        "swarm: {default_addr_pool_mask_length: 16}\nnetworks: {shop: {}}\n"
        "services: {web: {replicas: 10000, networks: [shop], placement: {constraints: [node.role == worker]}}}\n"
        "faults: [{at: 5s, crash: rack=c}]",
        managers=5,
        workers=995,
        duration="60s",
    ).replace("count: 995, cores: 2", f"count: 995, cores: 8, labels: {{rack: [{labels}]}}")
    began = time.perf_counter()
    (found,) = records(scenario, 1)
    assert time.perf_counter() - began < 60
    (row,) = found.failovers
    removed, replaced = row["gossip_removed_s"], row["replaced_s"]
    # Suspicion of 1,000 members takes at least 12 s.
    assert isinstance(removed, float) and 12 < removed < 30
    assert isinstance(replaced, float) and 14 < replaced < 30
    # 40 nodes with 10 or 11 tasks each.
    assert 400 <= sum(r["what"] == "running" for r in found.timeline) <= 440


def wrongly_buried(fault: str, **constants: int) -> int:
    """How often a healthy member held another healthy one for dead, while 8 of 50 have bad links for 100 s."""
    lines = "".join(
        f"  - {{at: {1 + 0.37 * k:.2f}s, {fault.replace('NODE', f'worker-{k}')}, for: 100s}}\n"
        for k in range(1, 9)
    )
    table = replace(swarm_table(), **constants)  # type: ignore[arg-type]
    with patch("netsim.swarm.world.swarm_table", lambda: table):
        world = swarm(text("faults:\n" + lines, workers=47, duration="120s"))
    ill = {world.ways.index[f"worker-{k}"] for k in range(1, 9)}
    count = 0

    def buried(observer: int, node: int) -> None:
        nonlocal count
        count += observer not in ill and node not in ill

    with patch.object(world, "buried", buried):
        world.env.run(until=120 * S - 1)
    return count


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["link: NODE, loss: 30%", "flap: NODE, period: 4s"])
def test_suspicion_and_awareness_spare_the_healthy(fault: str) -> None:
    """More than 50 times fewer false deaths than by plain SWIM, in which a failed probe is a death; and fewer than with
    the shortest suspicion alone (Lifeguard, arXiv 1707.00788)."""
    found = wrongly_buried(fault)
    plain = wrongly_buried(fault, awareness_most=1, suspicion_multiplier=0)
    suspicion = wrongly_buried(fault, awareness_most=1, suspicion_most_multiplier=1)
    assert plain > 1000 and plain > 50 * found
    assert found == suspicion == 0 or 3 * found < suspicion


@pytest.mark.parametrize(
    ("members", "interval"), [(5, 30), (32, 30), (33, 60), (64, 60), (65, 90), (128, 90)]
)
def test_full_exchanges_are_rarer_in_large_swarms(members: int, interval: int) -> None:
    assert push_pull_ps(30 * S, members) == interval * S
