"""How the requests of a workload are shared by tasks, entries and senders, as the control plane's changes come.

A service's new connections go evenly to the tasks in the lists of most nodes; a list changes for all when half of the nodes
have heard. Connections that are kept stay where they are until their task ends, or until they have had their requests.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from netsim.datapath.reach import ReachError, reach
from netsim.engine.border import NEVER_PS, Change, What
from netsim.engine.flow.constants import constants
from netsim.engine.flow.probe import Probe, parties
from netsim.engine.wiring import stolen, used_lanes
from netsim.model.entities import OUTSIDE, Model, Task
from netsim.picoseconds import PS_PER_S
from netsim.scenario.calls import party_of, spec_of
from netsim.scenario.schema_work import Connection

Floats = npt.NDArray[np.float64]
BACKENDS = (What.BACKEND_ADD, What.BACKEND_WEIGHT, What.BACKEND_REMOVE)
PORTS = (What.PORT_ADD, What.PORT_REMOVE)
ENDS = (What.TASK_TERMS, What.TASK_GONE, What.SANDBOX_GONE)


@dataclass(frozen=True, slots=True)
class Course:
    """What changes in a run: ``model`` has the tasks of ``later``, too, which serve nothing before they listen."""

    model: Model
    changes: Sequence[Change]
    later: frozenset[str]


@dataclass(slots=True)
class Party:
    """The tasks of one party: which are in the lists, and which serve. ``bound``: of the connections that are kept, the
    share at each task; ``renewed_per_s``: how often one of them is opened anew (inf: for each request)."""

    names: list[str]
    listed: Floats
    serving: Floats
    bound: Floats
    renewed_per_s: float

    def even(self) -> Floats:
        """Where new connections go."""
        total = self.listed.sum()
        return self.listed / total if total else self.listed

    def leave(self, gone: Floats) -> None:
        """What was open with these tasks is opened elsewhere."""
        moved = float((self.bound * gone).sum())
        self.bound = self.bound * (1 - gone) + moved * self.even()

    def mean(self, seconds: float) -> Floats:
        """The mean share over a time in which no list changes, at whose end ``bound`` then is; of tasks that do not
        serve, none."""
        to = self.even()
        if not to.any() or not seconds:
            return self.bound * self.serving
        rate = self.renewed_per_s * seconds
        left = math.exp(-rate) if rate < 700 else 0.0
        kept = 1.0 if rate < 1e-9 else 0.0 if math.isinf(rate) else (1 - left) / rate
        found = to + (self.bound - to) * kept
        self.bound = to + (self.bound - to) * left
        return found * self.serving


@dataclass(slots=True)
class Cell:
    """Means over one step of time. ``visits``: by party, requests per request of its workload at each task; ``entries``: share
    of those from outside by node; ``sending``: the share of the senders that is there; ``slower``: what a second at a station
    of a node becomes. ``lanes``: the places of a bond's cables that are used, by node, where that has changed."""

    start_ps: int
    end_ps: int
    visits: dict[str, Floats]
    entries: Floats
    sending: float
    slower: dict[str, float] = field(default_factory=dict)
    lanes: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def same(self, other: Cell) -> bool:
        """Whether the shares are about those of another step."""
        alike = constants().alike
        return (
            self.slower == other.slower
            and self.lanes == other.lanes
            and self.sending == other.sending
            and np.abs(self.entries - other.entries).sum() <= alike
            and all(np.abs(v - other.visits[p]).sum() <= alike * v.sum() for p, v in self.visits.items())
        )


