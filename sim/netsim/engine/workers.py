"""Worker pools: the threads of a task that serve requests, first come first served."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from netsim.engine.kernel import Kernel
from netsim.engine.meter import Meter

Ready = Callable[[int], None]  # called with the index of the worker


class WorkerPool:
    """``TASK/workers``: at most ``workers`` requests at a time; the rest wait in order of arrival."""

    __slots__ = ("kernel", "meter", "_free", "_queue", "_since")

    def __init__(self, kernel: Kernel, meter: Meter, workers: int) -> None:
        self.kernel = kernel
        self.meter = meter
        self._free = list(range(workers - 1, -1, -1))
        self._queue: deque[tuple[int, Ready]] = deque()
        self._since = [0] * workers

    def acquire(self, ready: Ready) -> None:
        """Call ``ready(worker)`` as soon as one is free (at once if one is)."""
        self.meter.record.arrived += 1
        now = self.kernel.now
        if self._free:
            self._take(self._free.pop(), now, ready)
        else:
            self._queue.append((now, ready))

    def release(self, worker: int) -> None:
        """The worker is free again: the first in the queue gets it."""
        now = self.kernel.now
        self.meter.record.served += 1
        self.meter.busy(self._since[worker], now)
        if self._queue:
            arrived, ready = self._queue.popleft()
            self._take(worker, arrived, ready)
        else:
            self._free.append(worker)

    def refuse(self) -> None:
        """Somebody came who may not wait."""
        self.meter.record.arrived += 1
        self.meter.drop(self.kernel.now)

    def _take(self, worker: int, arrived_ps: int, ready: Ready) -> None:
        now = self.kernel.now
        self.meter.waited(arrived_ps, now - arrived_ps)
        self._since[worker] = now
        ready(worker)

    def clear(self) -> None:
        """Its task has ended: requests in service and in the queue are lost, and no worker comes back."""
        now_ps = self.kernel.now
        self.close(now_ps)
        for _ in range(len(self._since) - len(self._free) + len(self._queue)):
            self.meter.drop(now_ps)
        self._free, self._since = [], []
        self._queue.clear()

    def begin_anew(self, workers: int) -> None:
        """Its task runs again: all workers are free."""
        self._free, self._since = list(range(workers - 1, -1, -1)), [0] * workers

    def close(self, now_ps: int) -> None:
        """Count the requests in service until now, at the end of a run."""
        free = set(self._free)
        for worker, since in enumerate(self._since):
            if worker not in free:
                self.meter.busy(since, now_ps)
