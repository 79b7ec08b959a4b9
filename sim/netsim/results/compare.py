"""Two results against each other, number by number, the most important differences first."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from netsim.results.errors import ResultError
from netsim.results.felt import FELT
from netsim.results.files import REPORT, write_texts
from netsim.results.result import Result
from netsim.results.text import quantity, signed_share
from netsim.stats.compare import Change, change, holm
from netsim.stats.intervals import rounded

if TYPE_CHECKING:
    import pandas as pd

#: A difference counts if chance makes one as large in less than this share of comparisons (all questions together) ...
LEVEL = 0.01
#: ... and if it is larger than this share of the first result's number.
EFFECT = 0.01
COMPARISON = "comparison.json"

Verdict = Literal["worse", "better", "changed", "unclear", "same"]
ORDER: tuple[Verdict, ...] = ("worse", "better", "changed", "unclear", "same")

FAILOVER = (
    "exit_seen_s", "gossip_removed_s", "node_down_s", "leader_elected_s", "replaced_s", "whole_s", "takeover_s", "outage_s",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """One number in both results.

    ``judged``: it can be better or worse; others only change. ``p``: of its change, adjusted for all numbers of its
    sort. ``verdict``: worse or better (or changed) if that is below 1 % and the change above 1 %; same if the whole
    interval is within 1 %; else unclear.
    """

    what: str
    unit: str
    change: Change
    more_is_worse: bool
    judged: bool
    p: float | None = None
    verdict: Verdict = "unclear"

    def to_dict(self) -> dict[str, Any]:
        """As ``netsim compare --format json`` prints it."""
        found = self.change
        return {
            "what": self.what,
            "unit": self.unit,
            "a": rounded(found.a),
            "b": rounded(found.b),
            "difference": found.difference.to_dict(),
            "relative": found.relative.to_dict(),
            "p_adjusted": rounded(self.p),
            "verdict": self.verdict,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """All differences between two results, the most important first; ``results`` are the two."""

    a: str
    b: str
    paired: bool
    replications: tuple[int, int]
    differences: list[Difference]
    notes: list[str]
    results: tuple[Result, Result] = field(repr=False)

    @property
    def regressions(self) -> list[Difference]:
        """What got worse beyond doubt and by more than 1 %."""
        return [found for found in self.differences if found.verdict == "worse"]

    @property
    def frame(self) -> pd.DataFrame:
        """One row per number; the change relative to the first, with the ends of its interval."""
        from netsim.results.result import flatten, frame

        return frame({found.what: flatten(found.to_dict()) for found in self.differences}, "what")

    def to_dict(self) -> dict[str, Any]:
        """As ``netsim compare --format json`` prints it."""
        return {
            "a": self.a,
            "b": self.b,
            "paired": self.paired,
            "replications": list(self.replications),
            "level": LEVEL,
            "effect": EFFECT,
            "regression": bool(self.regressions),
            "notes": self.notes,
            "differences": [found.to_dict() for found in self.differences],
        }

    def json(self) -> str:
        """``comparison.json`` as text."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def save(self, directory: str | os.PathLike[str]) -> list[str]:
        """Write comparison.json and report.html; their paths, the report last. Raises ``OSError``."""
        from netsim.report.comparisons import render

        return write_texts(directory, {COMPARISON: self.json(), REPORT: render(self)})

    def __repr__(self) -> str:
        return f"<Comparison of {self.a} and {self.b}: {len(self.regressions)} regressions>"


def compare_results(a: Result, b: Result, names: tuple[str, str] | None = None) -> Comparison:
    """Differences from ``a`` to ``b``. Raises `ResultError` if a result has no samples or nothing is in both.

    Replications of the same seed share their random numbers and are compared in pairs.
    """
    for result in (a, b):
        if not result.data.get("samples"):
            raise ResultError(f"{result.name}: expected a result with samples, got one of an older netsim")
    first, second = a.data["manifest"], b.data["manifest"]
    paired = first["seed"] == second["seed"]
    everything = [*_felt(a, b, paired), *_failovers(a, b, paired), *_busy(a, b, paired)]
    found, rest = ([one for one in everything if one.judged is judged] for judged in (True, False))
    if not found and not rest:
        raise ResultError(f"{a.name} and {b.name}: expected numbers that both have, got none")
    differences = _with_verdicts(found) + _with_verdicts(rest)
    differences.sort(key=_importance)
    return Comparison(
        *(names or (a.name, b.name)),
        paired,
        (first["replications"], second["replications"]),
        differences,
        [*_notes(first, second, paired), *_only_one(a, b)],
        (a, b),
    )


def _felt(a: Result, b: Result, paired: bool) -> Iterator[Difference]:
    for name in a.data["workloads"]:
        for key, (word, unit, more_is_worse) in FELT.items():
            path = f"workloads.{name}.{key}"
            yield from _difference(a, b, path, f"{name}.{word}", unit, paired, more_is_worse)


def _difference(
    a: Result, b: Result, path: str, what: str, unit: str, paired: bool, more_is_worse: bool
) -> Iterator[Difference]:
    left, right = a.data["samples"].get(path), b.data["samples"].get(path)
    if left is not None and right is not None:
        found = change(left, right, paired)
        if found.a is not None or found.b is not None:
            yield Difference(what, unit, found, more_is_worse, True)


def _failovers(a: Result, b: Result, paired: bool) -> Iterator[Difference]:
    """Faults are the same if they stand at the same place and say the same."""
    for k, (one, other) in enumerate(zip(a.data["failovers"], b.data["failovers"], strict=False)):
        if one["fault"] != other["fault"]:
            continue
        for key in FAILOVER:
            left, right = one.get(key, {}).get("samples"), other.get(key, {}).get("samples")
            if left and right and any(x is not None for x in (*left, *right)):
                what = f"failover.{key.removesuffix('_s')}" + (f"[{k}]" if k else "")
                yield Difference(what, "s", change(left, right, paired), True, True)


