"""The data plane of the reference machinery: units move from visit to visit over the stations."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from netsim.datapath.crowd import crowded_ps
from netsim.datapath.gro import TURNS
from netsim.datapath.stage import Context, LinkSpec, backlog_of
from netsim.engine.cpu import Core, Cpu, Owner, Quota, Thread
from netsim.engine.host import Host
from netsim.engine.kernel import Kernel, Key, Phase
from netsim.engine.keys import Tag, fold, name_key
from netsim.engine.links import Link, SharedBuffer, Trouble
from netsim.engine.meter import Meter
from netsim.engine.record import StationRecord
from netsim.engine.rings import Ring
from netsim.engine.route import FRAGMENT_BYTES, Cost, Route, Visit
from netsim.engine.streams import uniform
from netsim.engine.unit import Split, Unit
from netsim.engine.workers import WorkerPool

AWAY = "away"  # where a unit was dropped that came from the outside and met no connection of its own
POWER = "power"  # where a unit was lost with the power of its node
WIRE = "wire"  # where a unit was lost that a wire does not carry, or loses
MTU = "mtu"  # where a unit was dropped whose packets are larger than a card takes


class Machine:
    """All stations of a run.

    ``links``: by station name. ``shared``: by switch whose ports share one buffer, its bytes, alpha in thousandths, and
    the ports.
    """

    def __init__(self, kernel: Kernel, hosts: list[Host], links: Mapping[str, LinkSpec], duration_ps: int,
                 slice_ps: int, shared: Mapping[str, tuple[int, int, list[str]]] | None = None) -> None:  # fmt: skip
        self.kernel = kernel
        self.duration_ps = duration_ps
        self.slice_ps = slice_ps
        self.visits = 0
        self.down: set[str] = set()  # nodes without power
        self.steers = {host.name for host in hosts if host.rfs}
        self.address: str | None = (
            None  # who has the entry's virtual address (empty: nobody), if there is one
        )
        self.chance = 0  # what is folded into the keys of draws of losses
        #: Entries that a node's conntrack has in all its namespaces, and the buckets of its table.
        self.tracked: Callable[[str], tuple[int, int]] = lambda node: (0, 1)
        self.meters: dict[str, Meter] = {}
        self.cpus: dict[str, Cpu] = {}
        self.rings: dict[str, list[Ring]] = {}  # a card's, then the backlogs of cores
        self.queues: dict[str, int] = {}  # how many of them are the card's
        self.links: dict[str, Link] = {}
        self.merges = any(host.polls for host in hosts)
        self.pools: dict[str, WorkerPool] = {}
        self.cores: dict[str, list[Core]] = {}  # of each machine
        for host in hosts:
            place, count = host.machine or (host.name, host.cores)
            if place not in self.cores:
                self.cores[place] = [self._core(place, k) for k in range(count)]
            cores = [self.cores[place][(host.first_core + k) % count] for k in range(host.cores)]
            self.cpus[host.name] = Cpu(
                kernel, cores, host.quantum_ps, host.machine is not None, host.smt, host.rfs
            )
            self.rings[host.name] = [
                Ring(self._meter(f"{host.name}/{host.nic}.rx{q}", "nic_rx", host.name), host.ring_packets,
                     q % host.cores, host.moderation_ps)
                for q in range(host.rx_queues)
            ] + [
                Ring(self._meter(f"{host.name}/backlog{k}", "nic_rx", host.name), host.backlog, k, 0)
                for k in range(host.cores if host.backlog else 0)
            ]  # fmt: skip
            self.queues[host.name] = host.rx_queues
        #: Places of the transmitters side by side that are used, by the name before their numbers, where not all are.
        self.lanes: dict[str | None, list[int]] = {}
        for name, spec in links.items():
            kind = "switch" if name.startswith("switch/") else "nic_tx"
            node = name.split("/")[1 if kind == "switch" else 0]
            link = self.links[name] = Link(self._meter(name, kind, node), spec, kernel.now)
            if self.merges:
                link.turns = [-(1 << 62)] * TURNS
                if kind == "nic_tx" and node in self.cpus:  # a transmit queue for each core (XPS)
                    link.most_turns = min(TURNS, len(self.cpus[node].cores))
        self.shared = [
            SharedBuffer(size, alpha, [self.links[name] for name in ports])
            for size, alpha, ports in (shared or {}).values()
        ]

    def _core(self, place: str, k: int) -> Core:
        name = f"{place}/cpu{k}"
        return Core(name_key(name), self._meter(name, "cpu", place))

    def _meter(self, name: str, kind: str, node: str, servers: int = 1) -> Meter:
        meter = Meter(name, kind, node, servers, self.duration_ps, self.slice_ps)
        self.meters[name] = meter
        return meter

    def pool(self, task: str, node: str, workers: int) -> WorkerPool:
        """The worker pool of a task; its station is ``TASK/workers``."""
        found = self.pools[task] = WorkerPool(
            self.kernel, self._meter(f"{task}/workers", "workers", node, workers), workers
        )
        return found

    def thread(
        self, key: Key, weight: float = 1.0, quota: Quota | None = None, owner: Owner | None = None
    ) -> Thread:
        """A thread that has not run yet; ``key`` names it."""
        return Thread(key, weight, quota, owner)

    def run(
        self, thread: Thread, node: str, work: Cost, done: Callable[[], None], split: Split | None
    ) -> None:
        """Work of a thread on its node's cores, then ``done()``; no work at all is done at once."""
        total = sum(ps for _, ps in work)
        if total == 0:
            done()
            return

        def finished(wait_ps: int) -> None:
            self.visits += 1
            if split is not None:
                for stage, ps in work:
                    split[stage] = split.get(stage, 0) + ps
                if wait_ps:
                    split["queue:cpu"] = split.get("queue:cpu", 0) + wait_ps
            done()

        self.cpus[node].run(thread, total, finished)

    def send(self, route: Route, payload_bytes: int, key: Key, arrive: Callable[[int], None],
             drop: Callable[[int, str], None], split: Split | None = None, flow: int = 0,
             choose: Callable[[], Route | None] | None = None,
             thin: Callable[[int, bool], None] | None = None, ends: tuple[Thread | None, ...] = (),
             leaves: Callable[[int], None] | None = None,
             apart: Callable[[int], None] | None = None) -> None:  # fmt: skip
        """Move one skb over the visits of its route; ``arrive(now)`` or ``drop(now, station)`` ends it
        (the station is `MTU` if it was too large, `WIRE` or `POWER` if nobody had no room for it).

        ``choose`` is asked when the unit reaches the visit that chooses a back end: it gives the
        whole route, whose visits before that one are the same, or None to refuse the packet.
        ``thin(bytes, last)`` is told when some of the skb's wire packets are lost (``last``: those at its end) and the others go on;
        without it, such an skb is lost as a whole. ``ends``: the threads that
        have the connection for themselves. ``leaves(time)`` is told when the skb will have left the first transmitter, which took it,
        ``apart(skbs)`` into how many skbs it came at a card's queue.
        """
        now = self.kernel.now
        unit = Unit(
            route, payload_bytes, key, flow, arrive, drop, split, choose, thin, now, ends, leaves, apart
        )
        self._onward(unit, now)

    def _onward(self, unit: Unit, first_in: int) -> None:
        """From here to the next station: delays need no event."""
        visits = unit.route.visits
        while unit.at < len(visits):
            visit = visits[unit.at]
            if visit.context != Context.DELAY:
                break
            for stage, ps in visit.costs(unit.payload, unit.packets):
                first_in += ps
                unit.last_in += ps
                unit.spend(stage, first_in)
            unit.at += 1
        else:
            self.kernel.at(
                unit.last_in, Phase.ARRIVAL, fold(unit.key, Tag.VISIT, unit.at), self._arrived, unit
            )
            return
        key = fold(unit.key, Tag.VISIT, unit.at)
        if visit.context == Context.LINK:
            self.kernel.at(first_in, Phase.ARRIVAL, key, self._link, unit, visit)
        else:
            self.kernel.at(unit.last_in, Phase.ARRIVAL, key, self._softirq, unit, visit)

    def _arrived(self, unit: Unit) -> None:
        unit.spend("wire", unit.last_in)
        unit.arrive(self.kernel.now)

    def _link(self, unit: Unit, visit: Visit) -> None:
        if self.address is not None and unit.route.enters and self.elsewhere(unit, visit):
            unit.drop(self.kernel.now, AWAY)
            return
        self.visits += 1
        station = visit.station_of(unit.flow, self.lanes.get(visit.station) if self.lanes else None)
        link = self.links[station]
        trouble = link.trouble
        if trouble is not None and not self.passes(unit, trouble):
            link.refuse(self.kernel.now)
            unit.drop(self.kernel.now, WIRE)
            return
        pieces = visit.pieces(unit.payload)
        overhead = visit.overhead_bytes + (pieces - 1) * FRAGMENT_BYTES
        wire = unit.payload + unit.packets * overhead
        full = unit.route.mss_bytes + overhead if unit.thin is not None else 0
        passed = link.enter(self.kernel.now, unit.last_in, wire, unit.packets, full, pieces, unit.flow)
        if passed is None:
            unit.drop(self.kernel.now, station)
            return
        start, first_out, last_out, gone = passed
        if unit.leaves is not None:
            unit.leaves(last_out)
            unit.leaves = None
        if gone:
            self._thin(unit, gone, True)
        if trouble is not None and trouble.loss and not self._survives(unit, trouble.loss, pieces):
            unit.drop(self.kernel.now, WIRE)
            return
        if link.turns is not None and unit.packets > 1:
            flows = link.alternate(self.kernel.now, unit.flow, last_out)
            unit.turns = max(unit.turns, ((first_out - start) * flows, flows))
        unit.spend(f"queue:{link.meter.record.kind}", start)
        unit.spend(visit.stages[0].stage, first_out)
        if trouble is not None:
            first_out += trouble.delay_ps
            last_out += trouble.delay_ps
            unit.spend("wire", first_out)
        unit.last_in = last_out
        unit.at += 1
        self._onward(unit, first_out)

    def elsewhere(self, unit: Unit, visit: Visit) -> bool:
        """Whether a unit from the outside stands before the first node and the virtual address is not there."""
        link = self.links[visit.stations[0]]
        if not link.port or link.node not in self.cpus or link.node == self.address:
            return False
        before = (v for v in unit.route.visits[: unit.at] if v.context != Context.DELAY)
        return all(v.context == Context.LINK and self.links[v.stations[0]].port for v in before)

    def passes(self, unit: Unit, trouble: Trouble) -> bool:
        """Whether a link in trouble takes a unit at all."""
        if trouble.cut:
            return False
        if trouble.groups is not None:
            here = trouble.groups.get(unit.route.visits[unit.at].node)
            there = self._side(unit, trouble.groups)
            if here is not None and there is not None and here != there:
                return False
        return True

    def _side(self, unit: Unit, groups: dict[str, int]) -> int | None:
        """The side of a partition that a unit comes from: of the node whose card it left last."""
        for visit in reversed(unit.route.visits[: unit.at]):
            if visit.context == Context.SOFTIRQ:
                return None
            if (
                visit.context == Context.LINK
                and visit.node in groups
                and not self.links[visit.stations[0]].port
            ):
                return groups[visit.node]
        return None

    def _survives(self, unit: Unit, loss: float, pieces: int) -> bool:
        """Whether something of a unit is left on a wire where each frame has its own chance to be lost, and with it the packet."""
        stream = fold(unit.key ^ self.chance, Tag.LOSS, unit.at)
        lost = sum(
            any(uniform(stream, packet * pieces + piece) < loss for piece in range(pieces))
            for packet in range(unit.packets)
        )
        if lost == 0:
            return True
        if lost == unit.packets or unit.thin is None:
            return False
        self._thin(unit, lost, False)
        return True

    @staticmethod
    def _thin(unit: Unit, packets: int, last: bool) -> None:
        """So many wire packets of a unit are lost, its ``last`` ones or any, and the others go on."""
        size = packets * unit.route.mss_bytes
        unit.payload -= size
        unit.packets -= packets
        if unit.thin is not None:
            unit.thin(size, last)

    def lose_units(self, node: str) -> None:
        """The power of a node is gone: the units in it or in its card will not come out."""
        queue = self.kernel._queue
        for i, entry in enumerate(queue):
            what = entry[3]
            if type(what) is tuple and what[0] in (self._link, self._softirq, self._arrived):
                unit = what[1][0]
                if self._inside(unit, node):
                    queue[i] = (*entry[:3], (self._lost, (unit,)))

    def _inside(self, unit: Unit, node: str) -> bool:
        visits = unit.route.visits
        before = visits[unit.at - 1] if unit.at else None
        if unit.at == len(visits):
            return before is not None and before.node == node
        visit = visits[unit.at]
        if visit.context == Context.SOFTIRQ or not self.links[visit.stations[0]].port:
            return visit.node == node
        return before is not None and before.context == Context.LINK and before.node == node

    def _lost(self, unit: Unit) -> None:
        unit.drop(self.kernel.now, POWER)

    def _softirq(self, unit: Unit, visit: Visit) -> None:
        if visit.node in self.down:
            self._lost(unit)
            return
        self.visits += 1
        now = self.kernel.now
        if visit.chooses and unit.choose is not None:
            chosen = unit.choose()
            if chosen is None:
                unit.drop(now, "ipvs")
                return
            unit.route = chosen
            visit = chosen.visits[unit.at]
        unit.spend("wire", now)
        rings, queues = self.rings[visit.node], self.queues[visit.node]
        ring, taken = rings[unit.flow % queues], unit.packets
        if visit.steered:
            ring, taken = (
                rings[queues + backlog_of(unit.flow, len(rings) - queues)],
                1 if visit.steered == 1 else unit.packets,
            )
        record = ring.meter.record
        record.arrived += 1
        large = unit.payload > visit.most_bytes
        if not ring.room(now, taken) or large:
            ring.meter.drop(now)
            unit.drop(now, MTU if large else record.name)
            return
        costs, cpu, core = visit.costs(unit.payload, unit.packets), self.cpus[visit.node], ring.core
        if visit.node in self.steers:
            core = next((t.core for t in unit.ends if t is not None and t.cpu is cpu and t.core >= 0), core)
        extra = ring.apart(unit, visit, cpu.cores[core], now)
        if visit.poll_ps and ring.interrupts(now, cpu.cores[core]):
            extra += visit.poll_ps
        if extra:
            costs = [(costs[0][0], costs[0][1] + extra), *costs[1:]]
        if visit.crowded:
            costs = self._crowded(visit, costs, core)
        start, finish = cpu.softirq(core, sum(ps for _, ps in costs))
        ring.hold(finish, taken, unit.flow)
        ring.meter.busy(start, finish)
        ring.meter.waited(now, start - now)
        unit.spend("queue:nic_rx", start)
        at = start
        for stage, ps in costs:
            at += ps
            unit.spend(stage, at)
        unit.spend("queue:cpu", finish)  # what others took of the core's time
        unit.last_in = finish
        unit.at += 1
        self._onward(unit, finish)

    def _crowded(self, visit: Visit, costs: Cost, core: int) -> Cost:
        """The costs beside what the node's other receive cores do, and with the entries that its tables have."""
        rings, cores, now = self.rings[visit.node], self.cpus[visit.node].cores, self.kernel.now
        used = {other.core for other in rings} - {core}
        others = sum(cores[other].softirq_free > now for other in used)
        entries, buckets = self.tracked(visit.node)
        return [
            (name, crowded_ps(ps, stage.per_core_ppt, others, stage.chain_ps, entries, buckets))
            for stage, (name, ps) in zip(visit.stages, costs, strict=True)
        ]

    def records(self) -> dict[str, StationRecord]:
        """Close the books at the present time and return them."""
        now = self.kernel.now
        for link in self.links.values():
            link.settle(now)
            if link.credit is not None:
                link.meter.record.credit_left_bytes = link.credit.left_bytes(now)
                link.meter.record.credit_out_ps = link.credit.out_ps
        for rings in self.rings.values():
            for ring in rings:
                ring.room(now, 0)
        for cpu in self.cpus.values():
            cpu.settle()
        for pool in self.pools.values():
            pool.close(now)
        for meter in self.meters.values():
            record = meter.record
            record.inside = record.arrived - record.served - record.dropped
        return {name: meter.record for name, meter in self.meters.items()}

    def check_conservation(self) -> None:
        """In = out + dropped + inside, counted apart. Raises ``AssertionError`` where it does not hold."""
        for name, link in self.links.items():
            assert link.meter.record.inside == len(link._waiting), name
        for rings in self.rings.values():
            for ring in rings:
                assert ring.meter.record.inside == len(ring._waiting), ring.meter.record.name
        for task, pool in self.pools.items():
            busy = len(pool._since) - len(pool._free)
            assert pool.meter.record.inside == busy + len(pool._queue), task
