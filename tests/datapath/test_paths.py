"""Every case of the data path: order of stages, where they run, and bytes on every wire."""

from __future__ import annotations

import pytest

from netsim.datapath.paths import ReachError, link_specs, reach, reply_path, request_path
from netsim.datapath.stage import Context, Path
from netsim.datapath.trace import trace
from netsim.model.build import build_model
from netsim.model.entities import Model
from netsim.scenario import loads

TEXT = """
netsim: 1
nodes: {{m: {{role: manager, count: 3, profile: {profile}}}}}
outside: {{rtt: 10ms}}
networks: {{shop: {{attachable: true}}, local: {{driver: bridge}}, shut: {{internal: true}}}}
services:
  web: {{replicas: 3, networks: [shop], ports: [{{published: 8080, target: 80}}, {{published: 9090, target: 90, mode: host}}]}}
  db: {{networks: [shop, shut]}}
  vault: {{networks: [shut]}}
containers:
  one: {{node: m-1, networks: [local]}}
  two: {{node: m-1, networks: [local]}}
  far: {{node: m-2, networks: [local]}}
"""


def make(profile: str = "stock") -> Model:
    return build_model(loads(TEXT.format(profile=profile)))


MODEL = make()


def names(path: Path, context: Context | None = None) -> list[str]:
    return [s.stage for s in path.stages if context is None or s.context == context]


def wire_bytes(path: Path) -> list[tuple[str, int]]:
    """Bytes of a full packet on every link."""
    total, found = 0, []
    for stage in path.stages:
        total += stage.bytes_added
        if stage.context == Context.LINK:
            found.append((stage.station or "", path.mss_bytes + total))
    return found


def both(src: str, target: str, dst: str, via: str | None = None, new: bool = False) -> tuple[Path, Path]:
    found = reach(MODEL, src, target)
    return request_path(MODEL, found, src, dst, via, new), reply_path(MODEL, found, src, dst, via)


def test_same_container() -> None:
    there, back = both("web.1", "web.1", "web.1")
    assert names(there) == names(back) == ["tcp.send", "ip.recv", "core.wake", "tcp.recv"]


def test_same_node_bridge() -> None:
    there, _ = both("one", "two", "two")
    assert names(there) == ["tcp.send", "veth", "bridge", "veth", "ip.recv", "core.wake", "tcp.recv"]
    assert there.mss_bytes == 1448 and wire_bytes(there) == []


def test_across_nodes_by_overlay() -> None:
    there, back = both("web.1", "web.2", "web.2")
    assert names(there) == [
        "tcp.send", "veth", "bridge", "vxlan.encap", "nic.xmit", "nic.tx", "switch", "wire", "irq.moderation",
        "nic.rx", "vxlan.decap", "bridge", "veth", "ip.recv", "core.wake", "tcp.recv",
    ]  # fmt: skip
    assert names(there, Context.SOFTIRQ) == ["nic.rx", "vxlan.decap", "bridge", "veth", "ip.recv"]
    assert wire_bytes(there) == [("m-1/eth0.tx", 1538), ("switch/m-2", 1538)]
    assert there.mss_bytes == 1398
    assert wire_bytes(back) == [("m-2/eth0.tx", 1538), ("switch/m-1", 1538)]


def test_container_to_outside_is_masqueraded() -> None:
    there, back = both("web.1", "outside", "outside", new=True)
    assert names(there)[:8] == [
        "tcp.send", "veth", "bridge", "conntrack.new", "nat.snat", "ip.forward", "nic.xmit", "nic.tx",
    ]  # fmt: skip
    assert there.mss_bytes == 1448
    assert wire_bytes(there) == [("m-1/eth0.tx", 1538), ("switch/outside", 1538)]
    assert wire_bytes(back) == [("switch/m-1", 1538)]
    assert names(back)[-3:] == ["ip.recv", "core.wake", "tcp.recv"]


def test_ingress_to_a_task_elsewhere_and_back_through_the_same_node() -> None:
    there, back = both("outside", "web:8080", "web.2", via="m-1", new=True)
    assert [(s.node, s.stage) for s in there.stages if s.stage in ("ipvs.new", "nat.snat", "nat.dnat", "nat.redirect")] == [
        ("m-1", "nat.dnat"), ("m-1", "ipvs.new"), ("m-1", "nat.snat"), ("m-2", "nat.redirect"),
    ]  # fmt: skip
    assert [s.stage for s in there.stages if s.chooses] == ["ipvs.new"]
    assert there.mss_bytes == 1398
    assert wire_bytes(there) == [("switch/m-1", 1488), ("m-1/eth0.tx", 1538), ("switch/m-2", 1538)]
    assert wire_bytes(back) == [
        ("m-2/eth0.tx", 1538), ("switch/m-1", 1538), ("m-1/eth0.tx", 1488), ("switch/outside", 1488),
    ]  # fmt: skip
    assert "conntrack.new" not in names(back) and "ipvs.new" not in names(back)


def test_the_way_to_the_choice_does_not_depend_on_what_is_chosen() -> None:
    found = reach(MODEL, "outside", "web:8080")
    for via in MODEL.nodes:
        before = set()
        for dst in found.candidates:
            stages = request_path(MODEL, found, "outside", dst, via, True).stages
            chosen = next(i for i, s in enumerate(stages) if s.chooses)
            before.add(stages[: chosen + 1])
        assert len(before) == 1


def test_ingress_to_a_task_on_the_entry_node_is_not_encapsulated() -> None:
    there, _ = both("outside", "web:8080", "web.1", via="m-1")
    assert "vxlan.encap" not in names(there)
    assert {s.node for s in there.stages} == {"outside", "m-1"}


