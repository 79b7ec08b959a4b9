"""What a packet meets for every driver and pair of places, against Docker's documentation and the engine's source.

Each row: from, to, then the stages between the two sockets in words of one letter case; ``|`` is the wire. What is
the same for all pairs (sockets, cards, switch) is checked apart.
"""

from __future__ import annotations

import pytest

from netsim.datapath.paths import ReachError, reach, reply_path, request_path
from netsim.datapath.stage import Context, Path
from netsim.model.build import build_model
from netsim.scenario import loads

TEXT = """
netsim: 1
nodes: {m: {role: manager, count: 3}}
fabric: {vlans: {50: {gateway: true}, 60: {gateway: false}, 70: {}, 71: {}, 72: {}}, reflective_relay: true}
networks:
  plain: {attachable: true}
  enc: {attachable: true, encrypted: true}
  dsr: {attachable: true, options: {dsr: true}}
  gnv: {attachable: true, options: {encapsulation: geneve}}
  shut: {attachable: true, internal: true}
  br: {driver: bridge}
  noicc: {driver: bridge, icc: false}
  inbr: {driver: bridge, internal: true}
  routed: {driver: bridge, options: {com.docker.network.bridge.gateway_mode_ipv4: routed}}
  mac: {driver: macvlan, parent: eth0}
  mac50: {driver: macvlan, parent: eth0.50}
  mac60: {driver: macvlan, parent: eth0.60}
  priv: {driver: macvlan, parent: eth0, mode: private}
  vepa: {driver: macvlan, parent: eth0, mode: vepa}
  dummy: {driver: macvlan, internal: true}
  ip2: {driver: ipvlan, parent: eth0.70, mode: l2}
  ip3: {driver: ipvlan, parent: eth0.71, mode: l3}
  ip3s: {driver: ipvlan, parent: eth0.72, mode: l3s}
services:
  vip: {replicas: 3, networks: [plain], ports: [{published: 8080, target: 80}, {published: 9090, target: 90, mode: host}]}
  evip: {replicas: 3, networks: [enc]}
  dvip: {replicas: 3, networks: [dsr]}
  rr: {replicas: 3, networks: [plain], endpoint_mode: dnsrr}
  onhost: {mode: global, networks: [host]}
containers:
"""
NETWORKS = ["plain", "enc", "dsr", "gnv", "shut", "br", "noicc", "inbr", "routed", "mac", "mac50", "mac60", "priv", "vepa", "dummy", "ip2",
            "ip3", "ip3s", "host", "none", "bridge"]  # fmt: skip
TEXT += "".join(
    f"  {n}-{who}: {{node: {node}, networks: [{n}]{ports}}}\n"
    for n in NETWORKS
    for who, node, ports in (
        (
            "a",
            "m-1",
            ", ports: ['7000:80']" if n == "br" else ", ports: ['7001:80']" if n == "routed" else "",
        ),
        ("b", "m-1", ""),
        ("c", "m-2", ""),
    )
)
MODEL = build_model(loads(TEXT))

VETH = "veth bridge veth"
LB = f"{VETH} conntrack.hit ipvs.hit nat.snat"
ESP = "gso.segment esp.encrypt"
OUT = "veth bridge conntrack.hit nat.snat ip.forward"
BACK = "conntrack.hit nat.snat ip.forward bridge veth"

