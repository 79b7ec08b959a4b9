"""What the pages on CI and expectations show works as it stands there, and so does the action."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from helpers import ROOT
from typer.main import get_command

from netsim.cli.main import app
from netsim.stats.expect import parse

SCENARIO = """netsim: 1
duration: 2s
warmup: 0s
replications: 2
nodes: {m: {role: manager, cores: 2}}
networks: {net: {driver: overlay}}
services:
  web: {networks: [net], ports: [{published: 80, target: 80}], work: {cpu: 1ms}}
load:
  users: {from: outside, to: "web:80", arrivals: 100/s}
expect: [users.latency.p50 < LIMIT]
"""


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_every_example_of_an_expectation_parses() -> None:
    (block,) = blocks("expectations.md", "yaml")
    lines = yaml.safe_load(block)["expect"]
    assert len(lines) >= 8
    for line in lines:
        parse(line if isinstance(line, str) else f"baseline: {line['baseline']}", ["users"], ["worker-1"])


def test_the_grammar_names_every_number() -> None:
    from netsim.scenario import expectations

    (grammar,) = blocks("expectations.md", "ebnf")
    words = set(re.findall(r'"\.?([a-z_0-9]+)\.?"', grammar)) | {"latency", "outage"}
    for named in (expectations.LATENCIES, expectations.WORKLOAD_METRICS, expectations.FAILOVER_METRICS):
        assert set(named) <= words, set(named) - words


def options(command: str) -> set[str]:
    found = get_command(app).commands[command]  # type: ignore[attr-defined]
    return {word for option in found.params for word in option.opts}


def test_the_documented_jobs_use_real_options() -> None:
    github, gitlab = (yaml.safe_load(block) for block in blocks("ci.md", "yaml"))
    lines = [line for line in gitlab["capacity"]["script"] if line.startswith("netsim ")]
    assert len(lines) == 2
    for line in lines:
        command, *words = shlex.split(line)[1:]
        assert {word for word in words if word.startswith("--")} <= options(command)
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    used = next(step for step in github["jobs"]["capacity"]["steps"] if "netsim" in step["uses"])
    assert set(used["with"]) <= set(action["inputs"])
    assert {word for word in used["with"]["arguments"].split() if word.startswith("--")} <= options("run")


@pytest.mark.parametrize(
    ("limit", "precise", "code"), [("1s", "", 0), ("1us", "", 99), ("1s", "--replications 1", 98)]
)
def test_the_action_simulates(tmp_path: Path, limit: str, precise: str, code: int) -> None:
    """Its script, with the environment that a runner gives."""
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    assert action["runs"]["using"] == "composite"
    step = next(step for step in action["runs"]["steps"] if step.get("id") == "simulate")
    (tmp_path / "my shop.yaml").write_text(SCENARIO.replace("LIMIT", limit))
    netsim = tmp_path / "netsim"
    netsim.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m netsim "$@"\n')
    netsim.chmod(0o755)
    given = dict.fromkeys(step["env"], "") | {
        "NETSIM_SCENARIO": "my shop.yaml",
        "NETSIM_OUT": "out",
        "NETSIM_ARGUMENTS": precise,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "sim"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "page.md"),
        "GITHUB_ACTIONS": "true",
    }
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", step["run"]], cwd=tmp_path, env=os.environ | given,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert (tmp_path / "output").read_text() == f"exit-code={code}\n"
    assert (tmp_path / "out" / "netsim.sarif").exists() and "## netsim" in (tmp_path / "page.md").read_text()
    assert ("::error file=my shop.yaml,line=11" in done.stderr) == (code == 99)
