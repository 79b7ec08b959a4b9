"""What the managers agree on: services, tasks and nodes, as swarmkit's store holds them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from netsim.scenario.schema_service import Service


class State(IntEnum):
    """Task states of swarmkit's api/types.proto; they only increase."""

    NEW = 0
    PENDING = 64
    ASSIGNED = 192
    ACCEPTED = 256
    PREPARING = 320
    READY = 384
    STARTING = 448
    RUNNING = 512
    COMPLETE = 576
    SHUTDOWN = 640
    FAILED = 704
    REJECTED = 768
    REMOVE = 800
    ORPHANED = 832


@dataclass(eq=False, slots=True)
class TaskRow:
    """One task. ``state`` is what the managers know; ``desired`` what they want; times in ps.

    ``slot``: number of a replica, or the node of a global service. ``version``: of the service's spec.
    ``bound``: whether its rows are in the tables of its network, so that its stop waits for gossip.
    """

    number: int
    service: str
    slot: int
    version: int
    spec: Service
    node: int | None = None
    state: State = State.NEW
    desired: State = State.RUNNING
    start_after: int = 0
    started: int | None = None
    waits_for: TaskRow | None = None
    bound: bool = False
    attempts: int = 0

    @property
    def runnable(self) -> bool:
        """Wanted, and not ended."""
        return self.desired <= State.RUNNING and self.state <= State.RUNNING


@dataclass(eq=False, slots=True)
class ServiceRow:
    """A service: its present and previous spec, how many replicas, and its tasks that have not ended for good."""

    name: str
    spec: Service
    replicas: int
    version: int = 0
    previous: Service | None = None
    tasks: list[TaskRow] = field(default_factory=list)
    restarts: dict[int, list[int]] = field(default_factory=dict)
    failures: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    updating: int = 0

    def slots(self) -> dict[int, list[TaskRow]]:
        """Runnable tasks by slot."""
        found: dict[int, list[TaskRow]] = {}
        for task in self.tasks:
            if task.runnable:
                found.setdefault(task.slot, []).append(task)
        return found

    def running(self, without: Iterable[int] = ()) -> int:
        """Tasks shown as running and wanted, those on the nodes ``without`` left out."""
        left_out = set(without)
        return sum(
            t.state == State.RUNNING and t.desired == State.RUNNING and t.node not in left_out
            for t in self.tasks
        )


@dataclass(eq=False, slots=True)
class NodeRow:
    """A node as the managers know it."""

    state: str = "ready"  # ready | down | unknown
    availability: str = "active"  # active | pause | drain
    tasks: set[TaskRow] = field(default_factory=set)

    def in_order(self) -> list[TaskRow]:
        """Its tasks, oldest first: a set's own order is that of addresses in memory."""
        return sorted(self.tasks, key=lambda task: task.number)

    @property
    def valid(self) -> bool:
        """Whether new tasks may be put there."""
        return self.state == "ready" and self.availability == "active"

    @property
    def invalid(self) -> bool:
        """Whether its tasks are to be replaced (orchestrator/task.go InvalidNode)."""
        return self.state == "down" or self.availability == "drain"
