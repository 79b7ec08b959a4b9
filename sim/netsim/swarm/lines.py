"""The transmitters between nodes, and what the data's load does to control messages there, over time."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import simpy

from netsim.datapath.paths import link_specs
from netsim.engine.machinery import Machinery, advance_to
from netsim.model.entities import Model, card_station
from netsim.model.fabric import DOWN, UP, WAN, port, rack_of, racks, site_of
from netsim.picoseconds import PS_PER_S
from netsim.swarm.constants import SwarmTable

if TYPE_CHECKING:
    from netsim.swarm.world import Swarm

Ints = npt.NDArray[np.int64]
Steps = npt.NDArray[np.int32]
Tenths = npt.NDArray[np.int8]
#: Looks at a link in a gossip tick; their mean is how full it was.
LOOKS = 10
#: Gossip ticks between two looks at links that are at rest, at most.
SELDOM_TICKS = 32
#: The same during the warm-up, of which what links carried is not known.
WARM_TICKS = 4


class Lines:
    """Rows of transmitters: each node's cards, the ports to each node, then those of hypervisors, racks and sites.

    ``stations``: of a row, side by side; ``rates_bps``: their rates together (infinite: no bottleneck). A way passes, in each of ``layers`` whose places of the two nodes differ, the row
    out of the one's place and that into the other's.
    """

    def __init__(self, model: Model) -> None:
        nodes = list(model.nodes.values())
        self.count = count = len(nodes)
        self.slowest_bps = min(node.nic.rate for node in nodes)
        self.stations: list[tuple[str, ...]] = [node.tx_stations for node in nodes]
        self.stations += [node.switch_stations for node in nodes]
        each = np.arange(count)
        self.layers: list[tuple[Ints, Ints, Ints]] = [(each, each, count + each)]
        cards = [(node.machine, card_station(node.machine, node.uplink)) for node in nodes if node.uplink]
        if cards:
            out = {machine: (card,) for machine, card in cards}
            self._layer([node.machine for node in nodes], out, {m: (f"switch/{m}",) for m in out})
        leaves = model.fabric.leaf_spine
        if leaves is not None:
            ups, downs = (
                {rack: tuple(f"{port(rack, kind)}{k}" for k in range(1, leaves.spines + 1)) for rack in racks(model)}
                for kind in (UP, DOWN)
            )  # fmt: skip
            self._layer([rack_of(model, node) for node in nodes], ups, downs)
        if model.fabric.wan is not None:
            sites = [site_of(model, node) for node in nodes]
            self._layer(sites, {site: (port(site, WAN),) for site in sites}, {})
        specs = link_specs(model)
        self.rates_bps = np.array(
            [sum(specs[name].rate_bps or math.inf for name in names) for names in self.stations], np.float64
        )

    def _layer(
        self, places: list[str], out: Mapping[str, tuple[str, ...]], into: Mapping[str, tuple[str, ...]]
    ) -> None:
        numbers = {place: k for k, place in enumerate(dict.fromkeys(places))}
        rows = []
        for of in (out, into):
            first = len(self.stations)
            self.stations += [of.get(place, ()) for place in numbers]
            rows.append(np.array([first + numbers[place] for place in places], np.int64))
        self.layers.append((np.array([numbers[place] for place in places], np.int64), rows[0], rows[1]))

    def queued(self, queue_ps: Ints, a: Ints, b: Ints) -> Ints:
        """What messages from ``a[k]`` to ``b[k]`` wait (ps), by what waits in each row."""
        found = np.zeros(np.shape(a), np.int64)
        for place, out, into in self.layers:
            found = found + np.where(place[a] != place[b], queue_ps[out[a]] + queue_ps[into[b]], 0)
        return found

    def kept(self, full: npt.NDArray[np.float64], a: Ints, b: Ints) -> npt.NDArray[np.float64]:
        """The share of packets from ``a[k]`` to ``b[k]`` that find room in each row."""
        found = np.ones(np.shape(a))
        for place, out, into in self.layers:
            found = found * np.where(place[a] != place[b], (1 - full[out[a]]) * (1 - full[into[b]]), 1.0)
        return found


@dataclass(slots=True)
class Load:
    """What the data's load was in a run. ``moments``: from when on (ps) what is waited for in each row, in whole steps of
    ``step_ps``, and how full it was in the gossip tick before, in tenths, whenever that differs from the moment before;
    ``data_bps``: at the end of each gossip tick from 0 on, what each node has received in it.
    """

    step_ps: int
    tick_ps: int
    moments: list[tuple[int, Steps, Tenths]] = field(default_factory=list)
    data_bps: list[npt.NDArray[np.float32]] = field(default_factory=list)

    @property
    def heeded(self) -> bool:
        """Whether any control message would have felt it."""
        return bool(self.moments)

    def worst(self, lines: Lines) -> tuple[int, str]:
        """The longest wait (ps), and where."""
        steps = max((steps for _, steps, _ in self.moments), key=lambda found: int(found.max()))
        row = int(steps.argmax())
        return int(steps[row]) * self.step_ps, lines.stations[row][0]

    def same(self, other: Load) -> bool:
        """Whether control messages feel the same in both."""
        return len(self.moments) == len(other.moments) and all(
            at == time and np.array_equal(steps, counts) and np.array_equal(tenths, shares)
            for (at, steps, tenths), (time, counts, shares) in zip(self.moments, other.moments, strict=True)
        )

    def received(self, now_ps: int) -> npt.NDArray[np.float32] | None:
        """What each node received (bit/s) in the last gossip tick that was over then."""
        tick = now_ps // self.tick_ps - 1
        return self.data_bps[tick] if 0 <= tick < len(self.data_bps) else None

    def between(self, since_ps: int, until_ps: int) -> Iterator[npt.NDArray[np.float32]]:
        """What nodes received in the gossip ticks of this time."""
        yield from self.data_bps[max(0, since_ps // self.tick_ps) : max(0, -(-until_ps // self.tick_ps))]


class Replay:
    """Lets a control plane feel the load that a data plane had in the pass before."""

    def __init__(self, swarm: Swarm, load: Load) -> None:
        self.swarm = swarm
        self.load = load
        swarm.agents.pulls.load = load
        swarm.env.process(self._moments())

    def _moments(self) -> Generator[simpy.Event, object, None]:
        swarm = self.swarm
        for at, steps, tenths in self.load.moments:
            yield swarm.env.timeout(at - swarm.env.now)
            if swarm.ways.load(steps.astype(np.int64) * self.load.step_ps, tenths / LOOKS):
                swarm.shaken()


class Recorder:
    """Looks at the links of a data plane while it runs: once in a gossip tick, ten times while anything waits there, and
    seldom while no link carries anything worth mentioning."""

    def __init__(self, lines: Lines, table: SwarmTable, data: bool = True) -> None:
        """``data``: whether what nodes receive is noted, for pulls."""
        self.lines = lines
        self.packet_bytes = table.control_packet_bytes
        self.step_ps, self.tick_ps = table.heeded_wait_ps, table.gossip_ps
        self.load = Load(self.step_ps, self.tick_ps)
        self.names = list(dict.fromkeys(name for names in lines.stations for name in names))
        index = {name: k for k, name in enumerate(self.names)}
        # The worst of those side by side counts, since a connection keeps to one of them.
        self.members = np.array([index[name] for names in lines.stations for name in names], np.int64)
        self.rows = np.array([row for row, names in enumerate(lines.stations) for _ in names], np.int64)
        count = len(lines.stations)
        self.steps, self.tenths = np.zeros(count, np.int32), np.zeros(count, np.int8)
        self.times_full = np.zeros(count, np.int8)
        self.sent = np.zeros(count, np.int64)
        self.waited, self.data = False, data
        self.gap_ps, self.last = self.tick_ps, np.zeros(len(self.names), np.int64)
        self.slowest_bps = lines.slowest_bps

    def advance(self, plane: Machinery, until_ps: int) -> None:
        """Let a data plane run up to then."""
        while not plane.stopped and plane.now_ps < until_ps:
            between = self.tick_ps // LOOKS if self.waited else self.gap_ps
            following = (plane.now_ps // between + 1) * between
            advance_to(plane, min(following, until_ps))
            if plane.now_ps == following:
                self._look(plane)

    def _look(self, plane: Machinery) -> None:
        now, found = plane.now_ps, plane.look(self.names, self.packet_bytes)
        waits = bool((found[:, 0] >= self.step_ps).any() or found[:, 1].any())
        if not waits and not self.waited and not self.data:
            self._rest(now, int((found[:, 2] - self.last).max()))
            self.last = found[:, 2]
            return
        self.gap_ps = self.tick_ps
        self.waited = waits or now % self.tick_ps > 0 or bool(self.times_full.any())
        looks = found[self.members]
        steps = np.zeros(len(self.steps), np.int32)
        np.maximum.at(steps, self.rows, (looks[:, 0] // self.step_ps).astype(np.int32))
        full = np.zeros(len(self.times_full), np.int8)
        np.maximum.at(full, self.rows, looks[:, 1].astype(np.int8))
        self.times_full += full
        tenths = self.tenths
        if now % self.tick_ps == 0:
            tenths, self.times_full = self.times_full, np.zeros(len(full), np.int8)
            if self.data:
                self._count(now, looks[:, 2])
        if (steps != self.steps).any() or (tenths != self.tenths).any():
            self.load.moments.append((now, steps, tenths.copy()))
        self.steps, self.tenths = steps, tenths

    def _rest(self, now_ps: int, most_bytes: int) -> None:
        """Twice the time to the next look if no link has carried more than a hundredth of the slowest one's rate since the last
        one (stations count bytes from 0 on)."""
        busy = 800 * most_bytes * PS_PER_S >= self.slowest_bps * self.gap_ps
        most = SELDOM_TICKS if now_ps > 0 else WARM_TICKS
        self.gap_ps = self.tick_ps if busy else min(2 * self.gap_ps, most * self.tick_ps)

    def _count(self, now_ps: int, sent: Ints) -> None:
        total = np.zeros(len(self.sent), np.int64)
        np.add.at(total, self.rows, sent)
        if now_ps > 0:  # stations count bytes from 0 on
            got = (total - self.sent)[self.lines.count : 2 * self.lines.count]
            self.load.data_bps.append((got * (8 * PS_PER_S / self.tick_ps)).astype(np.float32))
        self.sent = total
