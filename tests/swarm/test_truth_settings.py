"""Other settings on a real swarm of seven nodes: heartbeats of 2 s, a leader lost among five managers, a failing health
check, three tasks killed at once, a drain with a short grace. The rule is that of test_truth.

The machine was busy with other work all the time. How much is fitted to the three killed tasks alone: six threads.
"""

from __future__ import annotations

import numpy as np
import pytest
from swarms import records, samples, text
from test_truth import COUNT, fits, measured

OTHER_WORK = 6.0
LAB = """
hypervisors: {lab: {cores: 2, nodes: [manager-1, manager-2, manager-3, manager-4, manager-5, worker-1, worker-2]}}
networks: {shop: {}}
services:
  web: {replicas: 10, networks: [shop], endpoint_mode: dnsrr, WORDS}
"""
QUICK = "stop_grace_period: 3s, restart_policy: {delay: 1s}"


def lab(words: str, rest: str, duration: str) -> str:
    return text(LAB.replace("WORDS", words) + rest, managers=5, duration=duration)


HEARTBEAT = lab(
    "stop_grace_period: 10s",
    "swarm: {dispatcher_heartbeat: 2s}\nfaults: [{at: 1s, cut: worker-2, for: 30s}]\n",
    "28s",
)
KILLED = lab(
    QUICK,
    "faults: [{at: 1s, kill_task: web.1}, {at: 1s, kill_task: web.2}, {at: 1s, kill_task: web.3}]\n",
    "14s",
)
DRAINED = lab(QUICK, "operations: [{at: 1s, drain: worker-2}]\n", "24s")
SICK = lab(
    f"{QUICK}, healthcheck: {{interval: 3s, retries: 2, timeout: 2s}}",
    "faults: [{at: 1s, unhealthy: random(web)}]\n",
    "32s",
)
UPDATED = lab(
    f"{QUICK}, update_config: {{parallelism: 2, delay: 3s}}",
    "operations: [{at: 1s, update: {web: {image: two}}}]\n",
    "90s",
)


def real(case: str, number: str) -> np.ndarray:
    return measured(case, number, "other-settings")


@pytest.mark.slow
def test_heartbeats_of_two_seconds() -> None:
    """The period varies by half a second, as that of 5 s does: 7.4 s until a node is down would be impossible with a tenth."""
    fits(real("cut", "node_down_s"), samples(HEARTBEAT, "node_down_s", COUNT, other_work=OTHER_WORK))


@pytest.mark.slow
def test_a_leader_lost_among_five_managers() -> None:
    found = real("leader", "leader_elected_s")
    assert len(found) == 10
    scenario = text("faults: [{at: 1s, cut: leader}]\n", managers=5, duration="60s")
    fits(found, samples(scenario, "leader_elected_s", COUNT))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scenario", "case", "number", "name"),
    [
        (HEARTBEAT, "cut", "replicas_restored_s", "replaced_s"),
        (KILLED, "kill_tasks", "replica_restored_s", "replaced_s"),  # fitted
        (DRAINED, "drain", "replicas_restored_s", "replaced_s"),
        (SICK, "unhealthy", "exit_seen_s", "exit_seen_s"),
        (SICK, "unhealthy", "replica_restored_s", "replaced_s"),
    ],
)
def test_on_a_busy_machine(scenario: str, case: str, number: str, name: str) -> None:
    fits(real(case, number), samples(scenario, name, COUNT, other_work=OTHER_WORK))


@pytest.mark.slow
@pytest.mark.xfail(
    strict=True,
    reason="the machine was busiest then (load 14 to 17 against 12 of the killed tasks): 58 s, simulated 54",
)
def test_a_rolling_update_two_at_a_time() -> None:
    fits(real("update", "all_new_s"), samples(UPDATED, "replaced_s", COUNT // 2, other_work=OTHER_WORK))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scenario", "case", "number"),
    [(KILLED, "kill_tasks", "replica_restored_s"), (UPDATED, "update", "all_new_s")],  # the first is fitted
)
def test_it_fits_on_a_machine_with_less_to_do(scenario: str, case: str, number: str) -> None:
    """Loads of 2 to 5: what the killed tasks say of other work (three threads) also gives the update's time."""
    found = measured(case, number, "update-again")
    fits(found, samples(scenario, "replaced_s", COUNT // 2, other_work=3.0))


@pytest.mark.slow
def test_an_update_is_over_a_delay_and_the_monitoring_after_its_last_task() -> None:
    """3 s and 5 s, whatever the machine does."""
    took = real("update", "completed_s") - real("update", "all_new_s")
    for record in records(UPDATED, 10, other_work=OTHER_WORK):
        done = next(float(str(row["t_s"])) for row in record.timeline if row["what"] == "update completed")
        last = max(float(str(row["t_s"])) for row in record.timeline if row["what"] == "running")
        assert 8 <= done - last < 8.2
    assert (took > 7.9).all() and (took < 8.3).all()
