"""What shares one capacity: max-min fair shares, and jobs that last until their work is done at such a share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable
from dataclasses import dataclass

import simpy

from netsim.swarm.time import Clockwork


def level(capacity: float, groups: Iterable[tuple[float, float]]) -> float:
    """The share of a group of weight 1, if none gets more than it can use.

    ``groups``: weight and the most that a group can use, in the unit of ``capacity``. A group gets the smaller of its
    weight times the level and what it can use; infinite if all of them get what they can use.
    """
    left = capacity
    waiting = sorted(groups, key=lambda group: group[1] / group[0])
    weights = sum(weight for weight, _ in waiting)
    for weight, most in waiting:
        if most * weights > left * weight:
            return left / weights
        left -= most
        weights -= weight
    return float("inf")


@dataclass(slots=True)
class Job:
    """Something that a node does: what is left of it, the most of the capacity that it can use, and its present share (all
    in the unit of the capacity; ``left`` times ps)."""

    node: int
    left: float
    width: float
    speed: float = 0.0


class Shared(ABC):
    """One capacity and the jobs on it; shares are made anew when a job comes, ends or is given up."""

    def __init__(self, env: Clockwork) -> None:
        self.env = env
        self.jobs: dict[simpy.Event, Job] = {}
        self._since = env.now
        self._turn = 0

    @abstractmethod
    def share(self) -> None:
        """Set each job's speed, which is more than 0."""

    def lasts(self) -> float:
        """How long shares are good for at most (ps), if no job comes or ends."""
        return float("inf")

    def do(self, job: Job) -> Generator[simpy.Event, object, None]:
        """Wait until the job is done."""
        if job.left <= 0:
            return
        done = self.env.event()
        self._progress()
        self.jobs[done] = job
        self._next()
        try:
            yield done
        finally:
            if done in self.jobs:  # interrupted: its share goes to the others
                self._progress()
                self.jobs.pop(done, None)
                self._next()

    def changed(self) -> None:
        """The capacity, or what somebody can use of it, is another from now on."""
        self._progress()
        self._next()

    def _progress(self) -> None:
        gone = self.env.now - self._since
        self._since = self.env.now
        for job in self.jobs.values():
            job.left -= gone * job.speed

    def _next(self) -> None:
        self._turn += 1
        if self.jobs:
            self.share()
            soonest = min(job.left / job.speed for job in self.jobs.values())
            self.env.process(self._wait(self._turn, max(1, round(min(soonest, self.lasts())))))

    def _wait(self, turn: int, delay: int) -> Generator[simpy.Event, object, None]:
        yield self.env.timeout(delay)
        if turn != self._turn:
            return
        self._progress()
        for done in [done for done, job in self.jobs.items() if job.left < max(1.0, job.speed)]:
            del self.jobs[done]
            done.succeed()
        self._next()
