"""When the requests or datagrams of an open workload start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from netsim.engine.kernel import Phase
from netsim.engine.keys import Tag, fold, name_key
from netsim.engine.streams import gaps
from netsim.workload.arrivals import arrival_times

if TYPE_CHECKING:
    from netsim.engine.world import World


class Starts:
    """The arrivals of one workload, which has a rate: each is queued as the one before it is there, and then ``start`` is told its
    number."""

    def __init__(self, world: World, name: str, start: Callable[[int], None]) -> None:
        load, draws = world.scenario.load[name], world.draws
        assert load.arrivals is not None
        self._kernel = world.kernel
        self._key = name_key(name)
        self._start = start
        begin = -world.scenario.warmup_ps if load.start == 0 else load.start
        gap = gaps(load.arrivals, draws.seed, draws.replication, name)
        self._times: Iterator[int] = arrival_times(gap, load.arrivals.points, begin, world.scenario.duration)

    def queue(self, index: int = 0) -> None:
        """Queue the arrival of this number, if there is one more."""
        at = next(self._times, None)
        if at is not None:
            self._kernel.at(at, Phase.ARRIVAL, fold(self._key, Tag.ARRIVAL, index), self._arrive, index)

    def _arrive(self, index: int) -> None:
        self.queue(index + 1)
        self._start(index)
