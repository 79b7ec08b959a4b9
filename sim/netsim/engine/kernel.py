"""The clock of the reference machinery: SimPy's environment with an order that names entities.

Events are taken by ``(time, phase, key)``. The key is a number that names who acts (see
`netsim.engine.keys`), never the order in which events were put in, so that another
machinery that meets the same events in another order of insertion takes them in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from heapq import heappop, heappush
from typing import Any

import simpy
from simpy.core import EmptySchedule
from simpy.events import Event

NEVER = 1 << 62

Key = int  # see netsim.engine.keys


class Phase(IntEnum):
    """What comes first among events of the same picosecond."""

    CONTROL = 0
    FINISH = 1
    TIMEOUT = 2
    ARRIVAL = 3


class OrderedEnvironment(simpy.Environment):
    """An environment with an integer clock in picoseconds, ordered by ``(time, phase, key)``.

    SimPy's own processes and timeouts run in phase CONTROL, among themselves in SimPy's order.
    """

    def schedule(self, event: Event, priority: int = 1, delay: float = 0) -> None:
        """SimPy's entry: control events, before all data events of the same time."""
        self._eid_now = getattr(self, "_eid_now", 0) + 1
        entry: Any = (int(self._now + delay), Phase.CONTROL, (int(priority), self._eid_now), event)
        heappush(self._queue, entry)

    def call_at(
        self, time_ps: int, phase: int, key: Key, fn: Callable[..., None], args: tuple[Any, ...]
    ) -> None:
        """Queue a data event: ``fn(*args)`` at ``time_ps``."""
        entry: Any = (time_ps, phase, key, (fn, args))
        heappush(self._queue, entry)

    def step(self) -> None:
        """Take the next event. Raises ``EmptySchedule`` when there is none."""
        if not self._queue:
            raise EmptySchedule
        entry: Any = heappop(self._queue)
        self._now = entry[0]
        what = entry[3]
        if type(what) is tuple:
            what[0](*what[1])
            return
        callbacks, what.callbacks = what.callbacks, None
        for callback in callbacks:
            callback(what)
        if not what._ok and not what.defused:
            raise what._value


class Kernel:
    """The event loop that the data plane is built on."""

    __slots__ = ("env", "_queue", "halted")

    def __init__(self, start_ps: int = 0) -> None:
        self.env = OrderedEnvironment(start_ps)
        self._queue: list[Any] = self.env._queue
        self.halted = False  # set by an event after which the run shall pause

    @property
    def now(self) -> int:
        """Picoseconds on the scenario's clock."""
        return self.env._now  # type: ignore[return-value]

    def at(self, time_ps: int, phase: int, key: Key, fn: Callable[..., None], *args: Any) -> None:
        """Call ``fn(*args)`` at ``time_ps``; keys must differ among events of one time and phase."""
        heappush(self._queue, (time_ps, phase, key, (fn, args)))

    def run(
        self, until_ps: int, on_progress: Callable[[int], bool] | None = None, every: int = 20_000
    ) -> bool:
        """Run all events before ``until_ps``. ``on_progress(now_ps)`` is asked every ``every`` events
        and stops the run by returning True. Returns False then, True at the end or after an event that halts."""
        queue, step, left = self._queue, self.env.step, every
        while queue and queue[0][0] < until_ps:
            step()
            if self.halted:
                self.halted = False
                return True
            left -= 1
            if left == 0:
                left = every
                if on_progress is not None and on_progress(self.now):
                    return False
        self.env._now = max(self.now, until_ps)
        return True
