"""The shipped scenarios of fabrics against arithmetic."""

from __future__ import annotations

import pytest
from helpers import ROOT

import netsim
from netsim.scenario import loads


def test_uplinks_of_the_rack_of_answers_are_half_full_and_then_a_copy_comes() -> None:
    """4,500 answers a second of 256 KiB all cross, since web and db stand in different racks:
    4500 x 262144 x 8 = 9.44 Gbit/s of payload, times 1538 / 1398 on the wire, over two uplinks of 10 Gbit/s: 51.9 %."""
    scenario = netsim.load(
        ROOT / "scenarios" / "leaf-spine.yaml", {"duration": "3s", "load.copy.start": "2999ms"}
    )
    data = netsim.run(scenario, replications=2)
    expected = 4500 * 262_144 * 8 * 1538 / 1398 / 20e9
    for k in (1, 2):
        use = data.stations_all[f"switch/b.up{k}"]["utilisation"]["value"]
        assert use == pytest.approx(expected, rel=0.06)
    down = [data.stations_all[f"switch/a.down{k}"]["utilisation"]["value"] for k in (1, 2)]
    assert sum(down) == pytest.approx(2 * expected, rel=0.05)


def test_beyond_the_knee_the_uplinks_are_full() -> None:
    """The two uplinks carry 20 Gbit/s x 1398 / 1538 / 256 KiB = 8,669 answers a second at the most."""
    given = {"duration": "3s", "load.copy.start": "2999ms", "load.users.arrivals": "{poisson: 9500/s}"}
    result = netsim.run(netsim.load(ROOT / "scenarios" / "leaf-spine.yaml", given), replications=1)
    assert result.data["bottleneck"]["station"].startswith(("switch/b.up", "switch/a.down"))
    done = result.data["workloads"]["users"]["throughput_per_s"]["value"]
    assert 0.93 * 8_669 < done < 1.01 * 8_669


def test_calls_over_the_wan_take_its_round_trip_longer() -> None:
    """Entry, web and db on two sites: a request crosses the WAN not at all, once or twice there and back, 30 ms each.
    Half cross at least once, and over 1 in 100 twice; who waits for a worker on one site is among its slowest, so the p99 differs
    by a little less."""
    scenario = netsim.load(ROOT / "scenarios" / "two-sites.yaml", {"faults": "[]", "duration": "10s"})
    far = netsim.run(scenario, replications=1).data["workloads"]["users"]["latency_s"]
    near = netsim.run(
        netsim.load(
            ROOT / "scenarios" / "two-sites.yaml",
            {"faults": "[]", "duration": "10s", "fabric.wan.latency": "1us"},
        ),
        replications=1,
    ).data["workloads"]["users"]["latency_s"]
    assert far["p50"]["value"] - near["p50"]["value"] == pytest.approx(0.030, abs=0.001)
    assert far["p99"]["value"] - near["p99"]["value"] == pytest.approx(0.060, abs=0.003)


PARTED = """netsim: 1
duration: 8s
warmup: 1s
replications: 1
nodes: {m: {role: manager, count: 6, labels: {rack: [a, b]}}}
fabric: {leaf_spine: {spines: 2}}
outside: {entry: {nodes: [m-1], check: none}}
networks: {shop: {}}
services:
  web: {networks: [shop], ports: ["80:80"], placement: {constraints: [node.hostname == m-1]}, work: {workers: 64}, calls: [{to: db, connection: new, timeout: 200ms}]}
  db: {replicas: 2, networks: [shop], placement: {constraints: [node.hostname == %s]}}
load: {users: {from: outside, to: "web:80", arrivals: {constant: 50/s}, timeout: 1s}}
faults: [{at: 2s, %s, for: 2s}]
"""
SIDES = "partition: [[m-1, m-3, m-5], [m-2, m-4, m-6]]"


@pytest.mark.parametrize(
    ("db", "fault", "fails"),
    [("m-2", SIDES, True), ("m-3", SIDES, False), ("m-2", "switch_down: b", True), ("m-3", "switch_down: b", False),
     ("m-3", "switch_down: true", True)],
)  # fmt: skip
def test_racks_that_do_not_reach_each_other(db: str, fault: str, fails: bool) -> None:
    """web in rack a calls db there or in rack b, while the racks are apart, the leaf of b is down, or all switches are."""
    result = netsim.run(loads(PARTED % (db, fault)))
    rows = {row.t_s: row for row in result.series_rows}
    during = [row for at, row in rows.items() if 2.05 < at < 3.7]
    around = [row for at, row in rows.items() if at < 1.7 or 5.5 < at < 7.7]
    assert during and around
    assert all(row.completed_per_s == 0 for row in during) is fails
    assert all(row.failed_per_s == 0 for row in around)
    assert (result.data["workloads"]["users"]["failed"] > 0) is fails
