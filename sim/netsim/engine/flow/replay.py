"""What becomes of requests while something changes, asked of the fast machinery: the control plane's changes, and as
many of the requests as there is time for.

Which back end a node's IPVS still has, who answers with RST, who is silent, which connections are stale, when TCP and clients
give up: none of these rules is written again here. Around changes a share of the requests is replayed (all, if they are
few), in pools of connections that are smaller by the same share; of all other time, fewer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from netsim.engine.border import NEVER_PS, Change, LinkState, What
from netsim.engine.flow.constants import constants
from netsim.engine.flow.probe import narrowed
from netsim.engine.flow.rates import mean_rate
from netsim.engine.flow.shares import Course
from netsim.engine.machinery import ROWS, run_out, watch
from netsim.engine.parts import NS, PART
from netsim.engine.tally import E_FATE, E_START, E_TRIES, E_WL, W_ENDED, W_ROW
from netsim.engine.world import World
from netsim.model.entities import Model
from netsim.picoseconds import PS_PER_S
from netsim.scenario.schema import Scenario
from netsim.scenario.schema_load import Arrivals, Load
from netsim.scenario.schema_work import Connection
from netsim.workload.arrivals import Line

Ints = npt.NDArray[np.int64]
LEAD_PS = PS_PER_S // 2
TAIL_PS = 2 * PS_PER_S
MOST_TAIL_PS = 30 * PS_PER_S
MOST_CYCLE_PS = 60 * PS_PER_S
NEAR = 10  # neighbours in time among which a request finds its like, where not all are replayed
#: Parts of a request's time that only somebody has who met trouble.
TROUBLE = [PART["retry"], PART["syn.retry"], PART["dns.retry"]]
TASKS = frozenset({What.TASK_LISTENS, What.TASK_TERMS, What.TASK_GONE, What.SANDBOX_GONE, What.TASK_AGAIN})


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the scenario's clock (ps)."""

    start_ps: int
    end_ps: int


def joined(spans: Sequence[Span]) -> list[Span]:
    """Spans that touch are one."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda s: s.start_ps):
        if found and span.start_ps <= found[-1].end_ps:
            found[-1] = Span(found[-1].start_ps, max(found[-1].end_ps, span.end_ps))
        else:
            found.append(span)
    return found


def times_of(change: Change) -> tuple[int, int] | None:
    """When the first and the last node take up a change; None if no node does."""
    if change.times_ps is None:
        return change.at_ps, change.at_ps
    heard = change.times_ps[change.times_ps < NEVER_PS]
    return (int(heard.min()), int(heard.max())) if len(heard) else None


def slowed(changes: Sequence[Change], end_ps: int) -> list[Span]:
    """While links lose or delay, processor time is stolen or nodes are apart: then every request may be another than
    before, and not only those that fail."""
    since: dict[object, int] = {}
    found: list[Span] = []
    for change in changes:
        key: object
        if change.what == What.LINK and change.link is not None:
            key = (change.subject, change.link.direction)
            wrong = change.link != LinkState(direction=change.link.direction)
        elif change.what == What.STEAL:
            key, wrong = change.subject, change.value > 0
        elif change.what == What.PART:
            key, wrong = What.PART, bool(change.groups)
        else:
            continue
        if wrong:
            since.setdefault(key, change.at_ps)
        elif key in since:
            found.append(Span(since.pop(key), change.at_ps))
    return joined([*found, *(Span(at, end_ps) for at in since.values())])


def troubled(scenario: Scenario, changes: Sequence[Change], start_ps: int) -> list[Span]:
    """The time around changes: until stale connections have been used once and clients have given up."""
    lead, tail = LEAD_PS, TAIL_PS
    for load in scenario.load.values():
        waits = sum(load.retries.backoff << min(k, 20) for k in range(load.retries.max))
        tail = max(tail, min(MOST_TAIL_PS, (load.timeout or 0) * (load.retries.max + 1) + waits))
        if load.connection.kind == "pool" and load.arrivals is not None and load.datagram is None:
            rate = max(rate for _, rate in load.arrivals.points)
            cycle = min(MOST_CYCLE_PS, round(load.connection.pool / max(rate, 1e-9) * PS_PER_S))
            lead, tail = max(lead, cycle), max(tail, cycle)
    spans = slowed(changes, scenario.duration)
    for change in changes:
        times = times_of(change)
        if times is not None and times[0] > start_ps:
            spans.append(Span(*times))
    bounded = [Span(max(start_ps, s.start_ps - lead), min(scenario.duration, s.end_ps + tail)) for s in spans]
    return joined([s for s in bounded if s.start_ps < s.end_ps])


def inside(at_ps: npt.NDArray[Any], spans: Sequence[Span]) -> npt.NDArray[np.bool_]:
    """Which of these times are in one of the spans."""
    found = np.zeros(len(at_ps), np.bool_)
    for span in spans:
        found |= (at_ps >= span.start_ps) & (at_ps < span.end_ps)
    return found


@dataclass(slots=True)
class Met:
    """What replayed requests of one workload met: rows of `netsim.engine.tally`, in the order of their starts.

    ``share``: of the real requests, how many were replayed around changes. ``troubled``: failed, had to wait for a
    time-out, or started while links or cores were not what they are; of the others the formulas know better.
    """

    share: float
    rows: Ints
    troubled: npt.NDArray[np.bool_]

    def like(self, start_ps: npt.NDArray[np.float64], rng: np.random.Generator) -> Ints:
        """For requests at these times, the places of replayed ones of about the same time."""
        starts, count = self.rows[:, E_START], len(self.rows)
        after = np.clip(np.searchsorted(starts, start_ps), 1, max(1, count - 1))
        before = after - 1
        after = np.minimum(after, count - 1)
        nearer = start_ps - starts[before] <= starts[after] - start_ps
        found = np.where(nearer, before, after)
        if self.share < 1:
            found = np.clip(found + rng.integers(-NEAR, NEAR + 1, len(found)), 0, count - 1)
        return np.asarray(found, np.int64)


def thinned(
    load: Load, spans: Sequence[Span], begin_ps: int, end_ps: int, busy: float, calm: float
) -> tuple[Load, float]:
    """A workload with at most about ``busy`` requests in ``spans`` and ``calm`` in the rest from the first of them on, and
    the share of its requests that is left in them."""
    first = spans[0].start_ps
    if load.arrivals is None:
        think = max(load.think.mean / PS_PER_S, 0.01)
        many = (load.users or 0) / think * (end_ps - first) / PS_PER_S
        share = min(1.0, busy / max(many, 1.0))
        users = max(1, round((load.users or 0) * share))
        return load.model_copy(update={"users": users, "connection": pool_of(load, share)}), users / max(
            1, load.users or 0
        )
    arrivals = load.arrivals
    many = sum(mean_rate(arrivals, s.start_ps, s.end_ps) * (s.end_ps - s.start_ps) for s in spans) / PS_PER_S
    share = min(1.0, busy / max(many, 1.0))
    inside = sum(s.end_ps - s.start_ps for s in spans) / PS_PER_S
    rest = max(1e-9, (end_ps - first) / PS_PER_S - inside)
    outside = share * min(1.0, calm / max(1.0, share * mean_rate(arrivals, first, end_ps) * rest))
    connection = pool_of(load, share)
    # Before the first change the pool has to be opened.
    opened = 2.0 * connection.pool if connection.kind == "pool" else 1.0
    before = mean_rate(arrivals, begin_ps, first) * (first - begin_ps) / PS_PER_S
    shares = [(begin_ps, min(share, opened / max(before, 1e-9)))]
    for span in spans:
        shares += [(span.start_ps, share), (span.end_ps, outside)]
    points = _stepped(arrivals, shares, end_ps)
    changed = {"arrivals": Arrivals(arrivals.kind, points, arrivals.cv), "connection": connection}
    return load.model_copy(update=changed), share


def pool_of(load: Load, share: float) -> Connection:
    """The workload's connections: as often used as before."""
    spec = load.connection
    return replace(spec, pool=max(1, round(spec.pool * share))) if spec.kind == "pool" else spec


