"""Figures of latency: how it is spread, and taken apart by stage."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import Any

from netsim.report.drawing import Drawing, stacked
from netsim.report.latencies import spread as steps_of
from netsim.report.latencies import waterfall
from netsim.report.palette import OTHER, WAITS, WORKS, series_colour
from netsim.report.style import MOST_LINES, shortened, styled
from netsim.report.ways import steps
from netsim.results.result import Result
from netsim.results.text import duration

_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid", "dash")


def spread(result: Result) -> Drawing:
    """The share of requests that took longer (log) than a latency (ms, log)."""
    drawn = Drawing()
    for k, (name, found) in enumerate(list(result.data["workloads"].items())[:MOST_LINES]):
        steps = [step for step in steps_of(found) if step.slower > 0]
        if not steps:
            continue
        first = steps_of(found)[0]
        drawn.add(
            "scatter",
            x=[first.low_s * 1000, *(step.high_s * 1000 for step in steps)],
            y=[1.0, *(step.slower for step in steps)],
            name=escape(name),
            mode="lines",
            line={"color": series_colour(k), "dash": _DASHES[k], "width": 2},
            hovertemplate="%{y:.3%} take longer than %{x:.3g} ms",
        )
    for share, text in ((0.5, "p50"), (0.01, "p99"), (0.001, "p99.9")):
        if len(drawn.data):
            drawn.add_hline(y=share, line={"color": OTHER, "width": 1, "dash": "dot"})
            # An annotation's place on a logarithmic axis is its logarithm.
            drawn.add_annotation(
                x=1,
                xref="paper",
                xanchor="right",
                y=math.log10(share),
                yanchor="bottom",
                text=text,
                showarrow=False,
            )
    drawn.update_xaxes(type="log", title={"text": "latency (ms, logarithmic)"})
    drawn.update_yaxes(type="log", title={"text": "share that takes longer"}, dtick=1, tickformat="~%")
    return styled(drawn, 330)


def attribution(result: Result, workload: str | None = None) -> Drawing:
    """p99 and p50 of a workload (the one with most completed requests) as waterfalls (ms); hatched is waiting."""
    found = result.data["workloads"]
    name = workload or max(found, key=lambda one: found[one]["completed"], default=None)
    falls = {key: waterfall(found[name], key) for key in ("p99", "p50")} if name is not None else {}
    falls = {key: shown for key, shown in falls.items() if shown}
    if not falls:
        return styled(Drawing(), 120)
    titles = [f"{key}: {duration(sum(fall.part.seconds for fall in shown))}" for key, shown in falls.items()]
    rows = [len(shown) for shown in falls.values()]
    drawn = stacked(rows, 70 / (60 + 30 * sum(rows) + 60 * len(rows)), titles)
    named: set[str] = set()
    for row, shown in enumerate(falls.values(), 1):
        for waiting in (True, False):
            some = [fall for fall in shown if fall.part.waiting == waiting]
            label = "waiting" if waiting else "work and distance"
            if not some:
                continue
            drawn.add(
                "bar",
                y=[shortened(escape(fall.part.stage)) for fall in some],
                x=[fall.part.seconds * 1000 for fall in some],
                base=[fall.begin_s * 1000 for fall in some],
                text=[f"{fall.part.share:.0%}" for fall in some],
                textposition="outside",
                cliponaxis=False,
                customdata=[fall.part.share * 100 for fall in some],
                name=label,
                legendgroup=label,
                showlegend=label not in named,
                orientation="h",
                marker={
                    "color": WAITS if waiting else WORKS,
                    "pattern": {"shape": "/" if waiting else ""},
                },
                hovertemplate="%{y}: %{x:.3g} ms, %{customdata:.3g} %<extra></extra>",
                row=row,
            )
            named.add(label)
        order = [shortened(escape(fall.part.stage)) for fall in shown]
        drawn.update_yaxes(categoryorder="array", categoryarray=order[::-1], row=row)
    longest = max(sum(fall.part.seconds for fall in shown) for shown in falls.values()) * 1000
    drawn.update_xaxes(range=[0, longest * 1.12])
    drawn.update_xaxes(title={"text": "latency (ms)"}, row=len(falls))
    drawn.update_layout(barmode="overlay")
    styled(drawn, 60 + 30 * sum(rows) + 60 * len(rows))
    drawn.update_layout(margin={"t": 40}, legend={"y": 1 + 30 / (30 * sum(rows) + 60)})
    return drawn


def way(found: Mapping[str, Any]) -> Drawing:
    """The steps of a request's way in their order (us, log); hatched on the way back, coloured by node."""
    shown = [step for step in steps(found) if step.ns > 0]
    labels = [f"{k}. {escape(shortened(step.where, 24))}" for k, step in enumerate(shown, 1)]
    drawn = Drawing()
    for k, node in enumerate(dict.fromkeys(step.node for step in shown)):
        some = [(label, step) for label, step in zip(labels, shown, strict=True) if step.node == node]
        drawn.add("bar",
            y=[label for label, _ in some], x=[step.ns / 1000 for _, step in some], name=escape(node), orientation="h",
            marker={"color": series_colour(k), "pattern": {"shape": ["/" if step.way == "back" else "" for _, step in some]}},
            customdata=[f"{step.way}: {', '.join(step.stages)}" for _, step in some],
            hovertemplate="%{customdata}: %{x:.3g} us<extra></extra>",
        )  # fmt: skip
    drawn.update_yaxes(categoryorder="array", categoryarray=labels[::-1])
    drawn.update_xaxes(
        type="log", title={"text": "time at each step (us, log); hatched: the way back"}, dtick=1
    )
    drawn.update_layout(barmode="overlay", showlegend=True)
    return styled(drawn, 120 + 22 * len(shown))
