"""Who reaches whom: power, cables, loss, delay, partitions. The light data plane of a swarm without load.

Delays are fixed (two cards and the switch), but for what messages wait behind data, which is told from outside
(`Ways.load`). A message is lost, or there after the delay.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from netsim.model.entities import Model
from netsim.model.fabric import rack_of, site_of
from netsim.swarm.lines import Lines

Bools = npt.NDArray[np.bool_]
#: One way through two idle hosts besides the switch: about half of a quiet host's round trip of 80 us.
HOSTS_PS = 40_000_000
#: Rows of what differs by direction.
SENDS, RECEIVES = 0, 1


class Ways:
    """State of nodes and links as arrays over the nodes, in the model's order.

    ``on``: powered; ``daemon``: dockerd runs; ``sends``, ``receives``: directions of the cable. Of the node's link, a row
    for what it sends and one for what it receives: ``loss``: share lost; ``delay_ps``: added; ``rate_bps``: left of the
    card's (0: all of it). ``group``: side of a partition. Of each row of ``lines``: ``queue_ps``: what control messages wait
    there behind data; ``full``: the share of their packets that finds no room. ``busy``: whether there is any of these.
    """

    def __init__(self, model: Model) -> None:
        count = len(model.nodes)
        self.names = list(model.nodes)
        self.index = {name: k for k, name in enumerate(self.names)}
        self.on = np.ones(count, np.bool_)
        self.daemon = np.ones(count, np.bool_)
        self.sends = np.ones(count, np.bool_)
        self.receives = np.ones(count, np.bool_)
        self.loss = np.zeros((2, count))
        self.delay_ps = np.zeros((2, count), np.int64)
        self.rate_bps = np.zeros((2, count), np.int64)
        self.group = np.zeros(count, np.int64)
        self.switch = True
        self.lines = Lines(model)
        self.queue_ps = np.zeros(len(self.lines.stations), np.int64)
        self.full = np.zeros(len(self.lines.stations))
        self.busy = False
        self.base_ps = model.fabric.latency + HOSTS_PS
        nodes, fabric = list(model.nodes.values()), model.fabric
        self.hop_ps = fabric.latency
        places = list(dict.fromkeys(site_of(model, node) for node in nodes))
        self.wan_ps = np.array(
            [[0 if fabric.wan is None or a == b else fabric.latency + fabric.wan.one_way(a, b) for b in places]
             for a in places], np.int64)  # fmt: skip
        self.rack = _numbered(rack_of(model, node) for node in nodes)
        self.site = _numbered(site_of(model, node) for node in nodes)
        self.racks, self.sites = np.array(self.rack, np.int64), np.array(self.site, np.int64)

    @property
    def live(self) -> Bools:
        """Nodes whose dockerd runs."""
        return self.on & self.daemon

    def one_way(self, a: int, b: int) -> bool:
        """Whether packets of ``a`` get to ``b`` (loss apart); a node always reaches itself."""
        if a == b:
            return bool(self.on[a])
        return bool(
            self.switch
            and self.on[a]
            and self.on[b]
            and self.sends[a]
            and self.receives[b]
            and self.group[a] == self.group[b]
        )

    def both(self, a: int, b: int) -> bool:
        """Whether a connection between the daemons of ``a`` and ``b`` can live."""
        return bool(self.live[a] and self.live[b]) and self.one_way(a, b) and self.one_way(b, a)

    def lost(self, a: int, b: int) -> float:
        """The share of packets from ``a`` to ``b`` that links lose."""
        kept = (1 - self.loss[SENDS, a]) * (1 - self.loss[RECEIVES, b])
        if self.busy:
            kept *= float(self.lines.kept(self.full, np.array(a), np.array(b)))
        return float(1 - kept)

    def late(self, a: int, b: int) -> int:
        """How much longer one way takes than on an idle network (ps)."""
        if a == b:
            return 0
        queued = int(self.lines.queued(self.queue_ps, np.array(a), np.array(b))) if self.busy else 0
        return int(self.delay_ps[SENDS, a] + self.delay_ps[RECEIVES, b]) + queued

    def load(self, queue_ps: npt.NDArray[np.int64], full: npt.NDArray[np.float64]) -> bool:
        """What control messages meet at each row of ``lines`` from now on; whether they met nothing before and do now."""
        before = self.busy
        self.queue_ps, self.full = queue_ps, full
        self.busy = bool(queue_ps.any() or full.any())
        return self.busy and not before

    def empty(self, row: int, node: int) -> float:
        """The share of packets that a node's own link does not lose in a direction."""
        return float((1 - self.loss[row, node]) * (1 - self.full[row * len(self.names) + node]))

    @property
    def slow(self) -> bool:
        """Whether any message is later than on an idle network."""
        return bool(self.delay_ps.any()) or self.busy

    def delay(self, a: int, b: int) -> int:
        """One way (ps), at least 1."""
        if a == b:
            return 1
        between = 2 * self.hop_ps * (self.rack[a] != self.rack[b]) + self.wan_ps[self.site[a], self.site[b]]
        return int(self.base_ps + between + self.late(a, b))

    def delays(self, a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The same of many pairs."""
        apart = self.racks[a] != self.racks[b]
        between = 2 * self.hop_ps * apart + self.wan_ps[self.sites[a], self.sites[b]]
        found: npt.NDArray[np.int64] = (
            self.base_ps + between + self.delay_ps[SENDS, a] + self.delay_ps[RECEIVES, b]
        )
        if self.busy:
            found = found + self.lines.queued(self.queue_ps, a, b)
        return np.where(a == b, 1, found)

    def arrive(self, a: npt.NDArray[np.int64], b: npt.NDArray[np.int64], luck: np.random.Generator) -> Bools:
        """Which of the datagrams ``a[k]`` -> ``b[k]`` arrive at a running daemon."""
        live = self.live
        there = live[a] & live[b] & self.sends[a] & self.receives[b] & (self.group[a] == self.group[b])
        if not self.switch:
            there &= a == b
        if self.loss.any():
            kept = (1 - self.loss[SENDS, a]) * (1 - self.loss[RECEIVES, b])
            there &= (kept >= 1) | (luck.random(len(a)) < kept)
        if self.busy and self.full.any():
            there &= luck.random(len(a)) < self.lines.kept(self.full, a, b)
        return np.asarray(there, np.bool_)

    def present(self, centre: int | None) -> Bools:
        """Live nodes that ``centre`` reaches and that reach it; all live ones without a centre."""
        live = self.live
        if centre is None:
            return live
        near: Bools = live & self.sends & self.receives & (self.group == self.group[centre])
        if not (self.switch and self.sends[centre] and self.receives[centre]):
            near = np.zeros(len(live), np.bool_)
        near[centre] = live[centre]
        return near

    @property
    def troubled(self) -> bool:
        """Whether anything is not as it should be."""
        return self.cut or not self.live.all()

    @property
    def cut(self) -> bool:
        """Whether a link or the switch is not as it should be, or some nodes are apart from others."""
        return not (
            self.switch
            and self.sends.all()
            and self.receives.all()
            and not self.loss.any()
            and not self.slow
            and (self.group == self.group[0]).all()
        )

    def partition(self, groups: Iterable[Iterable[int]]) -> None:
        """Nodes of different groups do not reach each other; those not named are one group more."""
        self.group[:] = 0
        for number, members in enumerate(groups, 1):
            self.group[list(members)] = number


def _numbered(names: Iterable[str]) -> list[int]:
    """Equal names as equal numbers."""
    known: dict[str, int] = {}
    return [known.setdefault(name, len(known)) for name in names]
