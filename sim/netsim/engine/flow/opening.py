"""The flows of bulk transfers, opened on the reference machinery, and what faults and operations do to them.

All flows open their connections there, and nothing is sent over them: back ends, entries, receive queues and routes are those of the
other engines, and so is whose end closes or falls silent when. After each change it is noted what a unit would meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from netsim.datapath.stage import Context
from netsim.engine.border import Change
from netsim.engine.client import Client
from netsim.engine.connection import Connection, Party
from netsim.engine.kernel import Key
from netsim.engine.machine import Machine
from netsim.engine.machinery import ROWS, Machinery
from netsim.engine.peer import Peer
from netsim.engine.reference import Reference
from netsim.engine.route import Route
from netsim.engine.sources import Bulk, BulkFlow, Requests
from netsim.engine.udp import Stream
from netsim.engine.unit import Unit
from netsim.engine.wiring import MILLION
from netsim.engine.world import World
from netsim.picoseconds import PS_PER_S


class Condition(NamedTuple):
    """What units of a flow meet. ``stalled``: none arrives; ``answered``: with RST. ``deaf``: no acknowledgement arrives. ``kept``: the
    share of packets that is not lost at random. ``there_s``, ``back_s``: delay on top of the way. ``sends``, ``receives``: the speed of the cores
    at either end, as a share."""

    stalled: bool = False
    answered: bool = False
    silent: bool = False  # nobody is there any more, whatever the links are
    deaf: bool = False
    kept: float = 1.0
    there_s: float = 0.0
    back_s: float = 0.0
    sends: float = 1.0
    receives: float = 1.0


GOOD = Condition()


@dataclass(slots=True)
class Way:
    """One flow: where it goes, from when on it sends, or at that time failed with ``fate``. ``ended_ps``: when its connection broke with
    ``broken``. ``conditions``: from when on (ps) it meets what."""

    workload: str
    number: int
    size_bytes: int
    asked_ps: int
    begun_ps: int = -1
    fate: str | None = None
    conn: Connection | None = None
    sender: str | None = None  # the nodes whose threads write and read; None: outside
    receiver: str | None = None
    reader: str | None = None  # the task that reads
    writer: str | None = None
    ended_ps: int = -1
    broken: str | None = None
    conditions: list[tuple[int, Condition]] = field(default_factory=list)


@dataclass(slots=True)
class Opened:
    """All flows of a run, and what is left of the capacity of stations (a share, where it is not all) from when on (ps)."""

    ways: list[Way]
    capacities: list[tuple[int, dict[str, float]]]
    rates: dict[str, int | None]  # of links, when the clock started (bit/s)


class OpenedFlow(BulkFlow):
    """A flow that only opens its connection."""

    __slots__ = ("way", "plane")

    def __init__(
        self, plane: Opening, bulk: OpenedBulk, client: Client, key: Key, number: int, size: int
    ) -> None:
        super().__init__(bulk, client, key, number, size)
        self.way = plane.ways[bulk.name, number]
        self.plane = plane

    def _send(self, conn: Connection, party: Party) -> None:
        way = self.way
        way.conn, way.begun_ps = conn, self.client.kernel.now
        if party.thread is not None:
            way.sender, way.writer = party.node, self.client.source
        if conn.server is not None:
            conn.server.accepted(conn)
            way.receiver, way.reader = conn.server.node, conn.server.name
        self.plane.note(way)

    def _end(self, fate: str) -> None:
        if not self.over and self.way.conn is None:
            self.way.fate, self.way.begun_ps = fate, self.client.kernel.now
        elif not self.over:
            self.way.broken, self.way.ended_ps = fate, self.client.kernel.now
        super()._end(fate)


class OpenedBulk(Bulk):
    """A bulk transfer of such flows."""

    def __init__(self, plane: Opening, name: str) -> None:
        super().__init__(plane.world, name)
        self.plane, self.name = plane, name

    def start(self) -> None:
        """Queue the start of all flows, and note them."""
        size, flows = self.load.bulk or 0, self.load.flows
        for flow in range(flows if self.clients else 0):
            each = size // flows + (1 if flow < size % flows else 0)
            self.plane.ways[self.name, flow] = Way(self.name, flow, each, self.load.start)
        super().start()

    def flow(self, client: Client, key: Key, number: int, size: int) -> BulkFlow:
        """One of them."""
        return OpenedFlow(self.plane, self, client, key, number, size)


class Opening(Reference):
    """The reference machinery with the connections of bulk transfers alone."""

    def __init__(self, world: World) -> None:
        self.ways: dict[tuple[str, int], Way] = {}
        super().__init__(world)

    def source(self, name: str) -> Requests | Bulk | Stream | None:
        """Requests do not take place."""
        return OpenedBulk(self, name) if self.world.scenario.load[name].bulk is not None else None

    def note(self, way: Way) -> None:
        """Note what a flow meets from now on."""
        now = self.condition(way)
        if not way.conditions or way.conditions[-1][1] != now:
            way.conditions.append((self.now_ps, now))

    def condition(self, way: Way) -> Condition:
        """What units of an open flow meet now."""
        conn, machine = way.conn, self.world.machine
        assert conn is not None
        there = _along(machine, conn.ways.request, conn.hash)
        back = _along(machine, conn.ways.request_ack, conn.hash)
        away = _away(machine, conn.ways.request)
        reset = conn.peer == Peer.RESET or (away and bool(machine.address))
        silent = conn.peer == Peer.SILENT or (away and not machine.address)
        return Condition(
            there.cut or silent, reset, conn.peer == Peer.SILENT, back.cut, there.kept, there.delay_s, back.delay_s,
            self._speed(way.sender), self._speed(way.receiver),
        )  # fmt: skip

    def _speed(self, node: str | None) -> float:
        return 1.0 if node is None else 1 - self.wiring.steal.get(node, 0) / MILLION

    def capacities(self) -> dict[str, float]:
        """What is left of stations' capacities."""
        found: dict[str, float] = {}
        for name, rate in self.wiring.rates.items():
            now = self.world.machine.links[name].rate_bps
            if rate and now and now != rate:
                found[name] = now / rate
        for node, steal in self.wiring.steal.items():
            cpu = self.world.machine.cpus[node]
            cores = () if cpu.shared else (core.meter.record.name for core in cpu.cores)
            for name in (f"{node}/cpu", *cores):
                found[name] = 1 - steal / MILLION
        return found


