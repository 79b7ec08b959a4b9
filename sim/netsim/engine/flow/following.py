"""Fluid that is stopped where the swarm changes: at each such time stations get other capacities, and flows other caps or their end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from netsim.engine.flow.fluid import Fluid, Transfers
from netsim.engine.flow.life import Life
from netsim.engine.flow.maxmin import Floats, Ints
from netsim.picoseconds import PS_PER_S


@dataclass(frozen=True, slots=True)
class Left:
    """The capacity of each station (seconds/s), and what share of it is left from when on (ps), where that is not all."""

    stations: Sequence[str]
    whole: Floats
    since: Sequence[tuple[int, Mapping[str, float]]]


@dataclass(frozen=True, slots=True)
class Followed:
    """Bytes that each flow has moved, and seconds that each station was busy, at each edge; when flows ended (nan: not, or broken off)."""

    moved: Floats
    busy_s: Floats
    ends_s: Floats


#: Told, in the middle between two edges: the time (s), the station that holds each flow back (negative: none), its rate, what it has
#: moved (bytes), and what share of their capacity stations have.
Look = Callable[[float, Ints, Floats, Floats, Floats], None]


def follow(
    left: Left, what: Transfers, order: Ints, lives: Sequence[Life], edges_s: Sequence[float], look: Look
) -> Followed:
    """Play transfers, which are in ``order`` of their starts, up to the last edge."""
    fluid = Fluid(left.whole, what)
    where = {int(flow): k for k, flow in enumerate(order)}
    caps: dict[float, dict[int, float]] = {}
    broken: dict[float, list[int]] = {}
    for flow, each in enumerate(lives):
        for at, cap in each.caps[1:]:
            caps.setdefault(at, {})[where[flow]] = cap
        if each.ends_s < edges_s[-1]:
            broken.setdefault(each.ends_s, []).append(where[flow])
    shares = {at / PS_PER_S: new for at, new in left.since}
    middles = {(a + b) / 2 for a, b in zip(edges_s, edges_s[1:], strict=False)}
    times = sorted({at for at in (*caps, *broken, *shares, *edges_s, *middles) if at <= edges_s[-1]})
    share, busy, seen = np.ones(len(left.stations)), np.zeros(len(left.stations)), fluid.busy_s
    moved, used = [], []
    for at in times:
        fluid.to(max(at, 0.0))
        now = fluid.busy_s
        busy, seen = busy + (now - seen) / share, now  # a slower station is busy for longer
        if at in edges_s:
            moved.append(_back(fluid.moved_bytes, order))
            used.append(busy)
        if at in middles:
            look(
                at,
                _back(fluid.bottlenecks, order),
                _back(fluid.rates_bps, order),
                _back(fluid.moved_bytes, order),
                share,
            )
        changed: dict[int, float] = {}
        if at in shares:
            new = np.array([shares[at].get(name, 1.0) for name in left.stations])
            changed = {int(k): float(left.whole[k] * new[k]) for k in np.flatnonzero(new != share)}
            share = new
        for flow in broken.get(at, ()):
            fluid.leave(flow)
        if changed or at in caps:
            fluid.change(changed, caps.get(at, {}))
    return Followed(np.array(moved), np.array(used), _back(fluid.ends_s, order))


Numbers = TypeVar("Numbers", Floats, Ints)


def _back(values: Numbers, order: Ints) -> Numbers:
    """What is in the order of starts, in that of flows."""
    found = np.empty_like(values)
    found[order] = values
    return found
