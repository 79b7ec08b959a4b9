"""Failovers: when who knew of a fault, and when all was whole, over the replications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from netsim.engine.record import RunRecord
from netsim.picoseconds import PS_PER_S
from netsim.results.outage import outage_s
from netsim.results.text import quantity
from netsim.stats.intervals import across, rounded

MOST_VIEWS = 100
#: Seconds after the fault or operation.
TIMES = (
    "exit_seen_s",
    "gossip_removed_s",
    "node_down_s",
    "leader_elected_s",
    "replaced_s",
    "whole_s",
    "node_back_s",
    "takeover_s",
)


def failover_rows(records: Sequence[RunRecord]) -> list[dict[str, object]]:
    """``failovers`` of ``result.json``: one row per fault and operation, in order of time.

    A fault at random times is in the replications at different places: the rows are those of the first
    replication, and the others give their samples where the same row stands there.
    """
    rows: list[dict[str, object]] = []
    for k, first in enumerate(records[0].failovers):
        same = [
            record.failovers[k]
            for record in records
            if k < len(record.failovers)
            and (record.failovers[k]["fault"], record.failovers[k]["at_s"]) == (first["fault"], first["at_s"])
        ]
        row: dict[str, object] = {"fault": first["fault"], "at_s": first["at_s"]}
        for name in TIMES:
            if name not in first:  # takeover_s, without a virtual address
                continue
            samples = [_number(found.get(name)) for found in same]
            row[name] = across(samples).within(0).to_dict() | {"samples": [rounded(x) for x in samples]}
        felt = [
            _felt(record, k)
            for record in records
            if k < len(record.failovers)
            and (record.failovers[k]["fault"], record.failovers[k]["at_s"]) == (first["fault"], first["at_s"])
        ]
        outages = [outage for outage, _, _ in felt]
        budgets = [budget for _, _, budget in felt]
        row["outage_s"] = across(outages).within(0).to_dict() | {"samples": [rounded(x) for x in outages]}
        row["views"] = _thinned(records[0].views[k]) if k < len(records[0].views) else {}
        row["failed"] = sum(failed for _, failed, _ in felt)
        row["error_budget_min"] = across(budgets).within(0).to_dict() | {
            "samples": [rounded(x) for x in budgets]
        }
        rows.append(row)
    return rows


def _thinned(views: Mapping[str, float]) -> dict[str, float | None]:
    """At most `MOST_VIEWS` nodes of a large swarm, evenly from the first to the last that knew."""
    names = list(views)
    step = max(1.0, (len(names) - 1) / (MOST_VIEWS - 1))
    kept = [names[round(i * step)] for i in range(min(len(names), MOST_VIEWS))]
    return {name: rounded(views[name]) for name in kept}


def _felt(record: RunRecord, k: int) -> tuple[float | None, int, float | None]:
    """What clients felt of a replication's event number ``k`` up to the next one: the longest outage of a workload
    (s, None without load), how many requests that began then finally failed (in whole buckets), and the most that it
    took of a workload's error budget (min, None without load): each bucket's length times its share of failures, so
    a minute in which half of the requests fail counts as half a minute."""
    start = round(float(record.failovers[k]["at_s"] or 0) * PS_PER_S)
    later = [round(float(f["at_s"] or 0) * PS_PER_S) for f in record.failovers[k + 1 :]]
    end = min([t for t in later if t > start], default=record.duration_ps)
    worst, failed, budget = None, 0, None
    for found in record.workloads.values():
        worst = max(worst or 0.0, outage_s(found, record.duration_ps, start, end))
        buckets = found.outage[start // found.outage_ps : -(-end // found.outage_ps)]
        failed += int(buckets[:, 1].sum())
        lost_ps = found.outage_ps * float((buckets[:, 1] / np.maximum(1, buckets[:, 0])).sum())
        budget = max(budget or 0.0, lost_ps / (60 * PS_PER_S))
    return worst, failed, budget


HEADS = {"exit_seen_s": "exit seen", "gossip_removed_s": "rows gone", "node_down_s": "node down",
         "leader_elected_s": "new leader", "replaced_s": "replaced", "whole_s": "whole", "node_back_s": "node back",
         "takeover_s": "address moved"}  # fmt: skip


def failover_table(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """The failover clock as cells: a head, then one row per event with means and the range of the samples (s)."""
    shown = [name for name in TIMES if any(row.get(name, {}).get("value") is not None for row in rows)]
    cells = [["event", "at", *(HEADS[name] for name in shown)]]
    for row in rows:
        cells.append([str(row["fault"]), quantity(row["at_s"], "s"), *(_cell(row[name]) for name in shown)])
    return cells


def _cell(found: Mapping[str, Any]) -> str:
    known = [x for x in found["samples"] if x is not None]
    if not known:
        return "-"
    missing = len(found["samples"]) - len(known)
    text = quantity(found["value"], "s")
    if len(known) > 1:
        text += f" ({min(known):.3g} to {max(known):.3g})"
    return f"{text}, {missing} never" if missing else text


def failover_numbers(records: Sequence[RunRecord]) -> dict[str, list[float | None]]:
    """By metric, one number per replication: the worst of its faults; unknown if a fault never got so far.

    A fault to which a metric does not belong (a killed task makes no node down) does not count: it belongs to
    those faults in which it was reached in some replication.
    """
    numbers: dict[str, list[float | None]] = {}
    for name in TIMES:
        belongs = {f["fault"] for record in records for f in record.failovers if f.get(name) is not None}
        numbers[name.removesuffix("_s")] = [
            _worst([_number(f.get(name)) for f in record.failovers if f["fault"] in belongs])
            for record in records
        ]
    return numbers


def _worst(found: Sequence[float | None]) -> float | None:
    known = [x for x in found if x is not None]
    return max(known) if known and len(known) == len(found) else None


def _number(value: str | float | None) -> float | None:
    return None if value is None else float(value)
