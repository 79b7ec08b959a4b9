"""By which network new connections go from when on, as containers join and leave networks and updates give services others.

The control plane runs before the data plane, so all that decides is known: endpoints, and when each node's engine knows which
name on which network. What is found is told to the data plane as changes (`What.MOVED`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter

from netsim.datapath.choices import (
    Deciding,
    at_first,
    carries_ports,
    choices,
    deciding,
    default_route,
)
from netsim.datapath.reach import party_of
from netsim.engine.border import NEVER_PS, Change, What
from netsim.model.entities import Model

#: (when, network, whether it is an endpoint or a name, how many more)
Step = tuple[int, str, str, int]
OWN, KNOWN = "own", "known"


def moves(model: Model, changes: Sequence[Change], now_ps: int) -> Iterator[Change]:
    """All changes of networks, for what the control plane's ``changes`` say from ``now_ps`` on."""
    if not any(o.connect or o.disconnect or o.new_networks() for o in model.scenario.operations):
        return
    found = Moves(model, changes, now_ps)
    for src, target in dict.fromkeys(_pairs(model)):
        what = deciding(model, src, target)
        if what == Deciding.NAME:
            yield from found.by_name(src, target)
        elif what != Deciding.FIXED:
            yield from found.by_default_route(src, target, what)


def _pairs(model: Model) -> Iterator[tuple[str, str]]:
    for load in model.scenario.load.values():
        sources = [task.name for task in model.services.get(load.from_, ())] or [load.from_]
        yield from ((source, load.to) for source in sources)
    for task in model.tasks.values():
        yield from ((task.name, call.to) for call in task.spec.calls)


class Moves:
    """Who is on which network and who knows which name, by time."""

    def __init__(self, model: Model, changes: Sequence[Change], now_ps: int) -> None:
        self.model = model
        self.now_ps = now_ps
        self._endpoints: dict[str, list[tuple[int, str, int]]] = {}
        self._names: dict[str, list[Change]] = {}
        self._rows: dict[str, list[Change]] = {}
        for change in changes:
            if change.what in (What.ATTACH, What.DETACH):
                step = change.at_ps, change.network, 1 if change.what == What.ATTACH else -1
                self._endpoints.setdefault(change.subject, []).append(step)
            elif change.what in (What.NAME_ADD, What.NAME_REMOVE):
                self._names.setdefault(change.subject, []).append(change)
            elif change.what in (What.BACKEND_ADD, What.BACKEND_REMOVE):
                self._rows.setdefault(change.subject, []).append(change)

    def by_default_route(self, src: str, target: str, what: Deciding) -> Iterator[Change]:
        """Of a way out, or of published ports: where the default route is. Ports that are nowhere have the network \"\"."""
        ports = what == Deciding.PORT
        mover = target.partition(":")[0] if ports else src
        options = choices(self.model, src, target)
        on, by = at_first(self.model, mover), options[0]
        for at, network, more in sorted(self._endpoints.get(mover, ()), key=itemgetter(0)):
            on = on | {network} if more > 0 else on - {network}
            route = default_route(self.model, mover, on)
            now = route if route in options and (not ports or carries_ports(self.model, route)) else ""
            if now != by and (now or ports):
                by = now
                yield self._moved(src, target, now, at)

    def by_name(self, src: str, target: str) -> Iterator[Change]:
        """Of a name: the first network of the source's on which its node's engine knows it."""
        options = choices(self.model, src, target)
        if len(options) < 2:
            return
        party = party_of(self.model, target.partition(":")[0])
        count = {(network, what): 0 for network in options for what in (OWN, KNOWN)}
        steps = sorted((*self._own(src, options), *self._known(src, party, options)), key=itemgetter(0))
        by = options[0]
        for place, (at, network, what, more) in enumerate(steps):
            count[network, what] += more
            if place + 1 < len(steps) and steps[place + 1][0] == at:
                continue
            now = next((n for n in options if count[n, OWN] > 0 and count[n, KNOWN] > 0), by)
            if now != by:
                by = now
                yield self._moved(src, target, now, at)

    def _moved(self, src: str, target: str, network: str, at: int) -> Change:
        return Change(What.MOVED, src, max(at, self.now_ps), network=network, groups=((target,),))

    def _own(self, src: str, options: tuple[str, ...]) -> Iterator[Step]:
        task = self.model.tasks[src]
        there = at_first(self.model, src) if task.service is None else set(task.networks)
        yield from ((self.now_ps, network, OWN, 1) for network in options if network in there)
        yield from (
            (at, network, OWN, more)
            for at, network, more in self._endpoints.get(src, ())
            if network in options
        )

    def _known(self, src: str, party: str, options: tuple[str, ...]) -> Iterator[Step]:
        """When a name becomes known on a network, or is forgotten there: of a service, its tasks' rows in that network."""
        model, node = self.model, self.model.tasks[src].node.index
        if party in model.containers:
            there = at_first(model, party)
            yield from ((self.now_ps, network, KNOWN, 1) for network in options if network in there)
            for change in self._names.get(party, ()):
                at = change.at_ps if change.times_ps is None else int(change.times_ps[node])
                if at < NEVER_PS and change.network in options:
                    yield at, change.network, KNOWN, 1 if change.what == What.NAME_ADD else -1
            return
        for task in [model.tasks[party]] if party in model.tasks else model.party_tasks(party):
            mine = [network for network in options if network in task.networks]
            rows = self._rows.get(task.name, [])
            times = sorted(
                (int(row.times_ps[node]), 1 if row.what == What.BACKEND_ADD else -1)
                for row in rows
                if row.times_ps is not None and row.times_ps[node] < NEVER_PS
            )
            here = not times or times[0][1] < 0  # a task that is to come is added first
            yield from ((self.now_ps, network, KNOWN, int(here)) for network in mine)
            for at, more in times:
                if here != (more > 0):
                    here = more > 0
                    yield from ((at, network, KNOWN, more) for network in mine)
