"""The requests of one workload on the flow engine, drawn from the states of its time slices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netsim.engine.flow.constants import constants
from netsim.engine.flow.queues import Floats
from netsim.engine.flow.replay import Ints, inside
from netsim.engine.flow.sample import Sampler
from netsim.engine.parts import PART
from netsim.engine.record import FATES, WorkloadRecord
from netsim.engine.streams import gaps, stream_key
from netsim.engine.tally import (
    E_BYTES,
    E_FATE,
    E_FINISH,
    E_START,
    E_TRIES,
    E_WL,
    W_ENDED,
    Tally,
    request_rows,
)
from netsim.picoseconds import PS_PER_S
from netsim.workload.arrivals import arrival_times

if TYPE_CHECKING:
    from netsim.engine.flow.simulate import Flow, Period

TIMEOUT = FATES.index("timeout")
SERVED = [PART["app.work"], PART["app.wait"], PART["queue:workers"]]
PAIRS = 1_000  # of datagrams of one socket, drawn for each time slice


def arrivals(flow: Flow, name: str) -> Floats:
    """When requests of a workload arrive (ps): the same times as in the other engines."""
    load = flow.scenario.load[name]
    assert load.arrivals is not None
    begin = load.start or -flow.scenario.warmup_ps
    gap = gaps(load.arrivals, flow.seed, flow.replication, name)
    return np.fromiter(arrival_times(gap, load.arrivals.points, begin, flow.scenario.duration), np.float64)


class Drawing:
    """The requests, or datagrams, of one workload of a replication."""

    def __init__(self, flow: Flow, number: int, name: str) -> None:
        self.flow, self.number, self.name = flow, number, name
        self.load = flow.scenario.load[name]
        self.size = self.load.response if self.load.datagram is None else self.load.datagram
        self.rng = np.random.default_rng(stream_key(flow.seed, flow.replication, name, "flow") & (2**63 - 1))
        self.jitter_ps, self.jitters = 0.0, 0

    def record(self, names: list[str]) -> WorkloadRecord:
        """Draw them all, and count them; ``names``: of all workloads."""
        flow, name, load, number = self.flow, self.name, self.load, self.number
        tally = Tally(names, flow.scenario.duration)
        total = sum(p.offered.get(name, 0.0) * p.seconds for p in flow.periods)
        each = max(1, -(-round(total) // constants().drawn))
        completed = 0.0
        exact: Ints | None = None
        if name in flow.stations.probes:
            due, sent = 0.0, 0
            exact = self._replayed()
            arrived = arrivals(flow, name) if each == 1 and load.arrivals is not None else None
            for period in flow.periods:
                if arrived is None:
                    due += period.offered[name] * period.seconds / each
                    count = round(due) - sent
                    sent += count
                    place = (np.arange(count) + self.rng.random(count)) / max(1, count)
                    start = period.start_ps + place * (period.end_ps - period.start_ps)
                    start = np.minimum(start, period.end_ps - 1)
                else:
                    start = arrived[(arrived >= period.start_ps) & (arrived < period.end_ps)]
                    if period.sending.get(name, 1.0) < 1:
                        start = start[self.rng.random(len(start)) < period.sending[name]]
                if exact is not None:
                    start = start[~inside(start, flow.spans)]
                if len(start):
                    completed += self._draw(tally, period, start, each)
        tally.times(each)
        if exact is not None:
            tally.add(exact)
        done = [0] * len(names)
        more = 0 if exact is None else self._in_time(exact)
        done[number] = round(completed * each) + more
        jitters = [(0, 0)] * len(names)
        jitters[number] = round(self.jitter_ps), self.jitters
        return tally.records(done, [d * self.size for d in done], jitters)[name]

    def _replayed(self) -> Ints | None:
        """The requests around changes, if all of them were replayed."""
        flow = self.flow
        met = flow.met.get(self.name)
        if met is None or met.share < 1:
            return None
        rows = met.rows[inside(met.rows[:, E_START], flow.spans) & (met.rows[:, E_START] >= 0)]
        rows[:, E_WL] = self.number
        return rows

    def _in_time(self, exact: Ints) -> int:
        """How many of the replayed requests are answered before the measured time ends."""
        return int(((exact[:, E_FATE] == 0) & (exact[:, E_FINISH] < self.flow.scenario.duration)).sum())

    def _draw(self, tally: Tally, period: Period, start: Floats, each: int) -> float:
        """Counts the requests of a period. How many are answered in it, of those that are drawn."""
        load, rng, sampler = self.load, self.rng, Sampler(period.stations, self.name)
        count = len(start)
        place = (start - period.start_ps) / (period.end_ps - period.start_ps)
        like = sampler.rows(rng, count)
        parts = sampler.draw(period.state, rng, like)
        before, after = period.behind_s
        parts[:, PART[period.where]] += np.maximum(before + (after - before) * place, 0) * PS_PER_S
        fate, tries = np.zeros(count, np.int64), np.ones(count, np.int64)
        if load.timeout is not None:
            self._time_out(period, sampler, parts, fate, tries)
        if load.datagram is not None:
            fate = sampler.fates(period.state, rng, like)
            parts[fate != 0] = 0
            self._jitter(period, sampler, int((fate == 0).sum()))
        took = np.round(parts).astype(np.int64)
        begins = start.astype(np.int64)
        rows = request_rows(
            self.number, np.arange(count), begins, begins + took.sum(axis=1), fate, tries, np.where(fate == 0, self.size, 0)
        )  # fmt: skip
        rows[:, W_ENDED:] = took
        self._trouble(rows)
        fate = rows[:, E_FATE]
        tally.add(rows)
        # What ends of earlier requests stands for what ends after the period, but for a backlog that grows or shrinks.
        good = float((fate == 0).mean())
        if load.datagram is not None:
            return good * count / max(1e-9, 1 + period.grown_s[self.name] / period.seconds)
        return max(0.0, good * (count + (before - after) * period.able[self.name] / each))

    def _time_out(self, period: Period, sampler: Sampler, parts: Floats, fate: Ints, tries: Ints) -> None:
        """What takes longer than its client waits is asked again, or fails: changes ``parts``, ``fate`` and ``tries`` of drawn requests."""
        load, rng = self.load, self.rng
        assert load.timeout is not None
        late = np.flatnonzero(parts.sum(axis=1) > load.timeout)
        lost = np.zeros(len(parts))
        for attempt in range(load.retries.max + 1):
            if not len(late):
                break
            last = attempt == load.retries.max
            wait = 0 if last else load.retries.backoff << min(attempt, 20)
            lost[late] += load.timeout + wait
            fate[late] = TIMEOUT
            if last:
                break
            tries[late] += 1
            parts[late] = sampler.draw(period.state, rng, sampler.rows(rng, len(late)))
            parts[late, PART[period.where]] += max(period.behind_s) * PS_PER_S
            good = parts[late].sum(axis=1) <= load.timeout
            fate[late[good]] = 0
            late = late[~good]
        parts[:, PART["retry"]] += lost
        failed = fate != 0
        parts[failed] = 0
        parts[failed, PART["retry"]] = lost[failed]

    def _jitter(self, period: Period, sampler: Sampler, count: int) -> None:
        """Two datagrams in a row of one socket go the same way. What they wait on it has nothing to do with each other, but for the
        receive buffer, where one may still be when the next comes."""
        pairs, state, rng = min(count, PAIRS), period.state, self.rng
        if not pairs:
            return
        like = sampler.rows(rng, pairs)
        steps = np.zeros(pairs)
        for sign in (1, -1):
            parts = sampler.draw(state, rng, like)
            steps += sign * (parts.sum(axis=1) - parts[:, SERVED].sum(axis=1)) / PS_PER_S
        pools = [name for name in sampler.probe.demands if name in state.buffers]
        weights = np.array([sampler.probe.demands[name].visits for name in pools])
        for k, where in enumerate(rng.choice(len(pools), pairs, p=weights / weights.sum()) if pools else ()):
            steps[k] += rng.choice(state.buffers[pools[where]].steps_s)
        self.jitter_ps += float(np.abs(steps).mean()) * PS_PER_S * count
        self.jitters += count

    def _trouble(self, rows: Ints) -> None:
        """Requests after the first change meet what replayed ones of about their time met, where that was trouble."""
        flow, rng = self.flow, self.rng
        met = flow.met.get(self.name)
        after = (
            np.flatnonzero(rows[:, E_START] >= flow.spans[0].start_ps)
            if flow.spans
            else np.zeros(0, np.int64)
        )
        if met is None or not len(met.rows) or not len(after):
            return
        like = met.like(rows[after, E_START].astype(np.float64), rng)
        after, found = after[met.troubled[like]], met.rows[like[met.troubled[like]]]
        took = found[:, E_FINISH] - found[:, E_START]
        rows[after, E_FINISH] = np.where(found[:, E_FATE] < 0, -1, rows[after, E_START] + took)
        for column in (E_FATE, E_TRIES, E_BYTES):
            rows[after, column] = found[:, column]
        rows[after, W_ENDED:] = found[:, W_ENDED:]