def _busy(a: Result, b: Result, paired: bool) -> Iterator[Difference]:
    """Processor time by group of nodes is judged; single nodes and stations only change."""
    groups = {group["group"] for group in a.data["setup"]["nodes"]}
    together: dict[str, list[str]] = {}
    for path in a.data["samples"]:
        room, _, rest = path.partition(".")
        if room == "nodes" and path in b.data["samples"]:
            yield from _plain(a, b, path, path, paired)
            node, _, metric = rest.rpartition(".")
            group = node.rpartition("-")[0]
            if metric == "cpu" and group in groups:
                together.setdefault(group, []).append(path)
        elif room == "stations" and path in b.data["samples"] and path.endswith(".utilisation"):
            yield from _plain(a, b, path, path, paired)
    for group, paths in together.items():
        left, right = (_mean_of([result.data["samples"][path] for path in paths]) for result in (a, b))
        yield Difference(f"nodes.{group}-*.cpu", "share", change(left, right, paired), True, True)


def _plain(a: Result, b: Result, path: str, what: str, paired: bool) -> Iterator[Difference]:
    found = change(a.data["samples"][path], b.data["samples"][path], paired)
    if max(found.a or 0.0, found.b or 0.0) >= 0.01:  # what is idle in both is of no interest
        yield Difference(what, "share", found, True, False)


def _mean_of(columns: Sequence[Sequence[float | None]]) -> list[float | None]:
    return [math.fsum(x or 0.0 for x in row) / len(row) for row in zip(*columns, strict=True)]


def _with_verdicts(found: Sequence[Difference]) -> list[Difference]:
    """Verdicts after Holm's adjustment over all of ``found``."""
    known = [k for k, one in enumerate(found) if one.change.p is not None]
    adjusted: dict[int, float] = dict(
        zip(known, holm([found[k].change.p or 0.0 for k in known]), strict=True)
    )
    return [_with_verdict(one, adjusted.get(k)) for k, one in enumerate(found)]


def _with_verdict(one: Difference, p: float | None) -> Difference:
    relative, difference = one.change.relative, one.change.difference.value or 0.0
    effect = abs(relative.value) if relative.value is not None else math.inf if difference else 0.0
    verdict: Verdict = "unclear"
    if p is not None and p < LEVEL and effect > EFFECT:
        verdict = (
            ("worse" if (difference > 0) == one.more_is_worse else "better") if one.judged else "changed"
        )
    elif (
        relative.low is not None and relative.high is not None and max(-relative.low, relative.high) <= EFFECT
    ):
        verdict = "same"
    return Difference(one.what, one.unit, one.change, one.more_is_worse, one.judged, p, verdict)


def _importance(one: Difference) -> tuple[int, bool, float, str]:
    relative = one.change.relative.value
    size = abs(relative) if relative is not None else math.inf if one.change.difference.value else 0.0
    return ORDER.index(one.verdict), not one.judged, -size, one.what


def _notes(a: Mapping[str, Any], b: Mapping[str, Any], paired: bool) -> Iterator[str]:
    if not paired:
        yield (
            f"The seeds differ ({a['seed']} and {b['seed']}): replications are not compared in pairs, and small "
            "changes stay unseen."
        )
    if min(a["replications"], b["replications"]) < 2:
        yield "With one replication on a side nothing can be told apart from chance."
    elif a["replications"] != b["replications"] and paired:
        yield f"Only the first {min(a['replications'], b['replications'])} replications of both are compared."
    if a["engine"] != b["engine"]:
        yield f"The engines differ: {a['engine']} and {b['engine']}."
    if a["versions"]["netsim"] != b["versions"]["netsim"]:
        yield f"The versions differ: netsim {a['versions']['netsim']} and {b['versions']['netsim']}."


def _only_one(a: Result, b: Result) -> Iterator[str]:
    """Workloads that have no counterpart."""
    for one, other, which in ((a, b, "first"), (b, a, "second")):
        names = [name for name in one.data["workloads"] if name not in other.data["workloads"]]
        if names:
            yield f"Only in the {which}, so not compared: {', '.join(names)}."


def row_text(one: Difference) -> tuple[str, ...]:
    """Verdict, name, both values, change and its interval, as people read them."""
    found = one.change
    relative = found.relative
    ends = ""
    if relative.low is not None and relative.high is not None:
        ends = f"({signed_share(relative.low)} to {signed_share(relative.high)})"
    if relative.value is not None:
        moved = signed_share(relative.value)
    else:
        moved = "-" if found.difference.value is None else f"{found.difference.value:+.3g}"
    return one.verdict, one.what, quantity(found.a, one.unit), quantity(found.b, one.unit), moved, ends


def verdict_text(found: Comparison) -> str:
    """The answer in one sentence."""
    worse = [one.what for one in found.regressions]
    if worse:
        names = ", ".join(worse[:5]) + (f" and {len(worse) - 5} more" if len(worse) > 5 else "")
        return f"Regression: worse beyond doubt and by more than 1 %: {names}."
    better = [one.what for one in found.differences if one.verdict == "better"]
    if better:
        names = ", ".join(better[:5]) + (f" and {len(better) - 5} more" if len(better) > 5 else "")
        return f"No regression. Better beyond doubt and by more than 1 %: {names}."
    unclear = sum(one.verdict == "unclear" and one.judged for one in found.differences)
    if unclear:
        numbers = "1 number is" if unclear == 1 else f"{unclear} numbers are"
        return f"No regression was found; {numbers} not known to 1 %: more replications would tell."
    return "No regression: all that users feel is the same within 1 %."
