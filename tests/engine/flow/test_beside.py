"""Bulk transfers beside requests on the flow engine, against the fast one: what moves is within 5 %; where a transfer fills what
requests meet, their latencies are flagged."""

from __future__ import annotations

import pytest

import netsim
from netsim.scenario.load import loads

TEXT = """netsim: 1
name: mix
duration: 3s
warmup: 1s
replications: 1
nodes:
  a: {{role: manager, cores: 4, count: 2, nic: {{rate: {rate}Gbit}}}}
  b: {{count: 2, cores: 4, nic: {{rate: {rate}Gbit}}}}
outside: {{clients: 100, rtt: 1ms}}
networks: {{net: {{driver: overlay}}}}
services:
  web: {{replicas: 2, networks: [net], ports: [{{published: 8080, target: 80}}], placement: {{constraints: [node.role == manager]}},
        work: {{cpu: {{exponential: {{mean: 1ms}}}}, workers: 16}}}}
  db: {{replicas: 2, networks: [net], work: {{cpu: 0s}}, placement: {{constraints: [node.role == worker]}}}}
load:
  users: {{from: outside, to: "web:8080", arrivals: {{poisson: {per_s}/s}}, response: {response}, connection: {{pool: 100}}}}
  copy: {{from: {source}, to: {target}, bulk: {bulk}, flows: {flows}}}
"""
CASES = [(10, 2000, "12KiB", "web", "db", "500MB", 2), (1, 1000, "30KiB", "web", "db", "1TiB", 4),
         (1, 1500, "30KiB", "db", "web", "1TiB", 4), (10, 1000, "4KiB", "db", "web", "300MB", 2)]  # fmt: skip


@pytest.mark.parametrize("case", [CASES[0], *(pytest.param(c, marks=pytest.mark.slow) for c in CASES[1:])])
def test_both_share_what_there_is(case: tuple[int, int, str, str, str, str, int]) -> None:
    keys = ("rate", "per_s", "response", "source", "target", "bulk", "flows")
    scenario = loads(TEXT.format(**dict(zip(keys, case, strict=True))))
    fast, flow = (netsim.run(scenario, engine=engine) for engine in ("fast", "flow"))
    old, new = fast.data["workloads"], flow.data["workloads"]
    assert new.keys() == old.keys() and set(flow.stations_all) == set(fast.stations_all)
    assert new["copy"]["goodput_bps"]["value"] == pytest.approx(old["copy"]["goodput_bps"]["value"], rel=0.05)
    assert new["users"]["throughput_per_s"]["value"] == pytest.approx(
        old["users"]["throughput_per_s"]["value"], rel=0.05
    )
    off = new["users"]["latency_s"]["p50"]["value"] / old["users"]["latency_s"]["p50"]["value"] - 1
    assert abs(off) < 0.10 or any("look at waiting times" in told for told in flow.warnings), off
    for name, station in flow.stations_all.items():
        if station["kind"] in ("nic_tx", "switch"):
            there = fast.stations_all[name]["utilisation"]["value"]
            assert station["utilisation"]["value"] == pytest.approx(there, abs=0.05), name
