"""What a byte of each flow of a bulk transfer costs at every station: it stands in the routes of its connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netsim.datapath.congestion.steps import LARGEST, TICK_PS
from netsim.datapath.stage import Context, backlog_of
from netsim.engine.flow.opening import Way
from netsim.engine.flow.quota import QUOTA
from netsim.engine.flow.watching import place_of
from netsim.engine.machine import Machine
from netsim.engine.route import FRAGMENT_BYTES, MIN_FRAME_BYTES, Cost, Route, Visit
from netsim.engine.world import World
from netsim.picoseconds import PS_PER_S

BITS = 8
#: A unit holds about a tick of the rate at which TCP paces, 1.2 times that of the window (tcp_update_pacing_rate), and more over
#: short paths: `LARGEST` packets, halved for each 512 us (tcp_tso_autosize; the same rule as `netsim.datapath.congestion.steps.unit`).
PACED_S = 1.2 * TICK_PS / PS_PER_S
HALVED_PS = 512 * 1_000_000


@dataclass(slots=True)
class Price:
    """Of a byte: seconds at each station (cores of a node by number, all of them, links), and ``back`` those of its
    acknowledgements, and bytes on each wire. Seconds of the threads at both ends; a round trip (s), one way of it, and bytes of a unit.
    ``own``: the sender's card, if TCP small queues hold the flow back there, and the bytes that it has there in the mean."""

    seconds: dict[str, float] = field(default_factory=dict)
    back: dict[str, float] = field(default_factory=dict)
    wire: dict[str, float] = field(default_factory=dict)
    ends_s: tuple[float, float] = (0.0, 0.0)
    rtt_s: float = 0.0
    one_way_s: float = 0.0
    unit_bytes: int = 1
    visits: float = 0.0
    own: tuple[str, float] = ("", 0.0)


def unit_packets(rate_bps: float, rtt_s: float, mss_bytes: int, most: int) -> int:
    """Packets of a unit of a flow of this rate (bytes/s)."""
    short = LARGEST >> min(int(rtt_s * PS_PER_S / HALVED_PS), 60)
    return max(2, min(LARGEST, most, int(rate_bps * PACED_S / mss_bytes) + short))


def quota_of(task: str) -> str:
    """What stands for the processor time that a task may use."""
    return task + QUOTA


def _ps(cost: Cost) -> int:
    return sum(ps for _, ps in cost)


