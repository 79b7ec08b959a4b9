"""Placement, addresses and attachments, as a swarm makes them."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.model.build import ModelError, build_model
from netsim.model.entities import Model
from netsim.scenario import loads

HEAD = "netsim: 1\nnodes:\n  m: {role: manager}\n  w: {count: 4, labels: {zone: [a, b]}}\nnetworks: {shop: {}, back: {}}\n"


def model(services: str, more: str = "") -> Model:
    return build_model(loads(HEAD + "services:\n" + services + more))


def where(found: Model, service: str) -> list[str]:
    return [task.node.name for task in found.services[service]]


def test_spread_by_service_then_by_total() -> None:
    found = model("  a: {replicas: 3, networks: [shop]}\n  b: {replicas: 4, networks: [shop]}\n")
    assert where(found, "a") == ["m-1", "w-1", "w-2"]
    assert where(found, "b") == ["w-3", "w-4", "m-1", "w-1"]  # the empty nodes first


@given(st.integers(0, 40), st.integers(0, 40))
@settings(max_examples=40, deadline=None)
def test_no_node_has_two_more_tasks_of_a_service_than_another(a: int, b: int) -> None:
    found = model(f"  a: {{replicas: {a}, networks: [shop]}}\n  b: {{replicas: {b}, networks: [shop]}}\n")
    for service in ("a", "b"):
        counts = Counter(where(found, service))
        per_node = [counts[node] for node in found.nodes]
        assert max(per_node) - min(per_node) <= 1
    total = Counter(task.node.name for task in found.tasks.values())
    assert sum(total.values()) == a + b


@pytest.mark.parametrize(
    ("constraint", "nodes"),
    [
        ("node.role == manager", {"m-1"}),
        ("node.role != manager", {"w-1", "w-2", "w-3", "w-4"}),
        ("node.hostname == w-2", {"w-2"}),
        ("node.labels.zone == b", {"w-2", "w-4"}),
        ("node.labels.zone != b", {"m-1", "w-1", "w-3"}),  # a missing label is not b
    ],
)
def test_constraints(constraint: str, nodes: set[str]) -> None:
    found = model(f"  a: {{mode: global, networks: [shop], placement: {{constraints: [{constraint}]}}}}\n")
    assert set(where(found, "a")) == nodes


def test_preferences_spread_over_label_values() -> None:
    text = "  a: {replicas: 6, networks: [shop], placement: {constraints: [node.role == worker], preferences: [{spread: node.labels.zone}]}}\n"
    zones = Counter(task.node.labels["zone"] for task in model(text).services["a"])
    assert zones == {"a": 3, "b": 3}


def test_a_task_that_fits_nowhere_is_told_in_swarms_words() -> None:
    with pytest.raises(ModelError) as caught:
        model("  a: {replicas: 9, networks: [shop], placement: {max_replicas_per_node: 1}}\n")
    assert "NO_SUITABLE_NODE services.a: expected a node for a.6, got no suitable node" in str(caught.value)
    with pytest.raises(ModelError, match="scheduling constraints not satisfied on 5 nodes"):
        model("  a: {networks: [shop], placement: {constraints: [node.labels.zone == c]}}\n")
    with pytest.raises(ModelError, match="no suitable node"):
        model("  a: {networks: [shop], resources: {reservations: {cpus: 64}}}\n")


def test_subnets_vips_and_balancers() -> None:
    found = model("  a: {replicas: 2, networks: [shop], ports: ['80:80']}\n  b: {networks: [shop, back]}\n")
    plans = found.addresses
    assert plans["ingress"].subnet == "10.0.0.0/24"
    assert [plans[n].subnet for n in ("shop", "back")] == ["10.0.1.0/24", "10.0.2.0/24"]
    assert plans["shop"].gateway == "10.0.1.1"
    assert set(plans["shop"].vips) == {"a", "b"} and set(plans["back"].vips) == {"b"}
    assert set(plans["shop"].balancers) == {"m-1", "w-1", "w-2"}  # only where tasks are
    assert set(plans["ingress"].balancers) == set(found.nodes)  # the mesh is everywhere
    for plan in plans.values():
        assert len(plan.owners) == len(set(plan.owners))
    assert found.tasks["a.1"].addresses.keys() == {"shop", "ingress", "docker_gwbridge"}
    assert found.tasks["b.1"].addresses.keys() == {"shop", "back", "docker_gwbridge"}


def test_internal_networks_have_no_way_out() -> None:
    text = HEAD.replace("shop: {}", "shop: {internal: true}") + "services: {a: {networks: [shop]}}\n"
    assert build_model(loads(text)).tasks["a.1"].egress is None


def test_dynamic_ports_start_at_30000() -> None:
    found = model("  a: {networks: [shop], ports: [{target: 80}, {target: 81}]}\n")
    assert [port.published for port in found.ports] == [30000, 30001]