WAYS = [
    # One bridge of one node: no netfilter between its containers; out by masquerading; in by DNAT; IP only on docker0.
    ("br-a", "br-b", VETH, VETH),
    ("bridge-a", "bridge-b", VETH, VETH),
    ("inbr-a", "inbr-b", VETH, VETH),
    ("br-a", "outside", f"{OUT} |", f"| {BACK}"),
    ("br-a", "m-2", f"{OUT} |", f"| {BACK}"),
    ("br-a", "m-1", "veth bridge conntrack.hit", "conntrack.hit bridge veth"),
    ("m-1", "br-a", "conntrack.hit bridge veth", "veth bridge conntrack.hit"),
    # An internal bridge has its node's end, too.
    ("inbr-a", "m-1", "veth bridge conntrack.hit", "conntrack.hit bridge veth"),
    ("inbr-a", "host-a", "veth bridge conntrack.hit", "conntrack.hit bridge veth"),
    ("outside", "br-a:7000", "| conntrack.hit nat.dnat ip.forward bridge veth", "veth bridge conntrack.hit nat.dnat ip.forward |"),
    ("m-1", "localhost:7000", "ip.recv proxy conntrack.hit bridge veth", "veth bridge conntrack.hit ip.recv proxy"),
    # The same port asked on the node itself: DNAT in OUTPUT, and no forwarding; from another node as from outside.
    ("m-1", "br-a:7000", "conntrack.hit nat.dnat bridge veth", "veth bridge conntrack.hit nat.dnat"),
    ("m-2", "br-a:7000", "| conntrack.hit nat.dnat ip.forward bridge veth", "veth bridge conntrack.hit nat.dnat ip.forward |"),
    ("m-1", "routed-a:7001", "conntrack.hit bridge veth", "veth bridge conntrack.hit"),
    # A process of another node, or of its own, at that node's address.
    ("br-a", "host-c", f"{OUT} |", f"| {BACK}"),
    ("plain-a", "host-c", f"{OUT} |", f"| {BACK}"),
    ("br-a", "host-a", "veth bridge conntrack.hit", "conntrack.hit bridge veth"),
    ("mac-a", "host-c", "macvlan |", "| macvlan"),
    ("m-1", "plain-a", "conntrack.hit bridge veth", "veth bridge conntrack.hit"),
    ("routed-a", "outside", "veth bridge conntrack.hit ip.forward |", "| conntrack.hit ip.forward bridge veth"),
    ("outside", "routed-a:7001", "| conntrack.hit ip.forward bridge veth", "veth bridge conntrack.hit ip.forward |"),
    # Overlay: never encapsulated on one node; out by docker_gwbridge.
    ("plain-a", "plain-b", VETH, VETH),
    ("plain-a", "plain-c", "veth bridge vxlan.encap | vxlan.decap bridge veth", "veth bridge vxlan.encap | vxlan.decap bridge veth"),
    ("gnv-a", "gnv-c", "veth bridge geneve.encap | geneve.decap bridge veth", "veth bridge geneve.encap | geneve.decap bridge veth"),
    ("shut-a", "shut-c", "veth bridge vxlan.encap | vxlan.decap bridge veth", "veth bridge vxlan.encap | vxlan.decap bridge veth"),
    ("plain-a", "outside", f"{OUT} |", f"| {BACK}"),
    # Encrypted: ESP around VXLAN between nodes only, and no unit larger than a packet.
    ("enc-a", "enc-b", VETH, VETH),
    ("enc-a", "enc-c", f"veth bridge vxlan.encap {ESP} | esp.decrypt vxlan.decap bridge veth",
     f"veth bridge vxlan.encap {ESP} | esp.decrypt vxlan.decap bridge veth"),
    # VIP: balanced in the sandbox of the client's node, and the answer comes back through it; not with DSR.
    ("plain-a", "vip", f"{LB} veth bridge vxlan.encap | vxlan.decap bridge veth",
     f"veth bridge vxlan.encap | vxlan.decap bridge veth conntrack.hit ipvs.hit nat.snat {VETH}"),
    ("enc-a", "evip", f"{LB} veth bridge vxlan.encap {ESP} | esp.decrypt vxlan.decap bridge veth",
     f"veth bridge vxlan.encap {ESP} | esp.decrypt vxlan.decap bridge veth conntrack.hit ipvs.hit nat.snat {VETH}"),
    ("dsr-a", "dvip", f"{VETH} conntrack.hit ipvs.hit veth bridge vxlan.encap | vxlan.decap bridge veth",
     "veth bridge vxlan.encap | vxlan.decap bridge veth"),
    ("plain-a", "rr.1", VETH, VETH),
    # The mesh, entering at m-1; host mode.
    ("outside", "vip:8080", "| conntrack.hit nat.dnat ip.forward bridge veth conntrack.hit ipvs.hit nat.snat veth bridge vxlan.encap"
     " | vxlan.decap bridge veth conntrack.hit nat.redirect",
     "conntrack.hit nat.redirect veth bridge vxlan.encap | vxlan.decap bridge veth conntrack.hit ipvs.hit nat.snat veth bridge"
     " conntrack.hit nat.dnat ip.forward |"),
    # A process on a node asks its own node's port of the mesh: nothing comes in at the card.
    *((
        "m-1", name, "conntrack.hit nat.dnat bridge veth conntrack.hit ipvs.hit nat.snat veth bridge vxlan.encap"
        " | vxlan.decap bridge veth conntrack.hit nat.redirect",
        "conntrack.hit nat.redirect veth bridge vxlan.encap | vxlan.decap bridge veth conntrack.hit ipvs.hit nat.snat veth bridge"
        " conntrack.hit nat.dnat",
    ) for name in ("vip:8080", "localhost:8080")),
    ("outside", "vip:9090", "| conntrack.hit nat.dnat ip.forward bridge veth", "veth bridge conntrack.hit nat.dnat ip.forward |"),
    # macvlan and ipvlan: past the host's stack, with addresses of the underlay.
    ("mac-a", "mac-b", "macvlan", "macvlan"),
    ("mac-a", "mac-c", "macvlan | macvlan", "macvlan | macvlan"),
    ("priv-a", "priv-c", "macvlan | macvlan", "macvlan | macvlan"),
    ("vepa-a", "vepa-b", "macvlan | macvlan", "macvlan | macvlan"),
    ("dummy-a", "dummy-b", "macvlan", "macvlan"),
    ("mac50-a", "mac50-c", "macvlan vlan.tag | vlan.untag macvlan", "macvlan vlan.tag | vlan.untag macvlan"),
    ("mac-a", "outside", "macvlan |", "| macvlan"),
    ("mac-a", "m-2", "macvlan |", "| macvlan"),
    ("m-2", "mac-a", "| macvlan", "macvlan |"),
    ("outside", "mac-a", "| macvlan", "macvlan |"),
    ("ip2-a", "ip2-b", "ipvlan", "ipvlan"),
    ("ip2-a", "ip2-c", "ipvlan vlan.tag | vlan.untag ipvlan", "ipvlan vlan.tag | vlan.untag ipvlan"),
    ("ip3-a", "ip3-b", "ipvlan ipvlan.route", "ipvlan ipvlan.route"),
    ("ip3s-a", "ip3s-b", "ipvlan ipvlan.route conntrack.hit", "ipvlan ipvlan.route conntrack.hit"),
    # The host's own stack, and loopback.
    ("host-a", "host-b", "", ""),
    ("host-a", "host-c", "|", "|"),
    ("host-a", "m-1", "", ""),
    ("host-a", "outside", "|", "|"),
    ("outside", "onhost", "|", "|"),
    ("none-a", "none-a", "", ""),
    ("m-1", "m-2", "|", "|"),
]  # fmt: skip
REFUSED = [
    ("br-a", "br-c", "different nodes, and br is a bridge of one node"),
    ("br-a", "noicc-a", "share no network"),
    ("noicc-a", "noicc-b", "icc: false"),
    ("inbr-a", "outside", "only internal networks"),
    ("shut-a", "outside", "only internal networks"),
    ("mac-a", "m-1", "cannot reach the node that they run on"),
    ("m-1", "mac-a", "cannot reach the node that they run on"),
    ("ip3-a", "m-1", "cannot reach the node that they run on"),
    ("priv-a", "priv-b", "private"),
    ("dummy-a", "dummy-c", "dummy interface"),
    ("dummy-a", "outside", "only internal networks"),
    ("mac60-a", "outside", "does not route VLAN 60"),
    ("outside", "mac60-a", "cannot be reached from outside"),
    ("none-a", "none-b", "only a loopback interface"),
    ("none-a", "outside", "only a loopback interface"),
    ("outside", "br-b", "publishes no port"),
    ("outside", "plain-a", "publishes no port"),
    ("m-1", "localhost:7777", "nothing on m-1 is published at port 7777"),
    ("m-2", "localhost:7000", "nothing on m-2"),
    ("m-2", "br-b", "br-b is on m-1 and publishes no port"),
    ("m-2", "br-a", "br-a is on m-1 and publishes br-a:7000, so m-2 cannot reach it so"),
    ("br-a", "onhost", "onhost runs on 3 nodes"),
    ("shut-a", "host-c", "only internal networks"),
    ("mac-a", "host-a", "cannot reach the node that they run on"),
]


