"""The figures of a sweep's page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from netsim.report.drawing import Drawing
from netsim.report.palette import WHISKER, series_colour
from netsim.report.style import shortened, styled
from netsim.sweep.answers import (
    Curve,
    Front,
    Map,
    Response,
    drawn_metrics,
    number_of,
    ran,
    shown,
    unit_of,
)
from netsim.sweep.quantity import size
from netsim.sweep.table import verdict

if TYPE_CHECKING:
    from netsim.sweep.table import Point, Sweep

_BAND = "rgba(0,114,178,0.22)"
#: Dark is more, apart for the colour-blind too.
_SCALE = [[0.0, "#e8f1f8"], [0.35, "#9ecae1"], [0.7, "#2f7ab5"], [1.0, "#08306b"]]
_MOST_NUMBERED = 150
#: Of parallel coordinates.
MOST_LINES, MOST_METRICS = 300, 5
_SIGNS = {"pass": "circle", "fail": "x", "inconclusive": "diamond", "": "circle"}
_WORDS = {"pass": "meets all", "fail": "fails one", "inconclusive": "cannot be decided", "": "point"}


def _scaled(metric: str) -> tuple[float, str]:
    """What a metric is multiplied by for an axis, and the axis' unit."""
    unit = unit_of(metric)
    return {"s": (1000.0, " (ms)"), "share": (100.0, " (%)"), "": (1.0, "")}.get(unit, (1.0, f" ({unit})"))


def _times(values: Sequence[float | None], factor: float) -> list[float | None]:
    return [None if value is None else value * factor for value in values]


def response(found: Response) -> Drawing:
    """A line of means in a band from the least to the greatest."""
    factor, unit = _scaled(found.metric)
    numbers = [size(value) for value in found.values]
    plain = all(number is not None for number in numbers)
    x: list[Any] = [escape(value) for value in found.values]
    drawn = Drawing()
    edges: dict[str, Any] = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    drawn.add("scatter", x=x, y=_times(found.greatest, factor), **edges)
    drawn.add("scatter", x=x, y=_times(found.least, factor), fill="tonexty", fillcolor=_BAND, **edges)
    drawn.add("scatter",
        x=x, y=_times(found.mean, factor), mode="lines+markers" if plain else "markers", name="mean",
        line={"color": series_colour(0), "width": 2}, hovertemplate="%{x}: %{y:.4g}<extra></extra>",
    )  # fmt: skip
    drawn.update_xaxes(title={"text": escape(found.path)}, type="category")
    drawn.update_yaxes(title={"text": escape(found.metric) + unit}, rangemode="tozero")
    drawn.update_layout(showlegend=False)
    return styled(drawn, 280)


def load_curves(found: Sequence[Curve]) -> Drawing:
    """p99 (with its interval) and p50 against load, a cross at each knee."""
    drawn = Drawing()
    for k, curve in enumerate(found):
        colour, name = series_colour(k), escape(shortened(curve.fixed or curve.workload, 40))
        line = {"color": colour, "width": 2}
        ends = [
            {"array": [0.0 if a is None or b is None else 1000 * abs(a - b) for a, b in zip(side, curve.p99, strict=True)]}
            for side in (curve.high, curve.low)
        ]  # fmt: skip
        drawn.add("scatter",
            x=curve.loads, y=_times(curve.p99, 1000), name=f"{name} p99", line=line, mode="lines+markers",
            error_y={"type": "data", "array": ends[0]["array"], "arrayminus": ends[1]["array"], "color": WHISKER,
                     "thickness": 1.4, "width": 4},
            hovertemplate="%{x:g}: p99 %{y:.3g} ms<extra></extra>",
        )  # fmt: skip
        drawn.add("scatter",
            x=curve.loads, y=_times(curve.p50, 1000), name=f"{name} p50", line={**line, "dash": "dot"}, mode="lines",
            hovertemplate="%{x:g}: p50 %{y:.3g} ms<extra></extra>",
        )  # fmt: skip
        if curve.knee is not None:
            knee = curve.p99[curve.knee]
            drawn.add("scatter",
                x=[curve.loads[curve.knee]], y=_times([knee], 1000), name=f"{name} knee", mode="markers",
                marker={"symbol": "x", "size": 14, "color": colour, "line": {"width": 1, "color": "white"}},
                hovertemplate="knee at %{x:g}<extra></extra>",
            )  # fmt: skip
    units = dict.fromkeys(curve.unit for curve in found)
    drawn.update_xaxes(title={"text": f"load ({', '.join(units)})"}, rangemode="tozero")
    drawn.update_yaxes(title={"text": "latency (ms, log)"}, type="log", dtick="D2")
    return styled(drawn, 340 + 16 * len(found))


def heat(found: Map) -> Drawing:
    """A metric over two varied paths; numbers stand in the cells."""
    factor, unit = _scaled(found.metric)
    rows = [_times(row, factor) for row in found.rows]
    numbered = len(found.xs) * len(found.ys) <= _MOST_NUMBERED
    drawn = Drawing()
    drawn.add(
        "heatmap", z=rows, x=[escape(x) for x in found.xs], y=[escape(y) for y in found.ys], colorscale=_SCALE, xgap=2, ygap=2,
            colorbar={"title": {"text": unit.strip(" ()") or "value"}, "thickness": 12},
            texttemplate="%{z:,.3~r}" if numbered else "", hovertemplate="%{x}, %{y}: %{z:.4g}<extra></extra>",
    )  # fmt: skip
    drawn.update_xaxes(title={"text": escape(found.x)}, type="category")
    drawn.update_yaxes(title={"text": escape(found.y)}, type="category")
    return styled(drawn, 150 + 30 * len(found.ys))


