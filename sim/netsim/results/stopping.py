"""When a run has replications enough: a fixed number, or as many as a precision asks for, within a budget."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from netsim.picoseconds import PS_PER_S
from netsim.results.workloads import workload_samples
from netsim.stats.intervals import rounded
from netsim.stats.sequential import FIRST, next_total, widest

if TYPE_CHECKING:
    from netsim.engine.record import RunRecord
    from netsim.scenario.schema import Scenario

#: The numbers of every workload that a precision is about; bulk transfers have goodput only.
ABOUT = ("throughput_per_s", "latency_s.mean", "latency_s.p99")
ABOUT_BULK = ("goodput_bps",)
MAX_REPLICATIONS = 100
MOST = 10_000

REACHED = "precision"
BY_COUNT = "max_replications"
BY_TIME = "max_time"
NOTHING = "nothing to measure"


@dataclass(slots=True)
class Rounds:
    """Replications in rounds. Their sizes follow from the numbers alone, so they are the same for any ``jobs``; only
    the budget of time depends on the machine, and the result says when it was that."""

    total: int
    precision: float | None = None
    most: int = MAX_REPLICATIONS
    max_s: float | None = None
    began: float = field(default_factory=lambda: time.perf_counter())
    looks: list[int] = field(default_factory=list)
    worst: tuple[str, float] | None = None
    stopped: str = ""

    def over(self) -> bool:
        """Whether the time is over; the first round always ends."""
        return bool(self.looks) and self.max_s is not None and time.perf_counter() - self.began >= self.max_s

    def more(self, scenario: Scenario, records: Sequence[RunRecord]) -> bool:
        """Whether there is another round after ``records``; it goes up to ``total``."""
        if self.precision is None:
            return False
        self.looks.append(len(records))
        self.worst = widest(_measured(scenario, records))
        if self.worst is None:
            self.stopped = NOTHING
        elif self.worst[1] <= self.precision:
            self.stopped = REACHED
        elif len(records) >= self.most:
            self.stopped = BY_COUNT
        elif self.over():
            self.stopped = BY_TIME
        else:
            self.total = min(self.most, next_total(len(records), self.worst[1], self.precision))
            return True
        return False

    def cut(self, scenario: Scenario, records: Sequence[RunRecord]) -> None:
        """The time was over in the middle of a round: what is complete counts."""
        self.looks.append(len(records))
        self.worst, self.stopped = widest(_measured(scenario, records)), BY_TIME

    def to_dict(self) -> dict[str, object]:
        """``manifest.precision``."""
        path, half = self.worst or (None, None)
        return {
            "wanted": self.precision,
            "reached": rounded(half),
            "number": path,
            "stopped": self.stopped,
            "rounds": self.looks,
        }


def rounds(
    scenario: Scenario,
    replications: int | None,
    precision: float | None,
    max_replications: int | None,
    max_time_s: float | None,
) -> Rounds:
    """What to run; arguments replace the scenario's words. ``replications`` without a precision are exactly those.

    Raises ``ValueError`` for what is out of range.
    """
    count = scenario.replications if replications is None else replications
    if not 1 <= count <= MOST:
        raise ValueError(f"expected 1 to {MOST} replications, got {count}")
    if precision is None and replications is None:
        precision = scenario.precision
    if precision is None:
        return Rounds(count)
    if not 0 < precision < 1:
        raise ValueError(f"expected a precision between 0 and 1, got {precision}")
    if max_replications is None:
        max_replications = scenario.max_replications or MAX_REPLICATIONS
    if max_time_s is None and scenario.max_time is not None:
        max_time_s = scenario.max_time / PS_PER_S
    most = min(max_replications, MOST)
    return Rounds(min(max(count, FIRST), most), precision, most, max_time_s)


def _measured(scenario: Scenario, records: Sequence[RunRecord]) -> dict[str, list[float | None]]:
    found = {}
    for name, load in scenario.load.items():
        samples = workload_samples([record.workloads[name] for record in records], records[0].duration_ps)
        for key in ABOUT if load.bulk is None else ABOUT_BULK:
            if None not in samples[key]:
                found[f"workloads.{name}.{key}"] = samples[key]
    return found
