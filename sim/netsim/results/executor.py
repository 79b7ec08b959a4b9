"""Replications side by side in processes; the records come back in the order of their numbers."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.synchronize import Event
from typing import TYPE_CHECKING, Any

from netsim.results.errors import EngineError

if TYPE_CHECKING:
    from netsim.engine.record import RunRecord
    from netsim.scenario.schema import Scenario

LOOK_EVERY_S = 0.2

# What a worker process was given when it started: the shared flag, and the clocks of all replications.
_stop: Event
_clocks: Any


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _begin(stop: Event, clocks: Any) -> None:
    global _stop, _clocks
    _stop, _clocks = stop, clocks
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to act on


def _replicate(scenario: Scenario, engine: str, seed: int, replication: int) -> RunRecord:
    """One replication in a worker process."""
    from netsim.model.build import build_model
    from netsim.results.run import simulator

    def told(now_ps: int) -> None:
        _clocks[replication] = now_ps

    return simulator(engine)(scenario, build_model(scenario), seed, replication, told, _stop.is_set)


class Pool:
    """Processes for replications of one scenario; they live from the first round to the last."""

    def __init__(self, scenario: Scenario, engine: str, seed: int, jobs: int, most: int) -> None:
        """At most ``jobs`` processes, for replications below the number ``most``."""
        context = multiprocessing.get_context("spawn")  # no locks or threads of this process are inherited
        self.work = (scenario, engine, seed)
        self.flag = context.Event()
        self.clocks = context.Array("q", [-scenario.warmup_ps] * most)
        self.executor = ProcessPoolExecutor(min(jobs, most), context, _begin, (self.flag, self.clocks))

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.flag.set()
        self.executor.shutdown()

    def run(
        self, numbers: range, stop: Callable[[], bool], on_clocks: Callable[[list[int]], None] | None
    ) -> list[RunRecord]:
        """The replications of these numbers, in their order; fewer if ``stop()`` said so.

        ``on_clocks`` gets the scenario's clock (ps) of every replication from 0 on now and then. Raises
        `EngineError` if a process died.
        """
        try:
            numbered = [self.executor.submit(_replicate, *self.work, number) for number in numbers]
            waiting: set[Future[RunRecord]] = set(numbered)
            while waiting:
                _, waiting = wait(waiting, LOOK_EVERY_S, FIRST_COMPLETED)
                if on_clocks is not None:
                    on_clocks(list(self.clocks.get_obj())[: numbers.stop])
                if stop() and not self.flag.is_set():
                    self.flag.set()
                    for future in numbered:
                        future.cancel()
            return [future.result() for future in numbered if not future.cancelled()]
        except BrokenProcessPool:
            raise EngineError("a process that simulated died (out of memory?): try fewer --jobs") from None
