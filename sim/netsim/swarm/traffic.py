"""What gossip takes of the nodes' links: probes, exchanges of members and tables while all is well, and what spreads or is
copied when something happens.

A node's members and partners are chosen at random, so what it sends is spread over all others. The rate is a background on
cards and ports (`What.BACKGROUND`), not messages: of a busy swarm it would be more events than the load.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from netsim.engine.border import Change, LinkState, What
from netsim.model.entities import Model
from netsim.picoseconds import PS_PER_S
from netsim.swarm.broadcasts import Broadcasts, Ints
from netsim.swarm.constants import SwarmTable
from netsim.swarm.lines import Lines

if TYPE_CHECKING:
    import simpy

    from netsim.swarm.world import Swarm

Floats = npt.NDArray[np.float64]
BITS = 8


class Tables:
    """NetworkDB's rows: of each network that spans nodes, how many bits all its rows are as they are sent, and which nodes are
    on it. An endpoint has a row with its names and one with the way to it, a node's balancer the second alone."""

    def __init__(self, model: Model, table: SwarmTable) -> None:
        self.bits: dict[str, float] = {}
        self.nodes: dict[str, set[int]] = {}
        if model.scenario.cluster_store is not None:  # Serf has no tables
            return
        on: dict[str, list[int]] = {}
        for task in model.tasks.values():
            for network in task.addresses:
                on.setdefault(network, []).append(task.node.index)
        for name, plan in model.addresses.items():
            if plan.driver.scope != "swarm":
                continue
            mesh = name == model.mesh
            members = set(range(len(model.nodes))) if mesh else set(on.get(name, ()))
            rows = 2 * len(on.get(name, ())) + (len(members) if plan.balancers or mesh else 0)
            self.nodes[name] = members
            self.bits[name] = BITS * table.stream_compression * rows * table.table_message_bytes


def push_pull_ps(interval_ps: int, members: int) -> int:
    """The time between two full exchanges of a node; longer above 32 members (memberlist util.go pushPullScale)."""
    return interval_ps * (math.ceil(math.log2(members) - 5) + 1 if members > 32 else 1)


def steady_bps(model: Model, table: SwarmTable) -> Floats:
    """What each node sends while nobody is in trouble (bit/s), and in the mean receives: a ping and an answer to one in each
    interval of probes, exchanges of all members and bulk syncs of each of its networks, of which each node begins
    one and answers one in their intervals. Queues of what spreads are empty then and send nothing."""
    count = len(model.nodes)
    if count < 2:
        return np.zeros(count)
    tables = Tables(model, table)
    probes = BITS * (table.ping_bytes + table.ack_bytes) * PS_PER_S / table.probe_ps
    found = np.full(count, float(probes))
    entries = np.zeros(count)
    synced = np.zeros(count)
    for name, members in tables.nodes.items():
        here = sorted(members)
        entries[here] += 1
        if len(here) > 1:
            synced[here] += tables.bits[name]
    state = count * table.member_state_bytes + float(entries.sum()) * table.network_entry_bytes
    exchange = BITS * (table.stream_bytes + table.stream_compression * state)
    found += 2 * exchange * PS_PER_S / push_pull_ps(table.push_pull_ps, count)
    both = (
        2 * BITS * table.stream_bytes
    )  # what is asked for and what is answered are connections of their own
    found += np.where(synced > 0, 2 * (synced + both), 0.0) * PS_PER_S / table.bulk_sync_ps
    return found


def row_rates(lines: Lines, sends: Floats, receives: Floats) -> Floats:
    """What passes each row of transmitters if nodes send and receive so much, each to and from all others alike."""
    found = np.zeros(len(lines.stations))
    for place, out, into in lines.layers:
        size = np.bincount(place)[place]
        leaves = (lines.count - size) / max(1, lines.count - 1)
        np.add.at(found, out, sends * leaves)
        np.add.at(found, into, receives * leaves)
    return found


