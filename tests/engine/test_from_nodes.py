"""Processes on nodes ask: what idle requests take is the sum of the trace, on every engine, and twice the containers may
publish one port."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import scenario_from

import netsim
from netsim.datapath.trace import trace
from netsim.model.build import build_model
from netsim.scenario import Scenario
from netsim.scenario.calls import party_of, publishers

TEXT = """netsim: 1
duration: 2s
warmup: 100ms
replications: 1
nodes: {n: {role: manager, count: 2, cores: 4}}
networks: {br: {driver: bridge}, ov: {driver: overlay}}
services:
  web: {networks: [ov], ports: ['8080:80'], work: {cpu: 0s}, placement: {constraints: [node.hostname == n-2]}}
containers:
  a: {node: n-1, networks: [br], ports: ['81:80'], work: {cpu: 0s}}
  b: {node: n-2, networks: [br], ports: ['81:80'], work: {cpu: 0s}}
  h: {node: n-2, networks: [host], work: {cpu: 0s}}
load:
  direct: {from: n-1, to: a, arrivals: {constant: 7/s}, request: 100B, response: 100B, connection: {pool: 1}}
  own: {from: n-1, to: 'a:81', arrivals: {constant: 7/s}, request: 100B, response: 100B, connection: {pool: 1}}
  far: {from: n-2, to: 'a:81', arrivals: {constant: 7/s}, request: 100B, response: 100B, connection: {pool: 1}}
  proxy: {from: n-2, to: 'localhost:81', arrivals: {constant: 7/s}, request: 100B, response: 100B, connection: {pool: 1}}
  mesh: {from: n-1, to: 'localhost:8080', arrivals: {constant: 7/s}, request: 100B, response: 100B, connection: {pool: 1}}
  nat: {from: a, to: h, arrivals: {constant: 7/s}, request: 100B, response: 100B, connection: {pool: 1}}
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    return scenario_from(TEXT, tmp_path)


@pytest.mark.parametrize("engine", ["reference", "fast", "flow"])
def test_an_idle_request_takes_what_its_trace_says(engine: str, scenario: Scenario) -> None:
    model = build_model(scenario)
    found = netsim.run(scenario, engine=engine).to_dict()["workloads"]
    for name, load in scenario.load.items():
        total = trace(model, load.from_, load.to, 100)["total_ns"]
        assert found[name]["completed"] and not found[name]["errors"], name
        # Half of them at least find their connection open and nobody else at work.
        assert found[name]["latency_s"]["p50"]["value"] == pytest.approx(total / 1e9, rel=0.02), name


def test_the_proxy_of_a_node_leads_to_its_own_container(scenario: Scenario) -> None:
    model = build_model(scenario)
    assert [trace(model, node, "localhost:81")["answered_by"] for node in ("n-1", "n-2")] == ["a", "b"]
    assert publishers(scenario, "81") == ["a", "b"] and party_of(scenario, "localhost:8080") == "web"
    assert [party_of(scenario, "localhost:81", node) for node in ("n-1", "n-2", "")] == ["a", "b", "a"]
