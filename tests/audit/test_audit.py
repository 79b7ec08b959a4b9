"""Limits, counted by hand from Docker's rules, and the time that counting takes."""

from __future__ import annotations

import time

import pytest

from netsim.audit import Limit, audit, rule
from netsim.audit.limit import RULES, to_dict
from netsim.model.build import build_model
from netsim.model.entities import Model
from netsim.model.problems import ModelError
from netsim.scenario import loads


def model(text: str) -> Model:
    return build_model(loads("netsim: 1\n" + text), audit=True)


def find(found: Model, id: str, where: str) -> Limit:
    limits = [limit for limit in audit(found) if limit.id == id and limit.where.startswith(where)]
    assert len(limits) == 1, [(limit.id, limit.where) for limit in audit(found)]
    return limits[0]


SHOP = """nodes:
  m: {role: manager, count: 3}
  w: {count: 5}
networks:
  shop: {subnet: 10.9.0.0/27, attachable: true}
services:
  web: {replicas: 6, networks: [shop], ports: ["8080:80"], update_config: {order: start-first, parallelism: %d}}
  db: {replicas: 2, networks: [shop]}
  rr: {networks: [shop], endpoint_mode: dnsrr, update_config: {order: stop-first, parallelism: 9}}
containers:
  probe: {node: w-5, networks: [shop]}
"""


def test_addresses_of_an_overlay() -> None:
    # 1 gateway + 2 virtual (not for dnsrr) + a balancer on each node with an endpoint (8: 6 web, 2 db on two more,
    # rr and probe on nodes that have one) + 9 tasks + 1 container
    found = find(model(SHOP % 1), "addresses", "shop")
    assert (found.used, found.most, found.status) == (1 + 2 + 8 + 9 + 1, 30, "ok")
    assert to_dict(found, model(SHOP % 1))["line"] == 6
    assert find(model(SHOP % 1), "addresses", "ingress").used == 1 + 1 + 8 + 6


@pytest.mark.parametrize(("parallelism", "used", "status"), [(1, 22, "ok"), (4, 25, "near"), (0, 27, "near")])
def test_addresses_while_new_tasks_start_first(parallelism: int, used: int, status: str) -> None:
    found = find(model(SHOP % parallelism), "addresses.update", "shop")
    assert (found.used, found.status) == (used, status)


def test_addresses_when_scaled() -> None:
    """SHOP begins with 21 of 30; web may grow by 4 tasks, rr by 5; each of the eight nodes has a balancer already."""
    grown = "operations:\n- {at: 1s, scale: {web: 10, db: 1}}\n- {at: 2s, update: {rr: {replicas: 6}}}\n"
    found = find(model(SHOP % 1 + grown), "addresses.scale", "shop")
    assert (found.used, found.status) == (21 + 4 + 5, "near")
    assert to_dict(found, model(SHOP % 1 + grown))["line"] == 14
    assert find(model(SHOP % 1 + grown), "addresses.scale", "ingress").used == 16 + 4


def test_addresses_when_a_rule_scales() -> None:
    """Two tasks on two of six nodes: each task more may need a balancer, until all nodes have one."""
    text = """nodes: {m: {role: manager}, w: {count: 5}}
networks: {shop: {subnet: 10.9.0.0/28}}
services: {web: {replicas: 2, networks: [shop], ports: ["80:80"], autoscale: {target: {requests: 50/s}, max: %d}}}
load: {users: {from: outside, to: "web:80", arrivals: {poisson: 10/s}}}
"""
    for most, used, status in (
        (4, 1 + 1 + 4 + 4, "ok"),
        (6, 1 + 1 + 6 + 6, "near"),
        (7, 1 + 1 + 6 + 7, "risk"),
    ):
        found = find(model(text % most), "addresses.scale", "shop")
        assert (found.used, found.most, found.status) == (used, 14, status)
    assert found.help == "a /27 is large enough"


@pytest.mark.parametrize(("replicas", "fits"), [(126, True), (127, False)])
def test_the_last_address_of_a_24(replicas: int, fits: bool) -> None:
    """A /24 has 254; the gateway, one virtual address and 126 balancers leave 126 for tasks."""
    text = f"nodes: {{m: {{role: manager, count: 126}}}}\nnetworks: {{shop: {{}}}}\nservices: {{web: {{replicas: {replicas}, networks: [shop]}}}}\n"
    found = model(text)
    limit = find(found, "addresses", "shop")
    assert limit.used == 128 + replicas and limit.most == 254
    assert limit.status == ("near" if fits else "exceeded")
    assert len(found.starved) == (0 if fits else 1) and len(found.tasks) == 126
    if not fits:
        assert limit.help == "a /23 is large enough"
        with pytest.raises(ModelError, match="SUBNET_FULL"):
            build_model(loads("netsim: 1\n" + text))
        scenario = loads("netsim: 1\n" + text)
        scenario.tolerate()
        assert len(build_model(scenario).tasks) == 126


