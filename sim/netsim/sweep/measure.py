"""One point of a plan: replications until it is decided, in this process or in several."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from netsim.results.errors import EngineError
from netsim.stats.intervals import across
from netsim.sweep.keep import FAR, Kept, distance, side
from netsim.sweep.search import LOOKS, Look, Side

if TYPE_CHECKING:
    from netsim.engine.record import RunRecord
    from netsim.scenario.schema import Scenario

LOOK_EVERY_S = 0.2
FIRST = 5
#: A workload is not carried when surely less than this share of its requests is answered while they come.
KEEPING_UP = 0.9


@dataclass(slots=True)
class Outcome:
    """What one scenario said.

    ``expectations``: as in ``result.json``; ``worst``: the number of the one that is nearest to failing, or fails
    most; ``reason``: why it is bad without a run, or cannot be decided. ``gone``: the nodes that were taken away.
    """

    side: Side
    replications: int = 0
    expectations: list[dict[str, Any]] = field(default_factory=list)
    worst: int | None = None
    distance: float | None = None
    bottleneck: dict[str, Any] | None = None
    errors: dict[str, int] = field(default_factory=dict)
    reason: str | None = None
    gone: str = ""

    @property
    def look(self) -> Look:
        """What the search needs of it."""
        return Look(self.side, self.distance)


def schedule(first: int, most: int) -> list[int]:
    """How many replications there are at each look: at most `LOOKS` looks, growing by ratio from first to most."""
    first = min(first, most)
    ratio = (most / first) ** (1 / (LOOKS - 1))
    return sorted({max(first, round(first * ratio**k)) for k in range(LOOKS)})


def _quiet() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to act on


def _replicate(scenario: Scenario, engine: str, seed: int, replication: int) -> RunRecord:
    from netsim.model.build import build_model
    from netsim.results.run import simulator

    return simulator(engine)(scenario, build_model(scenario), seed, replication)


class Bench:
    """Runs replications; the same for any number of processes, which live as long as the bench."""

    def __init__(
        self, engine: str, seed: int, looks: Sequence[int], jobs: int, stop: Callable[[], bool]
    ) -> None:
        self.engine, self.seed, self.looks, self.stop = engine, seed, looks, stop
        self.replications = 0
        self.visits = 0
        self.pool = None
        if jobs > 1:
            context = multiprocessing.get_context(
                "spawn"
            )  # no locks or threads of this process are inherited
            self.pool = ProcessPoolExecutor(jobs, context, _quiet)

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        if self.pool is not None:
            self.pool.shutdown(cancel_futures=True)

    def outcome(self, scenario: Scenario, kept: Kept) -> Outcome:
        """Replicate until every expectation is decided. What cannot be set up is bad, with the reason."""
        from netsim.audit import audit
        from netsim.audit.flows import used_up
        from netsim.model.build import build_model
        from netsim.results.build import build_result
        from netsim.results.run import fitting_engine
        from netsim.scenario.problems import ScenarioError

        try:
            if not scenario.tolerant:
                over = [
                    limit for limit in audit(build_model(scenario, audit=True)) if limit.status == "exceeded"
                ]
                if over:
                    reason = f"{over[0].id} of {over[0].where}: {over[0].used:,} of {over[0].most:,}"
                    return Outcome("bad", reason=reason)
            model = build_model(scenario)
        except ScenarioError as error:
            first = error.problems[0]
            return Outcome("bad", reason=f"{first.path}: expected {first.expected}, got {first.found}")
        table = used_up(model) if self.engine == "flow" else None
        if table is not None:
            return Outcome("bad", reason=f"exceeds the limit {table.id} ({table.where})")
        engine = fitting_engine(self.engine, scenario, model)
        records: list[RunRecord] = []
        found = Outcome("open")
        for total in self.looks:
            records += self._run(scenario, engine, range(len(records), total))
            if len(records) < total:
                break  # stopped
            result = build_result(scenario, model, records, engine, 0.0)
            found = _judged(result.data, kept, total)
            if found.side != "open" or found.reason is not None:
                break
        return found

    def _run(self, scenario: Scenario, engine: str, numbers: range) -> list[RunRecord]:
        """The replications of these numbers; fewer when stopped."""
        records = (
            self._side_by_side(scenario, engine, numbers)
            if self.pool
            else self._in_turn(scenario, engine, numbers)
        )
        self.replications += len(records)
        self.visits += sum(record.visits for record in records)
        return records

    def _in_turn(self, scenario: Scenario, engine: str, numbers: range) -> list[RunRecord]:
        from netsim.model.build import build_model
        from netsim.results.run import simulator

        records: list[RunRecord] = []
        for number in numbers:
            record = simulator(engine)(scenario, build_model(scenario), self.seed, number, None, self.stop)
            if not record.complete:
                break
            records.append(record)
        return records

    def _side_by_side(self, scenario: Scenario, engine: str, numbers: range) -> list[RunRecord]:
        assert self.pool is not None
        try:
            futures = [
                self.pool.submit(_replicate, scenario, engine, self.seed, number) for number in numbers
            ]
            waiting = set(futures)
            while waiting and not self.stop():
                _, waiting = wait(waiting, LOOK_EVERY_S, FIRST_COMPLETED)
            for future in waiting:
                future.cancel()
            return [] if waiting else [future.result() for future in futures]
        except BrokenProcessPool:
            raise EngineError("a process that simulated died (out of memory?): try fewer --jobs") from None


def _judged(data: dict[str, Any], kept: Kept, replications: int) -> Outcome:
    """The outcome of a result."""
    told = data["expectations"]
    found = Outcome(side(told, kept, replications), replications, told, bottleneck=data["bottleneck"])
    for name, workload in data["workloads"].items():
        if workload["sent"] and not workload["completed"]:
            found.side, found.reason, found.distance = "bad", f"no request of {name} was completed", FAR
        behind = _behind(data["samples"], name)
        if behind is not None and found.side != "bad":
            found.side, found.reason, found.distance = "bad", behind, FAR
        for cause, count in workload["errors"].items():
            found.errors[cause] = found.errors.get(cause, 0) + count
    far = distance(told, kept)
    if far is not None:
        found.distance, found.worst = far if found.distance is None else (found.distance, far[1])
    if found.side == "open":
        unknown = [one for one in told if one["value"] is None]
        if unknown:
            found.reason = f"{unknown[0]['text']}: {unknown[0]['reason']}"
    return found


def _behind(samples: dict[str, list[float | None]], name: str) -> str | None:
    """Why a workload is surely not carried, if its answers fall behind its requests, whatever else holds: clients
    without a timeout wait for ever, and nothing fails."""
    offered, done = (
        samples.get(f"workloads.{name}.{key}", []) for key in ("offered_per_s", "throughput_per_s")
    )
    share = across(b / a for a, b in zip(offered, done, strict=True) if a and b is not None)
    if share.value is None or share.high is None or share.high >= KEEPING_UP:
        return None
    return f"{name} falls behind: {share.value:.0%} of its requests were answered in time of the run"
