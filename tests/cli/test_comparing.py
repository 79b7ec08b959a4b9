"""``netsim compare`` on real runs: planted changes are found or left alone, and equal things do not alarm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import netsim
from netsim.cli import main as cli
from netsim.scenario.load import loads

RUN = CliRunner()
#: Two workers at 70 % of one core each, the rest of a round trip away.
SCENARIO = """netsim: 1
name: planted
duration: 20s
warmup: 2s
nodes: {m: {role: manager, cores: 2}}
outside: {rtt: 4ms}
networks: {net: {driver: overlay}}
services:
  web:
    networks: [net]
    ports: [{published: 80, target: 80}]
    work: {cpu: {lognormal: {mean: WORKus, cv: 1}}, workers: 8}
load:
  users: {from: outside, to: "web:80", arrivals: {poisson: 140/s}, connection: {pool: 50}}
"""


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A folder with planted.yaml and its stored result."""
    (tmp_path / "planted.yaml").write_text(SCENARIO.replace("WORK", "10000"))
    done = RUN.invoke(cli.app, ["run", str(tmp_path / "planted.yaml"), "--out", str(tmp_path / "base"), "-q"])
    assert done.exit_code == 0, done.output
    return tmp_path


@pytest.mark.parametrize(("work", "code"), [("10500", 99), ("10010", 0), ("10000", 0)])
def test_planted_in_the_work_against_a_stored_result(stored: Path, work: str, code: int) -> None:
    """5 % more work is a regression; 0.1 % is not, and nothing is nothing."""
    (stored / "new.yaml").write_text(SCENARIO.replace("WORK", work))
    words = ["compare", str(stored / "base"), str(stored / "new.yaml"), "--fail-on", "regression"]
    done = RUN.invoke(cli.app, words)
    assert done.exit_code == code, done.output
    assert ("Regression: worse beyond doubt" in done.stdout) == (code == 99)
    if work == "10010":
        data = json.loads(RUN.invoke(cli.app, [*words, "--format", "json"]).stdout)
        cpu = next(one for one in data["differences"] if one["what"] == "nodes.m-*.cpu")
        assert 0.0005 < cpu["relative"]["value"] < 0.0015  # it is seen, and too small to matter


def test_two_scenarios_and_what_is_set(stored: Path) -> None:
    file = str(stored / "planted.yaml")
    more = ["--set", "services.web.work.cpu={lognormal: {mean: 11ms, cv: 1}}"]
    done = RUN.invoke(
        cli.app, ["compare", file, file, "--replications", "3", "--fail-on", "regression", *more]
    )
    assert done.exit_code == 99 and "3 replications in pairs" in done.stdout
    assert RUN.invoke(cli.app, ["compare", file, file, "--replications", "3"]).stdout.endswith(
        "within 1 %.\n"
    )
    assert RUN.invoke(cli.app, ["compare", file, file, *more, "--replications", "3"]).exit_code == 0


def test_a_regression_by_the_words_of_the_scenario(stored: Path) -> None:
    text = SCENARIO.replace("WORK", "10500") + "expect: [baseline: +1%]\n"
    (stored / "new.yaml").write_text(text)
    words = ["run", str(stored / "new.yaml"), "--baseline", str(stored / "base" / "result.json")]
    done = RUN.invoke(cli.app, words)
    assert done.exit_code == 99 and "fail  baseline: +1%  found +" in done.stdout


def test_what_is_no_result(tmp_path: Path) -> None:
    done = RUN.invoke(cli.app, ["compare", str(tmp_path), str(tmp_path)])
    assert done.exit_code == 2 and "expected a result of netsim run" in done.stderr


@pytest.mark.slow
def test_a_hundred_comparisons_of_equals_alarm_at_most_four_times() -> None:
    """Different seeds. With a chance of at most 1 % each, more than four happen with a chance of 0.3 %."""
    text = SCENARIO.replace("WORK", "10000").replace("20s", "8s").replace("warmup: 2s", "warmup: 1s")
    scenario = loads(text)
    results = [netsim.run(scenario, seed=seed) for seed in range(1, 201)]
    alarms = [bool(netsim.compare(results[k], results[k + 1]).regressions) for k in range(0, len(results), 2)]
    assert len(alarms) == 100 and sum(alarms) <= 4, sum(alarms)