def pareto(found: Front) -> Drawing:
    """All points by two metrics; those that cannot be beaten are joined."""
    (fx, ux), (fy, uy) = _scaled(found.cost), _scaled(found.gain)
    drawn = Drawing()
    for met in dict.fromkeys(c.met for c in found.candidates):
        some = [c for c in found.candidates if c.met == met]
        drawn.add("scatter",
            x=[c.cost * fx for c in some], y=[c.gain * fy for c in some], mode="markers", name=_WORDS[met],
            marker={"symbol": _SIGNS[met], "size": 10, "color": series_colour(list(_SIGNS).index(met))},
            customdata=[c.number for c in some],
            hovertemplate="point %{customdata}: %{x:.4g}, %{y:.4g}<extra></extra>",
        )  # fmt: skip
    best = sorted((c for c in found.candidates if c.best), key=lambda c: c.cost)
    drawn.add("scatter",
        x=[c.cost * fx for c in best], y=[c.gain * fy for c in best], mode="lines", name="cannot be beaten",
        line={"color": WHISKER, "width": 2, "shape": "hv" if not found.more else "vh"}, hoverinfo="skip",
    )  # fmt: skip
    drawn.update_xaxes(title={"text": escape(found.cost.replace("price_per_h", "price per hour")) + ux})
    drawn.update_yaxes(title={"text": escape(found.gain) + uy}, rangemode="tozero")
    return styled(drawn, 340)


def parallel(sweep: Sweep) -> Drawing:
    """One line for each point over all varied paths and drawn metrics, each axis from its least to its greatest."""
    points = ran(sweep)[:MOST_LINES]
    drawn = Drawing()
    if len(points) < 2:
        return drawn
    axes = [axis for axis in (*_fields(sweep, points), *_metrics(sweep, points)) if axis.low != axis.high]
    if len(axes) < 3:
        return drawn
    labels = [f"{axis.label}<br>{axis.top}" for axis in axes]
    for k, met in enumerate(_SIGNS):
        some = [i for i, point in enumerate(points) if verdict(point) == met]
        if some:
            drawn.add("scatter",
                x=[x for _ in some for x in (*labels, None)],
                y=[y for i in some for y in (*(axis.share(i) for axis in axes), None)],
                mode="lines+markers", name=_WORDS[met], opacity=0.6, line={"color": series_colour(k), "width": 1.5},
                marker={"symbol": _SIGNS[met], "size": 7}, connectgaps=False,
                customdata=[text for i in some for text in (*(f"point {points[i].number}: {axis.texts[i]}" for axis in axes), "")],
                hovertemplate="%{customdata}<extra></extra>",
            )  # fmt: skip
    for label, axis in zip(labels, axes, strict=True):
        drawn.add_annotation(x=label, y=0, yshift=-6, yanchor="top", text=axis.bottom, showarrow=False)
    drawn.update_xaxes(side="top", type="category", showgrid=True, range=[-0.3, len(axes) - 0.7])
    drawn.update_yaxes(visible=False, range=[-0.1, 1.05])
    styled(drawn, 380)
    drawn.update_layout(margin={"t": 20, "b": 30}, legend={"y": -0.02, "yanchor": "top"})
    return drawn


@dataclass(frozen=True, slots=True)
class _Axis:
    """One axis of parallel coordinates: a number and a text for each point, and the texts at its ends."""

    label: str
    numbers: list[float]
    texts: list[str]

    @property
    def low(self) -> float:
        return min(self.numbers)

    @property
    def high(self) -> float:
        return max(self.numbers)

    @property
    def bottom(self) -> str:
        return escape(shortened(self.texts[self.numbers.index(self.low)], 14))

    @property
    def top(self) -> str:
        return escape(shortened(self.texts[self.numbers.index(self.high)], 14))

    def share(self, i: int) -> float:
        """Where a point stands between the ends."""
        return (self.numbers[i] - self.low) / (self.high - self.low)


def _short_path(path: str) -> str:
    parts = path.split(".")
    return escape(shortened(".".join(parts[1:] if len(parts) > 2 else parts), 20))


def _fields(sweep: Sweep, points: list[Point]) -> Iterator[_Axis]:
    for path in sweep.varied:
        texts = [point.values[path] for point in points]
        numbers = [size(text) for text in texts]
        words = list(dict.fromkeys(texts))
        places = [
            float(words.index(text)) if number is None else number
            for text, number in zip(texts, numbers, strict=True)
        ]
        yield _Axis(_short_path(path), places, texts)


def _metrics(sweep: Sweep, points: list[Point]) -> Iterator[_Axis]:
    for metric in drawn_metrics(sweep)[:MOST_METRICS]:
        values = [number_of(point, metric) for point in points]
        if all(value is not None for value in values):
            numbers = [value or 0.0 for value in values]
            yield _Axis(_short_path(metric), numbers, [shown(metric, value) for value in values])


def influence(found: Mapping[str, Any]) -> Drawing:
    """What each field does to the metric, the most important on top, with intervals."""
    rows, sobol = found["fields"][::-1], found["method"] == "sobol"
    main, key = (
        ("share of the variance, in total", "total")
        if sobol
        else ("mean change over the field's range", "mu_star")
    )
    drawn = Drawing()
    drawn.add("bar",
        y=[escape(shortened(row["path"], 34)) for row in rows], x=[row[key] for row in rows], orientation="h", name=main,
        marker={"color": series_colour(0)}, text=[shown("", row[key]) for row in rows], textposition="auto",
        error_x={"type": "data", "array": [row[f"{key}_half"] for row in rows], "color": WHISKER, "thickness": 1.4, "width": 4},
    )  # fmt: skip
    drawn.update_xaxes(title={"text": main}, rangemode="tozero")
    drawn.update_layout(showlegend=False)
    return styled(drawn, 100 + 34 * len(rows))
