"""The queue that bulk transfers keep standing at a link which they fill: what their windows hold and the way does not.

A window grows until its receiver's limit, or until the buffer before the link overflows; before its own host's card a flow has what TCP small
queues let it have there, and the rest of its window waits in its socket. CUBIC leaves slow start when its queue
begins to grow, and adds a packet for 20 acknowledged ones as long as it has lost none (`netsim.datapath.congestion.cubic`), so its
part of the queue is a twentieth of what the flow has moved. Reno doubles its window on to one of the two ends. BBR has two
bandwidth-delay products and three units of a tick on its way (bbr_bdp and bbr_quantization_budget in the kernel's tcp_bbr.c,
`netsim.datapath.congestion.bbr`), where it is not alone, and what it takes for its bandwidth is the most of ten rounds: its share while it probes with 5/4 beside others.
Where a buffer overflows, CUBIC's windows go from the part that is kept back to what they were, along a cubic function
of time (RFC 9438), and Reno's along a line.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from netsim.datapath.congestion.steps import TICK_PS
from netsim.engine.flow.laws import KEEPS, C
from netsim.engine.flow.maxmin import Floats, Ints
from netsim.engine.flow.ways import Price
from netsim.engine.world import World
from netsim.picoseconds import PS_PER_S

GROWS = 20  # packets acknowledged for one more of a window that never lost any (tcp_cubic.c, bictcp_update)
RENO_KEEPS = 0.5
BBR_GAIN, BBR_PROBE, BBR_UNITS = (
    2,
    1.25,
    3,
)  # bbr_cwnd_gain, the gain of a probing phase, bbr_quantization_budget
TICK_S = TICK_PS / PS_PER_S


@dataclass(frozen=True, slots=True)
class Held:
    """A flow that one full link holds back: its window's limit and what it has moved (bytes on that wire), rate (bytes/s on the wire),
    round trip without queues, bytes of a packet, and what its own host lets it have there."""

    congestion: str
    limit_bytes: float
    moved_bytes: float
    rate_bps: float
    rtt_s: float
    packet_bytes: float
    own_bytes: float = math.inf

    def queued_bytes(self, flows: int) -> float:
        """What it would have in the queue of a buffer without end, as one of so many."""
        product = self.rate_bps * self.rtt_s
        most = min(max(0.0, self.limit_bytes - product), self.own_bytes)
        if self.congestion == "bbr":
            taken = BBR_PROBE * flows / (flows - 1 + BBR_PROBE)
            unit = max(2 * self.packet_bytes, taken * self.rate_bps * TICK_S)
            return 0.0 if flows == 1 else min(most, (BBR_GAIN * taken - 1) * product + BBR_UNITS * unit)
        return min(most, self.moved_bytes / GROWS) if self.congestion == "cubic" else most


def part_bytes(buffer_bytes: float, alpha: float, ports: int) -> float:
    """What each of so many full ports gets of a buffer that they share: up to alpha times what is free of it (Choudhury and Hahne, Dynamic queue
    length thresholds for shared-memory packet switches, IEEE/ACM Transactions on Networking 6, 1998)."""
    return alpha * buffer_bytes / (1 + alpha * ports)


class Queue:
    """The queue before one link through time. ``buffer_bytes``: what it holds at the most."""

    def __init__(self, buffer_bytes: float) -> None:
        self.buffer_bytes = buffer_bytes
        self.full_s = math.nan  # when it first overflowed

    def bytes_at(self, now_s: float, flows: Sequence[Held]) -> float:
        """Its bytes now; asked in the order of time."""
        queued = sum(flow.queued_bytes(len(flows)) for flow in flows)
        if queued < self.buffer_bytes and self.full_s != self.full_s:
            return queued
        if not flows:
            return 0.0
        if self.full_s != self.full_s:
            self.full_s = now_s
        product = sum(flow.rate_bps * flow.rtt_s for flow in flows)
        whole = product + self.buffer_bytes
        shares = [self._share(flow, whole / len(flows), now_s - self.full_s) for flow in flows]
        return max(0.0, min(whole * sum(shares) / len(shares) - product, queued, self.buffer_bytes))

    @staticmethod
    def _share(flow: Held, window_bytes: float, since_s: float) -> float:
        """What share of its largest window a flow has, so long after the first loss."""
        if flow.congestion == "bbr":
            return 1.0
        packets = window_bytes / flow.packet_bytes
        if flow.congestion == "reno":
            period = packets * RENO_KEEPS * (1 + RENO_KEEPS) / 2 * window_bytes / max(flow.rate_bps, 1.0)
            return RENO_KEEPS + (1 - RENO_KEEPS) * (since_s % period) / period
        period = math.cbrt((1 - KEEPS) * packets / C)
        return 1 - (1 - KEEPS) * float(1 - (since_s % period) / period) ** 3


class Standing:
    """The queues before all links that transfers fill, as `netsim.engine.flow.following` goes through time. ``flows``: of each, its
    congestion control, its window's limit, bytes of a packet, and its price. ``at_s``, ``delays_s``: how long what comes to a
    link stands behind transfers, by its name."""

    def __init__(
        self, world: World, rates: Mapping[str, int | None], stations: Sequence[str], flows: Sequence[tuple[str, int, Price]]
    ) -> None:  # fmt: skip
        self.world, self.rates, self.stations, self.flows = world, rates, stations, flows
        self.at_s: list[float] = []
        self.delays_s: list[dict[str, float]] = []
        self.holds: list[list[str]] = []
        self._queues: dict[str, Queue] = {}

    def look(self, now_s: float, holds: Ints, rates_bps: Floats, moved: Floats, shares: Floats) -> None:
        """Note the queues; see `netsim.engine.flow.following.Look`."""
        held: dict[str, list[Held]] = {}
        for k in np.flatnonzero((holds >= 0) & (rates_bps > 0)).tolist():
            name = self.stations[holds[k]]
            if name in self.world.machine.links:
                held.setdefault(name, []).append(self._held(k, name, float(rates_bps[k]), float(moved[k])))
        found: dict[str, float] = {}
        for name, some in held.items():
            link, share = self.world.machine.links[name], float(shares[self.stations.index(name)])
            if name not in self._queues:
                most = link.buffer_bytes or (link.ring_packets or 0) * max(f.packet_bytes for f in some)
                self._queues[name] = Queue(most or math.inf)
            if link.shared is not None:
                full = sum(self.world.machine.links[other].shared is link.shared for other in held)
                self._queues[name].buffer_bytes = part_bytes(
                    link.shared.size_bytes, link.shared.alpha / 1000, full
                )
            rate = (self.rates[name] or 0) * share / 8
            found[name] = self._queues[name].bytes_at(now_s, some) / rate
        self.at_s.append(now_s)
        self.delays_s.append(found)
        self.holds.append([self.stations[s] if s >= 0 else "" for s in holds.tolist()])

    def _held(self, k: int, name: str, rate_bps: float, moved: float) -> Held:
        congestion, mss, price = self.flows[k]
        wire = price.wire[name]
        return Held(
            congestion,
            self.world.tcp.window_limit_bytes * wire,
            moved * wire,
            rate_bps * wire,
            price.rtt_s,
            mss * wire,
            price.own[1] * wire if price.own[0] == name else math.inf,
        )

    def before_s(self, flow: int, now_s: float) -> float:
        """How long a flow's packets stood in the queue that held it back last before a time."""
        k = bisect_left(self.at_s, now_s) - 1
        return self.delays_s[k].get(self.holds[k][flow], 0.0) if k >= 0 else 0.0
