"""The shipped JSON Schema says the same as the models."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from netsim.picoseconds import PS_PER_S
from netsim.scenario import ScenarioError, json_schema, load, loads

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted((ROOT / "scenarios").glob("*.yaml"))


def test_shipped_file_is_current() -> None:
    assert json_schema.shipped() == json_schema.text()


def test_is_a_valid_draft_07_schema() -> None:
    jsonschema.Draft7Validator.check_schema(json_schema.build())


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda p: p.stem)
def test_scenarios_satisfy_it_and_load(path: Path) -> None:
    as_json = json.loads(json.dumps(yaml.safe_load(path.read_text())))  # where every key is a string
    jsonschema.validate(as_json, json_schema.build(), jsonschema.Draft7Validator)
    assert load(path).name == path.stem


@pytest.mark.parametrize(
    "name",
    ["unknown-key", "rate-gbps", "role-typo", "bare-duration", "count-zero", "no-nodes", "version-two"],
)
def test_it_refuses_what_the_loader_refuses(name: str) -> None:
    text = (ROOT / "tests" / "errors" / "corpus" / f"{name}.yaml").read_text()
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(text), json_schema.build(), jsonschema.Draft7Validator)


def test_every_word_is_described() -> None:
    def walk(schema: object, at: str) -> None:
        if isinstance(schema, dict):
            for name, field in schema.get("properties", {}).items():
                assert "description" in field, f"{at}.{name}"
            for key, item in schema.items():
                walk(item, f"{at}.{key}")
        elif isinstance(schema, list):
            for item in schema:
                walk(item, at)

    walk(json_schema.build()["definitions"], "")


BASE = "netsim: 1\nnodes: {m: {role: manager}}\n"


def test_defaults_of_the_language() -> None:
    scenario = loads(BASE)
    assert (scenario.seed, scenario.duration, scenario.replications) == (1, 60 * PS_PER_S, 5)
    assert scenario.warmup == 6 * PS_PER_S  # 10 % of the duration, more than 5 s
    assert loads(BASE + "duration: 20s\n").warmup == 5 * PS_PER_S
    assert loads(BASE + "warmup: 0s\n").warmup == 0


def test_overrides_change_the_scenario_and_its_hash() -> None:
    plain, changed = loads(BASE), loads(BASE, overrides={"nodes.m.count": "3"})
    assert changed.nodes["m"].count == 3
    assert plain.sha256 != changed.sha256


def test_unknown_names_in_expectations_are_told_with_the_rest() -> None:
    with pytest.raises(ScenarioError) as caught:
        loads(BASE + "seed: -1\nexpect: ['nodes.x.cpu < 50%']\n")
    assert [p.code for p in caught.value.problems] == ["OUT_OF_RANGE"]  # sums need valid parts first
