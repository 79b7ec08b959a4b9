"""What gossip takes of links: by hand from the constants of data/swarm.yaml, by conservation, and on both machineries.

Sources of the rules: MB networkdb/cluster.go (bulk sync every 30 s with one member of a network), memberlist state.go (a
probe a second, push/pull every 30 s), MB networkdb.go JoinNetwork (a full copy from every member).
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from helpers import S
from swarms import swarm, text

from netsim.engine.border import Change, What
from netsim.engine.fast.simulate import FastPlane
from netsim.engine.machinery import Machinery
from netsim.engine.reference import Reference
from netsim.engine.world import World
from netsim.model.build import build_model
from netsim.model.fabric import WAN, port
from netsim.scenario.load import loads
from netsim.swarm.constants import swarm_table
from netsim.swarm.lines import Lines
from netsim.swarm.traffic import at_rest, row_rates, steady_bps

TABLE = swarm_table()
SHOP = "networks: {shop: {}}\nservices: {web: {replicas: 6, networks: [shop], endpoint_mode: dnsrr}}\n"
PROBES = 8 * (TABLE.ping_bytes + TABLE.ack_bytes)


def model_of(rest: str, **more: object):  # type: ignore[no-untyped-def]
    return build_model(loads(text(rest, **more)))  # type: ignore[arg-type]


def test_a_swarm_at_rest_by_hand() -> None:
    """Three nodes with two tasks each on one network, and all on the mesh, where each has a row: a ping and an answer a second,
    and in 30 s two exchanges of three members that are on two networks each, and two of twelve rows and three balancers' and
    three of the mesh."""
    model = model_of(SHOP, managers=1, workers=2)
    state = 3 * TABLE.member_state_bytes + 6 * TABLE.network_entry_bytes
    rows = (12 + 3 + 3) * TABLE.table_message_bytes
    streams = 6 * TABLE.stream_bytes + TABLE.stream_compression * 2 * (state + rows)
    assert steady_bps(model, TABLE) == pytest.approx([PROBES + 8 * streams / 30] * 3)


def test_tasks_with_published_ports_have_two_rows_more_each() -> None:
    model = model_of(SHOP, managers=1, workers=2)
    published = model_of(SHOP.replace("replicas: 6", "replicas: 6, ports: ['8080:80']").replace(", endpoint_mode: dnsrr", ""),
                         managers=1, workers=2)  # fmt: skip
    more = steady_bps(published, TABLE) - steady_bps(model, TABLE)
    assert more == pytest.approx([8 * TABLE.stream_compression * 2 * 12 * TABLE.table_message_bytes / 30] * 3)


def test_a_node_alone_says_nothing() -> None:
    alone = build_model(loads("netsim: 1\nname: one\nnodes: {m: {role: manager}}\n" + SHOP))
    assert steady_bps(alone, TABLE).tolist() == [0.0]


SITES = """fabric: {wan: {label: site, latency: 10ms, rate: 100Mbit}}
networks: {shop: {}}
services: {web: {replicas: 6, networks: [shop]}}
"""
SITED = """netsim: 1
name: sites
duration: 20s
warmup: 5s
nodes:
  east: {count: 3, role: manager, labels: {site: a}}
  west: {count: 5, labels: {site: b}}
