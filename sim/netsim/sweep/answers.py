"""What a sweep says, as plain numbers and sentences: responses, load curves, maps, fronts, and the best points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from netsim.results.text import quantity
from netsim.sweep.quantity import size
from netsim.sweep.table import verdict

if TYPE_CHECKING:
    from netsim.sweep.table import Point, Sweep

#: Metrics that a page draws, the first of a kind that a sweep has.
DRAWN = (".latency.p99", ".throughput", ".errors", "bottleneck.utilisation")
PRICE = "price_per_h"
MOST_VALUES = 50
MOST_CURVES = 6
MOST_MAPS = 3


@dataclass(frozen=True, slots=True)
class Response:
    """How a metric answers to one varied path: for each of its values the mean over all points that have it, and
    the least and greatest."""

    path: str
    metric: str
    values: list[str]
    mean: list[float]
    least: list[float]
    greatest: list[float]

    def reading(self) -> str:
        """One sentence."""
        if len(self.values) < 2:
            return f"{self.metric} is {shown(self.metric, self.mean[0])} at the only value."
        low, high = min(self.mean), max(self.mean)
        if low == high:
            return f"{self.metric} is {shown(self.metric, low)} at every value."
        at_low, at_high = self.values[self.mean.index(low)], self.values[self.mean.index(high)]
        return (
            f"{self.metric} is least ({shown(self.metric, low)}) at {at_low} and greatest "
            f"({shown(self.metric, high)}) at {at_high}."
        )


@dataclass(frozen=True, slots=True)
class Curve:
    """Latency of a workload against its load (1/s, or users), all other varied fields held at ``fixed``.

    ``p50``, ``p99`` in s; ``low`` and ``high`` the ends of p99's interval. ``knee``: the index of the load at which
    throughput over mean latency is greatest (Kleinrock's power, ICC 1979); None if that is at an end of the curve.
    """

    workload: str
    path: str
    fixed: str
    loads: list[float]
    p50: list[float | None]
    p99: list[float | None]
    low: list[float | None]
    high: list[float | None]
    knee: int | None

    @property
    def unit(self) -> str:
        """Of the loads."""
        return "users" if self.path.endswith(".users") else "/s"


@dataclass(frozen=True, slots=True)
class Map:
    """A metric's mean over all points with the same two values; None where there are none. Rows are ``ys``."""

    x: str
    y: str
    metric: str
    xs: list[str]
    ys: list[str]
    rows: list[list[float | None]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A point with what it costs and what it gives; ``best``: no other is better in one and as good in the other."""

    number: int
    cost: float
    gain: float
    met: str
    best: bool


@dataclass(frozen=True, slots=True)
class Front:
    """Candidates by two metrics; less is better in both, unless ``more`` is (of the first, as throughput)."""

    cost: str
    gain: str
    more: bool
    candidates: list[Candidate]


def unit_of(metric: str) -> str:
    """The unit of a metric's path."""
    if ".latency." in metric or metric.endswith(".outage") or metric.startswith("failover."):
        return "share" if metric.endswith(".reached") else "s"
    ends = {
        ".throughput": "/s",
        ".offered": "/s",
        ".errors": "share",
        ".utilisation": "share",
        ".goodput": "bit/s",
    }
    return next((unit for end, unit in ends.items() if metric.endswith(end)), "")


def shown(metric: str, value: float | None) -> str:
    """A metric's value for people."""
    unit = unit_of(metric)
    return quantity(value, unit) if unit or value is None else f"{value:.4g}"


def ran(sweep: Sweep) -> list[Point]:
    """The points that have numbers."""
    return [point for point in sweep.points if point.status == "ok"]


def drawn_metrics(sweep: Sweep) -> list[str]:
    """The metrics that a page draws, in the order of their kinds."""
    names = dict.fromkeys(name for point in ran(sweep) for name in point.metrics)
    return [name for end in DRAWN for name in names if name.endswith(end)]


def number_of(point: Point, metric: str) -> float | None:
    """A metric of a point, if it is known."""
    value = point.metrics.get(metric)
    return float(value) if isinstance(value, (int, float)) else None


def ordered(values: Sequence[str]) -> list[str]:
    """Different values, by size where they are quantities."""
    return sorted(dict.fromkeys(values), key=lambda k: (size(k) is None, size(k) or 0.0, k))


def responses(sweep: Sweep) -> list[Response]:
    """Every drawn metric against every varied path that has at most 50 different values, in the order of the sweep."""
    found = []
    for metric in drawn_metrics(sweep):
        for path in sweep.varied:
            groups: dict[str, list[float]] = {}
            for point in ran(sweep):
                value = number_of(point, metric)
                if value is not None:
                    groups.setdefault(point.values[path], []).append(value)
            if groups and len(groups) <= MOST_VALUES:
                keys = ordered(list(groups))
                means = [sum(groups[k]) / len(groups[k]) for k in keys]
                least, greatest = [min(groups[k]) for k in keys], [max(groups[k]) for k in keys]
                found.append(Response(path, metric, keys, means, least, greatest))
    return found


def curves(sweep: Sweep) -> list[Curve]:
    """Latency against load where a workload's load is varied over at least three values; none if too many of them."""
    found: list[Curve] = []
    for path in sweep.varied:
        parts = path.split(".")
        if len(parts) != 3 or parts[0] != "load" or parts[2] not in ("arrivals", "users"):
            continue
        others = [
            other
            for other in sweep.varied
            if other != path and len({point.values[other] for point in sweep.points}) > 1
        ]
        groups: dict[str, list[Point]] = {}
        for point in ran(sweep):
            if size(point.values[path]) is not None:
                fixed = ", ".join(f"{other} {point.values[other]}" for other in others)
                groups.setdefault(fixed, []).append(point)
        long = {fixed: points for fixed, points in groups.items() if len(points) >= 3}
        if len(long) <= MOST_CURVES:
            found += [_curve(parts[1], path, fixed, points) for fixed, points in long.items()]
    return found


def _curve(workload: str, path: str, fixed: str, points: list[Point]) -> Curve:
    points = sorted(points, key=lambda point: size(point.values[path]) or 0.0)
    p50, p99, low, high = (
        [number_of(point, f"{workload}.latency.{key}") for point in points]
        for key in ("p50", "p99", "p99.low", "p99.high")
    )
    power = []
    for point in points:
        rate, mean = number_of(point, f"{workload}.throughput"), number_of(point, f"{workload}.latency.mean")
        power.append(rate / mean if rate and mean else 0.0)
    knee = max(range(len(power)), key=power.__getitem__)
    loads = [size(point.values[path]) or 0.0 for point in points]
    return Curve(
        workload, path, fixed, loads, p50, p99, low, high, knee if 0 < knee < len(power) - 1 else None
    )


def curve_reading(found: Sequence[Curve]) -> str:
    """One sentence on where the knees are."""
    told = []
    for curve in found:
        if curve.knee is not None:
            load, where = curve.loads[curve.knee], f" ({curve.fixed})" if curve.fixed else ""
            at = f"{load:g} users" if curve.unit == "users" else quantity(load, "/s")
            told.append(f"at about {at}{where}, where p99 is {quantity(curve.p99[curve.knee], 's')}")
    if not told:
        return "There is no knee within the loads tried: vary the load further, or in smaller steps."
    rest = "" if len(told) == len(found) else "; the other curves have none within the loads tried"
    return f"The knee is {'; '.join(told)}{rest}. Beyond it latency grows faster than what is carried."


def maps(sweep: Sweep) -> list[Map]:
    """The first p99, or the first drawn metric, over pairs of varied paths; none for designs that share no values."""
    metrics = drawn_metrics(sweep)
    found: list[Map] = []
    for x, y in combinations(sweep.varied, 2):
        xs, ys = (ordered([point.values[path] for point in ran(sweep)]) for path in (x, y))
        if not metrics or not 1 < len(xs) <= MOST_VALUES or not 1 < len(ys) <= MOST_VALUES:
            continue
        if len(xs) * len(ys) > 4 * len(ran(sweep)):
            continue  # a sample, not a grid
        cells: dict[tuple[str, str], list[float]] = {}
        for point in ran(sweep):
            value = number_of(point, metrics[0])
            if value is not None:
                cells.setdefault((point.values[x], point.values[y]), []).append(value)
        rows = [[_mean(cells.get((a, b))) for a in xs] for b in ys]
        found.append(Map(x, y, metrics[0], xs, ys, rows))
    return found[:MOST_MAPS]


def _mean(values: list[float] | None) -> float | None:
    return sum(values) / len(values) if values else None


def map_reading(found: Map) -> str:
    """One sentence."""
    cells = [
        (value, a, b)
        for b, row in zip(found.ys, found.rows, strict=True)
        for a, value in zip(found.xs, row, strict=True)
        if value is not None
    ]
    (low, la, lb), (high, ha, hb) = min(cells), max(cells)
    return (
        f"{found.metric} goes from {shown(found.metric, low)} ({found.x} {la}, {found.y} {lb}) to "
        f"{shown(found.metric, high)} ({found.x} {ha}, {found.y} {hb})."
    )


def front(sweep: Sweep) -> Front | None:
    """What more money, or more throughput, does to the first p99: which points are worth a look. None without two such
    numbers that differ."""
    points, latency = ran(sweep), next((m for m in drawn_metrics(sweep) if m.endswith(".latency.p99")), None)
    if latency is None:
        return None
    carried = latency.replace(".latency.p99", ".throughput")
    for cost, more in ((PRICE, False), (carried, True)):
        pairs = [(p, number_of(p, cost), number_of(p, latency)) for p in points]
        known = [(p, a, b) for p, a, b in pairs if a is not None and b is not None]
        if len({a for _, a, _ in known}) > 1:
            sign = -1.0 if more else 1.0
            spots = [(sign * a, b) for _, a, b in known]
            return Front(cost, latency, more, [
                Candidate(p.number, a, b, verdict(p), not any(_beats(other, (sign * a, b)) for other in spots))
                for p, a, b in known
            ])  # fmt: skip
    return None


def _beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] <= other[0] and one[1] <= other[1] and one != other


def front_reading(found: Front) -> str:
    """One sentence."""
    best = sorted(c.number for c in found.candidates if c.best)
    listed = ", ".join(map(str, best[:12])) + (f" and {len(best) - 12} more" if len(best) > 12 else "")
    what = "more is carried" if found.more else "less is paid"
    many = "Point" if len(best) == 1 else "Points"
    return f"{many} {listed} of {len(found.candidates)} cannot be beaten: wherever {what}, {found.gain} is greater."


def answer(sweep: Sweep) -> str:
    """The cheapest point that meets all expectations, or how many do, or what the points differ in."""
    points = ran(sweep)
    if not points:
        return "No point could be run."
    if not any(point.expectations for point in points):
        metric = next(iter(drawn_metrics(sweep)), None)
        known = [(value, p) for p in points if metric and (value := number_of(p, metric)) is not None]
        if metric is None or not known:
            return "The scenario expects nothing, so no point is better than another."
        value, best = min(known, key=lambda pair: (pair[0], pair[1].number))
        word = "least" if metric.endswith((".latency.p99", ".errors", ".utilisation")) else "smallest"
        return f"The scenario expects nothing; {metric} is {word} at point {best.number} ({_values(best)}): {shown(metric, value)}."
    met = [point for point in points if verdict(point) == "pass"]
    open_ = sum(verdict(point) == "inconclusive" for point in points)
    undecided = f"; {open_} more cannot be decided with so few replications" if open_ else ""
    if not met:
        return f"None of {len(points)} points surely meets all expectations{undecided}."
    counted = f"{len(met)} of {len(points)} points meet all expectations{undecided}"
    priced = [(price, point) for point in met if (price := number_of(point, PRICE)) is not None]
    if not priced:
        return f"{counted}. Give the node groups a price to see which of them is cheapest."
    price, point = min(priced, key=lambda pair: (pair[0], pair[1].number))
    return f"{counted}; the cheapest is point {point.number} ({_values(point)}) for {price:.4g} per hour."


def _values(point: Point) -> str:
    return ", ".join(f"{path} {value}" for path, value in point.values.items())
