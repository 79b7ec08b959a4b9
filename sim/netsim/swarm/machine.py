"""Starting and stopping containers takes processor time: the cores of a machine, shared as Linux shares them."""

from __future__ import annotations

import math
from collections.abc import Generator

import numpy as np
import simpy

from netsim.swarm.sharing import Job, Shared, level
from netsim.swarm.time import Clockwork

#: How often other work is looked at in the time in which one change of it is expected.
LOOKS = 4


class OtherWork:
    """What else wants a machine's cores: threads in groups of their own, which come at random times and stay for a time
    that is exponential (an M/M/inf queue): ``mean`` of them on average, each for ``stay_ps`` on average.

    Only how many there are is kept, and it is drawn only when somebody looks.
    """

    def __init__(self, luck: np.random.Generator, mean: float, stay_ps: int, now_ps: int) -> None:
        self.luck = luck
        self.mean = mean
        self.stay_ps = stay_ps
        self._count = int(luck.poisson(mean))
        self._at_ps = now_ps

    def running(self, now_ps: int) -> int:
        """How many there are now: those that stayed since the last look, and those that came."""
        if now_ps > self._at_ps:
            stays = math.exp((self._at_ps - now_ps) / self.stay_ps)
            self._count = int(
                self.luck.binomial(self._count, stays) + self.luck.poisson(self.mean * (1 - stays))
            )
            self._at_ps = now_ps
        return self._count

    def lasts(self) -> float:
        """When to look again: often enough that a change in between is rare (ps)."""
        return self.stay_ps / (LOOKS * (self.mean + self._count)) if self.mean else float("inf")


class Cores(Shared):
    """Processor sharing between groups, and within a group between its jobs.

    The daemon of each node is a scheduling group of its own (``sched_autogroup``, man 7 sched; a container or a virtual
    machine has a control group anyway), so a node with four starts gets no more than one with one while there are too
    few cores. ``others``: what else runs on the machine.
    """

    def __init__(self, env: Clockwork, cores: float, others: OtherWork | None = None) -> None:
        super().__init__(env)
        self.cores = cores
        self.others = others

    def work(self, node: int, amount_ps: int, width: float = 1.0) -> Generator[simpy.Event, object, None]:
        """Wait until ``amount_ps`` of one core's time is done, on at most ``width`` cores at once."""
        yield from self.do(Job(node, float(amount_ps), width))

    def change(self, cores: float) -> None:
        """More or fewer cores from now on."""
        self.cores = cores
        self.changed()

    def share(self) -> None:
        """The groups' shares, max-min fair, and within a group by what each can use."""
        wanted: dict[int, float] = {}
        for job in self.jobs.values():
            wanted[job.node] = wanted.get(job.node, 0.0) + job.width
        groups = [(1.0, width) for width in wanted.values()]
        if self.others is not None:
            groups += [(1.0, 1.0)] * self.others.running(self.env.now)
        most = level(self.cores, groups)
        for job in self.jobs.values():
            job.speed = job.width * min(1.0, most / wanted[job.node])

    def lasts(self) -> float:
        """Other work comes and goes."""
        return float("inf") if self.others is None else self.others.lasts()
