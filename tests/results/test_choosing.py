"""``--engine auto``: the predicted visits against counted ones, and which engine that leads to."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

import netsim
from netsim.model.build import build_model
from netsim.results.choosing import Choice, choose, costs
from netsim.results.files import schema
from netsim.scenario.load import load, loads
from netsim.scenario.schema import Scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def busy(rate: float, duration: str = "1h", more: str = "", to: str = "db, count: 2") -> Scenario:
    return loads(
        f"""netsim: 1
name: busy
duration: {duration}
warmup: 5s
replications: 5
nodes: {{worker: {{role: manager, count: 10, cores: 16, nic: {{rate: 10Gbit}}}}}}
networks: {{net: {{driver: overlay}}}}
services:
  web: {{replicas: 40, networks: [net], ports: [{{published: 8080, target: 80}}], work: {{cpu: 1ms, workers: 16}},
        calls: [{{to: {to}, response: 30KiB}}]}}
  db: {{replicas: 10, networks: [net], work: {{cpu: 1ms, workers: 64}}}}
load:
  users: {{from: outside, to: "web:8080", arrivals: {{poisson: {rate}/s}}, response: 100KiB, connection: {{pool: 400}}}}
{more}"""
    )


def chosen(scenario: Scenario, unfit: str | None = None) -> Choice:
    return choose(scenario, build_model(scenario), scenario.replications, unfit)


#: Outside of a third: 24 hours of hardly any load, most of which are probes of idle connections; transfers that processors hold
#: back so far that they do not end; transfers that end with a node which is held for dead; answers of which little is sent
#: before their clients give up.
OUTSIDE = {"idle-900s", "offload-ladder", "saturated-uplink", "cloud-burst"}
RECORDED = sorted(
    {path.parent.name for path in SCENARIOS.parent.glob("reports/*/result.json")}
    & {path.stem for path in SCENARIOS.glob("*.yaml")} - OUTSIDE
)


def test_there_are_recorded_runs() -> None:
    assert len(RECORDED) >= 25


@pytest.mark.parametrize("name", RECORDED)
def test_visits_of_shipped_scenarios(name: str) -> None:
    """Within a third of what the recorded run of the fast engine counted: retries and what queues do are not predicted."""
    scenario = load(SCENARIOS / f"{name}.yaml")
    told = json.loads((SCENARIOS.parent / "reports" / name / "result.json").read_text())["manifest"]
    if told["engine"] != "fast":
        pytest.skip("without load there is nothing to choose")
    found = choose(scenario, build_model(scenario), told["replications"], None)
    assert found.visits == pytest.approx(told["events"], rel=1 / 3)


def test_a_run_with_changes_pays_for_the_control_plane_and_the_replay() -> None:
    calm, moved = chosen(busy(100)), chosen(busy(100, more="faults: [{at: 10s, crash: worker-2}]"))
    assert moved.visits == calm.visits
    control = 5 * (costs()["control_s"] + costs()["control_node_s"] * 10 * 3605)
    assert moved.seconds["fast"] - calm.seconds["fast"] == pytest.approx(control)
    replayed = 80_000 / (100 * 3605) * costs()["fast_visit_s"] * calm.visits
    assert moved.seconds["flow"] - calm.seconds["flow"] == pytest.approx(control + replayed)


def test_visits_grow_with_load_time_and_replications() -> None:
    one = chosen(busy(100))
    assert chosen(busy(300)).visits == pytest.approx(3 * one.visits)
    longer = chosen(busy(100, "2h"))
    assert longer.visits == pytest.approx(one.visits * 7205 / 3605)
    assert longer.seconds["fast"] == pytest.approx(
        costs()["start_s"] + costs()["fast_visit_s"] * longer.visits
    )


def test_short_runs_are_exact_and_long_ones_computed() -> None:
    short, long = chosen(busy(1000, "10s")), chosen(busy(4000, "4h"))
    assert short.engine == "fast" and short.seconds["fast"] < costs()["patience_s"]
    assert long.engine == "flow" and long.seconds["flow"] * costs()["advantage"] < long.seconds["fast"]
    assert "approximations" in long.line and "billion visits would take the fast engine about" in long.line
    assert "\n" not in long.line


def test_what_flow_cannot_run_is_named() -> None:
    found = chosen(busy(4000, "4h"), "services that scale themselves")
    assert (
        found.engine == "fast" and "the flow engine cannot run services that scale themselves" in found.line
    )


def test_the_choice_is_told_and_recorded() -> None:
    told: list[str] = []
    scenario = busy(100, "2s")
    result = netsim.run(scenario, replications=1, engine="auto", on_choice=told.append)
    jsonschema.validate(result.data, schema())
    choice = result.data["manifest"]["choice"]
    assert told == [f"auto: fast, since {choice['why']}"] and result.data["manifest"]["engine"] == "fast"
    assert "choice" not in netsim.run(scenario, replications=1, engine="fast").data["manifest"]
    assert not told[1:]


def test_flow_refuses_what_fills_a_table() -> None:
    """Half of these requests fail since connections rest for too long, which no formula of the flow engine knows."""
    scenario = load(SCENARIOS / "idle-900s.yaml")
    with pytest.raises(
        netsim.EngineError, match=r"cannot run what exceeds the limit ipvs-idle \(outside to db\)"
    ):
        netsim.run(scenario, engine="flow")
    assert netsim.run(scenario, engine="auto", replications=1).data["manifest"]["engine"] == "fast"


def test_calls_by_the_names_of_tasks_count() -> None:
    one, two, three = (chosen(busy(100, to=f"tasks.db, count: {n}")).visits for n in (1, 2, 3))
    assert three - two == pytest.approx(two - one) and two > one


def test_flow_runs_what_is_only_just_over_a_table() -> None:
    """A client's 28,232 ports are enough for 4 s of 7,000 connections/s by chance, and not for 8,500."""
    text = (
        "netsim: 1\nduration: 2s\nwarmup: 2s\nreplications: 1\nnodes: {m: {role: manager, count: 2, cores: 16}}\n"
        "networks: {net: {}}\nservices:\n  web: {replicas: 1, networks: [net], work: {cpu: 10us, workers: 64}}\n"
        "  api: {replicas: 1, networks: [net], work: {cpu: 10us, workers: 64}}\n"
        "load: {users: {from: web, to: api, arrivals: {poisson: RATE/s}, connection: new}}\n"
    )
    assert netsim.run(loads(text.replace("RATE", "7100")), engine="flow").data["manifest"]["engine"] == "flow"
    with pytest.raises(netsim.EngineError, match="client-ports"):
        netsim.run(loads(text.replace("RATE", "8500")), engine="flow")
