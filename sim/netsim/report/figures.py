"""The figures of a report, made with plotly."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

from netsim.report.data import bars, parts
from netsim.report.glossary import kind_text
from netsim.report.palette import AXIS, INK, KIND_COLOURS, series_colour, stage_colours
from netsim.results.result import Result

if TYPE_CHECKING:
    import plotly.graph_objects as go

#: Beyond this many workloads, lines can no longer be told apart.
MOST_LINES = 8
_FONT = {"family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", "size": 13, "color": INK}


def figure(result: Result, name: str) -> go.Figure:
    """The figure of that name: ``latency``, ``throughput``, ``attribution`` or ``stations``."""
    if name not in FIGURES:
        raise ValueError(f"expected one of {', '.join(FIGURES)}, got {name}")
    return FIGURES[name](result)


def latency(result: Result) -> go.Figure:
    """p50 and p99 of the requests that started in each time slice (ms)."""
    import plotly.graph_objects as go

    drawn = go.Figure()
    for k, workload in enumerate(_workloads(result)):
        rows = [row for row in result.series_rows if row.workload == workload]
        for key, dash in (("p50_s", "dot"), ("p99_s", "solid")):
            values = [getattr(row, key) for row in rows]
            drawn.add_trace(
                go.Scatter(
                    x=[row.t_s for row in rows],
                    y=[None if value is None else value * 1000 for value in values],
                    name=f"{escape(workload)} {key.removesuffix('_s')}",
                    line={"color": series_colour(k), "dash": dash, "width": 2},
                    hovertemplate="%{y:.3g} ms at %{x} s",
                )
            )
    drawn.update_yaxes(title_text="latency (ms)", rangemode="tozero")
    drawn.update_xaxes(title_text="time (s)")
    return _styled(drawn, 320)


def throughput(result: Result) -> go.Figure:
    """Requests started, completed and failed per second."""
    import plotly.graph_objects as go

    drawn = go.Figure()
    for k, workload in enumerate(_workloads(result)):
        rows = [row for row in result.series_rows if row.workload == workload]
        for key, dash in (("started", "dot"), ("completed", "solid"), ("failed", "dash")):
            values = [getattr(row, f"{key}_per_s") for row in rows]
            if key == "failed" and not any(values):
                continue
            drawn.add_trace(
                go.Scatter(
                    x=[row.t_s for row in rows],
                    y=values,
                    name=f"{escape(workload)} {key}",
                    line={"color": series_colour(k), "dash": dash, "width": 2},
                    hovertemplate="%{y:.4g}/s at %{x} s",
                )
            )
    drawn.update_yaxes(title_text="requests per second", rangemode="tozero")
    drawn.update_xaxes(title_text="time (s)")
    return _styled(drawn, 280)


def attribution(result: Result) -> go.Figure:
    """p50 and p99 of each workload, stage by stage (ms); hatched parts are waiting."""
    import plotly.graph_objects as go

    stacks = [
        (f"{escape(workload)} {key}", parts(found["attribution"][key]))
        for workload, found in result.data["workloads"].items()
        for key in ("p99", "p50")
        if found["attribution"].get(key)
    ][: 2 * MOST_LINES]
    colours = stage_colours(part.stage for _, shown in stacks for part in shown)
    drawn = go.Figure()
    for stage, colour in colours.items():
        found = [next((part for part in shown if part.stage == stage), None) for _, shown in stacks]
        waiting = stage.startswith("queue:")
        drawn.add_trace(
            go.Bar(
                y=[label for label, _ in stacks],
                x=[None if part is None else part.seconds * 1000 for part in found],
                customdata=[None if part is None else part.share * 100 for part in found],
                name=escape(stage),
                orientation="h",
                marker={"color": colour, "pattern": {"shape": "/" if waiting else "", "fgopacity": 0.5}},
                hovertemplate=f"{escape(stage)}: %{{x:.3g}} ms, %{{customdata:.3g}} %<extra></extra>",
            )
        )
    drawn.update_layout(barmode="stack")
    drawn.update_xaxes(title_text="latency (ms)")
    return _styled(drawn, 150 + 46 * len(stacks))


def stations(result: Result) -> go.Figure:
    """Utilisation of the busiest stations (%), with intervals."""
    import plotly.graph_objects as go

    shown = bars(result)[::-1]
    drawn = go.Figure()
    for kind in sorted({bar.kind for bar in shown}):
        of_kind = [bar for bar in shown if bar.kind == kind]
        drawn.add_trace(
            go.Bar(
                y=[escape(bar.station) for bar in of_kind],
                x=[bar.utilisation * 100 for bar in of_kind],
                error_x={
                    "type": "data",
                    "array": [(bar.high - bar.utilisation) * 100 for bar in of_kind],
                    "arrayminus": [(bar.utilisation - bar.low) * 100 for bar in of_kind],
                    "color": INK,
                    "thickness": 1.2,
                    "width": 3,
                },
                name=escape(kind_text(kind)),
                orientation="h",
                marker={"color": KIND_COLOURS.get(kind, AXIS)},
                hovertemplate="%{y}: %{x:.3g} %<extra></extra>",
            )
        )
    drawn.update_yaxes(categoryorder="array", categoryarray=[escape(bar.station) for bar in shown])
    drawn.update_xaxes(title_text="busy share of the time (%)", range=[0, 105])
    return _styled(drawn, 130 + 24 * len(shown))


FIGURES: dict[str, Callable[[Result], go.Figure]] = {
    "latency": latency,
    "throughput": throughput,
    "attribution": attribution,
    "stations": stations,
}


def _workloads(result: Result) -> list[str]:
    return list(dict.fromkeys(row.workload for row in result.series_rows))[:MOST_LINES]


def _styled(drawn: go.Figure, height: int) -> go.Figure:
    drawn.update_layout(
        template="none",
        font=_FONT,
        height=height,
        margin={"l": 70, "r": 20, "t": 16, "b": 48},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        hovermode="closest",
        bargap=0.35,
        paper_bgcolor="white",
        plot_bgcolor="white",
    )
    drawn.update_xaxes(gridcolor=AXIS, linecolor=AXIS, zerolinecolor=AXIS)
    drawn.update_yaxes(gridcolor=AXIS, linecolor=AXIS, zerolinecolor=AXIS, automargin=True)
    return drawn
