"""Leaf-spine fabrics and WANs against formulas: balls in bins, exact throughput of an uplink, distances by addition."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

import netsim
from netsim.audit import audit
from netsim.datapath.stage import lane
from netsim.datapath.trace import trace
from netsim.model.build import build_model
from netsim.scenario.load import loads
from netsim.swarm.ways import HOSTS_PS, Ways

RACKS = """netsim: 1
name: racks
duration: {duration}
warmup: {warmup}
replications: 1
nodes: {{m: {{role: manager, count: 8, cores: 8, labels: {{rack: [a, b], site: [x, y]}}, nic: {{rate: 10Gbit}}}}}}
fabric: {{latency: 1us{fabric}}}
outside: {{rtt: 1ms}}
networks: {{net: {{driver: overlay}}}}
services:
  src: {{replicas: 4, networks: [net], ports: [{{published: 80, target: 80}}], placement: {{constraints: [node.labels.rack == a]}}, work: {{cpu: 10us}}, calls: [{{to: dst}}]}}
  dst: {{replicas: 4, networks: [net], placement: {{constraints: [node.labels.rack == b]}}, work: {{cpu: 10us}}}}
load:
{load}
"""
USERS = "  users: {from: outside, to: 'src:80', arrivals: 10/s}\n"


def text(fabric: str, load: str = USERS, duration: str = "1s", warmup: str = "0s") -> str:
    return RACKS.format(fabric=fabric, load=load, duration=duration, warmup=warmup)


def empty_bins(balls: int, bins: int) -> float:
    """The mean number of bins that get none of the balls, each thrown with equal chances."""
    return bins * (1 - 1 / bins) ** balls


@pytest.mark.parametrize(("flows", "spines"), [(3, 2), (4, 4), (8, 4), (16, 8)])
def test_flows_fall_on_spines_like_balls_into_bins(flows: int, spines: int) -> None:
    """Idle spines over 20,000 draws of flow hashes, within five standard errors: 1 in a million by chance. The receive
    queue, which the same hash picks by other bits, says nothing of the spine."""
    rng = np.random.default_rng(7)
    hashes = rng.integers(0, 1 << 31, (20_000, flows))
    idle = [spines - len({lane(int(h), spines) for h in row}) for row in hashes]
    assert abs(np.mean(idle) - empty_bins(flows, spines)) < 5 * np.std(idle) / math.sqrt(len(idle))
    pairs = Counter((int(h) % 4, lane(int(h), spines)) for h in hashes[:, 0])
    expected = len(hashes) / (4 * spines)
    assert sum((n - expected) ** 2 / expected for n in pairs.values()) < 4 * spines + 6 * math.sqrt(
        8 * spines
    )


def test_an_oversubscribed_uplink_is_full_and_carries_what_its_headers_leave() -> None:
    """Four senders of 10 Gbit/s on one uplink of 1 Gbit/s: of 1538 bytes on the wire (MTU 1500, preamble, frame and gap),
    1398 are payload under VXLAN; the flows have all of it within the share that queues lose to TCP's sawtooth."""
    load = "  copy: {from: src, to: dst, bulk: 20GiB, flows: 8}\n"
    result = netsim.run(
        loads(text(", leaf_spine: {spines: 1, uplink: 1Gbit, buffer: 4MiB}", load, "4s", "2s"))
    )
    uplink = result.stations_all["switch/a.up1"]["utilisation"]["value"]
    goodput = result.data["workloads"]["copy"]["goodput_bps"]["value"]
    assert uplink > 0.995
    assert goodput == pytest.approx(uplink * 1e9 * 1398 / 1538, rel=0.005)
    assert result.stations_all["switch/b.down1"]["utilisation"]["value"] == pytest.approx(uplink, abs=0.002)


def test_one_switch_forwards_what_its_rate_lets_it() -> None:
    """Eight cards of 10 Gbit/s on a switch of 2 Gbit/s: what all flows get together is its rate less the headers, and none waits
    at the ports behind it, which are faster."""
    load = "  copy: {from: src, to: dst, bulk: 20GiB, flows: 8}\n"
    result = netsim.run(loads(text(", rate: 2Gbit, buffer: 4MiB", load, "3s", "2s")))
    use = result.stations_all["switch/fabric"]["utilisation"]["value"]
    goodput = result.data["workloads"]["copy"]["goodput_bps"]["value"]
    assert use > 0.995 and result.data["bottleneck"]["station"] == "switch/fabric"
    assert goodput * 1538 / 1398 == pytest.approx(use * 2e9, rel=0.01)
    free = trace(build_model(loads(text(""))), "src.1", "dst.1")
    blocking = trace(build_model(loads(text(", rate: 2Gbit"))), "src.1", "dst.1")
    crossed = [line for line in blocking["request"] if line["station"] == "switch/fabric"]
    assert len(crossed) == 1
    assert blocking["total_ns"] - free["total_ns"] == pytest.approx(2 * crossed[0]["ns"], abs=0.01)


