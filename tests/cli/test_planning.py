"""``netsim plan`` from outside: answers, exit codes, and what is said of wrong questions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from netsim.cli import main as cli

RUN = CliRunner()
#: One core of 10 ms work: 80 % busy at 80/s.
SCENARIO = """netsim: 1
name: one-core
duration: 30s
warmup: 3s
nodes: {m: {role: manager, cores: 1, price: 0.36/h}}
networks: {net: {driver: overlay}}
services:
  web:
    networks: [net]
    ports: [{published: 80, target: 80}]
    work: {cpu: {exponential: {mean: 10ms}}, workers: 200}
load:
  users: {from: outside, to: "web:80", arrivals: {poisson: 60/s}, connection: {pool: 500}}
  copies: {from: outside, to: "web:80", bulk: 1MiB}
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "one.yaml"
    path.write_text(SCENARIO.replace('  copies: {from: outside, to: "web:80", bulk: 1MiB}\n', ""))
    return str(path)


def test_an_answer_with_time_price_and_cause(file: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["plan", file, "--max-load", "users", "--keep", "nodes.m-1.cpu < 80%", "--growth", "3%/month", "--jobs", "1",
             "--tolerance", "4%", "--out", str(out)]  # fmt: skip
    done = RUN.invoke(cli.app, words)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(
        "one-core: the most load of users\nKept: nodes.m-1.cpu < 80%; users.errors < 1% (implied)\n"
    )
    data = json.loads((out / "plan.json").read_text())
    answer = data["answer"]
    assert answer["low"] < answer["value"] < answer["high"] <= answer["low"] * 1.04**2
    assert answer["value"] == pytest.approx(
        79, rel=0.04
    )  # the network takes about 0.1 ms of the core for each request
    assert data["limited_by"]["station"] == "m-1/cpu" and data["status"] == "found" and data["monotone"]
    assert 7.5 < data["growth"]["value"] < 10.5
    assert data["price"]["per_million_requests"] == pytest.approx(0.36 / (answer["value"] * 3600) * 1e6)
    assert "Limited by: nodes.m-1.cpu < 80%" in done.stdout and "With 3 % more each month: " in done.stdout


def test_json_is_all_there_is_and_what_cannot_hold_is_99(file: str) -> None:
    words = [
        "plan",
        file,
        "--n-plus",
        "1",
        "--keep",
        "p99 < 1s",
        "--format",
        "json",
        "--set",
        "nodes.w.cores=2",
        "--jobs",
        "1",
    ]
    done = RUN.invoke(cli.app, words)
    assert done.exit_code == 99, done.output
    data = json.loads(done.stdout)
    assert data["status"] == "fails" and data["limited_by"]["gone"] == "m-1"
    done = RUN.invoke(
        cli.app, ["plan", file, "--max-load", "users", "--keep", "nodes.m-1.cpu < 0.01%", "--jobs", "1"]
    )
    assert done.exit_code == 99 and "There is none." in done.stdout


def test_too_few_replications_are_inconclusive(file: str) -> None:
    words = [
        "plan",
        file,
        "--max-load",
        "users",
        "--keep",
        "p99 < 150ms",
        "--max-replications",
        "2",
        "--jobs",
        "1",
    ]
    done = RUN.invoke(cli.app, words)
    assert done.exit_code == 98, done.output
    assert "Inconclusive" in done.stdout and "Replications up to 2 do not know it" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected a question: --max-load WORKLOAD, --min-nodes GROUP or --n-plus 1"),
        (["--max-load", "users", "--min-nodes", "m"], "expected one question, got --max-load and --min-nodes"),
        (["--max-load", "user"], "expected the name of a workload, got --max-load user (did you mean users?)"),
        (["--min-nodes", "worker"], "expected the name of a group of nodes, got --min-nodes worker (valid groups: m)"),
        (["--max-load", "copies"], "expected a workload with arrivals or users, got --max-load copies, which is a bulk transfer"),
        (["--n-plus", "1", "--growth", "3%/month"], "--growth goes with --max-load WORKLOAD"),
        (["--max-load", "users", "--growth", "3%"], "expected --growth like 3%/month (day, week, month, quarter or year), got --growth 3%"),
        (["--max-load", "users", "--tolerance", "2"], "expected a share between 0 and 100 %, like 2%, got --tolerance 2"),
        (["--n-plus", "1"], "expected fewer than all nodes, got --n-plus 1"),
    ],
)  # fmt: skip
def test_wrong_questions(tmp_path: Path, words: list[str], message: str) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(SCENARIO)
    done = RUN.invoke(cli.app, ["plan", str(path), "--keep", "users.errors < 2%", "--jobs", "1", *words])
    assert done.exit_code == 2, done.output
    assert done.stderr == f"netsim: {message}\n"


def test_a_scenario_with_errors_is_told_as_everywhere(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(SCENARIO.replace("60/s", "60"))
    done = RUN.invoke(cli.app, ["plan", str(path), "--max-load", "users", "--keep", "p99 < 1s"])
    assert done.exit_code == 3 and f"{path}:13:" in done.stderr and "write 60/s" in done.stderr
