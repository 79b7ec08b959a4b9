"""What a name costs, against DNS's formats (RFC 1035) and the embedded server's source."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netsim.datapath.dns import asking, dns_table, lookup_cost
from netsim.datapath.reach import ReachError, reach
from netsim.datapath.trace import trace
from netsim.model.build import build_model
from netsim.model.entities import Model
from netsim.scenario import loads

TEXT = """
netsim: 1
nodes: {m: {role: manager, count: 2}}
outside: {rtt: 30ms}
networks: {net: {attachable: true}, br: {driver: bridge}}
services:
  web: {replicas: 3, networks: [net], ports: [{published: 8080, target: 80}]}
  rr: {replicas: 40, networks: [net], endpoint_mode: dnsrr}
  none: {replicas: 0, networks: [net]}
containers:
  box: {node: m-1, networks: [net]}
  brick: {node: m-1, networks: [br]}
  old: {node: m-1, networks: [bridge]}
  older: {node: m-1, networks: [bridge], links: [old]}
"""


@pytest.fixture(scope="module")
def model() -> Model:
    return build_model(loads(TEXT))


@pytest.mark.parametrize(("name", "records"), [("db", 30), ("tasks.web", 30), ("x" * 15, 29), ("a" * 60, 27)])
def test_how_many_addresses_a_datagram_holds(name: str, records: int) -> None:
    """512 bytes less header 12 and question (name + 2 length bytes, type 2, class 2); 16 for each address."""
    assert 12 + len(name) + 6 + 16 * records <= 512 < 12 + len(name) + 6 + 16 * (records + 1)
    assert dns_table().records(name) == records


def test_the_time_to_live_is_dockers() -> None:
    assert dns_table().ttl_ps == 600 * 10**12


@pytest.mark.parametrize(
    ("src", "target", "engine", "upstream", "picks"),
    [
        ("box", "web", True, 0, False),
        ("box", "web:80", True, 0, False),
        ("box", "web.2", True, 0, False),
        ("box", "tasks.web", True, 0, True),
        ("box", "rr", True, 0, True),
        ("box", "rr.3", True, 0, False),
        ("box", "none", True, 30, False),
        ("box", "outside", True, 30, False),
        ("brick", "outside", True, 30, False),
        ("old", "outside", False, 30, False),
        ("m-1", "outside", False, 30, False),
    ],
)
def test_who_is_asked(model: Model, src: str, target: str, engine: bool, upstream: int, picks: bool) -> None:
    asked = asking(model, reach(model, src, target), src, target)
    assert asked is not None
    cost = lookup_cost(model, asked)
    assert (asked.engine, cost.upstream_ps, asked.picks) == (engine, upstream * 10**9, picks)


@pytest.mark.parametrize(
    ("src", "target"), [("outside", "web:8080"), ("older", "old"), ("box", "box"), ("box", "m-2")]
)
def test_what_needs_no_name(model: Model, src: str, target: str) -> None:
    """The entry's address, /etc/hosts by a legacy link, a container itself, an address of the underlay."""
    assert asking(model, reach(model, src, target), src, target) is None


def test_tasks_have_no_virtual_address(model: Model) -> None:
    by_name, by_tasks = reach(model, "box", "web"), reach(model, "box", "tasks.web")
    assert (by_name.kind, by_name.balancer) == ("vip", "ipvs")
    assert (by_tasks.kind, by_tasks.balancer) == ("direct", None)
    assert sorted(by_tasks.candidates) == ["web.1", "web.2", "web.3"]
    with pytest.raises(ReachError, match="tasks.box is no task"):
        reach(model, "box", "tasks.box")


def test_a_cut_answer_is_asked_for_again_over_tcp(model: Model) -> None:
    asked = asking(model, reach(model, "box", "rr"), "box", "rr")
    assert asked is not None and asked.over_udp == 30
    cost = model.nodes["m-1"].profile.cost
    whole, cut = (lookup_cost(model, replace(asked, records=n)) for n in (30, 31))
    assert (whole.query_ps, whole.tcp_ps) == (cost("dns.query").fixed_ps, 0)
    assert whole.answer_ps == cost("dns.answer").fixed_ps + 30 * cost("dns.answer").per_packet_ps
    assert whole.wake_ps == 2 * cost("core.wake").fixed_ps
    assert (cut.query_ps, cut.tcp_ps) == (2 * whole.query_ps, cost("dns.tcp").fixed_ps)
    assert cut.answer_ps == 2 * (whole.answer_ps + cost("dns.answer").per_packet_ps)
    assert cut.wake_ps == 2 * whole.wake_ps


def test_a_trace_shows_the_lookup_beside_the_request(model: Model) -> None:
    found = trace(model, "box", "rr")
    assert [line["stage"] for line in found["lookup"]] == ["dns.query", "dns.tcp", "dns.answer", "core.wake"]
    assert trace(model, "outside", "web:8080")["lookup"] == []
    assert found["total_ns"] == round(sum(s["ns"] for s in found["request"] + found["reply"]), 3)
