"""The reference engine: one replication on SimPy's clock, the meaning of the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np

from netsim.datapath.stage import Context
from netsim.engine import backends as backends  # its handlers
from netsim.engine import endpoints as endpoints  # its handlers
from netsim.engine import faults as faults  # its handlers
from netsim.engine import wires as wires  # its handlers
from netsim.engine.balance import Choice
from netsim.engine.border import Message, Outcome
from netsim.engine.connection import Connection
from netsim.engine.control import HostWays, flow_of, message_key
from netsim.engine.machinery import REFERENCE_HANDLERS, Looks, Machinery, Progress, run_out, watch
from netsim.engine.peer import Peer
from netsim.engine.record import RunRecord
from netsim.engine.sources import Bulk, Requests
from netsim.engine.transfer import Transfer
from netsim.engine.udp import Stream
from netsim.engine.world import World
from netsim.model.entities import Model, Task
from netsim.scenario.schema import Scenario

HANDLERS = REFERENCE_HANDLERS


class Direct:
    """What `netsim.engine.balance.Choice` is to a client's connection, for one between two daemons."""

    def __init__(self, ways: HostWays) -> None:
        self.first = ways

    def closed(self, by_server: bool) -> None:
        """No table has it."""

    def reset(self) -> None:
        """No table has it."""


