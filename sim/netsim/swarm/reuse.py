"""What nodes meet at addresses that were given again, while they still know them as another task's.

A node forwards to an address by the oldest of the rows that it has for it, and takes the next one when that row goes
(``peerAdd`` and ``peerDelete`` in libnetwork's drivers/overlay/peerdb.go). A service's list has an address once, however
many rows of the service have it, and until the last of them goes (``ipToEndpoint`` in libnetwork/service_common.go).
So by a node that has not heard of a task's end, another one behind the same address

- gets what is meant for the first, if it is on the same node: of the same service it serves it, else its kernel
  refuses it, since nobody listens there;
- is not reached, if it is on another node, until the old row goes;
- of the same service, takes no place of its own in the list until then.

The control plane runs before the data plane, so when each row comes and goes at each node is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from netsim.engine.border import NEVER_PS, Change, Holder, Times, What
from netsim.model.entities import Model, Task
from netsim.scenario.calls import party_of

ROWS = (What.BACKEND_ADD, What.BACKEND_WEIGHT, What.BACKEND_REMOVE)


@dataclass(slots=True, eq=False)
class Tenure:
    """A task's time at an address. Of each node: since when it knows the task's row, until when, and whether clients on it
    may ask for the address without a row, since they keep what DNS said."""

    task: Task
    begin_ps: int
    end_ps: int
    heard: Times
    dropped: Times
    kept: bool


def given_again(model: Model, changes: Sequence[Change], start_ps: int) -> Iterator[Change]:
    """The control plane's changes, with what the reuse of addresses makes of them."""
    found = _Tenures(model, changes, start_ps)
    late: dict[str, dict[str, Times]] = {}
    more: list[Change] = []
    for network, tenures in found.shared():
        for new in range(1, len(tenures)):
            own = tenures[new]
            listed = _listed(own, tenures[:new])
            if (listed > own.heard).any():
                late.setdefault(own.task.name, {})[network] = listed
            more += _unreached(own, tenures[:new], listed, network)
        for old, later in combinations(tenures, 2):
            more += _answered(old, later, tenures, network)
    for change in changes:
        if change.what == What.BACKEND_ADD and change.subject in late:
            networks = model.tasks[change.subject].addresses
            yield from _added(change, networks, late[change.subject], found.rows(change.subject))
        else:
            yield change
    yield from more


class _Tenures:
    def __init__(self, model: Model, changes: Sequence[Change], start_ps: int) -> None:
        self.model, self.start_ps = model, start_ps
        self._begins: dict[str, int] = {}
        self._ends: dict[str, int] = {}
        self._rows: dict[str, list[Change]] = {}
        for change in changes:
            if change.what == What.TASK_LISTENS:
                self._begins[change.subject] = change.at_ps
            elif change.what == What.SANDBOX_GONE:
                self._ends.setdefault(change.subject, change.at_ps)
            elif change.what in ROWS:
                self._rows.setdefault(change.subject, []).append(change)
        asking = [(load.to, load.dns.cache) for load in model.scenario.load.values()]
        asking += [(call.to, call.dns.cache) for task in model.tasks.values() for call in task.spec.calls]
        self._kept = {party_of(model.scenario, to) for to, cache in asking if cache}

    def rows(self, task: str) -> list[Change]:
        """All changes of a task's row."""
        return self._rows.get(task, [])

    def shared(self) -> Iterator[tuple[str, list[Tenure]]]:
        """Of each address of a network of the swarm that was given again, who had it, one after the other."""
        had: dict[tuple[str, str], list[Task]] = {}
        for tasks in self.model.services.values():
            for task in tasks:
                for network, address in task.addresses.items():
                    if self.model.addresses[network].driver.scope == "swarm":
                        had.setdefault((network, address), []).append(task)
        for (network, _), tasks in had.items():
            if len(tasks) > 1:
                yield network, sorted((self._tenure(task) for task in tasks), key=lambda t: t.begin_ps)

    def _tenure(self, task: Task) -> Tenure:
        count, later = len(self.model.nodes), task.name in self._begins
        first = NEVER_PS if later else self.start_ps
        heard = np.full(count, first, np.int64)
        last = np.full(count, first, np.int64)  # when the row last came, or went
        there = np.full(count, not later)
        for change in self.rows(task.name):
            if change.times_ps is None or change.what == What.BACKEND_WEIGHT:
                continue
            comes = change.what == What.BACKEND_ADD
            told = change.times_ps < NEVER_PS
            newer = told & ((last == NEVER_PS) | (change.times_ps >= last))
            last[newer], there[newer] = change.times_ps[newer], comes
            if comes:
                heard = np.minimum(heard, change.times_ps)
        dropped = np.where(there, NEVER_PS, np.where(last == NEVER_PS, self.start_ps, last))
        begin, end = self._begins.get(task.name, self.start_ps), self._ends.get(task.name, NEVER_PS)
        return Tenure(task, begin, end, heard, dropped, task.party in self._kept)


