"""Overlays without swarm mode: what each store's time-outs lead to, and what needs the store at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import scenario_from

from netsim.engine.fast.simulate import FastPlane
from netsim.engine.record import FATES, RunRecord
from netsim.engine.reference import Reference
from netsim.model.build import build_model
from netsim.swarm.passes import simulate as loaded
from netsim.swarm.simulate import simulate

TEXT = """netsim: 1
duration: {duration}
warmup: 1s
nodes:
  host: {{count: {hosts}, cores: 4}}
  store: {{count: 3, cores: 2, labels: {{tier: store}}}}
cluster_store: {{kind: {kind}, nodes: [store-*]}}
networks: {{shop: {{driver: overlay}}}}
containers:
  web: {{node: host-1, networks: [shop]}}
  late: {{node: host-2}}
{rest}
"""
KINDS = ("consul", "etcd", "zookeeper")


def runs(tmp_path: Path, kind: str, rest: str, duration: str = "70s", count: int = 40) -> list[RunRecord]:
    scenario = scenario_from(TEXT.format(kind=kind, rest=rest, hosts=4, duration=duration), tmp_path)
    model = build_model(scenario)
    return [simulate(scenario, model, 1, k) for k in range(count)]


def times(records: list[RunRecord], name: str) -> list[float]:
    found = [record.failovers[0][name] for record in records]
    assert all(isinstance(value, float) for value in found)
    return [float(value or 0) for value in found]


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [("consul", 40, 60), ("etcd", 40, 60.5), ("zookeeper", 20 / 3, 12)],
)
def test_a_dead_engine_is_forgotten_when_its_key_expires(
    tmp_path: Path, kind: str, low: float, high: float
) -> None:
    """Registered every 20 s with a TTL of 60 s, its key has 40 to 60 s left; ZooKeeper's session 2/3 to all of 10 s, and the
    next tick. Each comes near both ends (of 40 draws, all in the middle three fifths: 0.6**40)."""
    found = times(runs(tmp_path, kind, "faults: [{at: 1s, crash: host-3}]"), "node_down_s")
    assert min(found) >= low and max(found) <= high + 0.1
    width = high - low
    assert min(found) < low + width / 4 and max(found) > high - width / 4


@pytest.mark.parametrize(
    ("kind", "low", "high"), [("consul", 4, 21), ("etcd", 0.8, 4.2), ("zookeeper", 8, 13)]
)
def test_a_store_without_its_leader_elects_another(
    tmp_path: Path, kind: str, low: float, high: float
) -> None:
    """The first follower's time-out, 5 to 9.5, 1 to 1.9 or 10 s, counted from the last heartbeat in ticks, of which one may
    have passed and one is not yet full; another round where votes split (one in 40 of three), for ZooKeeper at once."""
    found = times(runs(tmp_path, kind, "faults: [{at: 1s, crash: leader}]", "25s"), "leader_elected_s")
    assert low <= min(found) and max(found) <= high
    assert sorted(found)[len(found) // 2] <= (low + 1) * 2


@pytest.mark.parametrize("kind", KINDS)
def test_without_the_store_nobody_joins_and_nobody_is_forgotten(tmp_path: Path, kind: str) -> None:
    rest = """faults: [{at: 10s, crash: tier=store}, {at: 20s, crash: host-3}]
operations: [{at: 30s, connect: {late: shop}}]"""
    for record in runs(tmp_path, kind, rest, "70s", 5):
        lines = [(line["what"], line["who"]) for line in record.timeline]
        assert ("refused", "connect late") in lines
        assert not {"connected", "node down"} & {what for what, _ in lines}
        assert record.failovers[2]["whole_s"] is None


@pytest.mark.parametrize("kind", KINDS)
def test_one_lost_node_of_three_is_no_loss(tmp_path: Path, kind: str) -> None:
    """A follower dies: the other two commit, so a container joins at once."""
    rest = """faults: [{at: 10s, crash: random(store)}]
operations: [{at: 60s, connect: {late: shop}}]"""
    for record in runs(tmp_path, kind, rest, "70s", 5):
        joined = next(float(str(line["t_s"])) for line in record.timeline if line["what"] == "connected")
        assert 60 < joined < 60.2


JOINING = """operations: [{at: 2s, connect: {late: shop}}]
load:
  users: {from: outside, to: "web:8080", arrivals: {constant: 100/s}, timeout: 4s}
"""


@pytest.mark.parametrize("seed", range(3))
def test_the_first_packets_to_a_new_address_wait_for_its_lookup(tmp_path: Path, seed: int) -> None:
    """The store tells the name within milliseconds and Serf the address up to a second later. What is sent meanwhile is
    lost, and its connection is tried again after a second; before, the name is unknown; afterwards all is as usual."""
    text = TEXT.format(kind="etcd", rest=JOINING, hosts=4, duration=f"6s\nseed: {seed}")
    text = text.replace(
        "web: {node: host-1, networks: [shop]}",
        'web: {node: host-1, networks: [shop], ports: ["8080:80"], work: {workers: 500}, calls: [{to: late, connection: new}]}',
    )
    scenario = scenario_from(text, tmp_path)
    model = build_model(scenario)
    records = [loaded(kind, scenario, model, seed, 0, keep_requests=True) for kind in (FastPlane, Reference)]
    for record in records:
        log = record.workloads["users"].log
        start, took = log.start_ps / 1e12, (log.finish_ps - log.start_ps) / 1e12
        fates = [FATES[int(fate)] for fate in log.fate]
        early = [fate for fate, at in zip(fates, start, strict=True) if at < 1.9]
        assert early and all(fate != "completed" for fate in early)
        later = [(fate, spent) for fate, at, spent in zip(fates, start, took, strict=True) if at > 2.05]
        assert {fate for fate, _ in later} == {"completed"}
        waited = [spent for _, spent in later if spent > 0.5]
        assert waited and all(1.0 < spent < 1.2 for spent in waited)
    assert (records[0].workloads["users"].log.finish_ps == records[1].workloads["users"].log.finish_ps).all()


def test_containers_need_no_attachable_overlay_and_no_balancer_has_an_address(tmp_path: Path) -> None:
    model = build_model(scenario_from(TEXT.format(kind="etcd", rest="", hosts=2, duration="9s"), tmp_path))
    plan = model.addresses["shop"]
    assert not plan.balancers and not plan.vips
    assert plan.owners[model.tasks["web"].addresses["shop"]] == "web"
