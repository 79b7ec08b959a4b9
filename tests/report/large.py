"""Results for the report that no quick run gives: a swarm of any size, with faults and errors."""

from __future__ import annotations

import copy
from typing import Any

from fake_results import result

from netsim.results.result import Result

CLOCK = {"exit_seen_s": 0.2, "gossip_removed_s": 4.5, "node_down_s": 16.0, "leader_elected_s": None,
         "replaced_s": 19.0, "whole_s": 21.5, "node_back_s": None}  # fmt: skip


def estimate(value: float | None, part: float = 0.05) -> dict[str, float | None]:
    """The number with an interval of that part to both sides."""
    if value is None:
        return {"value": None, "low": None, "high": None}
    return {"value": value, "low": value * (1 - part), "high": value * (1 + part)}


def large(workers: int, faults: int = 0) -> Result:
    """A manager and ``workers`` workers, worker-K busy for (K mod 80) %, with ``faults`` crashes and their clocks."""
    small = result("users.latency.p99 < 1s", errors=30)
    data = copy.deepcopy(small.data)
    nodes = ["manager", *(f"worker-{k}" for k in range(1, workers + 1))]
    stations: dict[str, dict[str, Any]] = {}
    data["nodes"] = {}
    for k, name in enumerate(nodes):
        use = (k % 80) / 100
        data["nodes"][name] = {"cpu": estimate(use), "nic_tx": estimate(use / 3), "nic_rx": estimate(use / 4),
                               "tasks": 3, "conntrack_peak": 100 + k}  # fmt: skip
        wait = {"mean": estimate(0.001), "p99": estimate(0.01)}
        for station, kind, share in (
            (f"{name}/cpu", "node_cpu", use), (f"{name}/eth0.tx", "nic_tx", use / 3), (f"switch/{name}", "switch", use / 4),
            (f"web.{k}/workers", "workers", use / 2),
        ):  # fmt: skip
            found = {"kind": kind, "node": name, "utilisation": estimate(share), "wait_s": wait, "drops": 0}
            stations[station] = found
    stations = dict(sorted(stations.items(), key=lambda item: -(item[1]["utilisation"]["value"] or 0)))
    busiest = next(iter(stations))
    use = stations[busiest]["utilisation"]
    data["bottleneck"] = {"station": busiest, "utilisation": use, "line": 0, "column": 0,
                          "headroom": {"value": 1 / use["value"] - 1, "low": 1 / use["high"] - 1, "high": 1 / use["low"] - 1}}  # fmt: skip
    data["stations"] = dict(list(stations.items())[:200])
    data["setup"]["nodes"][1]["count"] = workers
    data["setup"]["services"][0]["tasks"] = len(nodes)
    data["failovers"] = [
        {"fault": f"crash worker-{k + 1}", "at_s": 2.0 + k,
         **{key: estimate(value) | {"samples": [value] * 3} for key, value in CLOCK.items()},
         "views": {f"worker-{n}": 4 + n / workers for n in range(1, min(workers, 100) + 1) if n != k + 1},
         "outage_s": estimate(0.7 + k / 10) | {"samples": [0.7 + k / 10] * 3}, "failed": 30}
        for k in range(faults)
    ]  # fmt: skip
    data["paths"] = [
        {
            "workload": "users",
            "from": source,
            "to": target,
            "answered_by": "web.1",
            "entered_by": entered,
            "kind": "ingress",
            "request": [
                ["outside", "outside", "-", 1e7],
                ["nic.rx", "manager", "manager/cpu", 1130.0],
                ["ipvs.hit", "manager", "manager/cpu", 350.0],
                ["nic.tx", "manager", "manager/eth0.tx", 0.0],
                ["core.wake", "worker-1", "-", 55000.0],
            ],
            "reply": [["tcp.send", "worker-1", "worker-1/cpu", 856.0], ["outside", "outside", "-", 1e7]],
            "total_ns": 20057336.0,
        }
        for source, target, entered in (("outside", "web:8080", "manager"), ("web.1", "db", None))
    ]
    data["timeline"] = [
        {"t_s": 2.0 + k, "what": "fault", "who": f"crash worker-{k + 1}", "detail": ""} for k in range(faults)
    ]
    return Result(data, stations, small.series_rows)