class Reference(Machinery):
    """The readable data plane."""

    handlers = HANDLERS

    def __init__(self, world: World, progress: Progress | None = None) -> None:
        super().__init__(world, progress)
        self.kernel = world.kernel
        self.messages: dict[Connection, Message] = {}
        self._outcomes: list[Outcome] = []
        self.workloads: dict[str, Requests | Bulk | Stream] = {}
        for name in sorted(world.scenario.load):
            workload = self.source(name)
            if workload is not None:
                self.workloads[name] = workload
        for server in world.servers.values():
            if not server.awaited:
                server.compute()
        for workload in self.workloads.values():
            workload.start()

    def source(self, name: str) -> Requests | Bulk | Stream | None:
        """What a workload is here; None: it does not take place."""
        load = self.world.scenario.load[name]
        kind = Bulk if load.bulk is not None else Stream if load.datagram is not None else Requests
        return kind(self.world, name)

    @property
    def now_ps(self) -> int:
        """Picoseconds on the scenario's clock."""
        return self.kernel.now

    def _run(self, until_ps: int) -> bool:
        went_on = self.kernel.run(until_ps, self.progress)
        self.halt = went_on and self.now_ps < until_ps
        return went_on

    def add_task(self, task: Task) -> None:
        """A new task; it serves nothing before `What.TASK_LISTENS`. Raises ``ValueError`` if its name is not new."""
        self.world.add_task(task)
        for name, workload in self.workloads.items():
            self.world.more_sources(name, workload.clients, task)
            workload.stand()

    def _send(self, message: Message, srtt_ps: int) -> None:
        src, dst = message.src, message.dst
        key = message_key(message)
        ways = cast(Choice, Direct(self.control.ways(src, dst)))
        conn = Connection(self.kernel, self.world.machine, self.world.tcp, ways, flow_of(src, dst), key)
        conn.measured(srtt_ps)
        self.messages[conn] = message

        def ended(at_ps: int | None) -> None:
            del self.messages[conn]
            conn.close()
            self._outcomes.append(Outcome(message.number, at_ps))
            self.kernel.halted |= message.watched

        conn.user = lambda cause: ended(None)
        Transfer(conn, False, message.size_bytes, key, lambda split, now: ended(now), conn.user).start()

    def _lost(self, message: Message) -> None:
        self._outcomes.append(Outcome(message.number, None))

    def lose_messages(self, node: str) -> None:
        """A node has lost power: what it sends is lost, and it will not know of what is on its way to it."""
        for conn, message in list(self.messages.items()):
            if message.src == node and conn.user is not None:
                conn.user("power")
                self.kernel.halted, self.halt = False, self.halt or message.watched
            elif message.dst == node:
                conn.peer = Peer.RESET

    def _ended(self) -> list[Outcome]:
        found, self._outcomes = self._outcomes, []
        return found

    def _free_at(self, name: str, context: Context, flow: int) -> int:
        machine = self.world.machine
        if context == Context.LINK:
            machine.links[name].settle(self.now_ps)
            return machine.links[name].front_at()
        rings = machine.rings[name]
        return machine.cpus[name].cores[rings[flow % machine.queues[name]].core].softirq_free

    def rewire(self) -> None:
        """Every link's rate, and what is wrong at it."""
        for station, link in self.world.machine.links.items():
            link.rate_bps = self.wiring.rate_bps(station)
            link.trouble = self.wiring.trouble(link.node, link.port, link.cable)

    def set_rate(self, station: str) -> None:
        """A link has another rate from now on."""
        self.world.machine.links[station].rate_bps = self.wiring.rate_bps(station)

    def look(self, stations: Sequence[str], wire_bytes: int) -> Looks:
        """What a packet of so many bytes would meet now at each of these links."""
        links = self.world.machine.links
        rows = [links[name].look(self.now_ps, wire_bytes) for name in stations]
        return np.array(rows, np.int64).reshape(-1, 3)

    def use_lanes(self, station: str, used: list[int]) -> None:
        """Of a bond's cables, only those at these places."""
        self.world.machine.lanes[station] = used

    def open_requests(self) -> int:
        """Measured requests that have not ended; bulk transfers do not have to."""
        return sum(w.recorder.open for w in self.workloads.values() if not isinstance(w, Bulk))

    def started_requests(self) -> int:
        """Requests that started in the measured period."""
        return sum(w.recorder.started for w in self.workloads.values())

    def pool(self, task: str) -> tuple[int, int]:
        """Requests that have come to a task's workers, and how long these were busy (ps)."""
        record = self.world.machine.meters[f"{task}/workers"].record
        return record.arrived, record.busy_ps

    def visits(self) -> int:
        """Visits of stations done so far."""
        return self.world.machine.visits

    def count(self) -> None:
        """Hand the requests that have ended to the tally."""
        for workload in self.workloads.values():
            workload.recorder.flush()

    def record(self, complete: bool) -> RunRecord:
        """Close the books at the present time. Raises ``AssertionError`` where they do not balance."""
        world = self.world
        stations = world.machine.records()
        recorders = [workload.recorder for workload in self.workloads.values()]
        for recorder in recorders:
            recorder.close()
        world.machine.check_conservation()
        return RunRecord(
            seed=world.draws.seed,
            replication=world.draws.replication,
            duration_ps=world.scenario.duration,
            complete=complete,
            simulated_ps=self.now_ps + world.scenario.warmup_ps,
            visits=world.machine.visits,
            slice_ps=world.slice_ps,
            workloads=world.tally.records(
                [r.completed_in_period for r in recorders],
                [r.goodput_bytes_in_period for r in recorders],
                [(r.jitter_sum_ps, r.jitters) for r in recorders],
            ),
            stations=stations,
            conntrack_peak=world.state.peaks(),
            warnings=world.state.warnings(),
        )


def simulate(
    scenario: Scenario,
    model: Model,
    seed: int,
    replication: int,
    on_progress: Callable[[int], None] | None = None,
    stop: Callable[[], bool] | None = None,
    keep_requests: bool = False,
) -> RunRecord:
    """Simulate from the warm-up's start until the measured period is over and its requests have ended.

    ``on_progress(now_ps)`` is called now and then; ``stop()`` ends the run early by returning True
    (the record then has ``complete`` False). ``keep_requests``: the record has every single request, too.
    """
    world = World(scenario, model, seed, replication, keep_requests)
    return run_out(Reference(world, watch(on_progress, stop)))
