"""The figures of a report: those over time here, the others beside."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from netsim.report.drawing import Drawing
from netsim.report.figures_busy import headroom, heatmap, stations
from netsim.report.figures_clock import clock
from netsim.report.figures_stages import attribution, spread
from netsim.report.overtime import MOST_MARKS, errors, marks
from netsim.report.palette import WHISKER, series_colour
from netsim.report.style import MOST_LINES, styled
from netsim.results.result import Result

_SHAPES = ("circle", "square", "diamond", "cross", "triangle-up", "x", "star", "hexagon")


def figure(result: Result, name: str) -> Drawing:
    """The figure of that name, one of `FIGURES`."""
    if name not in FIGURES:
        raise ValueError(f"expected one of {', '.join(FIGURES)}, got {name}")
    return FIGURES[name](result)


def latency(result: Result) -> Drawing:
    """p50 and p99 of the requests that started in each time slice (ms)."""
    drawn = Drawing()
    for k, workload in enumerate(_workloads(result)):
        rows = [row for row in result.series_rows if row.workload == workload]
        for key, dash in (("p50_s", "dot"), ("p99_s", "solid")):
            values = [getattr(row, key) for row in rows]
            drawn.add(
                "scatter",
                x=[row.t_s for row in rows],
                y=[None if value is None else value * 1000 for value in values],
                name=f"{escape(workload)} {key.removesuffix('_s')}",
                line={"color": series_colour(k), "dash": dash, "width": 2},
                hovertemplate="%{y:.3g} ms at %{x} s",
            )
    drawn.update_yaxes(title={"text": "latency (ms)"}, rangemode="tozero")
    drawn.update_xaxes(title={"text": "time (s)"})
    return styled(_marked(drawn, result), 320)


def throughput(result: Result) -> Drawing:
    """Requests started, completed and failed per second."""
    drawn = Drawing()
    for k, workload in enumerate(_workloads(result)):
        rows = [row for row in result.series_rows if row.workload == workload]
        for key, dash in (("started", "dot"), ("completed", "solid"), ("failed", "dash")):
            values = [getattr(row, f"{key}_per_s") for row in rows]
            if key == "failed" and not any(values):
                continue
            drawn.add(
                "scatter",
                x=[row.t_s for row in rows],
                y=values,
                name=f"{escape(workload)} {key}",
                line={"color": series_colour(k), "dash": dash, "width": 2},
                hovertemplate="%{y:.4g}/s at %{x} s",
            )
    drawn.update_yaxes(title={"text": "requests per second"}, rangemode="tozero")
    drawn.update_xaxes(title={"text": "time (s)"})
    return styled(_marked(drawn, result), 300)


def failures(result: Result) -> Drawing:
    """Failed requests per second by cause, all workloads together, by the time of their start."""
    by_cause: dict[str, dict[float, float]] = {}
    for t_s, _, cause, per_s in errors(result):
        times = by_cause.setdefault(cause, {})
        times[t_s] = times.get(t_s, 0.0) + per_s
    drawn = Drawing()
    for k, (cause, times) in enumerate(sorted(by_cause.items())):
        drawn.add(
            "scatter",
            x=list(times),
            y=list(times.values()),
            name=escape(cause),
            mode="lines+markers",
            line={"color": series_colour(k), "width": 2},
            marker={"symbol": _SHAPES[k % len(_SHAPES)], "size": 6},
            hovertemplate=f"{escape(cause)}: %{{y:.4g}}/s at %{{x}} s<extra></extra>",
        )
    drawn.update_yaxes(title={"text": "failed per second"}, rangemode="tozero")
    drawn.update_xaxes(title={"text": "time of the start (s)"})
    return styled(_marked(drawn, result) if by_cause else drawn, 300)


FIGURES: dict[str, Callable[[Result], Drawing]] = {
    "latency": latency,
    "throughput": throughput,
    "attribution": attribution,
    "stations": stations,
    "spread": spread,
    "errors": failures,
    "failover": clock,
    "heatmap": heatmap,
    "headroom": headroom,
}


def _workloads(result: Result) -> list[str]:
    return list(dict.fromkeys(row.workload for row in result.series_rows))[:MOST_LINES]


def _marked(drawn: Drawing, result: Result) -> Drawing:
    """A numbered line at each fault and operation."""
    for k, mark in enumerate(marks(result)[:MOST_MARKS]):
        drawn.add_vline(x=mark.t_s, line={"color": WHISKER, "width": 1.5, "dash": "dash"})
        drawn.add_annotation(
            x=mark.t_s,
            y=1,
            yref="paper",
            text=f"<b>{k + 1}</b>",
            showarrow=False,
            xanchor="left",
            yanchor="top",
        )
    return drawn