def between(path: Path) -> str:
    """The stages between the sockets, with ``|`` for a wire."""
    words: list[str] = []
    skipped = {"nic.xmit", "nic.tx", "switch", "wire", "irq.moderation", "nic.rx", "outside"}
    for stage in path.stages:
        if stage.stage in skipped:
            if words[-1:] != ["|"]:
                words.append("|")
        else:
            words.append(stage.stage)
    if words[:1] == ["tcp.send"]:
        words = words[1:]
    if words[-3:] == ["ip.recv", "core.wake", "tcp.recv"]:
        words = words[:-3]
    return " ".join(words)


def ways(src: str, target: str) -> tuple[Path, Path]:
    found = reach(MODEL, src, target)
    via = found.vias[0] if found.vias else None
    dst = next((c for c in found.candidates if via and MODEL.tasks[c].node.name != via), found.candidates[0])
    if found.kind == "vip":
        here = MODEL.nodes.get(src) or MODEL.tasks[src].node
        dst = next(c for c in found.candidates if MODEL.tasks[c].node is not here)
    return request_path(MODEL, found, src, dst, via, False), reply_path(MODEL, found, src, dst, via)


@pytest.mark.parametrize(("src", "target", "there", "back"), WAYS, ids=lambda value: value[:24] or "-")
def test_way(src: str, target: str, there: str, back: str) -> None:
    request, reply = ways(src, target)
    assert between(request) == there
    assert between(reply) == back


@pytest.mark.parametrize(("src", "target", "why"), REFUSED)
def test_no_way(src: str, target: str, why: str) -> None:
    with pytest.raises(ReachError, match=why):
        reach(MODEL, src, target)


