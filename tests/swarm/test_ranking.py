"""The scheduler's rules: filters and ranking, as swarmkit has them."""

from __future__ import annotations

from collections import Counter

from swarms import swarm, text

from netsim.swarm.store import State


def test_nodes_where_a_service_failed_five_times_go_last() -> None:
    world = swarm(text("services: {web: {replicas: 5}}\n"))
    service, here = world.services["web"], world.scheduler.here["web"]
    allowed = world.scheduler.ranking.allowed(service.spec)
    best = world.scheduler.ranking.best(allowed, allowed, service.spec, here)
    service.failures[(best.index, 0)] = [world.env.now] * 4
    assert world.scheduler._failing(service, 0) == {}
    service.failures[(best.index, 0)].append(world.env.now)
    failing = world.scheduler._failing(service, 0)
    assert failing == {best.name: 5}
    assert world.scheduler.ranking.best(allowed, allowed, service.spec, here, failing) is not best
    service.failures[(best.index, 0)] = [world.env.now - 301 * 10**12] * 9
    assert world.scheduler._failing(service, 0) == {}


def test_scaling_spreads_and_scaling_down_takes_from_the_fullest() -> None:
    up = "services: {web: {replicas: 5, stop_grace_period: 1s}}\noperations:\n"
    world = swarm(
        text(up + "  - {at: 1s, scale: {web: 20}}\n  - {at: 30s, scale: {web: 7}}\n", duration="60s")
    )
    world.env.run(until=29 * 10**12)
    assert Counter(t.node for t in world.running("web")) == dict.fromkeys(range(5), 4)
    world.env.run(until=59 * 10**12)
    counts = Counter(t.node for t in world.running("web"))
    assert sum(counts.values()) == 7 and max(counts.values()) - min(counts.values()) <= 1


def test_paused_nodes_keep_their_tasks_and_get_no_new_ones() -> None:
    rest = "services: {web: {replicas: 5}}\noperations:\n  - {at: 1s, pause: worker-2}\n  - {at: 3s, scale: {web: 13}}\n"
    world = swarm(text(rest, duration="40s"))
    world.env.run(until=39 * 10**12)
    counts = Counter(t.node for t in world.running("web"))
    assert counts[4] == 1 and [counts[k] for k in range(4)] == [3, 3, 3, 3]


def test_a_drained_node_is_empty_and_takes_tasks_after_activate() -> None:
    rest = (
        "services: {web: {replicas: 5, stop_grace_period: 1s}}\noperations:\n  - {at: 1s, drain: worker-2}\n"
    )
    world = swarm(
        text(rest + "  - {at: 20s, activate: worker-2}\n  - {at: 22s, scale: {web: 6}}\n", duration="40s")
    )
    world.env.run(until=19 * 10**12)
    assert not world.agents.containers[4] and len(world.running("web")) == 5
    world.env.run(until=39 * 10**12)
    assert Counter(t.node for t in world.running("web"))[4] == 1


def test_a_restart_policy_gives_up_after_its_attempts() -> None:
    policy = "restart_policy: {max_attempts: 2, delay: 1s}"
    kills = "".join(f"  - {{at: {t}s, kill_task: web.1}}\n" for t in (1, 8, 15, 22))
    world = swarm(text(f"services: {{web: {{replicas: 1, {policy}}}}}\nfaults:\n{kills}", duration="60s"))
    world.env.run(until=59 * 10**12)
    assert [row["what"] for row in world.timeline].count("running") == 2
    assert not world.running("web")
    assert all(t.state > State.RUNNING for t in world.services["web"].tasks if t.node is not None)
