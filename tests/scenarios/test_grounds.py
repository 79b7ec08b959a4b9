"""The shipped scenarios of clouds and of overlays without swarm mode against what they say."""

from __future__ import annotations

import pytest
from helpers import ROOT

import netsim
from netsim.sweep.spec import read


def test_the_credit_runs_out_after_minutes_and_requests_fail_from_then_on() -> None:
    """Each card sends S bit/s, so that 6 GB last 6e9 x 8 / (S - 256 Mbit/s) from the start of the warm-up: answers to the
    outside, and two of three of another node's before that, with the overlay's headers. Afterwards 256 Mbit/s pass: all of
    what is asked would be answered for 256 / S of the load, and more is where kept connections to the entry's own task,
    whose answers cross one card only, are free sooner; at the most as if there were no others."""
    result = netsim.run(ROOT / "scenarios" / "cloud-burst.yaml", replications=1)
    sent = 450 / 3 * 262_144 * 8 * (1538 / 1448 + 2 / 3 * 1538 / 1398)
    lasts = 6e9 * 8 / (sent - 256e6) - 5
    for row in result.data["credit"]:
        if row["station"].endswith(".tx"):
            assert row["out"] == 1 and row["out_s"]["value"] == pytest.approx(lasts, rel=0.06)
    rows = [row for row in result.series_rows if row.workload == "users"]
    before = [row.failed_per_s for row in rows if row.t_s < 0.9 * lasts]
    after = [row for row in rows if 1.15 * lasts < row.t_s < 235]
    assert before and max(before) == 0
    assert after and min(row.failed_per_s for row in after) > 50
    carried = sum(row.completed_per_s for row in after) / len(after)
    assert 450 * 256e6 / sent < carried < 3 * 256e6 / (262_144 * 8 * 1538 / 1448)


def test_no_store_stops_requests_and_each_elects_in_its_own_time() -> None:
    spec = read(ROOT / "scenarios" / "sweeps" / "kv-stores.yaml")
    led = {}
    for values in spec.points():
        data = netsim.run(netsim.load(spec.scenario, {**values, "replications": "3"})).data
        assert data["workloads"]["users"]["failed"] == 0
        crash, early = data["failovers"][0], data["failovers"][1]
        led[values["cluster_store.kind"], crash["fault"]] = crash["leader_elected_s"]["value"]
        if crash["fault"] == "crash leader":
            assert early["whole_s"]["value"] < 15
        else:  # 30 s without power and 30 s of boot
            assert early["whole_s"]["value"] is None
            assert crash["leader_elected_s"]["value"] > 60
    alone = [led[kind, "crash leader"] for kind in ("etcd", "consul", "zookeeper")]
    assert alone == sorted(alone) and alone[0] < 4 < alone[1]