def test_what_crosses_is_what_the_flows_were() -> None:
    """Every packet of a connection takes one spine: two equal flows fill one uplink or two, never one and a half."""
    load = "  copy: {from: src, to: dst, bulk: 20GiB, flows: 2}\n"
    shares = set()
    for seed in range(6):
        scenario = loads(text(", leaf_spine: {spines: 4, uplink: 1Gbit, buffer: 4MiB}", load, "500ms"))
        result = netsim.run(scenario, seed=seed)
        uses = [result.stations_all[f"switch/a.up{k}"]["utilisation"]["value"] or 0.0 for k in range(1, 5)]
        shares.add(sum(use > 0.5 for use in uses))
        assert all(use > 0.5 or use < 0.05 for use in uses), uses
    assert shares <= {1, 2}


def test_distances_add_up() -> None:
    """Within a rack one switch; across two, the leaf's port, the spine's and the node's; across sites the WAN as well."""
    whole = build_model(
        loads(text(", leaf_spine: {spines: 2, uplink: 40Gbit}, wan: {latency: 3ms, rate: 1Gbit}"))
    )
    ways = {dst: trace(whole, "m-1", dst) for dst in ("m-3", "m-2")}
    stations = {
        dst: [line["station"] for line in way["request"] if line["stage"] == "switch"]
        for dst, way in ways.items()
    }
    assert stations["m-3"] == ["switch/m-3"]
    assert stations["m-2"] == ["switch/a.up1-2", "switch/x.wan", "switch/b.down1-2", "switch/m-2"]
    wires = {
        dst: sum(line["ns"] for line in way["request"] if line["stage"] == "wire")
        for dst, way in ways.items()
    }
    assert wires == {"m-3": 1_000, "m-2": 4 * 1_000 + 3_000_000}
    control = Ways(whole)
    assert control.delay(0, 2) == HOSTS_PS + 10**6
    assert control.delay(0, 1) == HOSTS_PS + 10**6 + 3 * 10**6 + 3 * 10**9


def test_the_outside_stands_at_the_spines() -> None:
    model = build_model(loads(text(", leaf_spine: {spines: 2, uplink: 40Gbit}")))
    way = trace(model, "outside", "src:80")
    switches = [line["station"] for line in way["request"] if line["stage"] == "switch"]
    assert (
        switches[0] == f"switch/{'a' if way['entered_by'] in ('m-1', 'm-3', 'm-5', 'm-7') else 'b'}.down1-2"
    )
    assert [line["station"] for line in way["reply"] if line["stage"] == "switch"][-1] == "switch/outside"


def test_limits_of_racks_and_sites() -> None:
    model = build_model(
        loads(text(", leaf_spine: {spines: 2, uplink: 10Gbit}, wan: {latency: 3ms, rate: 1Gbit}"))
    )
    found = {(limit.id, limit.where): limit for limit in audit(model)}
    over = found["oversubscription", "rack a"]
    assert (over.used, over.most, over.status) == (40.0, 20.0, "risk") and "2 to 1" in over.detail
    quorum = found["single-point.site-quorum", "site x"]
    assert (quorum.used, quorum.most, quorum.status) == (4, 3, "risk")
    assert not any(limit.id == "single-point.switch" for limit in audit(model))
    one = build_model(loads(text(", leaf_spine: {spines: 1, uplink: 40Gbit}")))
    assert any(limit.id == "single-point.switch" and limit.where == "spine" for limit in audit(one))


ZONES = """netsim: 1
name: zones
duration: 4s
warmup: 1s
replications: 1
nodes: {m: {role: manager, count: 3, cores: 8, profile: stock, labels: {zone: [a, b, c]}}}
fabric: {latency: 1us, wan: {label: zone, latency: 1ms, rate: 10Gbit, between: {b/a: 3ms, a/c: 7ms}}}
outside: {rtt: 1ms, entry: {nodes: [m-1]}}
networks: {net: {attachable: true}}
services: {web: {replicas: 3, networks: [net], ports: ["80:80"], work: {cpu: 10us}}}
containers: {box: {node: m-2, networks: [net]}}
load: {users: {from: outside, to: "web:80", arrivals: {constant: 30/s}, connection: {pool: 3}}}
"""


def test_zones_are_as_far_apart_as_each_pair_says() -> None:
    """From zone a: nothing, 3 ms and 7 ms one way; between b and c 1 ms, which no pair says. The same on the control plane."""
    scenario = loads(ZONES)
    model = build_model(scenario)
    ways = Ways(model)
    assert [ways.delay(0, k) - HOSTS_PS for k in (1, 2)] == [2 * 10**6 + 3 * 10**9, 2 * 10**6 + 7 * 10**9]
    assert ways.delay(1, 2) - HOSTS_PS == 2 * 10**6 + 10**9
    latency = netsim.run(scenario).data["workloads"]["users"]["latency_s"]
    near = latency["mean"]["value"]
    # A third of the requests each: by the entry on a itself, to b and back, to c and back.
    assert latency["max"]["value"] == pytest.approx(0.001 + 2 * 0.007, rel=0.03)
    assert near == pytest.approx(0.001 + (0 + 2 * 0.003 + 2 * 0.007) / 3, rel=0.03)
