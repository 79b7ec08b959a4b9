"""The numbers of a result against the records that they come from."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from fake_results import MS, S, record, result, scenario, station

import netsim
from netsim.model.build import build_model
from netsim.results.build import build_result
from netsim.results.files import schema
from netsim.results.judging import check_stations
from netsim.results.series import series
from netsim.results.setup import assumptions
from netsim.results.stations import bottleneck, station_names, station_numbers
from netsim.scenario.problems import ScenarioError
from netsim.stats.intervals import across

EXPECT = (
    "users.latency.p99 < 1s",
    "users.errors < 0.1%",
    "users.outage < 5s",
    "users.throughput > 10/s",
    'stations."worker-1/cpu".utilisation > 90%',
    "stations.worker-1/eth0.tx.drops < 1",
    "nodes.worker-1.cpu < 70%",
    "bottleneck.headroom > 0.1",
    "failover.whole_s < 20s",
)


@pytest.mark.parametrize("replications", [1, 3])
@pytest.mark.parametrize("errors", [0, 30])
def test_it_satisfies_the_shipped_schema(replications: int, errors: int) -> None:
    jsonschema.Draft7Validator.check_schema(schema())
    data = result(*EXPECT, errors=errors, replications=replications).to_dict()
    jsonschema.validate(json.loads(json.dumps(data)), schema(), jsonschema.Draft7Validator)


def test_every_number_of_the_contract_is_there() -> None:
    data = result(*EXPECT).data
    users = data["workloads"]["users"]
    assert set(users) >= {
        "offered_per_s", "throughput_per_s", "goodput_bps", "sent", "completed", "failed", "errors",
        "latency_s", "outage_s", "attribution",
    }  # fmt: skip
    assert list(users["latency_s"]) == ["mean", "p50", "p90", "p95", "p99", "p999", "max"]
    assert set(data["manifest"]) >= {
        "seed", "replications", "engine", "versions", "wall_s", "simulated_s", "events", "warnings",
    }  # fmt: skip
    assert data["schema"] == 1 and data["failovers"] == []
    limits = {limit["id"]: limit for limit in data["limits"]}
    assert set(limits["addresses"]) >= {"id", "where", "used", "max", "status"}


def test_counts_and_rates() -> None:
    users = result(errors=30).data["workloads"]["users"]
    assert (users["sent"], users["completed"], users["failed"]) == (3000, 2910, 90)
    assert users["errors"] == {"timeout": 90}
    assert users["offered_per_s"] == {"value": 100.0, "low": 100.0, "high": 100.0}
    assert users["throughput_per_s"]["value"] == pytest.approx(97.0)
    assert users["goodput_bps"]["value"] == pytest.approx(97.0 * 8000)
    assert users["error_share"]["value"] == pytest.approx(0.03)


def test_latency_is_close_and_its_interval_spans_replications() -> None:
    exact = []
    for k in range(3):
        log = record(k).workloads["users"].log
        exact.append(float(np.sort(log.finish_ps - log.start_ps)[990 - 1]) / S)
    expected = across(exact).to_dict()
    found = result().data["workloads"]["users"]["latency_s"]
    assert found["p99"]["value"] == pytest.approx(expected["value"], rel=0.01)
    means = [
        float(np.mean(x.finish_ps - x.start_ps)) / S
        for x in (record(k).workloads["users"].log for k in range(3))
    ]
    assert found["mean"] == pytest.approx(across(means).to_dict(), rel=1e-9)


def test_one_replication_has_batch_means_where_batches_are_long_enough() -> None:
    latency = result(replications=1).data["workloads"]["users"]["latency_s"]
    assert latency["mean"]["low"] < latency["mean"]["value"] < latency["mean"]["high"]
    assert latency["p50"]["low"] is not None
    assert latency["p99"] == {"value": latency["p99"]["value"], "low": None, "high": None}
    assert latency["max"]["low"] is None


def test_cores_count_together() -> None:
    data = result().data
    assert data["bottleneck"]["station"] == "worker-1/cpu"
    assert data["bottleneck"]["utilisation"]["value"] == pytest.approx(0.51)
    assert data["nodes"]["worker-1"]["cpu"] == data["bottleneck"]["utilisation"]
    assert data["stations"]["worker-1/cpu"]["kind"] == "node_cpu"
    assert next(iter(data["stations"])) == "worker-1/cpu0"  # the busiest first
    ends = data["bottleneck"]["headroom"]
    use = data["bottleneck"]["utilisation"]
    assert ends["value"] == pytest.approx(1 / 0.51 - 1)
    assert ends["low"] == pytest.approx(1 / use["high"] - 1)
    assert ends["high"] == pytest.approx(1 / use["low"] - 1)


def test_idle_stations_have_no_bottleneck() -> None:
    idle = record(busy=0.2)
    idle.stations = {"a/eth0.tx": station("a/eth0.tx", "nic_tx", "a", 0.0)}
    assert bottleneck(station_numbers([idle]).values()).station is None


def test_nodes() -> None:
    nodes = result().data["nodes"]
    assert list(nodes) == ["manager-1", "worker-1", "worker-2"]
    assert [nodes[n]["tasks"] for n in nodes] == [0, 1, 1]
    assert nodes["worker-1"]["conntrack_peak"] == 42  # the highest of the replications
    assert nodes["worker-1"]["nic_tx"]["value"] == pytest.approx(0.1)
    assert nodes["worker-1"]["nic_rx"]["value"] == pytest.approx(0.05)


def test_waits_and_drops_of_a_station() -> None:
    found = result().data["stations"]["web.1/workers"]
    assert found["wait_s"]["mean"]["value"] == pytest.approx(0.001)
    assert found["wait_s"]["p99"]["value"] == pytest.approx(0.001, rel=0.01)
    assert found["drops"] == 6
    assert found["utilisation"]["value"] == pytest.approx(0.3)


def test_expectations_and_their_status() -> None:
    found = {e["text"]: e["status"] for e in result(*EXPECT).data["expectations"]}
    assert list(found.values()) == [
        "pass", "pass", "pass", "pass", "fail", "fail", "pass", "pass", "inconclusive",
    ]  # fmt: skip
    assert result(*EXPECT).status == "fail"
    assert result().status == "pass"


def test_outage_reads_the_95th_percentile_over_replications() -> None:
    small = scenario("users.outage < 3s", "users.outage.p50 < 3s", "users.outage.max < 3s")
    records = [record(k, errors) for k, errors in enumerate([0, 0, 400])]
    data = build_result(small, build_model(small), records, "reference", 1.0).data
    p95, p50, most = data["expectations"]
    assert p95["value"] == most["value"] > 3 and p50["value"] == 0
    assert (p95["status"], most["status"]) == ("inconclusive", "fail")


def test_one_replication_leaves_outage_undecided() -> None:
    (found,) = result("users.outage < 10s", replications=1).data["expectations"]
    assert (found["value"], found["status"]) == (0.0, "inconclusive")


def test_incomplete_replications_do_not_count() -> None:
    small = scenario()
    half = record(2)
    half.complete = False
    built = build_result(small, build_model(small), [record(0), record(1), half], "reference", 1.0)
    assert built.data["manifest"]["replications"] == 2 and built.interrupted
    with pytest.raises(ValueError, match="no complete replication"):
        build_result(small, build_model(small), [half], "reference", 1.0)


def test_a_station_that_there_is_not() -> None:
    small = scenario('stations."worker-1/eth1.tx".utilisation < 80%')
    with pytest.raises(ScenarioError) as caught:
        check_stations(small, station_names(build_model(small)))
    text = str(caught.value)
    assert (
        text.startswith("<scenario>:19:5: UNKNOWN_STATION expect[0]:")
        and "did you mean worker-1/eth0.tx?" in text
    )


def test_series_by_slice() -> None:
    rows = series([record(0, 30), record(1, 30)])
    assert [row.t_s for row in rows] == pytest.approx([0.2 * k for k in range(50)])
    assert sum(row.started_per_s for row in rows) * 0.2 == pytest.approx(1000)
    part = record(0).workloads["users"].log
    inside = (part.start_ps >= 3 * S) & (part.start_ps < 3.2 * S)
    alone = series([record(0)])[15]
    latency = np.sort((part.finish_ps - part.start_ps)[inside])
    assert alone.started_per_s * 0.2 == pytest.approx(inside.sum())
    assert alone.p50_s == pytest.approx(latency[-(-len(latency) // 2) - 1] / S, rel=0.008)
    assert sum(row.failed_per_s for row in rows) * 0.2 <= 30


def test_assumptions_tell_the_entry_and_the_profile() -> None:
    told = " ".join(result().data["setup"]["assumptions"])
    assert "round-robin" in told and "the default" in told and "host profile stock" in told


def test_profiles_of_one_file_name_in_two_folders_are_two(tmp_path: Path) -> None:
    """Each group has the costs of its own file, and the assumptions name both files."""
    for folder, ns in (("a", 100), ("b", 900)):
        (tmp_path / folder).mkdir()
        text = f"base: zero\ndescription: costs {ns}\nstages: {{veth: {{fixed: {ns}}}}}\n"
        (tmp_path / folder / "mine.yaml").write_text(text)
    nodes = "{m: {role: manager, profile: a/mine.yaml}, w: {profile: b/mine.yaml}}"
    (tmp_path / "two.yaml").write_text(f"netsim: 1\nnodes: {nodes}\n")
    scenario = netsim.load(tmp_path / "two.yaml")
    model = build_model(scenario)
    assert [model.nodes[n].profile.cost("veth").fixed_ps for n in ("m-1", "w-1")] == [100_000, 900_000]
    told = "\n".join(assumptions(scenario, model))
    assert "of m come from the host profile a/mine.yaml: costs 100" in told
    assert "of w come from the host profile b/mine.yaml: costs 900" in told


def test_waiting_of_one_ms() -> None:
    assert station("a", "cpu", "a", 0.1).wait_sum_ps == 100 * MS


def test_a_bond_has_the_samples_of_its_busiest_cable(tmp_path: Path) -> None:
    """The number of a node's card is that of its busiest cable, and its samples are those of the same one."""
    text = """netsim: 1
duration: 1s
warmup: 0s
replications: 3
nodes: {m: {role: manager, nic: {bond: {links: 2}}}}
services: {web: {ports: ['8080:80'], work: {cpu: 10us}}}
load: {users: {from: outside, to: 'web:8080', arrivals: {constant: 50/s}, request: 600B, response: 20KiB}}
"""
    (tmp_path / "bond.yaml").write_text(text)
    found = netsim.run(netsim.load(tmp_path / "bond.yaml")).to_dict()
    for way in ("nic_tx", "nic_rx"):
        values = found["samples"][f"nodes.m-1.{way}"]
        assert len(values) == 3
        assert sum(values) / 3 == pytest.approx(found["nodes"]["m-1"][way]["value"], rel=1e-5)