class Pricing:
    """Prices of flows on a machine whose links have these ``rates`` (bit/s)."""

    def __init__(self, world: World, rates: Mapping[str, int | None]) -> None:
        self.machine: Machine = world.machine
        self.servers = world.servers
        self.rates = rates
        self.tcp = world.tcp

    def price(
        self, way: Way, rate_bps: float, rtt_s: float, busy: Mapping[str, float], most: int = LARGEST
    ) -> Price:
        """At this rate (bytes/s) and round trip; ``busy``: shares of the cores that receive work takes, by name; ``most``:
        packets of a unit."""
        conn = way.conn
        assert conn is not None
        route, ack = conn.ways.request, conn.ways.request_ack
        mss = route.mss_bytes
        whole = self.tcp.unit_bytes // mss
        packets = unit_packets(rate_bps, rtt_s, mss, min(most, whole))
        pieces = route.pieces if way.receiver is not None else 0
        each = min(packets, pieces) if pieces else packets
        size = each * mss
        found = Price(unit_bytes=size)
        there, back = (
            self._go(found, found.seconds, route, size, conn.hash, busy),
            self._go(found, found.back, ack, 0, conn.hash, busy),
        )
        sends = receives = 0.0
        times = max(1, packets // each)
        if way.sender is not None:
            sends = (
                _ps(route.send_cost(size)) + (times - 1) * _ps(route.send_cost(size, pieces > 0))
            ) / times
            self._cores(found.seconds, way.sender, sends / size)
        if way.receiver is not None:
            receives = _ps(route.recv_cost(size, pieces > 0))
            self._cores(found.seconds, way.receiver, receives / size)
        for task, took in ((way.writer, sends), (way.reader, receives)):
            if task in self.servers and self.servers[task].quota is not None:
                self._add(found.seconds, quota_of(task), took / size)
        found.ends_s = sends / size / PS_PER_S, receives / size / PS_PER_S
        found.one_way_s = there / PS_PER_S
        found.rtt_s = (sends + there + receives + back) / PS_PER_S
        found.visits /= size
        if route.queue_bytes:
            paced = min(rate_bps * PACED_S, route.queue_bytes)
            # A unit follows as soon as no more than the limit is left, two units at the least (`netsim.engine.smallqueue`).
            found.own = (next(iter(found.wire)), max(2.0 * packets * mss, paced) + packets * mss)
        return found

    def _cores(self, seconds: dict[str, float], node: str, ps: float) -> None:
        """Time of a node's cores, and of those of the machine that it runs on."""
        for place in {node, place_of(self.machine, node)}:
            self._add(seconds, f"{place}/cpu", ps)

    @staticmethod
    def _add(seconds: dict[str, float], station: str, ps: float) -> None:
        seconds[station] = seconds.get(station, 0.0) + ps / PS_PER_S

    def _go(
        self, found: Price, seconds: dict[str, float], route: Route, payload: int, hash_: int, busy: Mapping[str, float]
    ) -> float:  # fmt: skip
        """A unit (0: an acknowledgement) over a route, into the price. How long it takes (ps)."""
        took, packets, size = 0.0, route.packets(payload), found.unit_bytes
        for visit in route.visits:
            found.visits += visit.context != Context.DELAY
            if visit.context == Context.DELAY:
                took += _ps(visit.costs(payload, packets))
            elif visit.context == Context.LINK:
                name, wire, ps = self._link(visit, payload, packets, hash_)
                self._add(seconds, name, ps / size)
                found.wire[name] = found.wire.get(name, 0.0) + wire / size
                took += ps / packets  # a train: the next hop starts after the first packet
            else:
                core, ps = self._softirq(visit, payload, packets, hash_, busy)
                self._add(seconds, core, ps / size)
                self._cores(seconds, visit.node, ps / size)
                took += ps
        return took

    def _link(self, visit: Visit, payload: int, packets: int, hash_: int) -> tuple[str, int, float]:
        lanes = self.machine.lanes
        name = visit.station_of(hash_, lanes.get(visit.station) if lanes else None)
        link, pieces = self.machine.links[name], visit.pieces(payload)
        overhead = visit.overhead_bytes + (pieces - 1) * FRAGMENT_BYTES
        wire = max(payload + packets * overhead, MIN_FRAME_BYTES * packets)
        rate = self.rates[name]
        service = wire * BITS * PS_PER_S / rate if rate else 0.0
        return name, wire, max(service, packets * pieces * link.packet_ps)

    def _softirq(
        self, visit: Visit, payload: int, packets: int, hash_: int, busy: Mapping[str, float]
    ) -> tuple[str, float]:
        """The core that takes it, and the time, longer beside what the node's other receive cores do."""
        rings, cores = self.machine.rings[visit.node], self.machine.cpus[visit.node].cores
        queues = self.machine.queues[visit.node]
        steered = queues + backlog_of(hash_, len(rings) - queues) if visit.steered else hash_ % queues
        core = rings[steered].core
        names = {k: cores[k].meter.record.name for k in {ring.core for ring in rings}}
        others = sum(busy.get(name, 0.0) for k, name in names.items() if k != core)
        entries, buckets = self.machine.tracked(visit.node)
        total = 0.0
        for stage, (_, ps) in zip(visit.stages, visit.costs(payload, packets), strict=True):
            total += ps + ps * stage.per_core_ppt * others / 1000 + stage.chain_ps * entries / buckets
        return names[core], total
