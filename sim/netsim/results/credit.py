"""Burst credit of cards: what is left of it, when it ran out, and how long it lasts at this load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from netsim.datapath.paths import link_specs
from netsim.datapath.stage import LinkSpec
from netsim.engine.record import RunRecord
from netsim.model.entities import Model
from netsim.picoseconds import PS_PER_S
from netsim.results.text import quantity, with_interval
from netsim.stats.intervals import Estimate, across

MOST_TOLD = 3
NEARLY_NONE = 0.01


def credit_rows(model: Model, records: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """``credit`` of ``result.json``: each card direction with burst credit, the one with least left of it first.

    ``out``: replications in which somebody waited for credit; ``out_s``: when first, of those. ``lasts_s``: how long a
    full credit lasts at what was used of it in the whole run; null where it ran out or nothing was used. ``sustained``:
    what is sent over the baseline; above 1 it is not carried for good.
    """
    found = []
    for station, spec in link_specs(model).items():
        if spec.baseline_bps is None or not spec.credit_bytes:
            continue
        told = [record.stations[station] for record in records if station in record.stations]
        outs = [one.credit_out_ps for one in told if one.credit_out_ps is not None]
        found.append(
            {
                "station": station,
                "node": told[0].node if told else "",
                "credit_bytes": spec.credit_bytes,
                "baseline_bps": spec.baseline_bps,
                "left_bytes": across(one.credit_left_bytes for one in told).within(0, spec.credit_bytes).to_dict(),
                "out": len(outs),
                "out_s": across(ps / PS_PER_S for ps in outs).to_dict(),
                "lasts_s": _lasts(station, spec, records).to_dict(),
                "sustained": across(_sustained(station, spec, record) for record in records).within(0).to_dict(),
            }
        )  # fmt: skip
    return sorted(
        found, key=lambda row: (-row["out"], row["out_s"]["value"] or 0.0, row["left_bytes"]["value"] or 0.0)
    )


def _lasts(station: str, spec: LinkSpec, records: Sequence[RunRecord]) -> Estimate:
    each: list[float | None] = []
    for record in records:
        one = record.stations.get(station)
        if one is None or one.credit_left_bytes is None or one.credit_out_ps is not None:
            return Estimate()
        used = spec.credit_bytes - one.credit_left_bytes
        each.append(spec.credit_bytes / used * record.simulated_ps / PS_PER_S if used else None)
    return across(each).within(0)


def _sustained(station: str, spec: LinkSpec, record: RunRecord) -> float | None:
    one = record.stations.get(station)
    if one is None or not spec.baseline_bps:
        return None
    return one.bytes_sent * 8 * PS_PER_S / record.duration_ps / spec.baseline_bps


def gone(row: Mapping[str, Any]) -> bool:
    """Whether the credit was used up and does not come back at this load."""
    return bool(row["out"]) and (row["left_bytes"]["value"] or 0.0) < NEARLY_NONE * row["credit_bytes"]


def draining(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The card that this load is too much for in the long run: one whose credit is gone, or shrinks fastest."""
    lost = [row for row in rows if gone(row)]
    over = [row for row in rows if (row["sustained"]["value"] or 0.0) > 1]
    return next(iter(lost), None) or max(over, key=lambda row: row["sustained"]["value"], default=None)


def credit_sentences(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a reader has to know of it: cards that ran out, then those that would within an hour."""
    found = []
    for row in rows:
        name, base = row["station"], quantity(row["baseline_bps"], "bit/s")
        if row["out"]:
            found.append(f"The burst credit of {name} ran out at {with_interval(row['out_s'], 's')}: from then on "
                         f"no more than {base} pass.")  # fmt: skip
        elif row["lasts_s"]["value"] is not None and row["lasts_s"]["value"] < 3600:
            found.append(f"The burst credit of {name} lasts {with_interval(row['lasts_s'], 's')} at this load; then no "
                         f"more than {base} pass.")  # fmt: skip
    left = len(found) - MOST_TOLD
    return [*found[:MOST_TOLD], *([f"So do {left} more cards (credit in result.json)."] if left > 0 else [])]