"""


def test_what_leaves_nodes_comes_to_others_and_a_part_of_it_crosses_the_sites() -> None:
    """Five of seven others are on the other site for each of the three, three of seven for each of the five."""
    model = build_model(loads(SITED + SITES))
    lines = Lines(model)
    sends = np.arange(1.0, 9.0)
    receives = (sends.sum() - sends) / 7
    found = row_rates(lines, sends, receives)
    assert found[:8] == pytest.approx(sends) and found[8:16] == pytest.approx(receives)
    out = {names[0]: found[row] for row, names in enumerate(lines.stations) if row >= 16 and names}
    assert out[port("a", WAN)] == pytest.approx((1 + 2 + 3) * 5 / 7)
    assert out[port("b", WAN)] == pytest.approx((4 + 5 + 6 + 7 + 8) * 3 / 7)


@pytest.mark.parametrize("kind", [Reference, FastPlane])
def test_links_have_so_much_less_for_the_load(kind: type[Machinery]) -> None:
    """Of cards, of ports and of the lines between sites."""
    model = build_model(loads(SITED + SITES))
    lines = Lines(model)
    plane = kind(World(model.scenario, model, 1, 0))
    plane.apply(list(at_rest(model, lines, TABLE, plane.now_ps)))
    steady = steady_bps(model, TABLE)
    rates = row_rates(lines, steady, steady)
    for row, names in enumerate(lines.stations):
        for name in names:
            whole = lines.rates_bps[row] / len(names)
            assert plane.wiring.rate_bps(name) == pytest.approx(whole - rates[row] / len(names), abs=1)


def told(world: object, subject: str, direction: str) -> list[tuple[int, int]]:
    return [
        (change.at_ps, change.value)
        for change in world.journal.changes  # type: ignore[attr-defined]
        if isinstance(change, Change) and change.what == What.BACKGROUND and change.subject == subject
        and change.link is not None and change.link.direction == direction
    ]  # fmt: skip


SLOW = """services: {web: {replicas: 200, ports: ["8080:80"], placement: {constraints: [node.role == manager]}}}
faults: [{at: 1s, kill_daemon: worker-2, for: 3s}]
"""


def test_a_daemon_that_comes_back_copies_the_tables_of_all_others() -> None:
    """What is told adds up to the copies of all members, at most half of the link at a time, and ends with the rate of
    before; nothing else that happens then is as large."""
    scenario = text(SLOW, managers=1, workers=3, duration="40s").replace(
        "cores: 2}", "cores: 64, nic: {rate: 2Mbit}}"
    )
    world = swarm(scenario)
    world.env.run(until=40 * S)
    found = told(world, "worker-2", "receives")
    rest = found[0][1]
    assert found[-1][1] == rest and max(value for _, value in found) <= 10**6 + rest + 1
    extra = sum((value - rest) * (until - since) / S for (since, value), (until, _) in pairwise(found))
    copies = 3 * world.traffic.tables.bits[world.model.mesh]
    assert copies > 4 * 10**5
    # Besides there are datagrams, and the last part of a tick that is less than a hundredth of the link.
    assert copies * 0.9 < extra < copies * 1.3


def test_a_lost_rack_loads_slow_links_and_no_fast_ones() -> None:
    """Suspicions, and rows of forty tasks that start again elsewhere."""
    for rate, some in (("1Mbit", True), ("10Gbit", False)):
        rest = "services: {web: {replicas: 80, networks: [shop]}}\nnetworks: {shop: {}}\nfaults: [{at: 1s, crash: rack=b}]\n"
        scenario = text(rest, managers=3, workers=6, duration="40s").replace("cores: 2}", "cores: 16, NIC}")
        scenario = scenario.replace(
            "role: manager, cores: 16, NIC",
            f"role: manager, cores: 16, labels: {{rack: a}}, nic: {{rate: {rate}}}",
        )
        scenario = scenario.replace("NIC", f"labels: {{rack: [a, b]}}, nic: {{rate: {rate}}}")
        world = swarm(scenario)
        world.env.run(until=40 * S)
        later = [at for at, _ in told(world, "manager-1", "sends") if at > 0]
        assert bool(later) == some
        if some:
            assert later[0] < 10 * S


COUNTED = Path(__file__).parents[1] / "data" / "swarm" / "gossip-rate.jsonl"
FRAMING = 24  # preamble, FCS and gap of an Ethernet frame


@pytest.mark.parametrize("replicas", [20, 60])
def test_a_real_swarm_at_rest(replicas: int) -> None:
    """Five daemons on two networks. Sizes of messages are those of 20 replicas, so 60 are a forecast. Whom a node's bulk syncs
    choose is random: of those that others begin with it, 8 in 240 s with a variance of about 6, so the mean of two to four nodes is
    known to 10 %."""
    rows = [json.loads(line) for line in COUNTED.open()][1:]
    rows = [row for row in rows if row["replicas"] == replicas]
    model = model_of(SHOP.replace("replicas: 6", f"replicas: {replicas}"), managers=3, workers=2)
    for proto, share in (("udp", 0.02), ("tcp", 0.1)):
        sent = [(r[f"{proto}_out_bytes"] + FRAMING * r[f"{proto}_out_packets"]) / r["seconds"] for r in rows]
        wanted = PROBES / 8 if proto == "udp" else (steady_bps(model, TABLE)[0] - PROBES) / 8
        assert np.mean(sent) == pytest.approx(wanted, rel=share)
