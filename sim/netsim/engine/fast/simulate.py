"""One replication on the fast engine, as the data plane that the border knows."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from netsim.datapath.stage import Context
from netsim.engine import backends as backends  # its handlers
from netsim.engine import endpoints as endpoints  # its handlers
from netsim.engine import wires as wires  # its handlers
from netsim.engine.border import Message, Outcome
from netsim.engine.control import flow_of, message_key
from netsim.engine.fast import changes as changes  # its handlers
from netsim.engine.fast import holders as holders  # its handlers
from netsim.engine.fast import layout as y
from netsim.engine.fast.engine import Fast
from netsim.engine.fast.entries import (
    begin_message,
    link_free_at,
    look_at_links,
    lost_message,
    next_outcome,
)
from netsim.engine.fast.ops import GROW
from netsim.engine.fast.records import run_record
from netsim.engine.machinery import FAST_HANDLERS, Looks, Machinery, Progress, run_out, watch
from netsim.engine.record import RunRecord
from netsim.engine.world import World
from netsim.model.entities import Model, Task
from netsim.scenario.schema import Scenario

HANDLERS = FAST_HANDLERS


class FastPlane(Machinery):
    """The compiled data plane; ``fast`` is its memory."""

    handlers = HANDLERS

    def __init__(self, world: World, progress: Progress | None = None) -> None:
        super().__init__(world, progress)
        self.fast = Fast(world)
        self.fast.start()

    @property
    def now_ps(self) -> int:
        """Picoseconds on the scenario's clock."""
        return int(self.fast.M[y.H_NOW])

    def _run(self, until_ps: int) -> bool:
        with _without_collector():
            went_on = self.fast.run(until_ps, self.progress)
        self.halt = went_on and self.now_ps < until_ps
        return went_on

    def add_task(self, task: Task) -> None:
        """A new task; it serves nothing before `What.TASK_LISTENS`. Raises ``ValueError`` if its name is not new."""
        self.fast.add_server(self.world.add_task(task))

    def _send(self, message: Message, srtt_ps: int) -> None:
        fast, src, dst = self.fast, message.src, message.dst
        way = fast.builder.host_ways(src, dst, self.control.ways(src, dst))
        fast.add_ways()
        ends = fast.builder.node_index[src], fast.builder.node_index[dst]
        flow, key = flow_of(src, dst), message_key(message)
        while begin_message(
            fast.M, way, *ends, flow, key, srtt_ps, message.size_bytes, message.number, message.watched, fast.room
        ) == GROW:  # fmt: skip
            fast.grow()

    def _lost(self, message: Message) -> None:
        lost_message(self.fast.M, message.number)

    def _ended(self) -> list[Outcome]:
        found, row = [], np.zeros(2, np.int64)
        while next_outcome(self.fast.M, row):
            found.append(Outcome(int(row[0]), None if row[1] == y.NEVER else int(row[1])))
        return found

    def _free_at(self, name: str, context: Context, flow: int) -> int:
        M, b = self.fast.M, self.fast.builder
        if context == Context.LINK:
            return int(link_free_at(M, b.link_index[name]))
        rings = self.world.machine.rings[name]
        node, index = b.nodes.rows[b.node_index[name]], rings[flow % self.world.machine.queues[name]].core
        core = node[y.N_CORE] + (node[y.N_SHIFT] + index) % node[y.N_WRAP]
        return int(M[int(M[y.B_CORE]) + core * y.W_CORE + y.C_SOFT])

    def rewire(self) -> None:
        """Every link's rate, and what is wrong at it."""
        changes.rewire(self)

    def set_rate(self, station: str) -> None:
        """A link has another rate from now on."""
        M, row = self.fast.M, self.fast.builder.link_index[station]
        o = int(M[y.B_LINK]) + row * y.W_LINK
        M[o + y.L_RATE], M[o + y.L_WIRE] = self.wiring.rate_bps(station) or 0, -1

    def look(self, stations: Sequence[str], wire_bytes: int) -> Looks:
        """What a packet of so many bytes would meet now at each of these links."""
        index = self.fast.builder.link_index
        found = np.zeros((len(index), 3), np.int64)
        look_at_links(self.fast.M, len(index), wire_bytes, found.reshape(-1))
        return found[[index[name] for name in stations]]

    def use_lanes(self, station: str, used: list[int]) -> None:
        """Of a bond's cables, only those at these places."""
        M, first = self.fast.M, self.fast.builder.link_index[f"{station}1"]
        o = int(M[y.B_LINK]) + first * y.W_LINK
        M[o + y.L_LANES] = len(used)
        for place, lane in enumerate(used):
            M[o + place * y.W_LINK + y.L_LANE] = lane

    def open_requests(self) -> int:
        """Measured requests that have not ended."""
        return int(self.fast.M[y.H_OPEN])

    def started_requests(self) -> int:
        """Requests that started in the measured period."""
        return int(self.fast.M[y.H_STARTED])

    def visits(self) -> int:
        """Visits of stations done so far."""
        return int(self.fast.M[y.H_VISITS])

    def pool(self, task: str) -> tuple[int, int]:
        """Requests that have come to a task's workers, and how long these were busy (ps)."""
        M, station = self.fast.M, self.fast.builder.station_index[f"{task}/workers"]
        row = int(M[y.B_STATION]) + station * y.W_STATION
        return int(M[row + y.S_ARRIVED]), int(M[row + y.S_BUSY])

    def count(self) -> None:
        """Hand the requests that have ended to the tally."""
        self.fast.count()

    def record(self, complete: bool) -> RunRecord:
        """Close the books at the present time."""
        return run_record(self.fast, complete)


def simulate(
    scenario: Scenario,
    model: Model,
    seed: int,
    replication: int,
    on_progress: Callable[[int], None] | None = None,
    stop: Callable[[], bool] | None = None,
    keep_requests: bool = False,
) -> RunRecord:
    """Like `netsim.engine.reference.simulate`, and to the picosecond the same."""
    world = World(scenario, model, seed, replication, keep_requests)
    return run_out(FastPlane(world, watch(on_progress, stop)))


@contextmanager
def _without_collector() -> Iterator[None]:
    """Making ways leaves many small objects that stay; to look for cycles among them takes a third of the time."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()