@pytest.mark.parametrize(
    ("count", "status"), [(818, "ok"), (819, "near"), (1023, "near"), (1024, "exceeded")]
)
def test_ports_of_a_bridge(count: int, status: str) -> None:
    containers = "".join(f"  c{i}: {{node: m-1, networks: [local]}}\n" for i in range(count))
    text = "nodes: {m: {role: manager}}\nnetworks: {local: {driver: bridge}}\ncontainers:\n" + containers
    found = find(model(text), "bridge-ports", "local on m-1")
    assert (found.used, found.most, found.status) == (count, 1023, status)


def test_ports_of_docker_gwbridge_count_the_ingress_sandbox() -> None:
    text = "nodes: {m: {role: manager}}\nnetworks: {shop: {subnet: 10.9.0.0/16}}\nservices: {web: {replicas: %d, networks: [shop]%s}}\n"
    assert find(model(text % (1023, "")), "bridge-ports", "docker_gwbridge").status == "near"
    published = model("swarm: {default_addr_pool_mask_length: 20}\n" + text % (1023, ", ports: ['80:80']"))
    found = find(published, "bridge-ports", "docker_gwbridge")
    assert (found.used, found.status) == (1024, "exceeded")


def test_tunnel_tables() -> None:
    found = model(SHOP % 1)
    # 18 endpoints and balancers on shop, 14 on ingress; w-5 has its balancer, probe and what the scheduler put there.
    here = sum(task.node.name == "w-5" for task in found.tasks.values())
    assert here >= 1
    total = 10 + 8
    least = min(
        sum(t.node.name == n for t in found.tasks.values() if "shop" in t.addresses) + 1 for n in found.nodes
    )
    assert find(found, "neighbours", "shop").used == total - least


@pytest.mark.parametrize(
    ("network", "nic", "used", "status"),
    [
        ("", 1500, 1500, "ok"), ("", 1499, 1499, "ok"), ("encrypted: true", 1500, 1500, "ok"), ("mtu: 1425, encrypted: true", 1500, 1500, "ok"),
        ("mtu: 8950", 9000, 9000, "ok"), ("mtu: 8950", 1500, 1500, "ok"), ("options: {com.docker.network.driver.mtu: 1400}", 1400, 1400, "ok"),
    ],
)  # fmt: skip
def test_packet_sizes(network: str, nic: int, used: int, status: str) -> None:
    text = f"nodes: {{m: {{role: manager, count: 3, nic: {{mtu: {nic}}}}}}}\nnetworks: {{shop: {{{network}}}}}\nservices: {{web: {{mode: global, networks: [shop]}}}}\n"
    found = find(model(text), "mtu", "shop on ")
    assert (found.used, found.most, found.status) == (used, nic, status)
    if status == "exceeded":
        assert found.help is not None
        mtu = found.help.rpartition(" ")[2]
        again = build_model(loads("netsim: 1\n" + text, overrides={"networks.shop.mtu": mtu}), audit=True)
        assert find(again, "mtu", "shop on ").status == "ok"
        larger = build_model(
            loads("netsim: 1\n" + text, overrides={"networks.shop.mtu": str(int(mtu) + 4)}), audit=True
        )
        assert find(larger, "mtu", "shop on ").status == "exceeded"


@pytest.mark.parametrize(
    ("network", "cards", "used", "most", "status"),
    [
        ("", (1400, 1400), 1400, 1400, "ok"), ("", (1500, 1400), 1500, 1400, "exceeded"), ("", (1400, 9000), 1500, 1400, "exceeded"),
        ("mtu: 1350", (1500, 1400), 1400, 1400, "ok"), ("encrypted: true", (1400, 1400), 1400, 1400, "ok"), ("encrypted: true", (1500, 1400), 1500, 1400, "exceeded"),
    ],
)  # fmt: skip
def test_what_a_sender_does_not_learn_of(
    network: str, cards: tuple[int, int], used: int, most: int, status: str
) -> None:
    nodes = f"{{m: {{role: manager, nic: {{mtu: {cards[0]}}}}}, w: {{nic: {{mtu: {cards[1]}}}}}}}"
    text = f"nodes: {nodes}\nnetworks: {{shop: {{{network}}}}}\nservices: {{web: {{mode: global, networks: [shop]}}}}\n"
    found = find(model(text), "mtu", "shop on ")
    assert (found.used, found.most, found.status) == (used, most, status)