def test_vip_is_balanced_where_the_client_is() -> None:
    there, back = both("web.1", "db", "db.1", new=True)
    assert next(s for s in there.stages if s.chooses).node == MODEL.tasks["web.1"].node.name
    assert next(s for s in there.stages if s.chooses).context == Context.THREAD
    assert names(back).count("ipvs.hit") == 1
    assert next(s for s in back.stages if s.stage == "ipvs.hit").node == MODEL.tasks["web.1"].node.name


def test_host_mode() -> None:
    found = reach(MODEL, "outside", "web:9090")
    assert found.kind == "host" and len(found.candidates) == 3
    there, back = both("outside", "web:9090", "web.3")
    assert {"nat.dnat", "bridge"} <= set(names(there)) and "ipvs.hit" not in names(there)
    assert {s.node for s in there.stages} == {"outside", "m-3"}
    assert wire_bytes(back) == [("m-3/eth0.tx", 1538), ("switch/outside", 1538)]


def test_candidates_are_newest_first() -> None:
    assert reach(MODEL, "outside", "web:8080").candidates == ("web.3", "web.2", "web.1")


@pytest.mark.parametrize(
    ("src", "target", "told"),
    [
        ("outside", "db:5432", "publishes no port"),
        ("outside", "web:80", "web publishes web:8080, web:9090"),
        ("web.1", "vault", "share no network"),
        ("one", "far", "different nodes"),
        ("vault.1", "outside", "internal"),
        ("web.1", "wbe", "did you mean web?"),
        ("wbe.1", "web", "did you mean web.1?"),
    ],
)
def test_what_cannot_be_reached_says_why(src: str, target: str, told: str) -> None:
    with pytest.raises(ReachError, match=told.replace("?", r"\?")):
        reach(MODEL, src, target)


def test_an_idle_stock_host_answers_in_80_us_and_a_tuned_one_in_10() -> None:
    for profile, low, high in (("stock", 75_000, 90_000), ("tuned", 8_000, 14_000)):
        ns = trace(make(profile), "m-1", "m-2")["total_ns"] / 2
        assert low < ns < high


def test_every_link_of_every_path_has_a_rate() -> None:
    rates = link_specs(MODEL)
    for src, target, dst, via in (
        ("outside", "web:8080", "web.2", "m-1"),
        ("web.1", "outside", "outside", None),
        ("web.1", "db", "db.1", None),
    ):
        for path in both(src, target, dst, via):
            assert all(station in rates for station, _ in wire_bytes(path))


def test_trace_adds_up() -> None:
    found = trace(MODEL, "outside", "web:8080")
    assert found["total_ns"] == pytest.approx(sum(line["ns"] for line in found["request"] + found["reply"]))
    assert found["total_ns"] > 10e6
    assert set(found["request"][0]) == {"stage", "node", "station", "ns", "bytes_added"}


def test_a_published_port_is_on_the_network_of_the_default_route() -> None:
    """Docker publishes at the endpoint that gives the gateway (seen on 20.10.24: DNAT to the address on kk), whatever is
    listed first."""
    text = """netsim: 1
nodes: {m: {role: manager}}
networks: {mm: {driver: bridge}, kk: {driver: bridge}}
containers:
  box: {node: m-1, networks: [mm, kk], ports: ["8080:80"]}
  set: {node: m-1, networks: {mm: {gw_priority: 1}, kk: }, ports: ["8081:80"]}
"""
    model = build_model(loads(text))
    assert reach(model, "outside", "box:8080").network == "kk"
    assert reach(model, "outside", "set:8081").network == "mm"


def test_what_holds_a_flow_back_in_its_own_host() -> None:
    """The socket counts what is in veths, tunnels and the card, not what has been routed on its own node: skb_orphan in
    ip_rcv_core. Nothing counts on the way from the outside, and nothing has to on the same node."""
    there, back = both("web.1", "web.2", "web.2")
    assert there.queue_bytes == back.queue_bytes == 1 << 20
    assert both("one", "two", "two")[0].queue_bytes == 0
    routed, _ = both("one", "outside", "outside")
    assert "ip.forward" in names(routed) and routed.queue_bytes == 0
    there, back = both("outside", "web:8080", "web.2", via="m-1")
    assert there.queue_bytes == 0 and back.queue_bytes == 1 << 20
    assert both("outside", "web:8080", "web.1", via="m-1")[1].queue_bytes == 0


def test_packets_are_handed_on_after_the_card_s_work() -> None:
    """RPS stands between GRO and the stack, at the entry node as at the target; not with rfs, nor where there is one core."""
    for words, cores, steered in (
        ("rps", 4, True),
        ("rps, rfs", 4, False),
        ("rps", 1, False),
        ("gro", 4, False),
    ):
        nic = f"cores: {cores}, nic: {{offloads: [rx-checksum, gro, {words}]}}"
        model = build_model(loads(TEXT.format(profile=f"stock, {nic}")))
        found = reach(model, "outside", "web:8080")
        path = request_path(model, found, "outside", "web.2", "m-1", False)
        for node in ("m-1", "m-2"):
            at = [s for s in path.stages if s.node == node and s.context == Context.SOFTIRQ]
            assert (
                [s.stage for s in at[:3]] == ["nic.rx", "rps", "rps.backlog"]
                if steered
                else "rps" not in names(path)
            )
            assert [s.steered for s in at if s.steered] == ([1] if steered else [])
