"""Autoscaling: the rule of Kubernetes' horizontal pod autoscaler, fed with what a data plane has really done."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import S, scenario_from
from test_loaded import record

from netsim.engine.fast.simulate import FastPlane
from netsim.engine.machinery import drain
from netsim.engine.record import RunRecord
from netsim.engine.reference import Reference
from netsim.model.build import build_model
from netsim.scenario.schema_service import Autoscale
from netsim.swarm.autoscale import Decision, wanted
from netsim.swarm.passes import Passes

TEXT = """netsim: 1
duration: {duration}s
warmup: 5s
nodes:
  m: {{role: manager, count: 1, cores: 2}}
  w: {{count: 4, cores: 8}}
networks: {{shop: {{}}}}
services:
  web:
    replicas: {replicas}
    networks: [shop]
    ports: ['8080:80']
    image: {{stop: 1s}}
    work: {{cpu: {cpu}, workers: 2}}
    placement: {{constraints: [node.role == worker]}}
    autoscale: {{target: {{{target}}}, min: 2, max: 12, interval: {interval}s, cooldown: {cooldown}s}}
load: {{users: {{from: outside, to: 'web:8080', arrivals: {arrivals}, timeout: 1s, connection: new}}}}
"""


def text(
    target: str = "requests: 20/s",
    arrivals: str = "{constant: 100/s}",
    replicas: int = 2,
    interval: int = 5,
    cooldown: int = 0,
    duration: int = 30,
    cpu: str = "1ms",
) -> str:
    return TEXT.format(**locals())


def steps(found: RunRecord) -> list[tuple[float, str]]:
    """When a rule scaled, and from what to what."""
    return [
        (float(str(row["t_s"])), str(row["detail"]).partition(":")[0])
        for row in found.timeline
        if row["what"] == "autoscale"
    ]


def rule(**words: object) -> Autoscale:
    return Autoscale.model_validate({"target": {"requests": "50/s"}, "min": 2, "max": 10} | words)


@pytest.mark.parametrize(
    ("total", "replicas", "count"),
    [
        (200, 4, 4),  # as wanted
        (219, 4, 4),  # within 10 %
        (221, 4, 5),
        (181, 4, 4),
        (179, 4, 4),  # fewer would each get more than the target
        (149, 4, 3),
        (5000, 4, 10),  # at most
        (0, 4, 2),  # at least
        (400, 1, 8),
    ],
)
def test_the_rule(total: float, replicas: int, count: int) -> None:
    """desired = ceil(current x value / target), unless the ratio is within 0.1 of 1 (Kubernetes docs, Horizontal Pod
    Autoscaling, algorithm details)."""
    assert wanted(rule(), total, replicas) == count


def test_a_constant_load_is_met_in_one_step(tmp_path: Path) -> None:
    """100 requests/s and 20/s a task: 5 tasks from the first look on, and no other step."""
    found = record(FastPlane, text(), tmp_path)
    assert steps(found) == [(5.0, "2 to 5")]
    assert [row["detail"] for row in found.timeline if row["what"] == "autoscale"] == [
        "2 to 5: 50 requests/s a task"
    ]
    assert sum(row["what"] == "running" for row in found.timeline) == 3


def test_busy_workers_follow_the_utilisation_law(tmp_path: Path) -> None:
    """600/s of 10 ms are 6 busy workers; of 4 tasks with 2 each, three quarters. A target of half takes 6 tasks, of
    which half are busy then: no other step. Exponential work: a look over 10 s strays by 1/sqrt(6000) = 1.3 %."""
    found = record(
        FastPlane,
        text("workers: 50%", "{poisson: 600/s}", replicas=4, interval=10, duration=60, cpu="{exponential: {mean: 10ms}}"),
        tmp_path,
    )  # fmt: skip
    ((at, step),) = steps(found)
    assert (at, step) in ((10.0, "4 to 6"), (10.0, "4 to 7"))


def test_it_follows_a_load_up_and_down_and_rests_in_its_cooldown(tmp_path: Path) -> None:
    """100/s, then 200/s from 12 s on, then 40/s from 42 s on; looks every 5 s, a rest of 14 s after each step."""
    wave = "{constant: [[0s, 100/s], [12s, 100/s], [12.1s, 200/s], [42s, 200/s], [42.1s, 40/s], [80s, 40/s]]}"
    found = steps(record(FastPlane, text(arrivals=wave, cooldown=14, duration=80), tmp_path))
    assert found[:2] == [(5.0, "2 to 5"), (20.0, "5 to 10")]  # the look at 15 s falls into the rest
    # At 45 s the interval has 3 s of the old load; what is left of it is gone at the first look after the rest.
    assert [at for at, _ in found[2:]] == [45.0, 60.0] and found[-1][1].endswith(" to 2")


@pytest.mark.parametrize("target", ["requests: 20/s", "workers: 1%"])
def test_both_engines_see_the_same_and_decide_the_same(target: str, tmp_path: Path) -> None:
    wave = "{poisson: [[0s, 60/s], [10s, 150/s], [30s, 50/s]]}"
    runs = [record(kind, text(target, wave), tmp_path) for kind in (FastPlane, Reference)]
    assert runs[0].timeline == runs[1].timeline and len(steps(runs[0])) >= 3
    logs = [run.workloads["users"].log for run in runs]
    assert np.array_equal(logs[0].finish_ps, logs[1].finish_ps) and (logs[0].fate == logs[1].fate).all()


def test_what_comes_before_a_decision_is_the_same_in_every_pass(tmp_path: Path) -> None:
    """Requests that have ended before it end at the same picosecond, whatever happens later."""
    scenario = scenario_from(text(arrivals="{poisson: 150/s}", duration=20), tmp_path)
    model = build_model(scenario)

    def run(decisions: list[Decision]) -> RunRecord | Decision:
        passes = Passes(FastPlane, model, 3, 0, lambda now_ps: False, True)
        passes.decisions = decisions
        plane, _, decision = passes.one_pass(passes.managed())
        return decision or drain(plane)

    first = run([])
    assert isinstance(first, Decision) and (first.at_ps, first.before) == (5 * S, 2)
    found = [run([Decision(15 * S, "web", 2, count, "")]) for count in (2, 12)]
    logs = [run.workloads["users"].log for run in found if isinstance(run, RunRecord)]
    early = logs[0].finish_ps < 15 * S
    assert early.sum() > 1500 and (logs[0].finish_ps[early] == logs[1].finish_ps[early]).all()
    assert not np.array_equal(logs[0].finish_ps, logs[1].finish_ps)


def test_two_services_decide_at_the_same_time(tmp_path: Path) -> None:
    both = text() + "  more: {from: outside, to: 'api:9090', arrivals: {constant: 60/s}, connection: new}\n"
    both = both.replace(
        "load: {users:", "  api: {replicas: 1, ports: ['9090:90'], autoscale: {target: {requests: 10/s}, max: 9, interval: 5s}}\nload:\n  users:"
    ).replace("connection: new}}\n", "connection: new}\n")  # fmt: skip
    found = record(FastPlane, both, tmp_path)
    told = [(row["t_s"], row["who"]) for row in found.timeline if row["what"] == "autoscale"]
    assert told == [(5.0, "api"), (5.0, "web")]
