"""The page of a sweep: the best points, how metrics answer to what is varied, and the table of all points."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from netsim.report.chart import Cell, Chart
from netsim.report.drawing import Drawing
from netsim.report.pages import embedded, rendered
from netsim.sweep import answers as data
from netsim.sweep import figures

if TYPE_CHECKING:
    from netsim.sweep.table import Sweep

Drawn = tuple[Chart, Drawing]


def render(sweep: Sweep) -> str:
    """The page as text."""
    rooms = {
        "load": list(_load(sweep)),
        "influence": list(_influence(sweep)),
        "trade": list(_trade(sweep)),
        "responses": list(_responses(sweep)),
    }
    numbered = {room: {f"{room}-{i}": pair for i, pair in enumerate(drawn)} for room, drawn in rooms.items()}
    all_of_them = {key: pair for room in numbered.values() for key, pair in room.items()}
    return rendered(
        "sweep.html.j2",
        sweep=sweep,
        counts=sweep.counts(),
        answer=data.answer(sweep),
        rooms={room: list(drawn) for room, drawn in numbered.items()},
        charts={"points": _points(sweep), **{key: chart for key, (chart, _) in all_of_them.items()}},
        figures=embedded({key: drawn for key, (_, drawn) in all_of_them.items()}),
        warnings=["Interrupted: not all points were run."] if sweep.interrupted else [],
    )


def _load(sweep: Sweep) -> Iterable[Drawn]:
    """Latency against load, one drawing for each workload whose load is varied."""
    found = data.curves(sweep)
    for path in dict.fromkeys(curve.path for curve in found):
        some = [curve for curve in found if curve.path == path]
        rows = [
            (curve.fixed or "-", load, p50, p99, low, high, "knee" if k == curve.knee else "")
            for curve in some
            for k, (load, p50, p99, low, high) in enumerate(
                zip(curve.loads, curve.p50, curve.p99, curve.low, curve.high, strict=True)
            )
        ]
        columns = ("with", f"load ({some[0].unit})", "p50 (s)", "p99 (s)", "p99 from (s)", "p99 to (s)", "")
        title = f"Load and latency of {some[0].workload}"
        yield Chart(title, data.curve_reading(some), columns, rows), figures.load_curves(some)


def _influence(sweep: Sweep) -> Iterable[Drawn]:
    """Which fields explain a metric, if that was asked for."""
    told = sweep.sensitivity
    if told is None:
        return
    rows: list[list[Cell]] = [list(row.values()) for row in told["fields"]]
    columns = tuple(key.replace("_", " ") for key in told["fields"][0])
    reading = (
        f"{told['fields'][0]['path']} does most to {told['of']} ({told['method'].capitalize()}'s method)."
    )
    yield Chart(f"What explains {told['of']}", reading, columns, rows), figures.influence(told)


def _trade(sweep: Sweep) -> Iterable[Drawn]:
    """Fronts, maps over two fields, and all fields and metrics side by side."""
    front = data.front(sweep)
    if front is not None:
        listed = [(c.number, c.cost, c.gain, c.met or "-", "yes" if c.best else "") for c in front.candidates]
        columns = ("point", front.cost, front.gain, "expectations", "cannot be beaten")
        yield (
            Chart("Which points are worth a look", data.front_reading(front), columns, listed),
            figures.pareto(front),
        )
    for found in data.maps(sweep):
        cells = [
            (x, y, value)
            for y, row in zip(found.ys, found.rows, strict=True)
            for x, value in zip(found.xs, row, strict=True)
        ]
        title = f"{found.metric} by {found.x} and {found.y}"
        yield (
            Chart(title, data.map_reading(found), (found.x, found.y, found.metric), cells),
            figures.heat(found),
        )
    side_by_side = figures.parallel(sweep)
    if len(side_by_side.data):
        reading = "A line is a point; each axis goes from the least value (below) to the greatest (above)."
        points = _points(sweep)
        yield Chart("All points side by side", reading, points.columns, points.rows), side_by_side


def _responses(sweep: Sweep) -> Iterable[Drawn]:
    for found in data.responses(sweep):
        columns = (found.path, f"mean of {found.metric}", "least", "greatest")
        rows = list(zip(found.values, found.mean, found.least, found.greatest, strict=True))
        yield (
            Chart(f"{found.metric} by {found.path}", found.reading(), columns, rows),
            figures.response(found),
        )


def _points(sweep: Sweep) -> Chart:
    """Every point with its values and main metrics."""
    ends = (".latency.p50", ".latency.p99", ".throughput", ".errors")
    metrics = [c for c in sweep.columns() if c.endswith(ends) or c in _SHOWN]
    columns = ("point", "status", "expectations", *sweep.varied, *metrics)
    rows = [[_cell(row.get(column)) for column in columns] for row in sweep.rows()]
    failed = [f"point {p.number}: {p.reason}" for p in sweep.points if p.reason]
    reading = "points.csv has every number with its interval."
    if failed:
        reading += (
            f" Not run: {'; '.join(failed[:5])}"
            + (f"; and {len(failed) - 5} more" if len(failed) > 5 else "")
            + "."
        )
    return Chart("All points", reading, columns, rows)


_SHOWN = ("bottleneck.station", "bottleneck.utilisation", data.PRICE)


def _cell(value: Any) -> Cell:
    return value if value is None or isinstance(value, (int, float)) else str(value)
