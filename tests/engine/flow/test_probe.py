"""What a probe leaves out changes nothing that it says."""

from __future__ import annotations

import numpy as np
import pytest

import netsim
from netsim.engine.flow import probe as probing
from netsim.engine.flow.probe import Probe, parties, probe
from netsim.model.build import build_model
from netsim.scenario.load import loads
from netsim.scenario.schema import Scenario


def scenario() -> Scenario:
    return loads(
        """netsim: 1
name: two-shops
duration: 5s
warmup: 1s
replications: 1
nodes: {worker: {role: manager, count: 3, cores: 4, nic: {rate: 10Gbit}}}
networks: {net: {driver: overlay}, other: {driver: overlay}}
services:
  web: {replicas: 4, networks: [net], ports: [{published: 8080, target: 80}], calls: [{to: db, connection: {pool: 4}}],
        work: {cpu: {exponential: {mean: 1ms}}, workers: 16}}
  db: {replicas: 2, networks: [net], work: {cpu: {exponential: {mean: 1ms}}, workers: 16}}
  shop: {replicas: 5, networks: [other], ports: [{published: 9090, target: 80}], work: {cpu: 1ms, workers: 8}}
  idle: {replicas: 7, networks: [other]}
load:
  users: {from: outside, to: "web:8080", arrivals: {poisson: 200/s}, connection: {pool: 40}}
  others: {from: outside, to: "shop:9090", arrivals: {poisson: 100/s}, connection: {pool: 40}}
"""
    )


def asked() -> Probe:
    found = scenario()
    return probe(found, build_model(found), "users", 1, 0, 200.0)


def test_tasks_that_no_request_meets_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parties(scenario(), "users") == {"web", "db"}
    narrow = asked()
    monkeypatch.setattr(probing, "narrowed", lambda model, scenario, name: build_model(scenario))
    whole = asked()
    assert np.array_equal(narrow.parts, whole.parts) and len(narrow.parts) >= 400
    assert narrow.demands == whole.demands and narrow.wire_bytes == whole.wire_bytes
    assert "shop.1/workers" in whole.stations and "shop.1/workers" not in narrow.stations


def test_every_station_is_in_the_result() -> None:
    """As many stations as the fast engine has, and nothing is busy where nothing arrives."""
    fast, flow = (netsim.run(scenario(), engine=name) for name in ("fast", "flow"))
    assert set(fast.stations_all) == set(flow.stations_all)
    for name, station in flow.stations_all.items():
        idle = not fast.stations_all[name]["utilisation"]["value"]
        if idle and station["kind"] == "workers":
            assert station["utilisation"]["value"] == 0, name