def _listed(own: Tenure, before: Sequence[Tenure]) -> Times:
    """From when on the task has a place of its own in the lists of its service."""
    found = own.heard
    for old in before:
        if old.task.service == own.task.service:
            found = np.where(old.dropped > own.heard, np.maximum(found, old.dropped), found)
    return found


def _elsewhere(own: Tenure, before: Sequence[Tenure]) -> Times:
    """Until when a node has an older row of the address that leads to another node than the task's."""
    found = np.zeros(len(own.heard), np.int64)
    for old in before:
        if old.task.node.name != own.task.node.name:
            found = np.maximum(found, old.dropped)
    return found


def _leads(own: Tenure, before: Sequence[Tenure]) -> Times:
    """From when on packets for the address get to the task, by the tables of each node."""
    return np.maximum(np.maximum(own.heard, own.begin_ps), _elsewhere(own, before))


def _unreached(own: Tenure, before: Sequence[Tenure], listed: Times, network: str) -> Iterator[Change]:
    """Who knows the task, but has an older row that leads to another node, sends to where nobody has the address."""
    leads = _leads(own, before)
    astray = (leads > listed) & (listed < NEVER_PS)
    if astray.any():
        yield _holder(own, network, Holder.NOBODY, np.where(astray, own.begin_ps, NEVER_PS))
        yield _holder(own, network, Holder.TASK, np.where(astray, leads, NEVER_PS), own)


def _answered(old: Tenure, new: Tenure, tenures: Sequence[Tenure], network: str) -> Iterator[Change]:
    """Who still sends to the old task gets to the new one, as soon as the row that is used leads to its node."""
    since = _leads(new, tenures[: tenures.index(new)])
    if old.task.node.name == new.task.node.name:
        by_old = np.maximum(new.begin_ps, _elsewhere(old, tenures[: tenures.index(old)]))
        since = np.where(by_old < old.dropped, np.minimum(since, by_old), since)
    met = (since < new.end_ps) & ((since < old.dropped) | np.asarray(old.kept))
    if not met.any():
        return
    times = np.where(met, since, NEVER_PS)
    if old.task.service == new.task.service:
        yield _holder(old, network, Holder.TASK, times, new)
    else:
        yield _holder(old, network, Holder.STRANGER, times)
        if new.end_ps < NEVER_PS:
            yield _holder(old, network, Holder.NOBODY, np.where(met, new.end_ps, NEVER_PS))


def _holder(of: Tenure, network: str, kind: Holder, times: Times, to: Tenure | None = None) -> Change:
    groups = () if to is None else ((to.task.name,),)
    return Change(What.HOLDER, of.task.name, value=kind, times_ps=times, network=network, groups=groups)


def _added(
    change: Change, networks: Iterable[str], late: dict[str, Times], rows: Sequence[Change]
) -> Iterator[Change]:
    """A row that is added: in the lists of each network not before the older rows with its address have gone, and not at all where it has
    gone, or stops, before that."""
    assert change.times_ps is not None
    told = change.times_ps
    leaving = np.full(len(told), NEVER_PS, np.int64)
    for row in rows:
        if row.what != What.BACKEND_ADD and row.times_ps is not None:
            after = np.where(row.times_ps >= told, row.times_ps, NEVER_PS)
            leaving = np.minimum(leaving, after)
    for network in networks:
        times = np.where(told < NEVER_PS, np.maximum(told, late.get(network, told)), NEVER_PS)
        yield replace(change, times_ps=np.where(times < leaving, times, NEVER_PS), network=network)
