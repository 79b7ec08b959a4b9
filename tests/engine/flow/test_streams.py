"""Streams of datagrams beside the fast engine: what is lost where, latencies and jitter."""

from __future__ import annotations

from typing import Any

import pytest

import netsim
from netsim.scenario.load import loads

STREAM = """netsim: 1
name: stream
duration: {duration}s
warmup: 1s
replications: 1
nodes: {{w: {{role: manager, count: 3, cores: 4, nic: {{rate: {card}}}}}}}
outside: {{clients: 20, rtt: 2ms}}
networks: {{net: {{driver: overlay}}}}
services:
  web: {{replicas: 2, networks: [net], placement: {{constraints: [node.hostname != w-1]}}}}
  sink:
    networks: [net]
    placement: {{constraints: [node.hostname == w-1]}}
    ports: [{{published: 514, target: 514, protocol: udp}}]
    work: {{cpu: {cpu}, workers: {workers}, receive_buffer: {buffer}}}
load: {{logs: {{from: {way}, arrivals: {{{arrivals}}}, datagram: {size}, flows: {flows}}}}}
"""
USUAL = {
    "duration": 3,
    "card": "10Gbit",
    "workers": 1,
    "buffer": "208KiB",
    "way": "web, to: sink",
    "size": "300B",
    "flows": 8,
}


def both(**words: Any) -> list[dict[str, Any]]:
    scenario = loads(STREAM.format(**{**USUAL, **words}))
    found = [netsim.run(scenario, engine=engine).data["workloads"]["logs"] for engine in ("fast", "flow")]
    for each in found:
        each["lost"] = {cause: count / each["sent"] for cause, count in each["errors"].items()}
    return found


def test_a_receive_buffer_that_overflows() -> None:
    """An eighth of the load too much for a small buffer, as M/M/1/K; the wait is that of a full buffer for many."""
    old, new = both(
        cpu="{exponential: {mean: 250us}}", arrivals="poisson: 3600/s", buffer="12KiB", duration=10
    )
    assert old["lost"]["buffer_full"] > 0.05
    assert new["lost"]["buffer_full"] == pytest.approx(old["lost"]["buffer_full"], rel=0.1)
    assert new["throughput_per_s"]["value"] == pytest.approx(old["throughput_per_s"]["value"], rel=0.03)
    for quantile, limit in (("p50", 0.1), ("p99", 0.15)):
        assert new["latency_s"][quantile]["value"] == pytest.approx(
            old["latency_s"][quantile]["value"], rel=limit
        )
    assert new["jitter_s"]["value"] == pytest.approx(old["jitter_s"]["value"], rel=0.15)


def test_more_than_two_workers_can_do() -> None:
    old, new = both(
        cpu="300us", arrivals="constant: 9000/s", workers=2, way='outside, to: "sink:514"', flows=20
    )
    assert new["lost"]["buffer_full"] == pytest.approx(old["lost"]["buffer_full"], rel=0.05)
    assert new["latency_s"]["p50"]["value"] == pytest.approx(old["latency_s"]["p50"]["value"], rel=0.05)


def test_a_port_that_is_slower_than_its_stream_fills_first_and_then_loses() -> None:
    old, new = both(
        cpu="5us", arrivals="poisson: 12000/s", workers=4, card="100Mbit", size="1300B", duration=2
    )
    assert old["lost"]["queue_full"] > 0.02
    assert new["lost"]["queue_full"] == pytest.approx(old["lost"]["queue_full"], rel=0.25)
    for quantile in ("p50", "p99"):
        assert new["latency_s"][quantile]["value"] == pytest.approx(
            old["latency_s"][quantile]["value"], rel=0.05
        )
    assert new["throughput_per_s"]["value"] == pytest.approx(old["throughput_per_s"]["value"], rel=0.03)


def test_voice_has_hardly_any_jitter() -> None:
    """Equal gaps and hardly any work: 20 us of jitter at the most, on either engine, and nothing is lost."""
    old, new = both(
        cpu="20us",
        arrivals="constant: 2500/s",
        workers=2,
        way='outside, to: "sink:514"',
        size="172B",
        flows=50,
    )
    assert not old["errors"] and not new["errors"]
    assert max(old["jitter_s"]["value"], new["jitter_s"]["value"]) < 20e-6
    assert new["latency_s"]["p99"]["value"] == pytest.approx(old["latency_s"]["p99"]["value"], rel=0.05)
