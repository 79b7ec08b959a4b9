"""The queue that transfers keep before a link: what windows hold and the way does not, and what requests behind it feel."""

from __future__ import annotations

import math

import pytest

import netsim
from netsim.datapath.congestion.steps import TICK_PS
from netsim.engine.flow.standing import Held, Queue
from netsim.scenario.load import loads

RATE = 125e6  # bytes/s: 1 Gbit/s


def flow(congestion: str, moved: float, limit: float = 3e6, share: float = 0.5, rtt_s: float = 1e-3) -> Held:
    return Held(congestion, limit, moved, share * RATE, rtt_s, 1500.0)


def test_windows_without_losses_stand_in_the_queue_but_for_what_the_way_holds() -> None:
    """Two windows of 3 MB, and 62.5 kB of each on the way."""
    found = Queue(math.inf).bytes_at(100.0, [flow("cubic", 1e12), flow("reno", 1e6)])
    assert found == pytest.approx(2 * (3e6 - 0.5 * RATE * 1e-3))


def test_cubic_that_has_lost_nothing_adds_a_packet_for_twenty() -> None:
    assert Queue(math.inf).bytes_at(1.0, [flow("cubic", 20e6)]) == pytest.approx(1e6)


def test_bbr_keeps_what_its_gain_and_its_units_give_unless_alone() -> None:
    """Two flows that each take 10/9 of their share for their bandwidth, since one that probes has 1.25 of 2.25."""
    assert Queue(math.inf).bytes_at(9.0, [flow("bbr", 1e12)]) == 0
    expected = (2 * 10 / 9 - 1) * RATE * 1e-3 + 3 * 10 / 9 * RATE * TICK_PS * 1e-12
    assert Queue(math.inf).bytes_at(9.0, [flow("bbr", 1e12)] * 2) == pytest.approx(expected)


@pytest.mark.parametrize(("congestion", "keeps"), [("cubic", 717 / 1024), ("reno", 0.5)])
def test_a_buffer_that_overflows_is_never_emptier_than_what_a_loss_leaves(
    congestion: str, keeps: float
) -> None:
    """From the first overflow on, between what the control keeps of all that was on its way and the whole buffer."""
    flows, queue, product = [flow(congestion, 1e12, limit=1e9)] * 2, Queue(1e6), RATE * 1e-3
    seen = [queue.bytes_at(0.01 * k, flows) for k in range(1, 4000)]
    assert seen[0] == pytest.approx(keeps * (1e6 + product) - product, rel=0.02)
    assert max(seen) <= 1e6 and max(seen) > 0.97e6
    assert min(seen) >= keeps * (1e6 + product) - product - 1


def test_before_its_own_card_a_flow_has_no_more_than_its_host_lets_it_have() -> None:
    held = Held("reno", 3e6, 1e12, 0.5 * RATE, 1e-3, 1500.0, 200e3)
    assert Queue(math.inf).bytes_at(9.0, [held] * 2) == 400e3


BEHIND = """netsim: 1
name: behind
duration: {seconds}s
warmup: 1s
replications: 1
nodes:
  a: {{role: manager, cores: 4, count: 2, nic: {{rate: 1Gbit}}}}
  b: {{count: 2, cores: 4, nic: {{rate: {receivers}}}}}
outside: {{clients: 100, rtt: 1ms, entry: {{nodes: {entry}}}}}
networks: {{net: {{driver: overlay}}}}
services:
  web: {{replicas: 2, networks: [net], ports: [{{published: 8080, target: 80}}], placement: {{constraints: [node.role == manager]}},
        work: {{cpu: {{exponential: {{mean: 1ms}}}}, workers: 16}}}}
  db: {{replicas: 2, networks: [net], work: {{cpu: 0s}}, placement: {{constraints: [node.role == worker]}}}}
load:
  users: {{from: outside, to: "web:8080", arrivals: {{poisson: {per_s}/s}}, response: {response}, connection: {{pool: 100}}}}
  copy: {{from: {way}, bulk: 1TiB, flows: {flows}}}
"""


def quantiles(**words: object) -> list[dict[str, dict[str, float]]]:
    """Of requests beside the transfers: by the fast engine, and by the flow engine, which says that it is not sure."""
    scenario = loads(BEHIND.format(**words))
    fast, flow = (netsim.run(scenario, engine=engine) for engine in ("fast", "flow"))
    assert any("formulas are held against" in told for told in flow.warnings)
    return [found.data["workloads"]["users"]["latency_s"] for found in (fast, flow)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("per_s", "response", "way", "flows", "seconds", "least_s"),
    [
        (1000, "30KiB", "web, to: db", 4, 3, 0.005),
        (400, "12KiB", "web, to: db", 8, 6, 0.005),
        (400, "12KiB", "outside, to: 'web:8080'", 8, 6, 0.05),
        (400, "12KiB", "db, to: web", 4, 6, 0.05),
    ],
)
def test_requests_behind_it_wait_as_long_as_on_the_fast_engine(
    per_s: int, response: str, way: str, flows: int, seconds: int, least_s: float
) -> None:
    """Behind four or eight CUBIC flows at 1 Gbit/s, before cards that send (bounded by TCP small queues) and at ports of
    the switch (windows): p50 and p99 within 15 %."""
    words = {"per_s": per_s, "response": response, "way": way, "flows": flows, "seconds": seconds}
    old, new = quantiles(**words, receivers="10Gbit", entry="[b-1]")
    assert old["p50"]["value"] > least_s
    for quantile in ("p50", "p99"):
        assert new[quantile]["value"] == pytest.approx(old[quantile]["value"], rel=0.15)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("per_s", "response", "flows", "seconds"),
    [(1000, "30KiB", 4, 3), (400, "12KiB", 8, 6)],
)
def test_requests_of_several_ways_behind_cards_and_ports(
    per_s: int, response: str, flows: int, seconds: int
) -> None:
    """A quarter of the requests pass full cards three times, the others once; to ports that have the cards' rate transfers come evenly, and
    requests wait there as beside periodic streams: p50 and p99 within 15 %."""
    words = {"per_s": per_s, "response": response, "way": "web, to: db", "flows": flows, "seconds": seconds}
    old, new = quantiles(**words, receivers="1Gbit", entry="all")
    assert old["p50"]["value"] > 0.005
    for quantile in ("p50", "p99"):
        assert new[quantile]["value"] == pytest.approx(old[quantile]["value"], rel=0.15)


@pytest.mark.slow
@pytest.mark.parametrize(("way", "flows"), [("web, to: db", 8), ("db, to: web", 4)])
def test_behind_bbr(way: str, flows: int) -> None:
    """Within a machine room p50 and p99 are within 20 %; over a longer way flows take each other's queues for a part of it, and more stands
    there (p50 7.0 instead of 9.1 ms at 1 ms)."""
    text = BEHIND.replace("bulk: 1TiB", "bulk: 1TiB, connection: {{congestion: bbr}}")
    words = {
        "per_s": 400,
        "response": "12KiB",
        "way": way,
        "flows": flows,
        "seconds": 6,
        "receivers": "10Gbit",
        "entry": "[b-1]",
    }
    fast, flow = (netsim.run(loads(text.format(**words)), engine=engine) for engine in ("fast", "flow"))
    old, new = (found.data["workloads"]["users"]["latency_s"] for found in (fast, flow))
    for quantile in ("p50", "p99"):
        assert new[quantile]["value"] == pytest.approx(old[quantile]["value"], rel=0.2)