def effective_ps(change: Change) -> int:
    """When a change holds for most: rows of nodes when half of those who ever hear of them have."""
    if change.times_ps is None:
        return change.at_ps
    heard = np.sort(change.times_ps[change.times_ps < NEVER_PS])
    return int(heard[len(heard) // 2]) if len(heard) else NEVER_PS


class Sharing:
    """One workload's shares through a run, which is sent at ``rate_per_s`` in the mean."""

    def __init__(self, course: Course, name: str, probe: Probe, rate_per_s: float) -> None:
        model = course.model
        self.scenario = scenario = model.scenario
        self.model, self.name = model, name
        self.nodes = {node: k for k, node in enumerate(model.nodes)}
        self.place: dict[str, tuple[str, int]] = {}
        self.parties: dict[str, Party] = {}
        self.per_request: dict[str, float] = {}
        for party in sorted(parties(scenario, name)):
            tasks = sorted(task.name for task in model.tasks.values() if task.party == party)
            visits = sum(probe.demands[w].visits for t in tasks if (w := f"{t}/workers") in probe.demands)
            listed = np.array([float(t not in course.later) for t in tasks])
            renewed = self._renewed(party, rate_per_s * visits)
            even = listed / max(1.0, listed.sum())
            self.parties[party] = Party(tasks, listed, listed.copy(), even, renewed)
            self.per_request[party] = visits
            self.place |= {t: (party, k) for k, t in enumerate(tasks)}
        load = scenario.load[name]
        self.sender = load.from_ if load.from_ in self.parties else None
        self.senders = self.parties[self.sender].serving.sum() if self.sender else 1.0
        vias: tuple[str, ...] = ()
        self.by_port: Party | None = (
            None  # asked at the ports of its nodes, of which the entry has a list of its own
        )
        if load.from_ == OUTSIDE:
            try:
                found = reach(model, OUTSIDE, load.to)
            except ReachError:
                found = None
            vias = found.vias if found is not None else ()
            if found is not None and found.kind == "host" and found.balancer is None:
                self.by_port = self.parties.get(party_of(scenario, load.to))
        self.entering = np.array([float(node in vias) for node in model.nodes])
        self.there = np.ones(len(self.nodes))
        self.slower: dict[str, float] = {}
        self.lanes: dict[str, tuple[int, ...]] = {}

    def _renewed(self, party: str, per_s: float) -> float:
        """How often a connection to a party is opened anew (1/s), by the pool of whoever asks it first."""
        load = self.scenario.load[self.name]
        if load.datagram is not None and party_of(self.scenario, load.to) == party:
            return 0.0  # a socket's flow stays with its task
        if party_of(self.scenario, load.to) == party:
            return _renewed(load.connection, per_s, 1)
        for caller in self.parties_asking(party):
            spec = spec_of(self.scenario, caller)
            for call in spec.calls if spec is not None else ():
                if party_of(self.scenario, call.to) == party:
                    pools = max(1, len(self.model.services.get(caller, ())))
                    return _renewed(call.connection, per_s, pools)
        return math.inf

    def parties_asking(self, party: str) -> list[str]:
        """Who of the workload's parties calls one."""
        found = []
        for caller in sorted(parties(self.scenario, self.name)):
            spec = spec_of(self.scenario, caller)
            if spec is not None and any(party_of(self.scenario, c.to) == party for c in spec.calls):
                found.append(caller)
        return found

    def first(self) -> Cell:
        """The shares when the clock starts."""
        visits = {p: self.per_request[p] * f.even() * f.serving for p, f in self.parties.items()}
        return Cell(0, 0, visits, self._entries(), self._sending())

    def cells(self, changes: Sequence[Change], edges_ps: Sequence[int]) -> Iterator[Cell]:
        """The mean shares between these times, after all changes before the first of them."""
        timed = [(effective_ps(change), k, change) for k, change in enumerate(changes)]
        events = sorted(event for event in timed if event[0] < NEVER_PS)
        at = 0
        while at < len(events) and events[at][0] <= edges_ps[0]:
            self._take_up(events[at][2])
            at += 1
        for start, end in zip(edges_ps, edges_ps[1:], strict=False):
            sums = {party: np.zeros(len(p.names)) for party, p in self.parties.items()}
            entries, sending, now = np.zeros(len(self.nodes)), 0.0, start
            while True:
                until = min(end, events[at][0]) if at < len(events) else end
                seconds = (until - now) / PS_PER_S
                for party, found in self.parties.items():
                    sums[party] += seconds * self.per_request[party] * found.mean(seconds)
                entries += seconds * self._entries()
                sending += seconds * self._sending()
                now = until
                if now >= end:
                    break
                self._take_up(events[at][2])
                at += 1
            span = (end - start) / PS_PER_S
            yield Cell(
                start, end, {p: v / span for p, v in sums.items()}, entries / span, sending / span, dict(self.slower), dict(self.lanes)
            )  # fmt: skip

    def _entries(self) -> Floats:
        total = self.entering.sum()
        return self.entering * self.there / total if total else self.entering

    def _sending(self) -> float:
        if self.sender is not None:
            return min(1.0, float(self.parties[self.sender].serving.sum()) / max(1.0, self.senders))
        source = self.scenario.load[self.name].from_
        return float(self.there[self.nodes[source]]) if source in self.nodes else 1.0

    def _take_up(self, change: Change) -> None:
        what, subject = change.what, change.subject
        if subject in self.place:
            party, k = self.place[subject]
            if what in (PORTS if self.parties[party] is not self.by_port else BACKENDS):
                return
            self._task(self.parties[party], k, what, change.value)
        elif what in (What.NODE_DOWN, What.NODE_UP):
            self.there[self.nodes[subject]] = float(what == What.NODE_UP)
            if what == What.NODE_DOWN:
                for name, (party, k) in self.place.items():
                    if self.model.tasks[name].node.name == subject:
                        self._task(self.parties[party], k, What.SANDBOX_GONE, 0)
        elif what in (What.ENTRY_IN, What.ENTRY_OUT):
            self.entering[self.nodes[subject]] = float(what == What.ENTRY_IN)
        elif what == What.STEAL:
            if not self.model.nodes[
                subject
            ].shared:  # of a machine that others share, only this node is slower
                self._slow(f"{subject}/cpu", 1e6 / (1e6 - stolen(change)))
        elif what == What.LANES:
            self.lanes[subject] = tuple(used_lanes(change.value, self.model.nodes[subject].cables))
        elif what == What.LINK and change.link is not None:
            card = self.model.nodes[subject].nic.rate / change.link.rate_bps if change.link.rate_bps else 1.0
            for direction in ("sends", "receives"):
                if change.link.direction in ("both", direction):
                    self._slow(f"{subject}/{direction}", max(1.0, card))

    def _slow(self, key: str, factor: float) -> None:
        if factor > 1:
            self.slower[key] = factor
        else:
            self.slower.pop(key, None)

    def _task(self, party: Party, k: int, what: What, weight: int) -> None:
        gone = np.zeros(len(party.names))
        gone[k] = 1.0
        if what in (What.TASK_LISTENS, What.TASK_AGAIN):
            party.serving[k] = 1.0
        elif what in ENDS:
            party.serving[k] = 0.0
            if not party.listed[k]:
                party.leave(gone)
        elif what in BACKENDS or what in PORTS:
            removed = what in (What.BACKEND_REMOVE, What.PORT_REMOVE)
            party.listed[k] = float(not removed and weight > 0)
            if not party.listed[k] and (not party.serving[k] or what == What.BACKEND_REMOVE):
                party.leave(gone)
            elif party.listed[k] and not party.bound.any():
                party.leave(np.ones(len(party.names)))
                party.bound = party.even()


def _renewed(connection: Connection, per_s: float, pools: int) -> float:
    """How often a connection is opened anew (1/s) where a party is asked ``per_s`` over so many pools."""
    if connection.kind != "pool":
        return math.inf
    if connection.requests is None:
        return 0.0
    return per_s / (max(1, connection.pool) * pools * connection.requests)


def computing(course: Course, edges_ps: Sequence[int]) -> Iterator[dict[str, tuple[int, float]]]:
    """Between these times, by cores, how many threads always compute there (the mean, as a whole number), and their time slice (s)."""
    tasks = {name: task for name, task in course.model.tasks.items() if task.spec.work.busy}
    there = {name: name not in course.later for name in tasks}
    events = sorted(
        (effective_ps(c), k, c) for k, c in enumerate(course.changes) if tasks and effective_ps(c) < NEVER_PS
    )
    at = 0
    for start, end in zip(edges_ps, edges_ps[1:], strict=False):
        threads, now = dict[str, float](), start
        while now < end:
            while at < len(events) and events[at][0] <= now:
                _begun_or_ended(there, tasks, events[at][2])
                at += 1
            until = min(end, events[at][0]) if at < len(events) else end
            for name in (name for name, runs in there.items() if runs):
                cores = tasks[name].node.cpu_station
                threads[cores] = threads.get(cores, 0.0) + tasks[name].spec.work.busy * (until - now) / (
                    end - start
                )
            now = until
        slices = {task.node.cpu_station: task.node.profile.quantum_ps / PS_PER_S for task in tasks.values()}
        yield {cores: (round(count), slices[cores]) for cores, count in threads.items() if round(count)}


def _begun_or_ended(there: dict[str, bool], tasks: Mapping[str, Task], change: Change) -> None:
    """Take up one change of the tasks whose threads compute."""
    if change.what == What.NODE_DOWN:
        for name, task in tasks.items():
            there[name] = there[name] and task.node.name != change.subject
    elif change.subject in there and change.what in (What.TASK_LISTENS, What.TASK_AGAIN):
        there[change.subject] = True
    elif change.subject in there and change.what in (What.TASK_GONE, What.SANDBOX_GONE):
        there[change.subject] = False
