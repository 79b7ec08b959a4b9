"""A sweep and a plan with numbers made by hand."""

from __future__ import annotations

from netsim.scenario.expectations import parse_expectation
from netsim.sweep.keep import Kept
from netsim.sweep.measure import Outcome
from netsim.sweep.plan import Plan
from netsim.sweep.plan import Point as Looked
from netsim.sweep.table import Point, Sweep

NODES, LOADS = ("2", "3", "4"), ("100/s", "200/s", "300/s")


def sweep(expect: bool = True, price: bool = True) -> Sweep:
    """Latency as in M/M/1 with 150/s of service for each node, and 0.1 an hour each."""
    points = []
    for nodes in NODES:
        for load in LOADS:
            rate, able = float(load[:-2]), 150.0 * int(nodes)
            use = rate / able
            mean = 1 / (able - rate) if use < 1 else 9.0
            p99 = 4.6 * mean
            metrics = {
                "users.latency.mean": mean, "users.latency.p50": 0.69 * mean, "users.latency.p99": p99,
                "users.latency.p99.low": 0.9 * p99, "users.latency.p99.high": 1.1 * p99,
                "users.throughput": min(rate, able), "users.errors": 0.0, "bottleneck.utilisation": min(1.0, use),
                "bottleneck.station": "node-1/cpu",
            } | ({"price_per_h": 0.1 * int(nodes)} if price else {})  # fmt: skip
            told = {"users.latency.p99 < 25ms": "pass" if p99 < 0.025 else "fail"} if expect else {}
            values = {"nodes.node.count": nodes, "load.users.arrivals": load}
            points.append(Point(len(points), values, "ok", "", metrics, told))
    points.append(
        Point(len(points), {"nodes.node.count": "0", "load.users.arrivals": "100/s"}, "invalid", "nodes: expected 1, got 0", {}, {})
    )  # fmt: skip
    return Sweep("shop.yaml", ["nodes.node.count", "load.users.arrivals"], "grid", points)


def plan() -> Plan:
    """The most load of one queue whose p99 crosses 50 ms at 208/s."""
    text = "users.latency.p99 < 50ms"
    points = []
    for rate, side, status in ((100.0, "good", "pass"), (200.0, "good", "pass"), (208.0, "open", "inconclusive"), (220.0, "bad", "fail")):  # fmt: skip
        p99 = 4.6 / (300 - rate)
        told = {
            "text": text,
            "value": p99,
            "low": 0.95 * p99,
            "high": 1.05 * p99,
            "limit": 0.05,
            "unit": "s",
            "status": status,
        }
        station = {
            "station": "web.1/workers",
            "utilisation": {"value": rate / 300, "low": None, "high": None},
        }
        points.append(Looked(rate, Outcome(side, 5, [told], 0, 0.0, station)))  # type: ignore[arg-type]
    return Plan(
        "shop", "0" * 64, {"max_load": "users", "min_nodes": None, "n_plus": 0}, Kept((parse_expectation(text, ["users"], []),), 0), "found",
        "/s", 208.0, 200.0, 220.0, 104.0, points=points, limit=points[-1],
        growth={"share": 0.03, "per": "month", "value": 23.4, "low": 22.1, "high": 25.3},
        manifest={"seed": 1, "engine": "fast", "replications": 20, "events": 1000, "wall_s": 1.0},
    )  # fmt: skip
