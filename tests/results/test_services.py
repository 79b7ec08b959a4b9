"""What a result says of services that change by themselves: jobs, and those with a rule."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
from helpers import scenario_from

import netsim
from netsim.cli.summary import summary
from netsim.report.content import page
from netsim.results.result import Result
from netsim.sweep.work import metrics

JOB = """netsim: 1
duration: 60s
warmup: 5s
nodes: {m: {role: manager, cores: 4}, w: {count: 2, cores: 4}}
services: {job: {mode: replicated-job, replicas: 4, max_concurrent: 2, image: {run: RUN}}}
faults: [{at: 1s, kill_task: job.1}]
"""
RULE = """netsim: 1
duration: 20s
warmup: 1s
nodes: {m: {role: manager, cores: 4}, w: {count: 2, cores: 4}}
services: {web: {replicas: 2, ports: ['8080:80'], work: {cpu: 100us}, autoscale: {target: {requests: 10/s}, max: 9, interval: 5s}}}
load: {users: {from: outside, to: 'web:8080', arrivals: {constant: 60/s}, connection: new}}
"""


def ran(text: str, folder: Path) -> Result:
    result = netsim.run(scenario_from(text, folder), replications=3)
    schema = json.loads((files("netsim") / "data" / "result.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(json.loads(json.dumps(result.to_dict())), schema)
    return result


def test_a_job_that_is_over(tmp_path: Path) -> None:
    """Two at a time, 8 s each, from -5 s on: one lane does three of them, the other the one that is killed at 1 s."""
    result = ran(JOB.replace("RUN", "8s"), tmp_path)
    found = result.to_dict()["services"]["job"]
    assert found["completed"]["samples"] == [4, 4, 4] and found["failed"]["samples"] == [1, 1, 1]
    assert all(20 < at < 23 for at in found["over_s"]["samples"])
    text = summary(result)
    assert (
        "job: 4 tasks completed, 1 failed; the job was over at 2" in text and "Nothing was busy" not in text
    )
    assert metrics(result.to_dict())["services.job.completed"] == found["completed"]["value"]
    (line,) = page(result)["services"]
    assert line.startswith("job: 4 tasks completed") and line in text


def test_a_job_that_is_not_over(tmp_path: Path) -> None:
    result = ran(JOB.replace("RUN", "40s"), tmp_path)
    found = result.to_dict()["services"]["job"]
    assert found["over_s"] == {"value": None, "low": None, "high": None, "samples": [None] * 3}
    assert "the job is not over at the end" in summary(result)


def test_what_a_rule_keeps_running(tmp_path: Path) -> None:
    """60/s at 10/s a task: 2 replicas for the first 5 s of 20, then 6."""
    result = ran(RULE, tmp_path)
    found = result.to_dict()["services"]["web"]
    assert found["replicas_mean"]["value"] == pytest.approx((2 * 5 + 6 * 15) / 20)
    assert found["replicas_max"]["samples"] == [6, 6, 6] and found["decisions"]["samples"] == [1, 1, 1]
    assert "web: 5 replicas wanted in the mean, at most 6; 1 decisions of its rule." in summary(result)


def test_services_that_do_not_change_are_not_told(tmp_path: Path) -> None:
    plain = RULE.replace(", autoscale: {target: {requests: 10/s}, max: 9, interval: 5s}", "")
    result = ran(plain, tmp_path)
    assert "services" not in result.to_dict() and page(result)["services"] == []