def test_every_driver_has_its_rows() -> None:
    named = {end.rpartition("-")[0] for row in WAYS for end in row[:2]}
    refused = {end.rpartition("-")[0] for row in REFUSED for end in row[:2]}
    assert set(NETWORKS) - {"noicc", "mac60"} <= named
    assert {"noicc", "mac60"} <= refused


@pytest.mark.parametrize(("src", "target", "there", "back"), WAYS, ids=lambda value: value[:24] or "-")
def test_the_new_connections_way_differs_by_its_entries_only(
    src: str, target: str, there: str, back: str
) -> None:
    found = reach(MODEL, src, target)
    via = found.vias[0] if found.vias else None
    new, known = (request_path(MODEL, found, src, found.candidates[0], via, n) for n in (True, False))
    assert [s.stage.replace(".new", ".hit") for s in new.stages] == [s.stage for s in known.stages]
    assert [(s.node, s.context, s.station) for s in new.stages] == [
        (s.node, s.context, s.station) for s in known.stages
    ]


#: Bytes of a full packet on the first wire, and TCP payload in it: IP packet of the MTU, 52 of headers inside.
SIZES = [
    ("plain-a", "plain-c", 1538, 1398), ("enc-a", "enc-c", 1538, 1372), ("gnv-a", "gnv-c", 1538, 1398), ("mac-a", "mac-c", 1538, 1448),
    ("mac50-a", "mac50-c", 1542, 1448), ("host-a", "host-c", 1538, 1448), ("br-a", "outside", 1538, 1448),
]  # fmt: skip


@pytest.mark.parametrize(("src", "target", "wire", "payload"), SIZES)
def test_bytes_of_a_full_packet(src: str, target: str, wire: int, payload: int) -> None:
    path, _ = ways(src, target)
    assert path.mss_bytes == payload
    total = payload
    for stage in path.stages:
        total += stage.bytes_added
        if stage.context == Context.LINK:
            assert total == wire
            break


@pytest.mark.parametrize(
    ("words", "mtu"),
    [
        # The numbers of moby's maxMTU: what is configured, less 50, less 26 and down to a multiple of 4.
        ("", 1450), ("encrypted: true", 1424), ("options: {com.docker.network.driver.mtu: 1430, encrypted: true}", 1352),
        ("options: {com.docker.network.driver.mtu: 9000}", 8950), ("mtu: 1300", 1300), ("options: {encrypted: true}", 1424),
    ],
)  # fmt: skip
def test_mtu_of_an_overlay_does_not_look_at_the_card(words: str, mtu: int) -> None:
    text = f"netsim: 1\nnodes: {{m: {{role: manager, nic: {{mtu: 9000}}}}}}\nnetworks: {{net: {{attachable: true, {words}}}}}\n"
    model = build_model(
        loads(text + "containers: {a: {node: m-1, networks: [net]}, b: {node: m-1, networks: [net]}}\n")
    )
    assert request_path(model, reach(model, "a", "b"), "a", "b", None, True).mss_bytes == mtu - 52


#: Cards of the two nodes; TCP payload of a packet from a to b, and from b to a. The first two as `ss -ti` showed them
#: on Linux 6.18 (docs/validation.md); the third as well, where a packet from a then vanishes at b.
CARDS = [
    ("", 1500, 1500, 1398, 1398), ("", 1400, 1400, 1298, 1298), ("", 1500, 1400, 1398, 1298), ("", 9000, 9000, 1398, 1398),
    ("mtu: 8950", 1500, 1500, 1398, 1398), ("mtu: 8950", 9000, 1500, 8898, 1398), ("encrypted: true", 1400, 1400, 1298, 1298),
]  # fmt: skip


@pytest.mark.parametrize(("words", "card_a", "card_b", "there", "back"), CARDS)
def test_segments_fit_the_card_of_the_sender(
    words: str, card_a: int, card_b: int, there: int, back: int
) -> None:
    text = f"""netsim: 1
nodes: {{a: {{role: manager, nic: {{mtu: {card_a}}}}}, b: {{nic: {{mtu: {card_b}}}}}}}
networks: {{net: {{attachable: true, {words}}}}}
containers:
  x: {{node: a-1, networks: [net]}}
  y: {{node: b-1, networks: [net]}}
  z: {{node: a-1, networks: [net]}}
"""
    model = build_model(loads(text), audit=True)
    found = reach(model, "x", "y")
    assert request_path(model, found, "x", "y", None, True).mss_bytes == there
    assert reply_path(model, found, "x", "y", None).mss_bytes == back
    driver = model.addresses["net"]
    inside = driver.driver.mtu(driver.spec, card_a) - 52  # on one node nothing is put around
    assert request_path(model, reach(model, "x", "z"), "x", "z", None, True).mss_bytes == inside
