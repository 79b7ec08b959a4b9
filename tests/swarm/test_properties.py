"""What holds whatever breaks: one leader a term, every replica once, all views agree again after the repair."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from swarms import swarm, text

from netsim.swarm.store import State
from netsim.swarm.world import Swarm

SERVICES = """
networks: {shop: {}}
services:
  web: {replicas: 8, networks: [shop], stop_grace_period: 2s}
  agent: {mode: global, networks: [shop], stop_grace_period: 2s}
"""
NODES = ["manager-1", "manager-2", "manager-3", "worker-1", "worker-2", "worker-3", "leader"]
FAULT = st.tuples(
    st.sampled_from(["crash", "cut", "kill_daemon", "flap", "reboot"]),
    st.sampled_from(NODES),
    st.integers(1, 25),
    st.integers(1, 30),
)
ILL = st.tuples(
    st.sampled_from(["unhealthy", "kill_task"]),
    st.sampled_from(["web.1", "web.2", "web.3", "random(web)"]),
    st.integers(1, 40),
    st.integers(1, 20),
)


def converged(world: Swarm) -> None:
    """Every wanted replica once, on nodes that are there, known to all."""
    assert world.raft.acting is not None
    assert {row.state for row in world.nodes} == {"ready"}
    for service in world.services.values():
        alive = [t for t in service.tasks if t.runnable]
        slots = Counter(t.slot for t in alive)
        assert set(slots.values()) == {1} and len(slots) == (8 if service.name == "web" else 6)
        assert all(t.state == State.RUNNING for t in alive)
    on_nodes = [task for found in world.agents.containers for task, c in found.items() if c.alive]
    assert len(on_nodes) == len(set(on_nodes)) == 8 + 6
    assert world.views_agree()


@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.lists(FAULT, min_size=1, max_size=3))
def test_converges_after_every_fault_has_healed(faults: list[tuple[str, str, int, int]]) -> None:
    lines = "".join(f"  - {{at: {at}s, {verb}: {node}, for: {lasts}s}}\n" for verb, node, at, lasts in faults)
    # The last repair is at 55 s; a crashed node boots for 30 s, a new leader waits 33 s for nodes, a restart 5 s.
    world = swarm(text(f"{SERVICES}faults:\n{lines}", workers=3, duration="250s"))
    world.env.run(until=249 * 10**12)
    converged(world)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.lists(FAULT, max_size=2), st.lists(ILL, min_size=1, max_size=4), st.booleans())
def test_converges_after_sick_and_killed_tasks_too(
    faults: list[tuple[str, str, int, int]], ill: list[tuple[str, str, int, int]], live: bool
) -> None:
    """Also where a dockerd goes away while it shuts an unhealthy task down, with and without live-restore."""
    lines = "".join(
        f"  - {{at: {at}s, {verb}: {node}, for: {lasts}s}}\n" for verb, node, at, lasts in faults + ill
    )
    services = SERVICES.replace("replicas: 8,", "replicas: 8, healthcheck: {interval: 2s, retries: 2},")
    scenario = text(f"{services}faults:\n{lines}", workers=3, duration="250s")
    if live:
        scenario = scenario.replace("cores: 2}", "cores: 2, live_restore: true}")
    world = swarm(scenario)
    world.env.run(until=249 * 10**12)
    converged(world)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.lists(FAULT, min_size=1, max_size=3), st.booleans())
def test_a_job_completes_each_of_its_slots_once(faults: list[tuple[str, str, int, int]], live: bool) -> None:
    """Whatever ends its tasks, and wherever they end while nobody hears of it."""
    lines = "".join(f"  - {{at: {at}s, {verb}: {node}, for: {lasts}s}}\n" for verb, node, at, lasts in faults)
    spec = "services: {job: {mode: replicated-job, replicas: 12, max_concurrent: 7, image: {run: 20s}}}\n"
    scenario = text(f"{spec}faults:\n{lines}", workers=3, duration="300s")
    if live:
        scenario = scenario.replace("cores: 2}", "cores: 2, live_restore: true}")
    world = swarm(scenario)
    world.env.run(until=299 * 10**12)
    tasks = world.services["job"].tasks
    assert sorted(t.slot for t in tasks if t.state == State.COMPLETE) == list(range(1, 13))
    assert all(t.state > State.RUNNING for t in tasks) and world.jobs.over(world.services["job"])
    assert len([row for row in world.timeline if row["what"] == "job completed"]) == 1


def test_a_partition_makes_duplicates_and_heals() -> None:
    faults = "faults: [{at: 1s, partition: [[worker-1, worker-2], [manager-1, manager-2, manager-3, worker-3]], for: 60s}]"
    world = swarm(text(SERVICES + faults, workers=3, duration="200s"))
    world.env.run(until=55 * 10**12)
    alive = sum(c.alive for found in world.agents.containers for c in found.values())
    assert alive > 8 + 4  # both sides run tasks of the same slots
    assert (world.members.view[0, 3:5] == 2).all() and (world.members.view[3, 4] == 0)
    world.env.run(until=199 * 10**12)
    converged(world)


def test_without_quorum_nothing_is_repaired_and_gossip_goes_on() -> None:
    faults = "faults: [{at: 1s, crash: manager-1}, {at: 1s, crash: manager-2}, {at: 5s, crash: worker-3}]"
    world = swarm(text(SERVICES + faults, workers=3, duration="120s"))
    world.env.run(until=119 * 10**12)
    assert world.raft.acting is None
    assert not [row for row in world.timeline if row["what"] in ("node down", "running")]
    assert (world.members.view[3, [0, 1, 5]] == 2).all()


def test_the_same_seed_gives_the_same_run_and_another_one_another() -> None:
    scenario = text(SERVICES + "faults: [{at: 1s, crash: random(worker)}]", workers=3, duration="40s")
    runs = []
    for replication in (0, 0, 1):
        world = swarm(scenario, replication=replication)
        world.env.run(until=39 * 10**12)
        runs.append(world.timeline)
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize("order", ["stop-first", "start-first"])
def test_an_update_goes_slot_by_slot(order: str) -> None:
    config = f"update_config: {{order: {order}, delay: 3s}}"
    service = f"services: {{web: {{replicas: 4, image: {{stop: 1s}}, {config}}}}}\n"
    world = swarm(
        text(
            service + "operations: [{at: 1s, update: {web: {image: {name: two, stop: 1s}}}}]", duration="90s"
        )
    )
    fewest, most = 4, 4
    while world.env.now < 89 * 10**12:
        world.env.run(until=world.env.now + 10**11)
        alive = sum(c.alive for found in world.agents.containers for c in found.values())
        fewest, most = min(fewest, alive), max(most, alive)
    assert (fewest, most) == ((3, 4) if order == "stop-first" else (4, 5))
    assert {t.spec.image.name for t in world.services["web"].tasks if t.runnable} == {"two"}
    assert "update completed" in [row["what"] for row in world.timeline]


def test_a_health_check_delays_running_by_its_first_interval() -> None:
    check = "healthcheck: {interval: 10s}, restart_policy: {delay: 1s}"
    service = f"services: {{web: {{replicas: 2, {check}}}}}\n"
    world = swarm(text(service + "faults: [{at: 1s, kill_task: web.1}]", duration="30s"))
    world.env.run(until=29 * 10**12)
    replaced = world.clock.marks[0].found["replaced_s"]
    assert 11.0 < replaced < 13.0