def taken(lines: Lines, names: list[str], row: int, rate_bps: int, at_ps: int) -> Iterator[Change]:
    """A row of transmitters carries so much besides the load from then on."""
    if row < 2 * lines.count:
        way = LinkState(direction="sends" if row < lines.count else "receives")
        yield Change(What.BACKGROUND, names[row % lines.count], at_ps, value=rate_bps, link=way)
        return
    stations = lines.stations[row]
    for station in stations:
        yield Change(What.BACKGROUND, station, at_ps, value=rate_bps // len(stations))


def at_rest(model: Model, lines: Lines, table: SwarmTable, at_ps: int) -> Iterator[Change]:
    """What gossip takes of all links of a swarm in which nothing happens."""
    steady = steady_bps(model, table)
    for row, rate in enumerate(np.rint(row_rates(lines, steady, steady)).astype(np.int64).tolist()):
        if rate:
            yield from taken(lines, list(model.nodes), row, rate, at_ps)


class Traffic:
    """Gossip of a running swarm. What nodes have to send in a tick is a rate of the next one; of a link to a node copies of
    tables get their share at most, and what does not fit is sent in the ticks that follow. Told to the data are
    changes of at least ``heeded_share`` of a link."""

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm
        self.env = swarm.env
        self.table = table = swarm.table
        self.lines = swarm.ways.lines
        self.tables = Tables(swarm.model, table)
        steady = steady_bps(swarm.model, table)
        self.steady = row_rates(self.lines, steady, steady)
        self.sends, self.receives = np.zeros(self.lines.count), np.zeros(self.lines.count)  # bits
        self.told = np.zeros(len(self.lines.stations))
        self.awake = False
        self._tell(self.steady)

    def datagrams(self, senders: Ints, count: Ints | int, bytes_each: Ints | int) -> None:
        """Nodes send so many datagrams of so many bytes on the wire, to random others."""
        if self.lines.count < 2 or not len(senders):
            return
        bits = np.broadcast_to(BITS * count * bytes_each, np.shape(senders))
        np.add.at(self.sends, senders, bits)
        self.receives += float(bits.sum()) / self.lines.count
        self._wake()

    def packets(self, spread: Broadcasts, message_bytes: int) -> None:
        """What nodes sent of a queue in a tick, each packet with all that was due in it."""
        senders = np.flatnonzero(spread.packets)
        if len(senders):
            sent = spread.packets[senders], spread.messages[senders]
            self.datagrams(senders, 1, sent[0] * self.table.datagram_bytes + sent[1] * message_bytes)

    def joins(self, node: int, networks: Iterable[str]) -> None:
        """A node that is new on a network copies its rows from and to every other one there (MB networkdb.go
        JoinNetwork, bulkSync with all)."""
        for network in networks:
            members = self.tables.nodes.get(network)
            if members is None or node in members:
                continue
            others = sorted(members)
            members.add(node)
            if others:
                bits = self.tables.bits[network] + 2 * BITS * self.table.stream_bytes
                for a, b in ((self.sends, self.receives), (self.receives, self.sends)):
                    a[node] += bits * len(others)
                    b[others] += bits
                self._wake()

    def leaves(self, node: int, network: str) -> None:
        """A network is removed from a node."""
        if network != self.swarm.model.mesh:
            self.tables.nodes.get(network, set()).discard(node)

    def restarts(self, node: int) -> None:
        """A node's daemon starts anew: it is on no network, and joins that of the mesh at once."""
        for members in self.tables.nodes.values():
            members.discard(node)
        self.joins(node, [self.swarm.model.mesh])

    def _wake(self) -> None:
        if not self.awake:
            self.awake = True
            self.env.process(self._run())

    def _run(self) -> Generator[simpy.Event, object, None]:
        tick_ps = self.table.gossip_ps
        while self.sends.any() or self.receives.any():
            most = self.table.pull_share * self.lines.rates_bps[: 2 * self.lines.count] * tick_ps / PS_PER_S
            rates = []
            for owed, limit in (
                (self.sends, most[: self.lines.count]),
                (self.receives, most[self.lines.count :]),
            ):
                now = np.minimum(owed, limit)
                owed -= now
                owed[owed < 1] = 0
                rates.append(now * PS_PER_S / tick_ps)
            self._tell(self.steady + row_rates(self.lines, rates[0], rates[1]))
            yield self.env.timeout(tick_ps)
        self._tell(self.steady)
        self.awake = False

    def _tell(self, rates: Floats) -> None:
        """The data have so much less; small changes are not told, but that all is as usual again."""
        least = self.table.heeded_share * self.lines.rates_bps
        usual = (rates == self.steady) & (self.told != self.steady)
        for row in np.flatnonzero((np.abs(rates - self.told) >= least) | usual).tolist():
            self.told[row] = rates[row]
            self.swarm.journal.background("gossip", row, round(float(rates[row])))
