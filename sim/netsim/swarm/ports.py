"""Ports in mode host beside faults and operations: which tasks the entry in front of the swarm sends new connections to.

The entry has a list of nodes, those on which a task has the port when the clock starts, and opens connections to the port of a
node whatever runs there: a node whose task has ended refuses them, and a new task on the node takes them. Its health
check opens a connection to the port, too. So with a check it leaves out a node on which nothing listens, and finds the
nodes on which a task begins; without, its list stays as it is. What has an address of its own is asked there instead.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from netsim.datapath.reach import Reach, reach, stands_for_node
from netsim.engine.border import NEVER_PS, Change, What
from netsim.engine.machinery import DRAIN_PS
from netsim.model.entities import OUTSIDE, Model
from netsim.swarm.checks import Checked, Spans, verdicts

ENDS = (What.TASK_TERMS, What.TASK_GONE, What.SANDBOX_GONE)


@dataclass(slots=True)
class Place(Checked):
    """An address of the entry's list. ``tasks``: who has it, from when on, one after the other."""

    tasks: list[tuple[int, str]] = field(default_factory=list)

    def task(self, at: int) -> str | None:
        """Who has it, or had it last."""
        before = bisect_right(self.tasks, (at, "\U0010ffff")) - 1
        return self.tasks[before][1] if before >= 0 else None


def port_rows(
    model: Model, later: Collection[str], changes: Sequence[Change], away: Mapping[str, Spans], start_ps: int
) -> Iterator[Change]:
    """Rows of the entry's lists, for what the control plane's ``changes`` do to tasks. ``later``: tasks that begin while the
    clock runs; ``away``: when the outside does not reach a node."""
    targets = {
        load.to: reach(model, OUTSIDE, load.to)
        for load in model.scenario.load.values()
        if load.from_ == OUTSIDE
    }
    check, rtt_ps = model.scenario.outside.entry.check, model.scenario.outside.rtt
    until_ps, told = model.scenario.duration + DRAIN_PS, set[str]()
    for target, found in targets.items():
        party = target.partition(":")[0]
        if found.kind == "host" and found.balancer is None and party in model.services and party not in told:
            told.add(party)
            for place in places(model, found, later, changes, away, start_ps):
                found_out = () if check is None else verdicts(place, check, rtt_ps, start_ps, until_ps)
                yield from _rows(place, found_out, start_ps)


def places(
    model: Model,
    found: Reach,
    later: Collection[str],
    changes: Sequence[Change],
    away: Mapping[str, Spans],
    start_ps: int,
) -> list[Place]:
    """All addresses that a target has at some time, in the order of its tasks."""
    begins = dict.fromkeys(found.candidates, start_ps) | {
        c.subject: c.at_ps for c in changes if c.what == What.TASK_LISTENS
    }
    ends: dict[str, int] = {}
    for change in changes:
        if change.what in ENDS:
            ends.setdefault(change.subject, change.at_ps)
    by_node = stands_for_node(model, found)
    result: dict[str, Place] = {}
    for name in found.candidates:
        node = model.tasks[name].node.name
        place = result.setdefault(node if by_node else name, Place())
        place.listed |= name not in later
        place.tasks.append((begins[name], name))
        place.tasks.sort()
        place.listens.append((begins[name], ends.get(name, NEVER_PS)))
        place.away = away.get(node, [])
    return list(result.values())


def _rows(place: Place, checks: Iterable[tuple[int, bool]], start_ps: int) -> Iterator[Change]:
    """Who of a place's tasks is in the list, as what the checks say and its holder change."""
    states = [(start_ps, place.listed), *checks]
    now = place.tasks[0][1] if place.listed else None
    for _, name in place.tasks:
        if name != now:
            yield Change(What.PORT_REMOVE, name, start_ps)
    times = [at for at, _ in states]
    for at in sorted({*times, *(at for at, _ in place.tasks)}):
        there = states[bisect_right(times, at) - 1][1]
        new = place.task(at) if there else None
        if new != now:
            if now is not None:
                yield Change(What.PORT_REMOVE, now, at)
            if new is not None:
                yield Change(What.PORT_ADD, new, at, value=1)
            now = new
