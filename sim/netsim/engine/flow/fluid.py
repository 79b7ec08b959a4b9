"""Transfers as fluid: each has so many bytes to move at its max-min fair rate; rates change as others begin and end."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from netsim.compiled import entry, inner
from netsim.engine.flow.maxmin import Floats, Ints, Net, link, make, settle, solve, touch, unlink

SLOTS = 1024  # for transfers at one time, to begin with


class Work(NamedTuple):
    """What is left of each transfer in a slot, and a heap of the slots by the time at which they end."""

    left: Floats  # by slot, at ``since``
    since: Floats
    ends: Floats
    who: Ints  # the transfer in a slot
    heap: Ints
    at: Ints  # a slot's place in the heap; -1: in none
    free: Ints
    counts: Ints  # slots in the heap, free slots, solutions, flows solved


def work(slots: int) -> Work:
    """No transfers."""
    return Work(
        np.zeros(slots), np.zeros(slots), np.zeros(slots), np.zeros(slots, np.int64), np.zeros(slots, np.int64),
        np.full(slots, -1, np.int64), np.arange(slots - 1, -1, -1, dtype=np.int64),
        np.array([0, slots, 0, 0], np.int64),
    )  # fmt: skip


@inner
def up(w, i):
    slot = w.heap[i]
    while i > 0 and w.ends[w.heap[(i - 1) >> 1]] > w.ends[slot]:
        w.heap[i] = w.heap[(i - 1) >> 1]
        w.at[w.heap[i]] = i
        i = (i - 1) >> 1
    w.heap[i] = slot
    w.at[slot] = i


@inner
def down(w, i):
    slot, size = w.heap[i], w.counts[0]
    while True:
        j = 2 * i + 1
        if j >= size:
            break
        if j + 1 < size and w.ends[w.heap[j + 1]] < w.ends[w.heap[j]]:
            j += 1
        if w.ends[w.heap[j]] >= w.ends[slot]:
            break
        w.heap[i] = w.heap[j]
        w.at[w.heap[i]] = i
        i = j
    w.heap[i] = slot
    w.at[slot] = i


@inner
def put(w, slot):
    if w.at[slot] < 0:
        w.heap[w.counts[0]] = slot
        w.at[slot] = w.counts[0]
        w.counts[0] += 1
    up(w, w.at[slot])
    down(w, w.at[slot])


@inner
def drop(w, slot):
    i = w.at[slot]
    w.at[slot] = -1
    w.counts[0] -= 1
    if i < w.counts[0]:
        other = w.heap[w.counts[0]]
        w.heap[i] = other
        w.at[other] = i
        up(w, i)
        down(w, w.at[other])


@inner
def take_over(net, w, stations, flows, now):
    """The new rates hold from now on."""
    for i in range(flows):
        f = net.flows[i]
        if net.f_next[f] != net.f_rate[f]:
            w.left[f] -= net.f_rate[f] * (now - w.since[f])
            w.since[f] = now
            net.f_rate[f] = net.f_next[f]
            w.ends[f] = now + max(0.0, w.left[f]) / net.f_rate[f] if net.f_rate[f] > 0 else np.inf
            put(w, f)
    settle(net, stations, flows, now)
    w.counts[2] += 1
    w.counts[3] += flows


@inner
def begin(net, w, transfer, now, size, path, use, weight, cap):
    """A transfer begins; -1 if there is no slot for it."""
    if w.counts[1] == 0:
        return -1
    w.counts[1] -= 1
    f = w.free[w.counts[1]]
    first = f << net.bits[0]
    for i in range(len(path)):
        net.n_station[first + i] = path[i]
        net.n_use[first + i] = use[i]
    net.f_places[f] = len(path)
    net.f_weight[f] = weight
    net.f_cap[f] = cap
    net.f_rate[f] = 0.0
    net.f_bottleneck[f] = -1
    w.who[f] = transfer
    w.left[f] = size
    w.since[f] = now
    w.ends[f] = np.inf
    put(w, f)
    link(net, f)
    stations = 0
    for i in range(len(path)):
        stations = touch(net, path[i], stations)
    stations, flows = solve(net, stations, 0)
    take_over(net, w, stations, flows, now)
    return f


@inner
def end(net, w, f, now):
    """A transfer ends; its slot is free."""
    drop(w, f)
    unlink(net, f)
    stations = 0
    for k in range(f << net.bits[0], (f << net.bits[0]) + net.f_places[f]):
        stations = touch(net, net.n_station[k], stations)
    net.f_places[f] = 0
    net.f_rate[f] = 0.0
    stations, flows = solve(net, stations, 0)
    take_over(net, w, stations, flows, now)
    w.free[w.counts[1]] = f
    w.counts[1] += 1


@entry
def play(net, w, first, until, starts, sizes, offsets, paths, uses, weights, caps, ends):
    """Begin and end transfers up to a time. ``first``: the next transfer to begin, of those in order of ``starts``;
    ``offsets``: where each one's path stands in ``paths`` and ``uses``. The next one to begin, or, if there is no
    slot for it, minus it less one."""
    while True:
        begins = starts[first] if first < len(starts) else np.inf
        over = w.ends[w.heap[0]] if w.counts[0] else np.inf
        if min(begins, over) > until or (begins == np.inf and over == np.inf):
            return first
        if over <= begins:
            f = w.heap[0]
            ends[w.who[f]] = over
            end(net, w, f, over)
        else:
            a, b = offsets[first], offsets[first + 1]
            done = begin(
                net, w, first, begins, sizes[first], paths[a:b], uses[a:b], weights[first], caps[first]
            )
            if done < 0:
                return -1 - first
            first += 1


@entry
def change(net, w, places, capacities, slots, caps, now):
    """Stations have other capacities, and transfers in these slots other caps, from now on."""
    stations = 0
    for i in range(len(places)):
        net.s_capacity[places[i]] = capacities[i]
        stations = touch(net, places[i], stations)
    for i in range(len(slots)):
        f = slots[i]
        net.f_cap[f] = caps[i]
        for k in range(f << net.bits[0], (f << net.bits[0]) + net.f_places[f]):
            stations = touch(net, net.n_station[k], stations)
    stations, flows = solve(net, stations, 0)
    take_over(net, w, stations, flows, now)


@entry
def leave(net, w, f, now):
    """A transfer ends before all is moved. What it has moved is left."""
    left = w.left[f] - net.f_rate[f] * (now - w.since[f])
    end(net, w, f, now)
    return left


@dataclass(frozen=True, slots=True)
class Transfers:
    """Transfers in order of their ``starts_s``: ``sizes`` in bytes, weights, caps (bytes/s, inf: none), and paths in
    rows: that of transfer i is ``paths[offsets[i]:offsets[i + 1]]``, with the use of each station by one byte/s."""

    starts_s: Floats
    sizes_bytes: Floats
    offsets: Ints
    paths: Ints
    uses: Floats
    weights: Floats
    caps_bps: Floats


@dataclass(frozen=True, slots=True)
class Played:
    """When each transfer ended (s; nan: not until the end), its rate at the end (bytes/s; 0: it is not there), and of
    each station the mean use of its capacity."""

    ends_s: Floats
    rates_bps: Floats
    used: Floats
    solutions: int
    solved: int


class Fluid:
    """All transfers over stations of these capacities (bytes/s, or whatever ``uses`` count in), up to some time."""

    def __init__(self, capacities: Floats, what: Transfers) -> None:
        self.what = what
        width = int(np.max(np.diff(what.offsets), initial=1))
        self._net, self._work = make(capacities, SLOTS, width), work(SLOTS)
        self.ends_s = np.full(len(what.starts_s), np.nan)
        self._next, self.now_s = 0, 0.0
        self._left: dict[int, float] = {}  # bytes of those that were broken off

    def to(self, until_s: float) -> None:
        """Go on to a time (s), or to the end of all (inf)."""
        what = self.what
        while True:
            found = int(play(self._net, self._work, self._next, until_s, what.starts_s, what.sizes_bytes, what.offsets,
                             what.paths, what.uses, what.weights, what.caps_bps, self.ends_s))  # fmt: skip
            if found >= 0:
                break
            self._next = -1 - found
            self._net, self._work = _grown(self._net, self._work)
        self._next = found
        self.now_s = until_s if np.isfinite(until_s) else float(np.nanmax(self.ends_s, initial=0.0))

    def change(self, capacities: Mapping[int, float], caps_bps: Mapping[int, float]) -> None:
        """Stations have other capacities, and transfers other caps, from now on."""
        there = self._slots()
        for transfer, cap in caps_bps.items():
            self.what.caps_bps[transfer] = cap
        some = [(there[transfer], cap) for transfer, cap in caps_bps.items() if transfer in there]
        change(self._net, self._work, np.array(list(capacities), np.int64), np.array(list(capacities.values()), np.float64),
               np.array([f for f, _ in some], np.int64), np.array([cap for _, cap in some], np.float64), self.now_s)  # fmt: skip

    def leave(self, transfer: int) -> None:
        """A transfer is broken off; one that has not begun never moves anything."""
        there = self._slots()
        if transfer in there:
            self._left[transfer] = float(leave(self._net, self._work, there[transfer], self.now_s))
        else:
            self.what.caps_bps[transfer] = 0.0

    def _slots(self) -> dict[int, int]:
        """By transfer, its slot."""
        slots = np.flatnonzero(self._net.f_places > 0)
        return dict(zip(self._work.who[slots].tolist(), slots.tolist(), strict=True))

    @property
    def busy_s(self) -> Floats:
        """Of each station, the time integral of the capacity in use, until now."""
        net = self._net
        return np.asarray(net.s_busy + net.s_used * (self.now_s - net.s_since))

    @property
    def rates_bps(self) -> Floats:
        """The rate of each transfer now (bytes/s); 0: it is not there."""
        found, there = np.zeros(len(self.ends_s)), self._net.f_places > 0
        found[self._work.who[there]] = self._net.f_rate[there]
        return found

    @property
    def bottlenecks(self) -> Ints:
        """The station that holds each transfer back now; negative: none, or it is not there."""
        found, there = np.full(len(self.ends_s), -1, np.int64), self._net.f_places > 0
        found[self._work.who[there]] = self._net.f_bottleneck[there]
        return found

    @property
    def moved_bytes(self) -> Floats:
        """What each transfer has moved until now."""
        net, w, sizes = self._net, self._work, self.what.sizes_bytes
        found = np.where(np.isfinite(self.ends_s), sizes, 0.0)
        for transfer, kept in self._left.items():
            found[transfer] = sizes[transfer] - max(0.0, kept)
        there = net.f_places > 0
        left = w.left[there] - net.f_rate[there] * (self.now_s - w.since[there])
        found[w.who[there]] = sizes[w.who[there]] - np.maximum(0.0, left)
        return found

    @property
    def solutions(self) -> tuple[int, int]:
        """How often rates were solved, and for how many transfers in all."""
        return int(self._work.counts[2]), int(self._work.counts[3])


def run(capacities: Floats, what: Transfers, until_s: float = np.inf) -> Played:
    """Play transfers from nothing to a time."""
    fluid = Fluid(capacities, what)
    fluid.to(until_s)
    used = fluid.busy_s / (fluid.now_s or 1.0) / capacities
    return Played(fluid.ends_s, fluid.rates_bps, used, *fluid.solutions)


def _grown(net: Net, w: Work) -> tuple[Net, Work]:
    """Twice the slots, with what is in them."""
    slots, width = len(net.f_places), 1 << int(net.bits[0])
    bigger, more = make(net.s_capacity, 2 * slots, width), work(2 * slots)
    for old, new in zip(net, bigger, strict=True):
        new[: len(old)] = old
    for old, new in zip(w[:6], more[:6], strict=True):
        new[: len(old)] = old
    more.counts[:] = w.counts
    more.counts[1] = slots
    more.free[:slots] = np.arange(2 * slots - 1, slots - 1, -1)
    return bigger, more
