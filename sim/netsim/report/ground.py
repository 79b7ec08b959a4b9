"""The ground that nodes stand on: tables of racks, sites, hypervisors and burst credit, and the answer where cards live on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from netsim.results.credit import gone
from netsim.results.setup import size_text
from netsim.results.text import duration, quantity, with_interval

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
            size_text(row["credit_bytes"]),
            size_text(row["left_bytes"]["value"] or 0),
            _end(row),
        ]
        for row in credit
    ]
    return [["card and direction", "baseline", "credit", "left at the end", "lasts at this load"], *rows]


def _end(row: Mapping[str, Any]) -> str:
    if row["out"]:
        return f"ran out at {with_interval(row['out_s'], 's')}"
    return "never empty" if row["lasts_s"]["value"] is None else with_interval(row["lasts_s"], "s")


def on_credit(short: Mapping[str, Any]) -> tuple[str, str]:
    """The verdict where a card sends more than what always passes: a word or two, and the sentence that explains them."""
    base = quantity(short["baseline_bps"], "bit/s")
    if gone(short):
        at = duration(short["out_s"]["value"] or 0.0)
        return (
            "Too small for good",
            f"The burst credit of {short['station']} is gone after {at}; the {base} that always pass do not carry this load.",
        )
    last = short["lasts_s"]["value"]
    until = "" if last is None else f" until its burst credit is gone, after about {duration(last)}"
    return (
        "For a while",
        f"It carries this load{until}; for good, {short['station']} would have to pass "
        f"{quantity(short['sustained']['value'], 'share')} of its baseline of {base}.",
    )


def credit_numbers(short: Mapping[str, Any]) -> list[tuple[str, str, str, str, bool]]:
    """Capacity remaining and what limits it, where a card lives on its burst credit."""
    asked = (
        "all of the baseline is used"
        if gone(short)
        else f"sends {with_interval(short['sustained'], 'share')} of what always passes"
    )
    lasts = (
        f"gone after {with_interval(short['out_s'], 's')}"
        if short["out"]
        else f"lasts {with_interval(short['lasts_s'], 's')} at this load"
    )
    return [
        ("Capacity remaining", "none for good", "", asked, True),
        ("What limits it", f"burst credit of {short['station']}", "", lasts, False),
    ]
