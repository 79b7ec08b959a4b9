"""Expectations against a stored result: ``users.latency.p99 < baseline + 5%`` and ``baseline: +5%``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netsim.results.felt import FELT
from netsim.scenario.expectations import Expectation
from netsim.stats.compare import NO_BASE, Change, change
from netsim.stats.expect import Judged, Status, judged, together
from netsim.stats.intervals import Estimate

if TYPE_CHECKING:
    from netsim.results.result import Result

NO_BASELINE = "no baseline was given: --baseline FILE names a result.json"
Samples = Mapping[str, Sequence[float | None]]


@dataclass(frozen=True, slots=True)
class Against:
    """The samples of a run, and of the stored one if there is one; ``paired`` if they share their seed."""

    own: Samples
    base: Samples | None = None
    paired: bool = False

    @classmethod
    def of(cls, own: Samples, seed: int, baseline: Result | None) -> Against:
        """A run of ``seed`` against a stored result."""
        if baseline is None:
            return cls(own)
        return cls(own, baseline.data.get("samples", {}), baseline.data["manifest"]["seed"] == seed)

    def change(self, path: str) -> Change | None:
        """From the stored to the present number; None if one of them has no samples."""
        base, own = (self.base or {}).get(path), self.own.get(path)
        return None if base is None or own is None else change(base, own, self.paired)


def path_of(expectation: Expectation, name: str) -> str:
    """Where the samples of an expectation's number are."""
    if expectation.kind == "workload":
        key = {
            "latency": f"latency_s.{expectation.detail}",
            "errors": "error_share",
            "outage": "outage_s",
            "jitter": "jitter_s",
            "throughput": "throughput_per_s",
            "goodput": "goodput_bps",
        }.get(expectation.metric, expectation.metric)
        return f"workloads.{name}.{key}"
    if expectation.kind == "node":
        return f"nodes.{name}.{expectation.metric}"
    return f"stations.{name}.{'wait_s.mean' if expectation.metric == 'wait' else expectation.metric}"


def judge_relative(
    expectation: Expectation, names: Sequence[str], against: Against, replications: int
) -> Judged:
    """The verdict on a change against the baseline; ``names`` are those that match."""
    if against.base is None:
        return Judged(expectation, Estimate(), "inconclusive", reason=NO_BASELINE)
    found = []
    for name in names:
        path = path_of(expectation, name)
        moved = against.change(path)
        if moved is None:
            reason = f"the baseline or this run has no samples of {path}"
            found.append(Judged(expectation, Estimate(reason=reason), "inconclusive", name, None, reason))
        else:
            found.append(_judged(expectation, moved, 1, replications, name))
    return together(expectation, found)


def judge_everything(
    expectation: Expectation, workloads: Sequence[str], against: Against, replications: int
) -> Judged:
    """The verdict on the largest worsening of anything that users feel."""
    if against.base is None:
        return Judged(expectation, Estimate(), "inconclusive", reason=NO_BASELINE)
    found = []
    for name in workloads:
        for key, (word, _, more_is_worse) in FELT.items():
            moved = against.change(f"workloads.{name}.{key}")
            if moved is not None and moved.a is not None and moved.b is not None:
                sign = 1 if more_is_worse else -1
                found.append(_judged(expectation, moved, sign, replications, f"{name}.{word}"))
    if not found:
        reason = "the baseline and this run have no number in common"
        return Judged(expectation, Estimate(reason=reason), "inconclusive", reason=reason)
    return together(expectation, found)


def _judged(expectation: Expectation, moved: Change, sign: int, replications: int, where: str) -> Judged:
    if moved.relative.reason == NO_BASE:
        low = moved.difference.low
        status: Status = "fail" if low is not None and low > 0 and sign > 0 else "inconclusive"
        return Judged(expectation, moved.relative, status, where, None, NO_BASE)
    relative = moved.relative if sign > 0 else moved.relative.falling(lambda x: -x)
    return judged(expectation, relative, replications, where)