@pytest.mark.parametrize(
    ("network", "nic", "used"),
    [
        ("encrypted: true", 1400, 1426), ("mtu: 1425, encrypted: true", 1500, 1504), ("", 1400, None), ("encrypted: true", 1500, None),
    ],
)  # fmt: skip
def test_what_is_cut_into_fragments(network: str, nic: int, used: int | None) -> None:
    """The full packets that are larger than the sender's card, and an MTU with which none is."""
    text = f"nodes: {{m: {{role: manager, count: 3, nic: {{mtu: {nic}}}}}}}\nnetworks: {{shop: {{{network}}}}}\nservices: {{web: {{mode: global, networks: [shop]}}}}\n"
    found = [limit for limit in audit(model(text)) if limit.id == "fragments"]
    assert [(limit.used, limit.most, limit.status) for limit in found] == (
        [] if used is None else [(used, nic, "risk")]
    )
    if found:
        mtu = str(found[0].help).rpartition(" ")[2]
        again = build_model(loads("netsim: 1\n" + text, overrides={"networks.shop.mtu": mtu}), audit=True)
        assert not [limit for limit in audit(again) if limit.id == "fragments"]


def test_published_ports() -> None:
    text = """nodes: {m: {role: manager, count: 2}}
networks: {shop: {}}
services:
  web: {replicas: 2, networks: [shop], ports: [{published: 8080, target: 80, mode: host}]}
  api: {networks: [shop], ports: [{published: 7946, target: 80}, {target: 80}]}
containers:
  box: {node: m-2, ports: ["8080:80"]}
"""
    found = model(text)
    clash = find(found, "published-port", "m-2:8080/tcp")
    assert (clash.status, clash.detail) == ("exceeded", "owners: web and box")
    own = find(found, "reserved-port", "7946/tcp")
    assert own.status == "exceeded" and "gossip" in own.detail
    assert find(found, "dynamic-ports", "the swarm").used == 1
    assert to_dict(own, found)["line"] == 6


def test_passthru_takes_one() -> None:
    text = "nodes: {m: {role: manager}}\nnetworks: {lan: {driver: macvlan, parent: eth0, mode: passthru}}\ncontainers: {a: {node: m-1, networks: [lan]}%s}\n"
    assert find(model(text % ""), "passthru", "lan").status == "ok"
    assert find(model(text % ", b: {node: m-1, networks: [lan]}"), "passthru", "lan").status == "exceeded"


@pytest.mark.parametrize(("managers", "risk"), [(1, True), (2, True), (3, False), (5, False)])
def test_quorum(managers: int, risk: bool) -> None:
    found = [limit.id for limit in audit(model(f"nodes: {{m: {{role: manager, count: {managers}}}}}\n"))]
    assert ("single-point.managers" in found) == risk


def test_single_points() -> None:
    text = SHOP % 1 + "outside: {entry: {nodes: [m-1]}}\n"
    found = {(limit.id, limit.where) for limit in audit(model(text)) if limit.status == "risk"}
    assert found == {
        ("single-point.service", "rr"),
        ("single-point.entry", "m-1"),
        ("single-point.switch", "switch"),
    }


def test_the_worst_come_first() -> None:
    order = ["exceeded", "risk", "near", "ok"]
    found = [order.index(limit.status) for limit in audit(model(SHOP % 1))]
    assert found == sorted(found)


def test_a_new_limit_is_one_function() -> None:
    def mine(found: Model):  # type: ignore[no-untyped-def]
        yield Limit("mine", "here", 3, 2, ("nodes",))

    rule(mine)
    try:
        assert audit(model("nodes: {m: {role: manager}}\n"))[0].id == "mine"
    finally:
        RULES.remove(mine)


def test_20000_containers_take_less_than_a_second() -> None:
    networks = "".join(f"  n{i}: {{subnet: 10.{100 + i}.0.0/16}}\n" for i in range(20))
    services = "".join(f"  s{i}: {{replicas: 200, networks: [n{i % 20}]}}\n" for i in range(100))
    text = f"nodes: {{m: {{role: manager, count: 3}}, w: {{count: 397}}}}\nnetworks:\n{networks}services:\n{services}"
    began = time.process_time()
    found = model(text)
    limits = audit(found)
    assert time.process_time() - began < 1
    assert len(found.tasks) == 20_000 and not [limit for limit in limits if limit.status == "exceeded"]
