"""Starting and stopping containers takes processor time: the cores of a machine, shared evenly."""

from __future__ import annotations

from collections.abc import Generator

import simpy

from netsim.swarm.time import Clockwork


class Cores:
    """Processor sharing: ``n`` jobs on ``cores`` cores each run at the speed min(1, cores / n)."""

    def __init__(self, env: Clockwork, cores: float) -> None:
        self.env = env
        self.cores = cores
        self._left: dict[simpy.Event, float] = {}
        self._since = env.now
        self._turn = 0

    def work(self, amount_ps: int) -> Generator[simpy.Event, object, None]:
        """Wait until ``amount_ps`` of one core's time is done."""
        if amount_ps <= 0:
            return
        done = self.env.event()
        self._progress()
        self._left[done] = float(amount_ps)
        self._next()
        try:
            yield done
        finally:
            if done in self._left:  # interrupted: its share goes to the others
                self._progress()
                self._left.pop(done, None)
                self._next()

    def change(self, cores: float) -> None:
        """More or fewer cores from now on."""
        self._progress()
        self.cores = cores
        self._next()

    def _speed(self) -> float:
        return min(1.0, self.cores / max(len(self._left), 1))

    def _progress(self) -> None:
        gone = (self.env.now - self._since) * self._speed()
        self._since = self.env.now
        for job in self._left:
            self._left[job] -= gone

    def _next(self) -> None:
        self._turn += 1
        if self._left:
            self.env.process(self._wait(self._turn, max(1, round(min(self._left.values()) / self._speed()))))

    def _wait(self, turn: int, delay: int) -> Generator[simpy.Event, object, None]:
        yield self.env.timeout(delay)
        if turn != self._turn:
            return
        self._progress()
        for job in [job for job, left in self._left.items() if left < 1]:
            del self._left[job]
            job.succeed()
        self._next()
