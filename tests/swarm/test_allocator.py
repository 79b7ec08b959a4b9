"""Addresses while tasks come and go: each is held once, those of a node that is down stay taken, and who finds none waits."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from swarms import swarm, text

from netsim.model.build import build_model
from netsim.model.ipam import dotted
from netsim.scenario.load import loads
from netsim.swarm.simulate import build
from netsim.swarm.store import State
from netsim.swarm.world import Swarm

S = 10**12
SERVICES = """
networks: {{shop: {{subnet: 10.5.0.0/{mask}}}, back: {{subnet: 10.6.0.0/27}}}}
services:
  web: {{replicas: {web}, networks: [shop, back], stop_grace_period: 1s, restart_policy: {{delay: 200ms}}}}
  db: {{replicas: 2, networks: [shop], stop_grace_period: 1s, restart_policy: {{delay: 200ms}}}}
"""
#: A global service too, whose tasks have a node before they are placed.
AGENT = "  agent: {mode: global, networks: [back], stop_grace_period: 1s, restart_policy: {delay: 200ms}}\n"


def services(mask: int = 28, web: int = 3) -> str:
    return SERVICES.format(mask=mask, web=web)


def held_once(world: Swarm) -> None:
    """On every network, of all who have an address for the managers, and of all containers."""
    allocator, model = world.allocator, world.model
    for name, plan in model.addresses.items():
        if not plan.subnet:
            continue
        fixed = [address for address, who in plan.owners.items() if who == "gateway" or who.startswith("vip")]
        of_tasks = [dotted(found[name]) for found in allocator.held.values() if name in found]
        of_nodes = [dotted(a) for (network, _), a in allocator.balancers.items() if network == name]
        if plan.driver.scope == "swarm":
            all_of_them = [*fixed, *of_tasks, *of_nodes]
            assert len(set(all_of_them)) == len(all_of_them), name
            assert set(all_of_them) == {dotted(number) for number in allocator._pool((name, "")).taken}
        for (network, node), count in allocator._tasks.items():
            mine = [
                t
                for t in allocator.held
                if t in allocator._placed and t.node == node and network in allocator.held[t]
            ]
            assert network != name or count == len(mine)
    on_nodes = [item for found in allocator.here.values() for item in found.items()]
    assert len(set(on_nodes)) == len(on_nodes)
    for found in world.agents.containers:
        for task, container in found.items():
            if container.joined and task.state <= State.RUNNING and task.service != "agent":
                assert {"shop", "docker_gwbridge"} <= set(allocator.addresses(task))


FAULT = st.tuples(
    st.sampled_from(["crash", "cut", "kill_daemon", "kill_task", "kill_task", "kill_task"]),
    st.integers(0, 4),
    st.integers(1, 40),
    st.integers(1, 30),
)
NODES = ["manager-1", "manager-2", "manager-3", "worker-1", "worker-2"]
TASKS = ["web.1", "web.2", "web.3", "db.1", "db.2"]


@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.lists(FAULT, min_size=2, max_size=8), st.sampled_from([27, 28]), st.integers(1, 5))
def test_every_address_is_held_once_at_each_time(
    faults: list[tuple[str, int, int, int]], mask: int, most: int
) -> None:
    lines = "".join(
        f"  - {{at: {at}s, {verb}: {TASKS[who] if verb == 'kill_task' else NODES[who]}"
        + ("}\n" if verb == "kill_task" else f", for: {lasts}s}}\n")
        for verb, who, at, lasts in faults
    )
    scale = f"operations: [{{at: 20s, scale: {{web: {most}}}}}, {{at: 60s, scale: {{web: 3}}}}]\n"
    world = swarm(text(f"{services(mask)}{AGENT}{scale}faults:\n{lines}", duration="200s"))
    while world.env.now < 199 * S:
        world.env.run(until=world.env.now + S // 2)
        held_once(world)
    assert not world.allocator.waiting
    running = Counter(t.service for s in world.services.values() for t in s.tasks if t.runnable)
    assert running == {"web": 3, "db": 2, "agent": 5} and world.views_agree()


def test_an_address_comes_again_when_the_subnet_is_at_its_end() -> None:
    """Of a /28, db.1 gets each in turn: those that are free above the last one given, then the lowest free one."""
    kills = ", ".join(f"{{at: {1 + 4 * k}s, kill_task: db.1}}" for k in range(9))
    # On one node, whose balancer stays, since db.2 does.
    base = "networks: {shop: {subnet: 10.5.0.0/28}}\nservices:\n  db: {replicas: 2, networks: [shop], restart_policy: {delay: 200ms}, placement: {constraints: [node.role == manager]}}\n"
    world = swarm(text(f"{base}faults: [{kills}]\n", managers=1, workers=1, duration="60s"))
    world.env.run(until=59 * S)
    taken = [int(new.addresses["shop"].rpartition(".")[2]) for new in world.journal.later]
    # .1 gateway, .2 virtual, .3 the node's balancer, .4 and .5 the tasks'; 14 is the last.
    assert taken == [6, 7, 8, 9, 10, 11, 12, 13, 14]
    more = ", ".join(f"{{at: {1 + 4 * k}s, kill_task: db.1}}" for k in range(12))
    world = swarm(text(f"{base}faults: [{more}]\n", managers=1, workers=1, duration="60s"))
    world.env.run(until=59 * S)
    taken = [int(new.addresses["shop"].rpartition(".")[2]) for new in world.journal.later]
    assert taken == [6, 7, 8, 9, 10, 11, 12, 13, 14, 4, 6, 7]


def test_the_tasks_of_a_node_that_is_down_keep_their_addresses_until_it_is_back() -> None:
    """As on a real swarm (tests/data/swarm/addresses.jsonl): a wrap later nobody has them; then they are given again."""
    kills = ", ".join(f"{{at: {30 + 3 * k}s, kill_task: db.1}}" for k in range(25))
    base = services(28).replace("networks: [shop, back]", "networks: [shop]")
    world = swarm(text(f"{base}faults: [{{at: 1s, cut: worker-2, for: 60s}}, {kills}]\n", duration="120s"))
    gone = list(world.nodes[4].tasks)
    assert gone
    addresses = {dotted(world.allocator.held[task]["shop"]) for task in gone}
    world.env.run(until=60 * S)
    assert world.nodes[4].state == "down"
    assert addresses == {dotted(world.allocator.held[task]["shop"]) for task in gone}
    early = [new for new in world.journal.later if new.addresses["shop"] in addresses]
    assert not early and len(world.journal.later) > 8
    world.env.run(until=119 * S)
    assert not set(gone) & set(world.allocator.held)
    assert addresses & {new.addresses["shop"] for new in world.journal.later}


def test_tasks_without_an_address_wait_until_one_comes_free() -> None:
    """A /28 has 14: gateway, two virtual ones, five balancers, and so six tasks. As on a real swarm the seventh is new until
    another ends, and runs within a second of that."""
    acts = "operations: [{at: 1s, scale: {web: 5}}, {at: 30s, scale: {db: 1}}]\n"
    base = (
        services(28)
        .replace("networks: [shop, back]", "networks: [shop]")
        .replace("stop_grace_period: 1s", "image: {stop: 100ms}")
    )
    world = swarm(text(base + acts, duration="60s"))
    world.env.run(until=29 * S)
    (waiting,) = world.allocator.waiting
    assert (waiting.service, waiting.state, waiting.node) == ("web", State.NEW, None)
    assert world.services["web"].running() == 4
    world.env.run(until=59 * S)
    ended = [float(row["t_s"]) for row in world.timeline if row["what"] == "shutdown"]
    began = [
        float(row["t_s"]) for row in world.timeline if row["what"] == "running" and float(row["t_s"]) > 30
    ]
    assert len(ended) == len(began) == 1 and 0 < began[0] - ended[0] < 1.5
    assert not world.allocator.waiting and world.services["web"].running() == 5


def test_who_does_not_fit_at_first_runs_when_others_have_gone() -> None:
    """With --ignore-limits tasks without an address are pending from the start."""
    base = (
        services(28, web=6)
        .replace("networks: [shop, back]", "networks: [shop]")
        .replace("stop_grace_period: 1s", "image: {stop: 100ms}")
    )
    scenario = loads(text(f"{base}operations: [{{at: 5s, scale: {{db: 0}}}}]\n", duration="40s"))
    scenario.tolerate()
    model = build_model(scenario)
    assert set(model.starved) == {"db.1", "db.2"}
    world = build(model, 1, 0)
    world.env.run(until=4 * S)
    assert len(world.allocator.waiting) == 2
    world.env.run(until=39 * S)
    assert not world.allocator.waiting


def test_a_node_whose_balancer_finds_no_address_rejects_its_tasks_after_half_a_minute() -> None:
    """A /29 has 6: gateway, two balancers and two tasks have five. The third task has the last one, and the balancer of the
    node that it comes to has none."""
    base = (
        "networks: {shop: {subnet: 10.5.0.0/29}}\nservices:\n"
        "  web: {replicas: 1, networks: [shop], endpoint_mode: dnsrr}\n  db: {replicas: 1, networks: [shop], endpoint_mode: dnsrr}\n"
    )
    world = swarm(
        text(f"{base}operations: [{{at: 1s, scale: {{db: 2}}}}]\n", managers=1, workers=2, duration="120s")
    )
    world.env.run(until=119 * S)
    seen = [(row["what"], float(row["t_s"])) for row in world.timeline]
    rejected = [at for what, at in seen if what == "rejected"]
    assert rejected and 31 < rejected[0] < 33
    assert all(30 < b - a < 31 for a, b in pairwise(rejected))  # the next one waits during its restart delay
