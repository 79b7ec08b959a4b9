"""Weighted max-min fair rates over stations, solved again only where a change reaches.

A flow f has a weight, a cap, and at each station s of its path a coefficient: it uses ``coefficient x rate`` of the
station's capacity (bytes/s of a link, seconds/s of a core). Its *level* is rate / weight. Rates are max-min fair when
every flow is at its cap or has a bottleneck: a station that is full, where no flow has a higher level (Bertsekas and
Gallager, Data Networks, 6.5.2). That solution is unique, so it may be found piece by piece:

1. A change touches some stations. All flows through these are solved again by progressive filling; flows through
   other stations keep their rates and only take capacity away.
2. Where that breaks the condition for a flow outside, or gives one inside a bottleneck that a faster flow outside
   could share, that station is touched as well; until there is none.

The idea of solving only what changed is that of SimGrid's lazy updates (Casanova et al., JPDC 74(10), 2014).
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from netsim.compiled import entry, inner
from netsim.engine.flow.heaps import pop, pop_cap, push, push_cap, sink

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NOBODY = -1
CAPPED = -2  # in place of a bottleneck: the flow's own cap
EPSILON = 1e-12


class Net(NamedTuple):
    """Stations and flows as arrays. ``s_``: by station, ``f_``: by flow slot, ``n_``: by flow slot and place on its
    path (two to the power of ``bits`` places each), linked into a list for each station. The rest is working memory."""

    s_capacity: Floats
    s_head: Ints
    s_used: Floats  # capacity in use now
    s_busy: Floats  # integral of that over time, up to s_since
    s_since: Floats
    s_room: Floats  # work: what is left for flows that are not frozen
    s_sum: Floats  # work: coefficients x weights of those
    s_growing: Ints  # work: places of those
    s_mark: Ints  # work: 0 unknown, 1 boundary, 2 touched
    s_top: Floats  # work: the highest level frozen here
    f_places: Ints  # stations on its path; 0: slot is free
    f_weight: Floats
    f_cap: Floats
    f_rate: Floats
    f_bottleneck: Ints
    f_mark: Ints  # work: 0 outside, 1 inside and growing, 2 frozen
    f_next: Floats  # work: the new rate
    n_station: Ints
    n_use: Floats
    n_next: Ints
    n_before: Ints
    bits: Ints  # one number
    stations: Ints  # work: list of marked stations
    flows: Ints  # work: list of marked flows
    heap: Ints  # work: stations by level
    key: Floats  # work: their levels, by station
    caps: Ints  # work: flows by cap


def make(capacities: Floats, slots: int, width: int) -> Net:
    """A net without flows, with room for ``slots`` flows of at most ``width`` stations each."""
    n, bits = len(capacities), max(0, width - 1).bit_length()
    places = slots << bits

    def floats(size: int) -> Floats:
        return np.zeros(size, np.float64)

    def ints(size: int) -> Ints:
        return np.zeros(size, np.int64)

    return Net(
        np.array(capacities, np.float64), np.full(n, NOBODY, np.int64), floats(n), floats(n), floats(n), floats(n),
        floats(n), ints(n), ints(n), floats(n), ints(slots), floats(slots), floats(slots), floats(slots),
        np.full(slots, NOBODY, np.int64), ints(slots), floats(slots), ints(places), floats(places),
        np.full(places, NOBODY, np.int64), np.full(places, NOBODY, np.int64), np.array([bits], np.int64),
        ints(n), ints(slots), ints(n + 1), floats(n), ints(slots + 1),
    )  # fmt: skip


@inner
def link(net, f):
    """Put a flow, whose places are written, into the lists of its stations."""
    first = f << net.bits[0]
    for k in range(first, first + net.f_places[f]):
        s = net.n_station[k]
        after = net.s_head[s]
        net.n_next[k] = after
        net.n_before[k] = NOBODY
        if after >= 0:
            net.n_before[after] = k
        net.s_head[s] = k


@inner
def unlink(net, f):
    """Take it out of them."""
    first = f << net.bits[0]
    for k in range(first, first + net.f_places[f]):
        before, after = net.n_before[k], net.n_next[k]
        if before >= 0:
            net.n_next[before] = after
        else:
            net.s_head[net.n_station[k]] = after
        if after >= 0:
            net.n_before[after] = before


@inner
def touch(net, s, stations):
    """Mark a station as touched and list it if it is new; how many are listed."""
    if net.s_mark[s] == 0:
        net.stations[stations] = s
        stations += 1
    net.s_mark[s] = 2
    return stations


@inner
def collect(net, s, stations, flows):
    """All flows through a touched station are solved, and the other stations on their paths are boundary."""
    bits = net.bits[0]
    k = net.s_head[s]
    while k >= 0:
        f = k >> bits
        if net.f_mark[f] == 0:
            net.f_mark[f] = 1
            net.flows[flows] = f
            flows += 1
            for j in range(f << bits, (f << bits) + net.f_places[f]):
                other = net.n_station[j]
                if net.s_mark[other] == 0:
                    net.s_mark[other] = 1
                    net.stations[stations] = other
                    stations += 1
        k = net.n_next[k]
    return stations, flows


@inner
def solve(net, stations, flows):
    """Solve for what is touched (listed in ``net.stations``), further where that is needed. How many stations and
    flows were looked at: they stay listed until `settle`; new rates are in ``f_next``."""
    done = 0
    while True:
        end = stations
        for i in range(done, end):
            if net.s_mark[net.stations[i]] == 2:
                stations, flows = collect(net, net.stations[i], stations, flows)
        # A boundary station may have become a touched one since it was listed.
        for i in range(done):
            if net.s_mark[net.stations[i]] == 2:
                stations, flows = collect(net, net.stations[i], stations, flows)
        done = stations
        fill(net, stations, flows)
        before = stations
        grew = False
        for i in range(before):
            s = net.stations[i]
            if net.s_mark[s] == 1 and breaks(net, s):
                net.s_mark[s] = 2
                grew = True
        if not grew:
            return stations, flows


@inner
def breaks(net, s):
    """Whether the solution inside is none for flows outside of a boundary station, or none because of them."""
    bits = net.bits[0]
    top, full = net.s_top[s], net.s_room[s] <= EPSILON * net.s_capacity[s]
    fastest, slowest = -1.0, np.inf
    k = net.s_head[s]
    while k >= 0:
        f = k >> bits
        if net.f_mark[f] == 0:
            level = net.f_rate[f] / net.f_weight[f]
            fastest = max(fastest, level)
            if net.f_bottleneck[f] == s:
                if not full:
                    return True
                slowest = min(slowest, level)
        k = net.n_next[k]
    if slowest < top * (1.0 - EPSILON):
        return True
    if fastest < 0:
        return False
    k = net.s_head[s]
    while k >= 0:
        f = k >> bits
        slower = net.f_next[f] / net.f_weight[f] < fastest * (1.0 - EPSILON)
        if net.f_mark[f] and net.f_bottleneck[f] == s and slower:
            return True
        k = net.n_next[k]
    return False


@inner
def fill(net, stations, flows):
    """Progressive filling of all flows inside."""
    bits = net.bits[0]
    for i in range(stations):
        s = net.stations[i]
        room, total, growing = net.s_capacity[s], 0.0, 0
        k = net.s_head[s]
        while k >= 0:
            f = k >> bits
            if net.f_mark[f]:
                total += net.n_use[k] * net.f_weight[f]
                growing += 1
            else:
                room -= net.n_use[k] * net.f_rate[f]
            k = net.n_next[k]
        net.s_room[s] = max(0.0, room)
        net.s_sum[s] = total
        net.s_growing[s] = growing
        net.s_top[s] = 0.0
    size = 0
    for i in range(stations):
        s = net.stations[i]
        if net.s_sum[s] > 0.0:
            net.key[s] = net.s_room[s] / net.s_sum[s]
            size = push(net.heap, net.key, size, s)
    capped = 0
    for i in range(flows):
        f = net.flows[i]
        net.f_mark[f] = 1
        if net.f_cap[f] < np.inf:
            capped = push_cap(net, capped, f)
    left = flows
    while left > 0:
        while capped > 0 and net.f_mark[net.caps[0]] == 2:
            capped = pop_cap(net, capped)
        level = np.inf
        while (
            size > 0
        ):  # a station's level only rises while others freeze, so the first one may have to go back
            s = net.heap[0]
            if net.s_sum[s] <= 1e-9 * EPSILON or net.s_growing[s] == 0:
                size = pop(net.heap, net.key, size)
                continue
            now = max(0.0, net.s_room[s]) / net.s_sum[s]
            if now > net.key[s]:
                net.key[s] = now
                sink(net.heap, net.key, size, 0)
                if net.heap[0] != s:
                    continue
            level = net.key[s]
            break
        if capped > 0 and net.f_cap[net.caps[0]] / net.f_weight[net.caps[0]] <= level:
            f = net.caps[0]
            capped = pop_cap(net, capped)
            freeze(net, f, net.f_cap[f], CAPPED)
            left -= 1
        elif size > 0:
            s = net.heap[0]
            size = pop(net.heap, net.key, size)
            k = net.s_head[s]
            while k >= 0:
                f = k >> bits
                if net.f_mark[f] == 1:
                    freeze(net, f, level * net.f_weight[f], s)
                    left -= 1
                k = net.n_next[k]
            net.s_room[s] = 0.0
        else:  # no station and no cap holds these
            for i in range(flows):
                if net.f_mark[net.flows[i]] == 1:
                    freeze(net, net.flows[i], np.inf, NOBODY)
                    left -= 1


@inner
def freeze(net, f, rate, bottleneck):
    """A flow has its rate; its stations have less room for the others."""
    net.f_mark[f] = 2
    net.f_next[f] = rate
    net.f_bottleneck[f] = bottleneck
    level = rate / net.f_weight[f]
    first = f << net.bits[0]
    for k in range(first, first + net.f_places[f]):
        s = net.n_station[k]
        net.s_room[s] -= net.n_use[k] * rate
        net.s_sum[s] -= net.n_use[k] * net.f_weight[f]
        net.s_growing[s] -= 1
        if level > net.s_top[s]:
            net.s_top[s] = level


@inner
def settle(net, stations, flows, now):
    """Forget the marks, and account for the stations' use up to ``now``; rates have been taken over by the caller."""
    bits = net.bits[0]
    for i in range(flows):
        net.f_mark[net.flows[i]] = 0
    for i in range(stations):
        s = net.stations[i]
        net.s_mark[s] = 0
        net.s_busy[s] += net.s_used[s] * (now - net.s_since[s])
        net.s_since[s] = now
        used = 0.0
        k = net.s_head[s]
        while k >= 0:
            used += net.n_use[k] * net.f_rate[k >> bits]
            k = net.n_next[k]
        net.s_used[s] = used


@entry
def solve_all(net):
    """Rates of all flows that are there, from nothing."""
    stations = flows = 0
    for s in range(len(net.s_capacity)):
        stations = touch(net, s, stations)
    stations, flows = solve(net, stations, flows)
    for i in range(flows):
        net.f_rate[net.flows[i]] = net.f_next[net.flows[i]]
    settle(net, stations, flows, 0.0)


@entry
def place(net, f, path, use, weight, cap):
    """A flow into a free slot; its rate is 0 until it is solved."""
    first = f << net.bits[0]
    for i in range(len(path)):
        net.n_station[first + i] = path[i]
        net.n_use[first + i] = use[i]
    net.f_places[f] = len(path)
    net.f_weight[f] = weight
    net.f_cap[f] = cap
    net.f_rate[f] = 0.0
    net.f_bottleneck[f] = NOBODY
    link(net, f)
