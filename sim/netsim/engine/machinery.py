"""What both machineries have in common as a data plane: a run in steps, changes when they are due, its end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from netsim.datapath.stage import Context
from netsim.engine.border import Change, Message, Outcome, What
from netsim.engine.control import ControlRoutes, flow_of, path_delay
from netsim.engine.cpu import stretched
from netsim.engine.record import RunRecord
from netsim.engine.wiring import Wiring
from netsim.engine.world import World
from netsim.model.entities import Task
from netsim.picoseconds import PS_PER_S

if TYPE_CHECKING:
    from netsim.engine.fast.simulate import FastPlane
    from netsim.engine.reference import Reference

DRAIN_PS = 30 * PS_PER_S  # how long requests that started in the measured period may still take
DRAIN_STEP_PS = PS_PER_S // 10

#: Told the clock (ps) now and then; True stops the run.
Progress = Callable[[int], bool]
Plane = TypeVar("Plane")
#: Rows of links: wait (ps), whether there is no room, bytes sent.
Looks = npt.NDArray[np.int64]

#: Changes of rows that every node keeps for itself: handed over at once, with one effective time per node.
ROWS = frozenset(
    {
        What.BACKEND_ADD, What.BACKEND_WEIGHT, What.BACKEND_REMOVE, What.NAME_ADD, What.NAME_REMOVE,
        What.FORWARD_ADD, What.FORWARD_REMOVE, What.PORT_ADD, What.PORT_REMOVE, What.HOLDER,
    }
)  # fmt: skip


class Handlers(Generic[Plane]):
    """Who takes up which change in one machinery. Modules register their functions with `takes`."""

    def __init__(self) -> None:
        self._by_what: dict[What, Callable[[Plane, Change], None]] = {}

    def takes(
        self, *whats: What
    ) -> Callable[[Callable[[Plane, Change], None]], Callable[[Plane, Change], None]]:
        """Decorate a function of a machinery and a change."""

        def register(function: Callable[[Plane, Change], None]) -> Callable[[Plane, Change], None]:
            for what in whats:
                assert what not in self._by_what, what
                self._by_what[what] = function
            return function

        return register

    def __getitem__(self, what: What) -> Callable[[Plane, Change], None]:
        """Raises ``ValueError`` where nobody takes up such changes."""
        if what not in self._by_what:
            raise ValueError(f"nothing takes up {what.name} in this data plane")
        return self._by_what[what]


REFERENCE_HANDLERS: Handlers[Reference] = Handlers()
FAST_HANDLERS: Handlers[FastPlane] = Handlers()


def both_take(
    *whats: What,
) -> Callable[[Callable[[Machinery, Change], None]], Callable[[Machinery, Change], None]]:
    """Decorate a function of any machinery and a change."""

    def register(function: Callable[[Machinery, Change], None]) -> Callable[[Machinery, Change], None]:
        REFERENCE_HANDLERS.takes(*whats)(function)
        FAST_HANDLERS.takes(*whats)(function)
        return function

    return register


class Machinery(ABC):
    """A data plane (`netsim.engine.border.DataPlane`) that runs one replication.

    It begins at the warm-up's start with the first requests queued. ``progress(now_ps)`` is called now and then
    and stops the run by returning True; then ``stopped`` is set and `advance` returns early.
    """

    #: Of the class; Any, since a handler takes its own kind of machinery.
    handlers: Handlers[Any]

    def __init__(self, world: World, progress: Progress | None = None) -> None:
        self.world = world
        self.wiring = Wiring(world)
        self.control = ControlRoutes(world.model)
        self.progress: Progress = progress or (lambda now_ps: False)
        self.stopped = False
        self.halt = False  # a watched message has ended
        self._later: list[tuple[int, int, Change]] = []
        self._asked = 0

    @property
    @abstractmethod
    def now_ps(self) -> int:
        """Picoseconds on the scenario's clock."""

    @abstractmethod
    def _run(self, until_ps: int) -> bool:
        """All data events before ``until_ps``; False if the run was stopped on its way."""

    @abstractmethod
    def add_task(self, task: Task) -> None:
        """A new task; it serves nothing before `What.TASK_LISTENS`. Raises ``ValueError`` if its name is not new."""

    @abstractmethod
    def _send(self, message: Message, srtt_ps: int) -> None:
        """A message leaves; ``srtt_ps``: what its daemons measured on their connection."""

    @abstractmethod
    def _lost(self, message: Message) -> None:
        """A message is lost before it leaves."""

    @abstractmethod
    def _ended(self) -> list[Outcome]:
        """What became of messages since the last call."""

    @abstractmethod
    def _free_at(self, name: str, context: Context, flow: int) -> int:
        """See `netsim.engine.control.path_delay`."""

    @abstractmethod
    def rewire(self) -> None:
        """Links, or who reaches whom, have changed in ``wiring``."""

    @abstractmethod
    def set_rate(self, station: str) -> None:
        """A link has another rate in ``wiring`` from now on."""

    @abstractmethod
    def look(self, stations: Sequence[str], wire_bytes: int) -> Looks:
        """What a packet of so many bytes would meet now at each of these links: a row of its wait (ps), whether it finds
        no room (0 or 1), and the bytes that have left the link in the measured period."""

    @abstractmethod
    def use_lanes(self, station: str, used: list[int]) -> None:
        """Of the transmitters side by side that ``station`` stands for without their numbers, only those at these places are
        used from now on."""

    def send(self, messages: Sequence[Message]) -> None:
        """Messages leave now. Raises ``KeyError`` for unknown nodes, ``ValueError`` for a message to itself."""
        for message in messages:
            src, dst = message.src, message.dst
            self.control.route(src, dst)
            if src in self.wiring.down:
                self._lost(message)
                self.halt |= message.watched
                continue
            there, back = self.path_delay(src, dst, 0), self.path_delay(dst, src, 0)
            self._send(message, (there or 0) + (back or 0))

    def outcomes(self) -> list[Outcome]:
        """What became of messages since the last call, by number."""
        return sorted(self._ended(), key=lambda outcome: outcome.number)

    def path_delay(self, src: str, dst: str, size_bytes: int) -> int | None:
        """How long a message would take now (ps), by the backlog on its way; None where there is no way."""
        flow = flow_of(src, dst)
        return path_delay(
            self.control.route(src, dst), size_bytes, self.now_ps, self.wiring,
            lambda name, context: self._free_at(name, context, flow),
            lambda node, cost: stretched(cost, self.wiring.steal.get(node, 0)),
        )  # fmt: skip

    def background(self, rates_bps: Mapping[str, float]) -> None:
        """Bulk control traffic as a rate that each node sends: its card has so much less for all else. Replaces the
        last one. Raises ``KeyError`` for unknown nodes, ``ValueError`` for negative rates."""
        self.wiring.set_background(rates_bps)
        self.rewire()

    @abstractmethod
    def open_requests(self) -> int:
        """Requests that started in the measured period and have not ended."""

    @abstractmethod
    def started_requests(self) -> int:
        """Requests that started in the measured period."""

    @abstractmethod
    def visits(self) -> int:
        """Visits of stations done so far."""

    @abstractmethod
    def pool(self, task: str) -> tuple[int, int]:
        """Of a task's workers: requests that have come to them since the warm-up's start, and how long they were busy in the
        measured period with those that have ended (ps). Raises ``KeyError`` for a task that is not there."""

    @abstractmethod
    def count(self) -> None:
        """Hand the requests that have ended to the tally."""

    @abstractmethod
    def record(self, complete: bool) -> RunRecord:
        """Close the books at the present time. Raises ``AssertionError`` where they do not balance."""

    def advance(self, until_ps: int) -> int:
        """Do all data events before ``until_ps`` and the changes that are due, or up to the end of a watched
        message; the time reached."""
        while not self.stopped:
            if self.halt:
                self.halt = False
                break
            due = min(until_ps, self._later[0][0]) if self._later else until_ps
            if due > self.now_ps and not self._run(due):
                self.stopped = True
                break
            if self.halt:
                continue
            while self._later and self._later[0][0] <= self.now_ps:
                self._take_up(heappop(self._later)[2])
            if self.now_ps >= until_ps:
                break
        return self.now_ps

    def apply(self, changes: Sequence[Change]) -> None:
        """Take up changes: rows of nodes now, whatever their times; the others at ``at_ps``, or now if that is past.

        Changes of one time are taken up in the order in which they were asked for. Raises ``ValueError`` for
        what nobody takes up, ``KeyError`` for a subject that does not exist.
        """
        for change in changes:
            self.handlers[change.what]
            if change.what in ROWS or change.at_ps <= self.now_ps:
                self._take_up(change)
            else:
                self.remember(change)

    def remember(self, change: Change) -> None:
        """Take up a change at ``at_ps``."""
        self._asked += 1
        heappush(self._later, (change.at_ps, self._asked, change))

    def _take_up(self, change: Change) -> None:
        self.handlers[change.what](self, change)

    def counters(self) -> Mapping[str, int]:
        """``started``, ``completed`` and ``failed``: requests that started in the measured period; ``visits``."""
        self.count()
        fates = self.world.tally.fates.sum(axis=(0, 1))
        return {
            "started": self.started_requests(),
            "completed": int(fates[0]),
            "failed": int(fates[1:-1].sum()),
            "visits": self.visits(),
        }


def run_out(plane: Machinery) -> RunRecord:
    """Run to the end of the measured period, then until its requests have ended, at most 30 s more.

    Stations count the measured period alone; what drains after it only completes the requests.
    """
    advance_to(plane, plane.world.scenario.duration)
    return drain(plane)


def advance_to(plane: Machinery, until_ps: int) -> None:
    """Go on where a watched message stops the run."""
    while plane.advance(until_ps) < until_ps and not plane.stopped:
        pass


def drain(plane: Machinery) -> RunRecord:
    """What comes after the measured period, and the books."""
    end = last = plane.world.scenario.duration
    while not plane.stopped and end < last + DRAIN_PS and plane.open_requests():
        end += DRAIN_STEP_PS
        advance_to(plane, end)
    return plane.record(not plane.stopped)


def watch(on_progress: Callable[[int], None] | None, stop: Callable[[], bool] | None) -> Progress:
    """One function of the two that `simulate` is given."""

    def progress(now_ps: int) -> bool:
        if on_progress is not None:
            on_progress(now_ps)
        return stop is not None and stop()

    return progress
