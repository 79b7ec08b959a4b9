"""One point in a worker process: simulate it, and keep of the result what the table shows."""

from __future__ import annotations

import signal
import time
from typing import Any

from netsim.results.result import flatten
from netsim.scenario.schema import Scenario

OK, LIMIT, FAILED = "ok", "limit", "error"


def quiet_worker() -> None:
    """Ctrl-C is the parent's to act on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def run_point(scenario: Scenario, seed: int, replications: int, engine: str) -> dict[str, Any]:
    """``{status, reason, metrics, expectations}`` of a point, and ``wall_s``; never an exception."""
    began = time.perf_counter()
    try:
        row = _run(scenario, seed, replications, engine)
    except Exception as error:
        row = {
            "status": FAILED,
            "reason": f"{type(error).__name__}: {error}"[:300],
            "metrics": {},
            "expectations": {},
        }
    return {**row, "wall_s": time.perf_counter() - began}


def _run(scenario: Scenario, seed: int, replications: int, engine: str) -> dict[str, Any]:
    from netsim.audit import audit, to_dict
    from netsim.model.build import build_model
    from netsim.results.run import run

    if not scenario.tolerant:
        model = build_model(scenario, audit=True)
        over = [to_dict(limit, model) for limit in audit(model)]
        over = [limit for limit in over if limit["status"] == "exceeded"]
        if over:
            first = over[0]
            reason = f"{first['id']} of {first['where']}: {first['used']} of {first['max']}"
            return {"status": LIMIT, "reason": reason, "metrics": {}, "expectations": {}}
    result = run(scenario, seed, replications, engine)
    data = result.to_dict()
    return {
        "status": OK,
        "reason": "",
        "metrics": metrics(data),
        "expectations": {e["text"]: e["status"] for e in data["expectations"]},
    }


def metrics(data: dict[str, Any]) -> dict[str, Any]:
    """Metric path -> value: ``users.latency.p99`` with ``.low`` and ``.high``, counts, the bottleneck, the failover
    clock, what jobs and rules did, and what all nodes cost together where each group has a price."""
    found: dict[str, Any] = {}
    for name, workload in data["workloads"].items():
        flat = {k: v for k, v in workload.items() if k not in ("attribution", "errors", "reasons")}
        for column, value in flatten(flat).items():
            if isinstance(value, (int, float)) or value is None:
                found[f"{name}.{_path(column)}"] = value
    for column, value in flatten(data["bottleneck"]).items():
        found[f"bottleneck.{_path(column)}"] = value
    for number, row in enumerate(data["failovers"], 1):
        found |= failover_metrics(f"failover.{number}", row)
    for name, row in data.get("services", {}).items():
        for number, value in row.items():
            path = f"services.{name}.{number.removesuffix('_s')}"
            found |= {path: value["value"], f"{path}.low": value["low"], f"{path}.high": value["high"]}
    prices = [(group.get("price_per_h"), group["count"]) for group in data["setup"]["nodes"]]
    if all(price is not None for price, _ in prices):
        found["price_per_h"] = sum(price * count for price, count in prices)
    return found


def failover_metrics(prefix: str, row: dict[str, Any]) -> dict[str, Any]:
    """Of one event: ``failover.2.node_down`` with ``.low`` and ``.high``, and ``.reached``: the share of replications
    that got so far, so that of a link which was dark for a while it is the share of false alarms."""
    found: dict[str, Any] = {}
    for name, number in row.items():
        if isinstance(number, dict) and "samples" in number:  # views of nodes are no number
            path, samples = f"{prefix}.{name.removesuffix('_s')}", number["samples"]
            found |= {path: number["value"], f"{path}.low": number["low"], f"{path}.high": number["high"]}
            found[f"{path}.reached"] = sum(x is not None for x in samples) / len(samples)
    return found


_WORDS = {"latency_s": "latency", "throughput_per_s": "throughput", "goodput_bps": "goodput", "outage_s": "outage",
          "offered_per_s": "offered", "error_share": "errors", "jitter_s": "jitter"}  # fmt: skip


def _path(column: str) -> str:
    """``latency_s_p99_low`` as the words of expectations: ``latency.p99.low``."""
    end = next((e for e in ("_low", "_high") if column.endswith(e)), "")
    bare = column.removesuffix(end)
    for long, short in _WORDS.items():
        if bare == long or bare.startswith(f"{long}_"):
            bare = short + bare[len(long) :].replace("_", ".", 1)
    return bare + end.replace("_", ".")
