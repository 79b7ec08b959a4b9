"""Everything that the page's template shows, in words and tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netsim.report.answer import numbers, verdict
from netsim.report.busy import busiest_chart, headroom_chart, heatmap_chart
from netsim.report.chart import Chart
from netsim.report.data import busiest, error_share, headline
from netsim.report.glossary import error_text
from netsim.report.ground import credit_table, place_table
from netsim.report.latencies import MOST_WORKLOADS, percentiles_chart, spread_chart, waterfall_chart
from netsim.report.overtime import (
    MOST_FAILOVERS,
    MOST_MARKS,
    clock_chart,
    errors_chart,
    marks,
    throughput_chart,
)
from netsim.report.topology import BANDS, groups, networks, topology_chart
from netsim.report.ways import way_chart, ways
from netsim.results.checking import check_table
from netsim.results.failovers import failover_table
from netsim.results.result import Result
from netsim.results.services import service_lines
from netsim.results.text import duration, found_text, quantity, with_interval

QUANTILES = (
    ("mean", "mean"), ("p50", "p50 (half)"), ("p90", "p90"), ("p95", "p95"), ("p99", "p99 (1 in 100 above)"),
    ("p999", "p99.9"), ("max", "max"),
)  # fmt: skip
Ends = Mapping[str, float | None]


def interval(found: Ends, unit: str) -> str:
    """``12 ms to 14 ms``, or ``unknown``."""
    if found["low"] is None or found["high"] is None:
        return "unknown"
    return f"{quantity(found['low'], unit)} to {quantity(found['high'], unit)}"


def charts(result: Result) -> dict[str, Chart]:
    """The drawings of a report by key; the same keys name their figures."""
    found = {
        "spread": spread_chart(result),
        "latency": percentiles_chart(result),
        "throughput": throughput_chart(result),
        "errors": errors_chart(result),
        "failover": clock_chart(result),
        "heatmap": heatmap_chart(result),
        "stations": busiest_chart(result),
        "headroom": headroom_chart(result),
        "topology": topology_chart(result),
    }
    for k, way in enumerate(ways(result)):
        found[f"way-{k}"] = way_chart(way)
    for k, (name, workload) in enumerate(result.data["workloads"].items()):
        if k < MOST_WORKLOADS:
            found[f"attribution-{k}"] = waterfall_chart(name, workload)
    return found


def page(result: Result) -> dict[str, Any]:
    """The variables of ``report.html.j2`` but its figures."""
    data = result.data
    head, sentence = verdict(result)
    happened = marks(result)
    return {
        "name": result.name,
        "description": data.get("setup", {}).get("description"),
        "status": result.status if data["expectations"] else None,
        "warnings": result.warnings,
        "manifest": data["manifest"],
        "sha256": data["scenario"]["sha256"],
        "setup": data.get("setup", {}),
        "verdict": {"head": head, "sentence": sentence},
        "numbers": numbers(result),
        "headline": headline(result),
        "busiest": busiest(result),
        "charts": charts(result),
        "cards": [_card(name, found) for name, found in data["workloads"].items()],
        "expectations": [
            {"text": e["text"], "status": e["status"], "found": found_text(e)} for e in data["expectations"]
        ],
        "marks": [f"{duration(mark.t_s)}: {mark.text}" for mark in happened[:MOST_MARKS]],
        "marks_left_out": max(0, len(happened) - MOST_MARKS),
        "failovers": [f"{row['fault']} at {duration(row['at_s'])}" for row in data.get("failovers", [])][
            :MOST_FAILOVERS
        ],
        "clock": failover_table(data["failovers"]) if data.get("failovers") else [],
        "services": service_lines(data.get("services", {})),
        "groups": groups(result),
        "ways": [f"way-{k}" for k in range(len(ways(result)))],
        "places": place_table(data.get("places", [])),
        "credit": credit_table(data.get("credit", [])),
        "networks": networks(result),
        "band_names": [text for _, text in BANDS],
        "limits": data.get("limits", []),
        "unknown": data.get("unknown", {}),
        "timeline": data.get("timeline", []),
        "check": data.get("check"),
        "checked": check_table(data["check"]) if data.get("check") else [],
    }


def _card(name: str, found: Mapping[str, Any]) -> dict[str, Any]:
    latency = found["latency_s"]
    return {
        "name": name,
        "offered": quantity(found["offered_per_s"]["value"], "/s"),
        "throughput": with_interval(found["throughput_per_s"], "/s"),
        "goodput": with_interval(found["goodput_bps"], "bit/s"),
        "p50": with_interval(latency["p50"], "s"),
        "p99": with_interval(latency["p99"], "s"),
        "sent": f"{found['sent']:,}",
        "completed": f"{found['completed']:,}",
        "failed": f"{found['failed']:,}",
        "error_share": error_share(found),
        "outage": with_interval(found["outage_s"], "s"),
        "quantiles": [
            {"label": label, "value": quantity(latency[key]["value"], "s"), "interval": interval(latency[key], "s")}
            for key, label in QUANTILES
        ],
        "errors": [
            {"cause": cause, "meaning": error_text(cause), "count": f"{n:,}"}
            for cause, n in sorted(found["errors"].items(), key=lambda item: (-item[1], item[0]))
        ],
    }  # fmt: skip