class _Met(NamedTuple):
    cut: bool
    kept: float
    delay_s: float


def _unit(route: Route) -> Unit:
    return Unit(route, 0, 0, 0, lambda now: None, lambda now, where: None, None, None, None, 0, ())


def _along(machine: Machine, route: Route, hash_: int) -> _Met:
    """What is wrong on a way."""
    unit, cut, kept, delay = _unit(route), False, 1.0, 0
    for unit.at, visit in enumerate(route.visits):
        if visit.context == Context.SOFTIRQ:
            cut |= visit.node in machine.down
        elif visit.context == Context.LINK:
            lanes = machine.lanes.get(visit.station) if machine.lanes else None
            trouble = machine.links[visit.station_of(hash_, lanes)].trouble
            if trouble is not None:
                cut |= not machine.passes(unit, trouble) or trouble.loss >= 1
                kept *= (1 - trouble.loss) ** visit.pieces(route.mss_bytes)
                delay += trouble.delay_ps
    return _Met(cut, kept, delay / PS_PER_S)


def _away(machine: Machine, route: Route) -> bool:
    """Whether what comes from the outside finds the virtual address elsewhere."""
    if machine.address is None or not route.enters:
        return False
    unit = _unit(route)
    for unit.at, visit in enumerate(route.visits):
        if visit.context == Context.LINK and machine.elsewhere(unit, visit):
            return True
    return False


def opened(world: World, until_ps: int, changes: Sequence[Change] = ()) -> Opened:
    """All flows of all bulk transfers of a world, opened on it, while the swarm changes; those that are not by ``until_ps`` have no
    connection and no fate."""
    plane = Opening(world)
    plane.apply(changes)
    capacities: list[tuple[int, dict[str, float]]] = []
    for at in sorted({c.at_ps for c in changes if c.what not in ROWS and c.at_ps < until_ps}):
        advance_beyond(plane, at)
        for way in plane.ways.values():
            if way.conn is not None and way.broken is None:
                plane.note(way)
        left = plane.capacities()
        if left != (capacities[-1][1] if capacities else {}):
            capacities.append((at, left))
    plane.advance(until_ps)
    return Opened(list(plane.ways.values()), capacities, dict(plane.wiring.rates))


def advance_beyond(plane: Machinery, at_ps: int) -> None:
    """Up to a time, with the changes of that time."""
    if at_ps > plane.now_ps:
        plane.advance(at_ps)
