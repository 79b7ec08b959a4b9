"""A dockerd that is killed: its containers run on; when it starts again they end, or live on with live-restore."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import S
from swarms import swarm, text
from test_loaded import events, failed, record

from netsim.engine.fast.simulate import FastPlane
from netsim.engine.reference import Reference
from netsim.results.setup import assumptions
from netsim.swarm.store import State
from netsim.swarm.world import Swarm

SERVICES = "networks: {shop: {}}\nservices: {web: {replicas: 8, networks: [shop], image: {stop: 1s}}}\n"


def world(faults: str, live: bool, services: str = SERVICES, duration: str = "120s") -> Swarm:
    scenario = text(f"{services}faults: [{faults}]", duration=duration)
    return swarm(
        scenario.replace("count: 2, cores: 2}", "count: 2, cores: 2, live_restore: true}")
        if live
        else scenario
    )


def alive(found: Swarm) -> int:
    return sum(c.alive for containers in found.agents.containers for c in containers.values())


def seen(found: Swarm, what: str) -> int:
    return sum(row["what"] == what for row in found.timeline)


@pytest.mark.parametrize("live", [True, False])
def test_a_short_absence_is_noticed_by_nobody_only_with_live_restore(live: bool) -> None:
    """2 s: neither heartbeats nor gossip miss it. Of 8 replicas on 5 nodes, worker-1 has one or two."""
    found = world("{at: 1s, kill_daemon: worker-1, for: 2s}", live)
    before = {task for task in found.running("web") if task.node == found.ways.index["worker-1"]}
    found.env.run(until=60 * S)
    assert alive(found) == 8 and found.views_agree() and seen(found, "node down") == 0
    assert (before <= found.running("web")) == live
    assert seen(found, "failed") == seen(found, "running") == (0 if live else len(before))


def test_after_a_long_absence_what_was_replaced_is_stopped() -> None:
    """The managers give the node up and replace its tasks while they run on: more run than wanted, until it is back."""
    found = world("{at: 1s, kill_daemon: worker-1, for: 60s}", live=True)
    before = {task for task in found.running("web") if task.node == found.ways.index["worker-1"]}
    found.env.run(until=60 * S)
    assert alive(found) == 8 + len(before) and seen(found, "node down") == 1
    found.env.run(until=110 * S)
    assert alive(found) == 8 and found.views_agree()
    assert {task.state for task in before} == {State.SHUTDOWN}


@pytest.mark.parametrize("live", [True, False])
def test_a_task_that_ends_meanwhile_is_told_as_what_it_was(live: bool) -> None:
    job = "services: {job: {mode: replicated-job, replicas: 5, image: {run: 30s}}}\n"
    found = world("{at: 1s, kill_daemon: worker-1, for: 12s}", live, job)
    found.env.run(until=60 * S)
    assert found.jobs.done(found.services["job"]) == 5 and seen(found, "failed") == 0


def test_a_new_dockerd_counts_failed_checks_anew() -> None:
    """Two of three checks have failed when it goes away."""
    check = "healthcheck: {interval: 4s, retries: 3}, placement: {constraints: [node.hostname == worker-1]}"
    service = f"services: {{web: {{replicas: 1, {check}}}}}\n"
    found = world("{at: 1s, unhealthy: web.1}, {at: 10s, kill_daemon: worker-1, for: 1s}", True, service)
    found.env.run(until=60 * S)
    (sick,) = [float(str(row["t_s"])) for row in found.timeline if row["what"] == "unhealthy"][:1]
    assert 11 + 3 * 4 <= sick < 11.5 + 3 * 4


@pytest.mark.parametrize("live", [True, False])
def test_clients_feel_what_ends(live: bool, tmp_path: Path) -> None:
    """On both engines alike. Without it the containers end at once when dockerd is back at 4 s, and the other nodes send
    to them until they have heard of it."""
    act = events("{at: 2s, kill_daemon: w-2, for: 2s}")
    act = act.replace("w: {count: 4,", "w: {count: 4, live_restore: true,") if live else act
    log, other = (record(kind, act, tmp_path).workloads["users"].log for kind in (FastPlane, Reference))
    assert np.array_equal(log.finish_ps, other.finish_ps) and np.array_equal(log.fate, other.fate)
    wrong = failed(log)
    assert wrong == [] if live else wrong and min(wrong) > 3.9 and max(wrong) < 5


@pytest.mark.parametrize("live", [True, False])
def test_a_container_outside_any_service_lives_or_dies_with_it(live: bool, tmp_path: Path) -> None:
    alone = """netsim: 1
duration: 10s
warmup: 1s
nodes: {w: {count: 2, role: manager, cores: 4}}
outside: {entry: {nodes: [w-1], check: none}}
containers: {site: {node: w-1, ports: ["8080:80"], work: {cpu: 100us}}}
load: {users: {from: outside, to: "site:8080", arrivals: {constant: 50/s}, timeout: 500ms, connection: new}}
faults: [{at: 2s, kill_daemon: w-1, for: 3s}]
"""
    if live:
        alone = alone.replace("cores: 4}", "cores: 4, live_restore: true}")
    wrong = failed(record(FastPlane, alone, tmp_path).workloads["users"].log)
    assert wrong == [] if live else len(wrong) in range(245, 256) and min(wrong) > 4.4


def test_a_result_says_that_a_swarm_refuses_it() -> None:
    for live in (True, False):
        found = world("{at: 1s, kill_daemon: worker-1, for: 2s}", live)
        said = [text for text in assumptions(found.scenario, found.model) if "live-restore" in text]
        assert len(said) == live and all("dockerd of worker keeps" in text for text in said)