def _stepped(
    arrivals: Arrivals, shares: Sequence[tuple[int, float]], end_ps: int
) -> tuple[tuple[int, float], ...]:
    """The line of arrivals times a share that changes at these times."""
    line = Line(arrivals.points, 0)

    def rate(at_ps: int) -> float:
        return float(np.interp(at_ps / PS_PER_S, line.times, line.rates))

    points: list[tuple[int, float]] = []
    ends = [at for at, _ in shares[1:]] + [end_ps]
    for (start, share), end in zip(shares, ends, strict=True):
        if end <= start:
            continue
        points.append((start, share * rate(start)))
        points += [(at, share * value) for at, value in arrivals.points if start < at < end]
        points.append((end, share * rate(end)))
    return tuple(points)


def replay(
    course: Course, seed: int, replication: int, stop: Callable[[], bool] | None
) -> tuple[dict[str, Met], list[Span]]:
    """Replay requests of all workloads from the first change on; what they met, and the time around changes. Raises
    ``InterruptedError`` if ``stop()`` says so."""
    from netsim.engine.fast.simulate import FastPlane

    scenario, start_ps = course.model.scenario, -course.model.scenario.warmup_ps
    spans = troubled(scenario, course.changes, start_ps)
    if not spans or not scenario.load:
        return {}, spans
    load, shares, count = {}, {}, len(scenario.load)
    for name, old in scenario.load.items():
        begin = old.start or start_ps
        load[name], shares[name] = thinned(
            old,
            spans,
            min(begin, spans[0].start_ps),
            scenario.duration,
            constants().replayed_around_changes / count,
            constants().replayed_between_changes / count,
        )
    changed = scenario.model_copy(update={"load": load})
    there = narrowed(course.model, changed, *sorted(load), later=course.later)
    world = World(changed, there, seed, replication, keep_requests=True)
    for name in sorted(course.later & set(there.tasks)):
        world.servers[name].listens, world.servers[name].awaited = False, True
    plane = FastPlane(world, watch(None, stop))
    plane.apply([change for change in course.changes if _known(change, there)])
    if not run_out(plane).complete:
        raise InterruptedError
    assert world.tally.kept is not None
    rows = np.concatenate([np.zeros((0, W_ROW), np.int64), *world.tally.kept])
    wrong = slowed(course.changes, scenario.duration)
    return {
        name: _met(rows[rows[:, E_WL] == k], shares[name], spans[0].start_ps, wrong)
        for k, name in enumerate(sorted(load))
    }, spans


def _known(change: Change, model: Model) -> bool:
    """Of tasks that no request meets nobody has to be told."""
    if change.what in TASKS or change.what in ROWS or change.what in (What.ATTACH, What.DETACH):
        return change.subject in model.tasks
    return True


def _met(rows: Ints, share: float, first_ps: int, wrong: Sequence[Span]) -> Met:
    rows = rows[rows[:, E_START] >= first_ps]
    rows = rows[np.argsort(rows[:, E_START], kind="stable")]
    parts = rows[:, W_ENDED : W_ENDED + NS]
    bad = (rows[:, E_FATE] != 0) | (rows[:, E_TRIES] > 1) | (parts[:, TROUBLE].sum(axis=1) > 0)
    return Met(share, rows, bad | inside(rows[:, E_START], wrong))
