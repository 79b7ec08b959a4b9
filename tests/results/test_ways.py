"""Ways in a result: stages that sum up, calls that follow, each pair once; and each node's view after a fault."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

import netsim
from netsim.model.build import build_model
from netsim.results.files import schema
from netsim.results.validity import WHEN, validity
from netsim.results.ways import MOST_WAYS, request_ways
from netsim.scenario.load import load

ROOT = Path(__file__).parents[2]


def test_a_way_sums_up_and_calls_follow() -> None:
    model = build_model(load(ROOT / "scenarios" / "quickstart.yaml"))
    found = request_ways(model)
    assert [(way["from"], way["to"]) for way in found][:2] == [("outside", "web:8080"), ("web.1", "api")]
    assert len(found) == len({(way["from"], way["to"]) for way in found}) <= MOST_WAYS
    for way in found:
        total = sum(ns for key in ("request", "reply") for *_, ns in way[key])
        assert total == pytest.approx(way["total_ns"], rel=1e-3)


def test_every_live_node_has_a_view_of_a_dead_one() -> None:
    """The slowest view is what the clock calls rows gone, since the managers reach every node that lives."""
    scenario = load(ROOT / "scenarios" / "failover-only.yaml")
    data = netsim.run(scenario, replications=2).data
    jsonschema.validate(data, schema())
    (row,) = (row for row in data["failovers"] if row["fault"].startswith("crash"))
    dead = row["fault"].split()[1]
    assert set(row["views"]) == set(scenario.node_names()) - {dead}
    assert max(row["views"].values()) == pytest.approx(row["gossip_removed_s"]["samples"][0])
    assert list(row["views"].values()) == sorted(row["views"].values())


def test_validity_names_what_is_there() -> None:
    scenario = load(ROOT / "scenarios" / "node-crash.yaml")
    texts = validity(scenario, "fast")
    assert any("real swarm" in text for text in texts) and any("IPVS" in text for text in texts)
    assert not any("flow engine" in text for text in texts)
    assert any("flow engine" in text for text in validity(scenario, "flow"))
    rows = yaml.safe_load((ROOT / "sim" / "netsim" / "data" / "validity.yaml").read_text())
    for row in rows.values():
        assert row["when"] in WHEN and (row["source"] == "the scenario" or (ROOT / row["source"]).exists())
