"""Cards that a cloud holds back, hypervisors' cards, racks and stores: what `check` counts."""

from __future__ import annotations

import pytest
from helpers import ROOT

import netsim
from netsim.audit import Limit, audit
from netsim.model.build import build_model
from netsim.scenario import loads

HEAD = "netsim: 1\nduration: 5s\nwarmup: 1s\n"


def limits(text: str) -> dict[str, Limit]:
    return {
        f"{limit.id} {limit.where}": limit for limit in audit(build_model(loads(HEAD + text), audit=True))
    }


def test_the_need_of_a_card_is_what_a_run_sends() -> None:
    """Three entry nodes and tasks, answers of 256 KiB: the need that `check` counts against what the card sent."""
    path = ROOT / "scenarios" / "cloud-burst.yaml"
    scenario = netsim.load(path, {"duration": "20s", "replications": "1"})
    counted = next(limit for limit in audit(build_model(scenario, audit=True)) if limit.id == "card.baseline")
    result = netsim.run(scenario)
    sent = max(row["sustained"]["value"] for row in result.data["credit"]) * 256
    assert counted.used == pytest.approx(sent, rel=0.04)  # 9,000 Poisson arrivals: 1 % of standard deviation
    assert counted.status == "risk"


def test_packets_per_second_of_calls_are_counted_at_both_ends() -> None:
    """1,000/s to one task that calls another node twice: 1,000 x 2 answers of 3 packets come in, 1,000 requests come in
    from the entry node, which sends its own answers out."""
    found = limits("""
nodes: {e: {role: manager, nic: {pps: 1000000/s}}, w: {count: 2, nic: {pps: 5000/s}}}
outside: {entry: {nodes: [e-1]}}
networks: {net: {}}
services:
  web: {networks: [net], ports: ["80:80"], placement: {constraints: [node.hostname == w-1]}, calls: [{to: db, count: 2, request: 400B, response: 4000B}]}
  db: {networks: [net], placement: {constraints: [node.hostname == w-2]}}
load: {u: {from: outside, to: "web:80", arrivals: 1000/s, request: 100B, response: 1000B}}
""")
    limit = found["card.packets w-1"]
    assert limit.used == 1000 + 2 * 3 * 1000 and limit.most == 5000 and limit.status == "risk"
    assert found["card.packets e-1"].used == 2000  # in: requests from outside and answers of the task


def test_a_hypervisors_card_is_shared() -> None:
    limit = limits("""
nodes: {m: {role: manager, count: 3, nic: {rate: 10Gbit}}}
hypervisors: {h: {cores: 8, nodes: [m-*], nic: {rate: 25Gbit}}}
""")["hypervisor.card h"]
    assert (limit.used, limit.most, limit.status) == (30, 25, "risk")


RACKS = """
nodes: {m: {role: manager, count: 3, labels: {rack: [a, b, c]}}, w: {count: 4, labels: {rack: [a, a, b, b]}}}
fabric: {leaf_spine: {}}
networks: {net: {}}
services: {web: {replicas: 2, networks: [net], placement: {constraints: [%s]}}}
"""


def test_all_replicas_in_one_rack_are_a_risk() -> None:
    found = limits(RACKS % "node.labels.rack == a, node.role == worker")
    limit = found["single-point.rack-replicas web in rack a"]
    assert (limit.used, limit.most, limit.status) == (2, 1, "risk")
    spread = [one for name, one in limits(RACKS % "node.role == manager").items() if "rack-replicas" in name]
    assert [one.status for one in spread] == ["ok"]


@pytest.mark.parametrize(("nodes", "told"), [(1, True), (2, True), (3, False)])
def test_a_store_that_can_lose_none(nodes: int, told: bool) -> None:
    found = limits(f"nodes: {{h: {{}}, s: {{count: {nodes}}}}}\ncluster_store: {{kind: etcd, nodes: [s-*]}}")
    assert ("single-point.store the store" in found) is told
