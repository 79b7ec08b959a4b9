"""The schema of sweep files says what the reader says."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from helpers import ROOT
from typer.testing import CliRunner

from netsim.cli import main as cli
from netsim.scenario.problems import ScenarioError
from netsim.sweep import spec
from netsim.sweep.json_schema import build

SCENARIO = """netsim: 1
nodes: {m: {role: manager, cores: 2}}
networks: {n: {driver: overlay}}
services: {s: {networks: [n], ports: [{published: 80, target: 80}], work: {cpu: {exponential: {mean: 1ms}}}}}
load: {w: {from: outside, to: "s:80", arrivals: 200/s}}
"""


def valid(text: str) -> bool:
    return jsonschema.Draft7Validator(build()).is_valid(yaml.safe_load(text))


def test_it_is_printed_and_has_every_key() -> None:
    done = CliRunner().invoke(cli.app, ["schema", "--sweep"])
    assert done.exit_code == 0 and json.loads(done.stdout) == build()
    jsonschema.Draft7Validator.check_schema(build())
    assert tuple(build()["properties"]["sweep"]["properties"]) == spec.KEYS
    both = CliRunner().invoke(cli.app, ["schema", "--sweep", "--result"])
    assert (both.exit_code, both.stderr) == (2, "netsim: expected one schema, got --result and --sweep\n")


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios" / "sweeps").glob("*.yaml")), ids=lambda p: p.stem)
def test_shipped_sweeps_are_valid(path: Path) -> None:
    assert valid(path.read_text())


@pytest.mark.parametrize(
    "words",
    [
        "vary: {services.s.replicas: [1, 2]}",
        "vary: {services.s.replicas: {from: 1, to: 4, steps: 2}, load.w.arrivals: {from: 1/s, to: 9/s, log: true}}",
        "vary: {load.w.arrivals: {from: 1/s, to: 9/s}}, design: sobol, points: 8, seed: 3, replications: 2",
        "vary: {services.s.replicas: [1, 2]}, where: services.s.replicas > 1",
        "vary: {}",
        "vary: {services.s.replicas: []}",
        "vary: {services.s.replicas: 3}",
        "vary: {services.s.replicas: {from: 1}}",
        "vary: {services.s.replicas: {from: 1, to: 2, stepps: 3}}",
        "vary: {services.s.replicas: {from: 1, to: 2, steps: 0}}",
        "vary: {services.s.replicas: [1]}, design: random",
        "vary: {services.s.replicas: [1]}, design: lhs, points: 0",
        "vary: {services.s.replicas: [1]}, replications: 0",
        "vary: {services.s.replicas: [1]}, wehre: []",
        "vary: {services.s.replicas: [1]}, where: 3",
    ],
)
def test_the_reader_and_the_schema_agree(tmp_path: Path, words: str) -> None:
    (tmp_path / "s.yaml").write_text(SCENARIO)
    text = f"sweep: {{scenario: s.yaml, {words}}}"
    (tmp_path / "sweep.yaml").write_text(text)
    try:
        spec.read(tmp_path / "sweep.yaml")
    except ScenarioError:
        assert not valid(text)
    else:
        assert valid(text)
