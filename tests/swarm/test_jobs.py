"""Jobs against the rules of swarmkit's manager/orchestrator/jobs: what completes is counted and not started again, what
fails is, nothing is moved off a node that is down."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from helpers import S
from swarms import records, samples, swarm, text
from test_loaded import events, failed, record

from netsim.engine.fast.simulate import FastPlane
from netsim.engine.reference import Reference
from netsim.swarm.store import State
from netsim.swarm.world import Swarm

#: Short stops and no gossip, so that times are those of the job.
JOB = "services: {{job: {{mode: replicated-job, replicas: {replicas}, {rest}}}}}\n"


def job(replicas: int, rest: str, events: str = "", duration: str = "120s", workers: int = 2) -> str:
    return text(JOB.format(replicas=replicas, rest=rest) + events, duration=duration, workers=workers)


def ran(scenario: str, until: int = 119) -> Swarm:
    world = swarm(scenario)
    world.env.run(until=until * S)
    return world


def states(world: Swarm) -> Counter[State]:
    return Counter(task.state for task in world.services["job"].tasks)


def times(world: Swarm, what: str) -> list[float]:
    return [float(str(row["t_s"])) for row in world.timeline if row["what"] == what]


def test_tasks_that_succeed_are_counted_and_not_started_again() -> None:
    """They run from the beginning of the warm-up, 20 s before 0."""
    world = ran(job(6, "image: {run: 30s}"))
    assert states(world) == {State.COMPLETE: 6} and world.jobs.done(world.services["job"]) == 6
    assert len(times(world, "running")) == 0
    assert all(10 <= at < 13 for at in times(world, "complete"))
    (row,) = [row for row in world.timeline if row["what"] == "job completed"]
    assert row["detail"] == "6 tasks" and row["t_s"] == max(times(world, "complete"))


def test_no_more_run_at_once_than_allowed() -> None:
    world = swarm(job(10, "max_concurrent: 3, image: {run: {uniform: {low: 5s, high: 9s}}}"))
    most, alive = 0, 0
    while world.env.now < 60 * S:
        world.env.run(until=world.env.now + S // 10)
        alive = sum(c.alive for found in world.agents.containers for c in found.values())
        most = max(most, alive)
    assert most == 3 and alive == 0
    assert states(world) == {State.COMPLETE: 10}
    assert sorted(task.slot for task in world.services["job"].tasks) == list(range(1, 11))


def test_work_in_rounds_takes_as_long_as_the_rounds() -> None:
    """12 tasks of 10 s, 4 at once: three rounds, and between two of them the report, the schedule and the start."""
    scenario = job(
        0, "max_concurrent: 4, image: {run: 10s}", "operations: [{at: 1s, scale: {job: 12}}]", workers=6
    )
    took = np.array(samples(scenario, "replaced_s", 20))
    assert took.min() > 31 and took.max() < 39


def test_what_fails_is_restarted_after_the_delay_and_counts_once() -> None:
    kill = "faults: [{at: 1s, kill_task: job.2}]"
    world = ran(job(3, "restart_policy: {delay: 4s}, image: {run: 40s}", kill))
    assert states(world)[State.COMPLETE] == 3 and states(world)[State.FAILED] == 1
    (began,) = times(world, "running")
    assert 5 < began < 7 and 45 < max(times(world, "complete")) < 48
    assert 4 < float(str(world.clock.marks[0].found["replaced_s"])) < 6


@pytest.mark.parametrize(
    ("policy", "again"), [("condition: none", 0), ("delay: 1s, max_attempts: 2", 2), ("delay: 1s", 4)]
)
def test_the_restart_policy_bounds_what_is_restarted(policy: str, again: int) -> None:
    kills = ", ".join(f"{{at: {at}s, kill_task: job.1}}" for at in (1, 8, 15, 22))
    world = ran(job(1, f"restart_policy: {{{policy}}}, image: {{run: 60s}}", f"faults: [{kills}]"))
    assert len(times(world, "running")) == again
    assert len(times(world, "job completed")) == (again == 4)


def test_tasks_on_a_dead_node_are_not_moved_and_fail_when_it_is_back() -> None:
    """The orchestrator of jobs hears of tasks, not of nodes."""
    hit = "faults: [{at: 1s, crash: worker-1, for: 60s}]"
    spec = "placement: {constraints: [node.role == worker]}, image: {run: 50s}"
    world = ran(job(4, spec, hit, duration="250s"), until=88)
    assert states(world) == {State.COMPLETE: 2, State.RUNNING: 2} and times(world, "running") == []
    world.env.run(until=249 * S)
    # Power again at 61 s, 30 s of boot, then the restart delay of 5 s and their 50 s once more.
    assert states(world) == {State.COMPLETE: 4, State.FAILED: 2}
    assert min(times(world, "running")) > 96 and 146 < max(times(world, "complete")) < 160


def test_a_drained_node_goes_on_with_its_job() -> None:
    world = ran(job(4, "image: {run: 40s}", "operations: [{at: 1s, drain: worker-1}]"))
    assert states(world) == {State.COMPLETE: 4} and times(world, "running") == []


def test_an_update_runs_it_once_more() -> None:
    acts = "operations: [{at: 5s, update: {job: {image: {name: two, run: 20s}}}}]"
    world = ran(job(3, "image: {run: 60s, stop: 1s}", acts))
    found = Counter((task.version, task.state) for task in world.services["job"].tasks)
    assert found[1, State.COMPLETE] == 3 and found[0, State.COMPLETE] == 0
    assert 20 < float(str(world.clock.marks[0].found["replaced_s"])) < 23


def test_a_task_that_fails_as_the_job_begins_anew_is_not_restarted() -> None:
    """The managers know of its end, and have not yet decided about it, when the update comes."""
    world = swarm(job(3, "image: {run: 60s, stop: 1s}", "faults: [{at: 1s, kill_task: job.2}]"))
    service = world.services["job"]
    while not states(world)[State.FAILED]:
        world.env.step()
    world.jobs.again(service, service.spec)
    world.env.run(until=119 * S)
    found = Counter((task.version, task.state) for task in service.tasks)
    assert found[1, State.COMPLETE] == len([task for task in service.tasks if task.version == 1]) == 3
    assert world.jobs.over(service)


def test_a_global_job_runs_once_on_each_node() -> None:
    spec = "services: {job: {mode: global-job, image: {run: 25s}}}\n"
    acts = "operations: [{at: 8s, drain: worker-2}, {at: 60s, activate: worker-2}]"
    world = ran(text(spec + acts, workers=3, duration="120s"))
    tasks = [task for task in world.services["job"].tasks if task.state == State.COMPLETE]
    assert sorted(task.slot for task in tasks) == list(range(6)) and {
        task.slot == task.node for task in tasks
    } == {True}
    assert len(times(world, "job completed")) == 1


def test_a_service_whose_tasks_end_is_started_again() -> None:
    """The same image as a plain service: with any it begins anew after each success, with on-failure it ends."""
    for condition, rounds in (("any", 6), ("on-failure", 0)):
        spec = f"services: {{web: {{image: {{run: 15s}}, restart_policy: {{delay: 5s, condition: {condition}}}}}}}\n"
        world = ran(text(spec, duration="120s"))
        assert len(times(world, "running")) == rounds
        assert len(times(world, "complete")) == max(1, rounds)


def test_the_run_time_is_drawn_for_each_task() -> None:
    """Exponential with mean 10 s: of 40 x 10 tasks the mean lies within four standard errors of 0.5 s."""
    scenario = job(10, "image: {run: {exponential: {mean: 10s}}}", duration="100s").replace(
        "warmup: 20s", "warmup: 0s"
    )
    ends = [
        float(str(row["t_s"]))
        for found in records(scenario, 40)
        for row in found.timeline
        if row["what"] == "complete"
    ]
    assert len(ends) == 400
    # The report takes its stop work and its batch, on average less than a second with 10 that end by themselves.
    assert 10 - 2.0 < np.mean(ends) - 0.45 < 10 + 2.0


def test_tasks_that_end_under_load_are_felt_alike_on_both_engines(tmp_path: Path) -> None:
    """Nothing fails and nobody changes anything, yet the swarm has work: each of two tasks ends after 8 s and comes back
    5 s later. While both are away, connections find no back end."""
    spec = "image: {name: web, run: 8s}, restart_policy: {delay: 5s}, work"
    text = (
        events(duration=25)
        .replace("image: {name: web, stop: 1s}, work", spec)
        .replace("replicas: 8", "replicas: 2")
    )
    found, other = (record(kind, text, tmp_path) for kind in (FastPlane, Reference))
    log, again = (run.workloads["users"].log for run in (found, other))
    assert np.array_equal(log.finish_ps, again.finish_ps) and np.array_equal(log.fate, again.fate)
    wrong = np.array(failed(log))
    # From -1 s on, 8 s of work and a pause in turn, of 5 s and what managers, stop and start take; a request takes 20 ms to
    # get there. No second round ends before 7 + 5 + 8 s.
    away = (wrong > 6.95) & (wrong < 13.6) | (wrong > 20)
    assert away.all() and (wrong < 14).sum() > 200
