"""The reference engine as a whole: accounting, determinism, TCP's skeleton, errors by cause."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import S, run, scenario_from

from netsim.engine.record import FATES, RunRecord

HEAD = """
netsim: 1
duration: {duration}
warmup: 1s
nodes: {{host: {{role: manager, cores: 4, count: {nodes}, profile: {profile}}}}}
outside: {{rtt: 10ms, clients: 50}}
networks: {{net: {{driver: overlay, attachable: true}}}}
"""


def head(duration: str = "3s", nodes: int = 2, profile: str = "stock") -> str:
    return HEAD.format(duration=duration, nodes=nodes, profile=profile)


WEB = """
services:
  web:
    replicas: 2
    networks: [net]
    ports: [{published: 80, target: 80}]
    work: {cpu: {exponential: {mean: 2ms}}, workers: 4}
    calls: [{to: db, count: 2, request: 200B, response: 2KiB}]
  db: {networks: [net], work: {cpu: {lognormal: {mean: 1ms, cv: 1}}, workers: 8}}
load:
  users: {from: outside, to: "web:80", arrivals: 200/s, request: 600B, response: 12KiB, connection: {pool: 20}, timeout: 2s}
"""


def same(a: RunRecord, b: RunRecord, workload: str = "users") -> bool:
    x, y = a.workloads[workload].log, b.workloads[workload].log
    return np.array_equal(x.finish_ps, y.finish_ps) and x.split == y.split and a.visits == b.visits


def test_every_picosecond_has_a_name(tmp_path: Path) -> None:
    record = run(scenario_from(head() + WEB, tmp_path)).workloads["users"].log
    assert len(record.start_ps) > 400
    for start, finish, fate, split in zip(
        record.start_ps, record.finish_ps, record.fate, record.split, strict=True
    ):
        assert fate == 0
        assert sum(split.values()) == finish - start
        assert all(ps > 0 for ps in split.values())
        assert {"app.work", "tcp.send", "core.wake"} <= set(split)


def test_conservation_at_every_station(tmp_path: Path) -> None:
    record = run(scenario_from(head() + WEB, tmp_path))
    for station in record.stations.values():
        assert station.arrived == station.served + station.dropped + station.inside, station.name
        assert 0 <= station.busy_ps <= station.servers * record.duration_ps
        assert sum(station.busy_by_slice_ps) == station.busy_ps


def test_same_seed_same_run_and_replications_differ(tmp_path: Path) -> None:
    scenario = scenario_from(head() + WEB, tmp_path)
    first = run(scenario)
    assert same(first, run(scenario))
    assert not same(first, run(scenario, replication=1))
    assert not same(first, run(scenario, seed=2))


def test_an_unrelated_service_changes_nobody_elses_draws(tmp_path: Path) -> None:
    other = "  other: {networks: [net], work: {cpu: 1ms}}\nload:\n  more: {from: other, to: other, arrivals: 5/s}\n"
    alone = run(scenario_from(head(nodes=1) + WEB, tmp_path)).workloads["users"].log
    text = (head(nodes=1) + WEB).replace("load:\n", other)
    both = run(scenario_from(text, tmp_path)).workloads["users"].log
    assert np.array_equal(alone.start_ps, both.start_ps)
    work = [split["app.work"] for split in alone.split]
    assert work == [split["app.work"] for split in both.split]


def test_handshake_costs_a_round_trip_to_outside(tmp_path: Path) -> None:
    text = head(nodes=1, profile="zero.yaml") + WEB.replace("200/s", "{constant: 20/s}").replace(
        "{pool: 20}", "{0}"
    )
    new = run(scenario_from(text.replace("{0}", "new"), tmp_path)).workloads["users"].log
    tls = (
        run(scenario_from(text.replace("{0}", "{pool: 1000, requests: 1, tls: true}"), tmp_path))
        .workloads["users"]
        .log
    )
    kept = run(scenario_from(text.replace("{0}", "{pool: 1}"), tmp_path)).workloads["users"].log
    rtt = 10 * 10**9

    def network(record: object, at: int) -> float:
        split = record.split[at]  # type: ignore[attr-defined]
        return sum(ps for name, ps in split.items() if not name.startswith(("app.", "queue:"))) / rtt

    assert network(kept, 10) == pytest.approx(1, abs=0.01)
    assert network(new, 10) == pytest.approx(2, abs=0.01)
    assert network(tls, 10) == pytest.approx(3, abs=0.01)


def test_large_replies_take_a_round_trip_per_doubling(tmp_path: Path) -> None:
    # 10, 20, 40, 80 segments: 1398 B each by VXLAN's MSS on the mesh
    found = []
    for kib in (12, 30, 80, 180):
        text = head(nodes=1, profile="zero.yaml") + WEB.replace("200/s", "{constant: 10/s}")
        text = text.replace("{pool: 20}", "new").replace("12KiB", f"{kib}KiB")
        record = run(scenario_from(text, tmp_path)).workloads["users"].log
        split = record.split[5]
        found.append(
            round(
                sum(
                    ps
                    for n, ps in split.items()
                    if not n.startswith("app.") and n not in ("queue:cpu", "queue:workers")
                )
                / 10**10
            )
        )
    assert found == [2, 3, 4, 5]


def fates(record: RunRecord, workload: str = "users") -> dict[str, int]:
    values, counts = np.unique(record.workloads[workload].log.fate, return_counts=True)
    return {FATES[v] if v >= 0 else "open": int(c) for v, c in zip(values, counts, strict=True)}


def test_timeouts_are_counted_and_retried(tmp_path: Path) -> None:
    slow = (
        WEB.replace("mean: 2ms", "mean: 100ms")
        .replace("timeout: 2s", "timeout: 50ms")
        .replace("200/s", "20/s")
    )
    failed = fates(run(scenario_from(head() + slow, tmp_path)))
    assert failed["timeout"] > 10 and failed["completed"] > 1
    again = slow.replace("timeout: 50ms", "timeout: 50ms, retries: {max: 3, backoff: 10ms, jitter: 0.5}")
    assert fates(run(scenario_from(head() + again, tmp_path)))["timeout"] < failed["timeout"]


def test_no_backend(tmp_path: Path) -> None:
    record = run(scenario_from(head() + WEB.replace("replicas: 2", "replicas: 0"), tmp_path))
    assert set(fates(record)) == {"no_backend"}


def test_a_full_listen_queue_drops_the_syn(tmp_path: Path) -> None:
    text = head("8s") + WEB.replace("workers: 4", "workers: 1, backlog: 2").replace("mean: 2ms", "mean: 40ms")
    text = (
        text.replace("{pool: 20}", "new")
        .replace("arrivals: 200/s", "arrivals: 60/s")
        .replace("timeout: 2s", "timeout: 6s")
    )
    record = run(scenario_from(text, tmp_path))
    assert fates(record).get("backlog_full", 0) > 0
    waits = [split["syn.retry"] for split in record.workloads["users"].log.split if "syn.retry" in split]
    assert waits and all(min(abs(w - k * S) for k in (1, 3, 7)) < S // 20 for w in waits)


def test_blocking_holds_a_worker_during_calls(tmp_path: Path) -> None:
    base = WEB.replace("workers: 4", "workers: 4, blocking: {0}").replace("mean: 1ms", "mean: 10ms")
    busy = {}
    for word in ("true", "false"):
        record = run(scenario_from(head() + base.replace("{0}", word).replace("200/s", "40/s"), tmp_path))
        busy[word] = record.stations["web.1/workers"].busy_ps
    assert busy["false"] < busy["true"] / 2


def test_parallel_calls_take_as_long_as_the_slowest(tmp_path: Path) -> None:
    base = (
        (head(profile="zero.yaml") + WEB)
        .replace("lognormal: {mean: 1ms, cv: 1}", "constant: 20ms")
        .replace("200/s", "{constant: 5/s}")
    )
    one = run(scenario_from(base, tmp_path)).workloads["users"].log
    two = (
        run(scenario_from(base.replace("to: db, count: 2", "to: db, count: 2, parallel: true"), tmp_path))
        .workloads["users"]
        .log
    )
    gain = np.median(one.finish_ps - one.start_ps) - np.median(two.finish_ps - two.start_ps)
    assert gain == pytest.approx(20 * 10**9, rel=0.05)
