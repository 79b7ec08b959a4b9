"""What the control plane's events mean for a data plane: changes of its border, each node's rows at its own time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from netsim.engine.border import NEVER_PS, Change, LinkState, Times, What
from netsim.model.build import Later
from netsim.swarm.broadcasts import Bools
from netsim.swarm.probes import DEAD
from netsim.swarm.store import TaskRow
from netsim.swarm.traffic import taken

if TYPE_CHECKING:
    from netsim.swarm.world import Swarm

MOST_STOLEN = 999_999  # millionths: something is left
DIRECTIONS = ("sends", "receives")


class Journal:
    """Changes in the order in which they happened. ``later``: tasks that the scenario did not place.

    A row's change is noted when its owner makes it; its times fill up as the other nodes hear of it.
    """

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm
        self.changes: list[Change] = []
        self.later: list[Later] = []
        self._names: dict[TaskRow, str] = {}
        self._rows: dict[int, TaskRow] = {}
        self._has: dict[TaskRow, Bools] = {}  # which nodes have the task's row now
        self._on: dict[int, list[TaskRow]] = {}  # by node
        self._stopping: set[TaskRow] = set()
        self._spreading: dict[int, tuple[What, Times]] = {}
        self._quiet_ps: dict[int, int] = {}
        self._told: dict[tuple[What, TaskRow], Times] = {}
        self._links: dict[tuple[int, str], LinkState] = {}
        self._groups: tuple[tuple[str, ...], ...] = ()
        self._taken: dict[int, dict[str, int]] = {}  # of transmitters, who takes how much (bit/s)
        self.addresses: list[tuple[int, str]] = []  # since when which node has the entry's address; "": none

    # Tasks and nodes.

    def adopt(self, task: TaskRow, name: str) -> None:
        """A task that runs when the clock starts."""
        self._enter(task, name)
        self._has[task][:] = task.bound

    def listens(self, task: TaskRow, at_ps: int) -> None:
        """A new container's process accepts connections from then on."""
        assert task.node is not None
        name = f"{self.swarm.label(task)}.{task.number}"
        self._enter(task, name)
        node, addresses = self.swarm.ways.names[task.node], self.swarm.allocator.addresses(task)
        self.later.append(Later(task.service, name, task.slot, node, task.spec, addresses))
        self.changes.append(Change(What.TASK_LISTENS, name, at_ps))

    def _enter(self, task: TaskRow, name: str) -> None:
        self._names[task] = name
        self._rows[task.number] = task
        self._has[task] = np.zeros(len(self.swarm.ways.names), np.bool_)
        assert task.node is not None
        self._on.setdefault(task.node, []).append(task)

    def task(self, what: What, task: TaskRow) -> None:
        """Something happens to a task that has been started; of others a data plane knows nothing."""
        if task in self._names:
            self.changes.append(Change(what, self._names[task], self.swarm.env.now))

    def alone(self, what: What, container: str, late_ps: int = 0) -> None:
        """Something happens to a container outside any service, now or so much later."""
        self.changes.append(Change(what, container, self.swarm.env.now + late_ps))

    def node(self, what: What, node: int) -> None:
        """Something happens to a node."""
        self.changes.append(Change(what, self.swarm.ways.names[node], self.swarm.env.now))

    def address(self, holder: int | None) -> None:
        """The outside reaches the entry's virtual address at a node from now on, or nowhere."""
        name = "" if holder is None else self.swarm.ways.names[holder]
        self.addresses.append((self.swarm.env.now, name))

    def cable(self, node: int, cable: int, there: bool) -> None:
        """A cable of a bond is pulled or plugged in."""
        name, now = self.swarm.ways.names[node], self.swarm.env.now
        self.changes.append(Change(What.CABLE, name, now, value=cable, link=LinkState(there)))

    def lanes(self, node: int, used: list[int]) -> None:
        """A bond uses these cables from now on (from 1)."""
        value = sum(1 << (cable - 1) for cable in used)
        self.changes.append(Change(What.LANES, self.swarm.ways.names[node], self.swarm.env.now, value=value))

    def background(self, who: str, row: int, rate_bps: int) -> None:
        """Image pulls or gossip take so much of a row of transmitters (`netsim.swarm.lines`) from now on."""
        shares = self._taken.setdefault(row, {})
        shares[who] = rate_bps
        ways = self.swarm.ways
        self.changes += taken(ways.lines, ways.names, row, sum(shares.values()), self.swarm.env.now)

    def steals(self, node: int, share: float) -> None:
        """A hypervisor takes a share of the node's processor time from now on."""
        value = min(MOST_STOLEN, round(share * 1e6))
        self.changes.append(Change(What.STEAL, self.swarm.ways.names[node], self.swarm.env.now, value=value))

    # Rows.

    def row(self, what: What, task: TaskRow) -> None:
        """The owner writes the row of a task; `heard` says who follows, and when."""
        assert task.node is not None
        times = self._never()
        self._spreading[task.number] = what, times
        if what == What.BACKEND_WEIGHT:
            self._stopping.add(task)
        if task in self._names:
            value = int(what == What.BACKEND_ADD)
            self.changes.append(Change(what, self._names[task], value=value, times_ps=times))
        self.heard(task.number, [task.node])

    def endpoint(self, container: str, network: str, node: int, number: int, present: bool) -> None:
        """A container joins or leaves a network; ``number``: that of the row with its name, which its node has at once."""
        now, times = self.swarm.env.now, self._never()
        self.changes.append(Change(What.ATTACH if present else What.DETACH, container, now, network=network))
        what = What.NAME_ADD if present else What.NAME_REMOVE
        self._spreading[number] = what, times
        self.changes.append(Change(what, container, times_ps=times, network=network))
        self.heard(number, [node])

    def forward(self, container: str, network: str, node: int, number: int, quiet_ps: int) -> None:
        """A container has a new address on an overlay without swarm mode, which the other nodes do not know yet; who hears
        of it by an event knows it ``quiet_ps`` later. Its own node knows it."""
        gone = np.full(len(self.swarm.ways.names), self.swarm.env.now, np.int64)
        gone[node] = NEVER_PS
        self.changes.append(Change(What.FORWARD_REMOVE, container, times_ps=gone, network=network))
        times = self._never()
        self._spreading[number], self._quiet_ps[number] = (What.FORWARD_ADD, times), quiet_ps
        self.changes.append(Change(What.FORWARD_ADD, container, times_ps=times, network=network))

    def heard(self, number: int, nodes: Iterable[int], asked: bool = False) -> None:
        """Nodes learn the latest row of a task. Of a node that they hold for dead they take none. ``asked``: by an answer,
        which no quiet time holds back."""
        what, times = self._spreading[number]
        task, view = self._rows.get(number), self.swarm.members.view
        for node in nodes:
            if task is not None and what == What.BACKEND_ADD and view[node, task.node] == DEAD:
                continue
            late_ps = 0 if asked else self._quiet_ps.get(number, 0)
            times[node] = min(int(times[node]), self.swarm.env.now + late_ps)
            if task is not None and what != What.BACKEND_WEIGHT:
                self._has[task][node] = what == What.BACKEND_ADD
                if what == What.BACKEND_REMOVE:
                    self.swarm.clock.dropped(node, task)

    def has(self, task: TaskRow, node: int) -> bool:
        """Whether a node's view has the task's row."""
        return task in self._has and bool(self._has[task][node])

    def buried(self, observer: int, node: int) -> None:
        """The observer drops all rows of a node that it holds for dead."""
        for task in self._on.get(node, ()):
            if self._has[task][observer]:
                self._tell(What.BACKEND_REMOVE, task, observer)

    def unburied(self, observer: int, node: int) -> None:
        """A node is alive for the observer again, and the two exchange their rows."""
        for task in self._on.get(node, ()):
            if not self._has[task][observer] and self._stands(task):
                self._tell(What.BACKEND_ADD, task, observer)

    def restarted(self, node: int) -> None:
        """The daemon of a node starts anew: it gets the rows of all others, and they drop those of what it ran before
        (MB networkdb/event_delegate.go purgeReincarnation), unless they are told of its end by gossip anyway."""
        for task, has in self._has.items():
            if task.node == node and not task.bound:
                if self._spreading.get(task.number, (None,))[0] == What.BACKEND_REMOVE:
                    continue
                for observer in np.flatnonzero(has).tolist():
                    self._tell(What.BACKEND_REMOVE, task, observer)
            elif self._stands(task) != has[node]:
                self._tell(What.BACKEND_REMOVE if has[node] else What.BACKEND_ADD, task, node)

    def _stands(self, task: TaskRow) -> bool:
        """Whether a task's row says that new connections may go there."""
        return task.bound and task not in self._stopping and bool(self.swarm.ways.live[task.node])

    def _tell(self, what: What, task: TaskRow, observer: int) -> None:
        """One node's row changes now; changes of one kind share their times as long as each node is in them once."""
        times = self._told.get((what, task))
        if times is None or times[observer] != NEVER_PS:
            times = self._told[what, task] = self._never()
            value = int(what == What.BACKEND_ADD)
            self.changes.append(Change(what, self._names[task], value=value, times_ps=times))
        times[observer] = self.swarm.env.now
        self._has[task][observer] = what == What.BACKEND_ADD

    def _never(self) -> Times:
        return np.full(len(self.swarm.ways.names), NEVER_PS, np.int64)

    # Links.

    def wires(self) -> None:
        """Cables, links, the switch or a partition have changed: what is new is noted."""
        ways, now = self.swarm.ways, self.swarm.env.now
        for node, name in enumerate(ways.names):
            for row, direction in enumerate(DIRECTIONS):
                plugged = (ways.sends, ways.receives)[row][node]
                state = LinkState(
                    bool(ways.switch and plugged),
                    float(ways.loss[row, node]),
                    int(ways.delay_ps[row, node]),
                    int(ways.rate_bps[row, node]) or None,
                    direction,
                )
                if state != self._links.get((node, direction), LinkState(direction=direction)):
                    self._links[node, direction] = state
                    self.changes.append(Change(What.LINK, name, now, link=state))
        sides = sorted(set(ways.group.tolist()))
        groups = tuple(
            tuple(ways.names[k] for k in np.flatnonzero(ways.group == side).tolist()) for side in sides
        )
        groups = groups if len(groups) > 1 else ()
        if groups != self._groups:
            self._groups = groups
            self.changes.append(Change(What.PART, "", now, groups=groups))
