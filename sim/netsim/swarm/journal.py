"""What the control plane's events mean for a data plane: changes of its border, each node's rows at its own time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from netsim.engine.border import NEVER_PS, Change, Times, What
from netsim.model.build import Later
from netsim.swarm.store import TaskRow

if TYPE_CHECKING:
    from netsim.swarm.world import Swarm


class Journal:
    """Changes in the order in which they happened. ``later``: tasks that the scenario did not place.

    A row's change is noted when its owner makes it; its times fill up as the other nodes hear of it.
    """

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm
        self.changes: list[Change] = []
        self.later: list[Later] = []
        self._names: dict[TaskRow, str] = {}
        self._spreading: dict[int, Times] = {}
        self._buried: dict[int, Times] = {}

    def adopt(self, task: TaskRow, name: str) -> None:
        """A task that runs when the clock starts."""
        self._names[task] = name

    def listens(self, task: TaskRow, at_ps: int) -> None:
        """A new container's process accepts connections from then on."""
        assert task.node is not None
        name = self._names[task] = f"{self.swarm.label(task)}.{task.number}"
        self.later.append(Later(task.service, name, task.slot, self.swarm.ways.names[task.node]))
        self.changes.append(Change(What.TASK_LISTENS, name, at_ps))

    def task(self, what: What, task: TaskRow) -> None:
        """Something happens to a task that has been started; of others a data plane knows nothing."""
        if task in self._names:
            self.changes.append(Change(what, self._names[task], self.swarm.env.now))

    def node(self, what: What, node: int) -> None:
        """Something happens to a node."""
        self.changes.append(Change(what, self.swarm.ways.names[node], self.swarm.env.now))

    def row(self, what: What, task: TaskRow) -> None:
        """The owner writes the row of a task; `heard` says who follows, and when."""
        times = self._spreading[task.number] = self._never()
        assert task.node is not None
        times[task.node] = self.swarm.env.now
        if task in self._names:
            value = int(what == What.BACKEND_ADD)
            self.changes.append(Change(what, self._names[task], value=value, times_ps=times))

    def heard(self, number: int, nodes: Iterable[int]) -> None:
        """Nodes learn the latest row of a task."""
        times = self._spreading[number]
        for node in nodes:
            times[node] = min(int(times[node]), self.swarm.env.now)

    def buried(self, observer: int, node: int) -> None:
        """The observer drops all rows of a node that it holds for dead."""
        if node not in self._buried:
            self._buried[node] = times = self._never()
            for task, name in self._names.items():
                if task.node == node and task.bound:
                    self.changes.append(Change(What.BACKEND_REMOVE, name, times_ps=times))
        self._buried[node][observer] = self.swarm.env.now

    def _never(self) -> Times:
        return np.full(len(self.swarm.ways.names), NEVER_PS, np.int64)
