"""The search for the edge between what holds and what does not, when every look at a point is uncertain.

A point is looked at with more and more replications until its whole interval is on one side of the limit or there
are no more. The edge is then bracketed from both sides by points that are decided; where points between them stay
undecided, the bracket stays as wide as the uncertainty. So its ends are the interval of the edge.

One look is judged at the level `LEVEL_OF_A_LOOK`. Only the few points next to the edge can be decided wrongly, in at
most `looks` looks each; by Bonferroni's inequality four looks on either side leave 95 % for the bracket
(tests/sweep/test_search.py measures how often it holds the edge).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

#: 4 looks at each end, each one-sided: 1 - 2 * 4 * (1 - 0.9875) / 2 = 95 %.
LEVEL_OF_A_LOOK = 0.9875
LOOKS = 4

Side = Literal["good", "bad", "open"]
Ending = Literal["found", "wide", "all good", "all bad", "stopped"]


@dataclass(frozen=True, slots=True)
class Look:
    """What is known of a point: its side, and how far it is from the limit (above 0: on the bad side), if known."""

    side: Side
    distance: float | None = None


@dataclass(frozen=True, slots=True)
class Space:
    """The points: numbers from ``low`` to ``high``, whole ones or all.

    ``rising``: larger is worse, as with load; else larger is better, as with nodes. ``tolerance`` (share): a bracket
    this narrow is narrow enough to stop; the edge counts as found within as much to each side. Whole numbers that are
    next to each other are always near enough.
    """

    low: float
    high: float
    rising: bool
    whole: bool
    tolerance: float

    def step(self, x: float, worse: bool) -> float | None:
        """Twice or half as much, towards the bad side or away from it; None where there is no more."""
        up = worse == self.rising
        to = self.cut(2 * x if up else x / 2, up)
        return None if to == x else to

    def cut(self, x: float, up: bool = False) -> float:
        """The nearest point, or the next one up."""
        if self.whole:
            x = math.ceil(x) if up else math.floor(x)
        return min(max(x, self.low), self.high)

    def near(self, a: float, b: float, part: float = 1.0) -> bool:
        """Whether two points are within ``part`` of the tolerance."""
        if self.whole and abs(a - b) <= 1:
            return True
        return abs(math.log(b / a)) <= math.log1p(self.tolerance * part) * (1 + 1e-9)

    def between(self, a: float, b: float, share: float) -> float:
        """The point at a share of the way from a to b, by ratio; inside for whole numbers that are not neighbours."""
        x = float(a * (b / a) ** share)
        if not self.whole:
            return x
        return float(min(max(round(x), min(a, b) + 1), max(a, b) - 1))


@dataclass(slots=True)
class Edge:
    """Where the search ended.

    ``good`` and ``bad``: the decided points next to the edge, None where there is none. ``value``: the edge by the
    points' own values between them. ``contradictions``: pairs (good, bad) in the wrong order.
    """

    ending: Ending
    good: float | None
    bad: float | None
    value: float | None
    points: dict[float, Look] = field(default_factory=dict)
    contradictions: list[tuple[float, float]] = field(default_factory=list)

    @property
    def ends(self) -> tuple[float | None, float | None]:
        """The bracket, the smaller end first."""
        known = [x for x in (self.good, self.bad) if x is not None]
        if len(known) == 2:
            return min(known), max(known)
        return self.good, self.bad


class _Search:
    def __init__(self, look: Callable[[float], Look], space: Space, most: int) -> None:
        self.look_at, self.space, self.most = look, space, most
        self.points: dict[float, Look] = {}

    def look(self, x: float) -> Side:
        if x not in self.points:
            self.points[x] = self.look_at(x)
        return self.points[x].side

    def of(self, side: Side) -> list[float]:
        """Points of a side, from the best place to the worst."""
        found = (x for x, look in self.points.items() if look.side == side)
        return sorted(found, reverse=not self.space.rising)

    def bracket(self) -> tuple[float | None, float | None]:
        """The last good point before the first bad one, and that; by place, whatever is between them."""
        bad = next(iter(self.of("bad")), None)
        good = [x for x in self.of("good") if bad is None or self._better(x, bad)]
        return (good[-1] if good else None), bad

    def _better(self, a: float, b: float) -> bool:
        return a < b if self.space.rising else a > b

    def walk(self, start: float) -> None:
        """Steps by two from the start until there is a good and a bad point, or no more to step to."""
        self.look(start)
        for worse in (True, False):
            wanted: Side = "bad" if worse else "good"
            x: float | None = start
            while x is not None and not self.of(wanted) and len(self.points) < self.most:
                x = self.space.step(x, worse)
                if x is not None:
                    self.look(x)

    def narrow(self, good: float, bad: float) -> float | None:
        """The next point to look at between the ends of the bracket; None where that is of no more use."""
        lo, hi = sorted((good, bad))
        open_ = sorted((x for x in self.of("open") if lo < x < hi), reverse=not self.space.rising)
        if not open_:
            return (
                None if self.space.near(good, bad) else self.space.between(good, bad, self.guess(good, bad))
            )
        for a, b in ((good, open_[0]), (open_[-1], bad)):
            if not self.space.near(a, b, 0.3):
                return self.space.between(a, b, 0.5)
        return None

    def guess(self, good: float, bad: float) -> float:
        """The share of the way at which to look: a little beyond the edge by the distances, seen from its nearer end,
        so that the bracket closes from both sides. The middle every third time, in case the distances mislead."""
        share = self.crossing(good, bad)
        if share is None or len(self.points) % 3 == 2:
            return 0.5
        beyond = 0.4 * math.log1p(self.space.tolerance) / abs(math.log(bad / good))
        return min(max(share + (beyond if share < 0.5 else -beyond), 0.1), 0.9)

    def crossing(self, good: float, bad: float) -> float | None:
        """Where between two decided points the distance is 0: a share of the way."""
        a, b = self.points[good].distance, self.points[bad].distance
        return None if a is None or b is None or a > 0 or b <= 0 else a / (a - b)

    def value(self, good: float, bad: float) -> float:
        """The edge: where the distance changes its sign between the points of the bracket, else its middle; of whole
        numbers the good end."""
        if self.space.whole:
            return good
        inside = [x for x in sorted(self.points) if min(good, bad) <= x <= max(good, bad)]
        if not self.space.rising:
            inside.reverse()
        for a, b in zip(inside, inside[1:], strict=False):
            share = self.crossing(a, b)
            if share is not None:
                return float(a * (b / a) ** share)
        return math.sqrt(good * bad)

    def contradictions(self) -> list[tuple[float, float]]:
        bads = self.of("bad")
        return [(g, b) for g in self.of("good") for b in bads if self._better(b, g)]

    def checks(self, good: float, bad: float) -> Iterator[float]:
        """Points away from the bracket, at which it is checked that better is better and worse is worse."""
        cut, up = self.space.cut, self.space.rising
        factors = (0.25, 0.5, 0.75) if up else (1.5, 2, 3)
        yield from (cut(good * factor) for factor in factors)
        yield cut(bad * (1.5 if up else 0.67))


def find_edge(
    look: Callable[[float], Look],
    space: Space,
    start: float,
    most: int = 40,
    stop: Callable[[], bool] = lambda: False,
    check: bool = True,
) -> Edge:
    """The edge between good and bad points. ``look`` is asked once for each point, at most ``most`` of them (and four
    more to ``check`` that better places are good and worse ones bad); ``stop()`` ends the search."""
    search = _Search(look, space, most)
    search.walk(space.cut(start))
    good, bad = search.bracket()
    if good is None or bad is None:
        ending: Ending = "stopped" if stop() else "wide"
        if not search.of("open") and not stop():
            ending = "all good" if bad is None else "all bad"
        if bad is None and search.of("good"):
            good = search.of("good")[-1]
        return Edge(ending, good, bad, None, search.points, search.contradictions())
    while len(search.points) < most and not stop():
        x = search.narrow(good, bad)
        if x is None or x in search.points:
            break
        search.look(x)
        g, b = search.bracket()
        assert b is not None
        if g is None:
            break
        good, bad = g, b
    if check and not stop():
        for x in search.checks(good, bad):
            search.look(x)
    ending = "found" if space.near(good, bad, 2) else "wide"
    if stop():
        ending = "stopped"
    return Edge(ending, good, bad, search.value(good, bad), search.points, search.contradictions())
