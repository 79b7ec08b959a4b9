"""Tables of the ground that nodes stand on: racks, sites, hypervisors, and burst credit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from netsim.results.text import quantity, with_interval

Rows = Sequence[Mapping[str, Any]]


def place_table(places: Rows) -> list[list[str]]:
    """A head and a row for each rack, site or hypervisor; nothing where all nodes stand at one switch."""
    if not places:
        return []
    rows = [
        [
            f"{row['kind']} {row['name']}",
            f"{len(row['nodes'])}",
            f"{row['tasks']}",
            with_interval(row["cpu"], "share"),
            "none"
            if row["link"] is None
            else f"{with_interval(row['link'], 'share')}, {row['link']['station']}",
        ]
        for row in places
    ]
    return [["place", "nodes", "tasks", "cores busy", "busiest link to others"], *rows]


def credit_table(credit: Rows) -> list[list[str]]:
    """A head and a row for each card direction that has burst credit."""
    if not credit:
        return []
    rows = [
        [
            row["station"],
            quantity(row["baseline_bps"], "bit/s"),
            _bytes(row["credit_bytes"]),
            _bytes(row["left_bytes"]["value"]),
            _end(row),
        ]
        for row in credit
    ]
    return [["card and direction", "baseline", "credit", "left at the end", "lasts at this load"], *rows]


def _end(row: Mapping[str, Any]) -> str:
    if row["out"]:
        return f"ran out at {with_interval(row['out_s'], 's')}"
    return "never empty" if row["lasts_s"]["value"] is None else with_interval(row["lasts_s"], "s")


def _bytes(value: float | None) -> str:
    if value is None:
        return "-"
    for factor, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value:.0f} B"
