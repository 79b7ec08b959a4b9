"""The failover clock: who knew what when, each node's own view, and what users felt, on one axis."""

from __future__ import annotations

from html import escape

from netsim.report.drawing import Drawing, stacked
from netsim.report.overtime import CLOCK, MOST_FAILOVERS, Phase, View, failing, phases, views
from netsim.report.palette import INK, WHISKER, series_colour
from netsim.report.style import shortened, styled
from netsim.results.result import Result

_ROW_PX, _FELT_PX = 28, 130
_FELT = "#d55e00"


def clock(result: Result) -> Drawing:
    """A bar from each fault to each thing that follows it (s), with intervals; a tick for each node that has dropped the
    rows of what is gone; above them the share of requests that fail."""
    found, seen = phases(result), views(result)
    faults = list(dict.fromkeys((p.fault, p.at_s) for p in found))[:MOST_FAILOVERS]
    bars = [
        (p, f"{faults.index((p.fault, p.at_s)) + 1}: {p.phase}, {p.seconds:.3g} s")
        for p in found
        if (p.fault, p.at_s) in faults
    ]
    ticks = [
        (v, f"{faults.index((v.fault, v.at_s)) + 1}: views of {len(v.seconds)} nodes")
        for v in seen
        if (v.fault, v.at_s) in faults
    ]
    if not bars:
        return styled(Drawing(), 110)
    felt = failing(result)
    rows = _ordered(faults, bars, ticks)
    height = _ROW_PX * len(rows) + 110 + (_FELT_PX if felt else 0)
    drawn = stacked([*([_FELT_PX] if felt else []), _ROW_PX * len(rows)], 24 / height)
    below = 2 if felt else 1
    if felt:
        drawn.add("scatter",
            x=[t for t, _ in felt], y=[100 * share for _, share in felt], mode="lines", line={"color": _FELT, "width": 2, "shape": "hv"},
            fill="tozeroy", fillcolor="rgba(213,94,0,0.25)", name="failing", hovertemplate="%{y:.3g} % at %{x} s<extra></extra>",
        )  # fmt: skip
        drawn.update_yaxes(title={"text": "failing (%)"}, rangemode="tozero", row=1)
    _add_bars(drawn, bars, below)
    _add_ticks(drawn, ticks, below)
    drawn.update_yaxes(categoryorder="array", categoryarray=rows[::-1], row=below)
    drawn.update_xaxes(
        title={
            "text": "time (s); each bar begins at its fault, each tick is a node that has dropped the rows"
        },
        row=below,
    )
    drawn.update_layout(barmode="overlay", showlegend=False)
    return styled(drawn, height)


def _ordered(
    faults: list[tuple[str, float]], bars: list[tuple[Phase, str]], ticks: list[tuple[View, str]]
) -> list[str]:
    """The rows from top to bottom: fault by fault, its views behind its bars."""
    rows = []
    for fault in faults:
        rows += [row for p, row in bars if (p.fault, p.at_s) == fault]
        rows += [row for v, row in ticks if (v.fault, v.at_s) == fault]
    return rows


def _add_bars(drawn: Drawing, bars: list[tuple[Phase, str]], below: int) -> None:
    for k, (_, phase, _) in enumerate(CLOCK):
        some = [(p, row) for p, row in bars if p.phase == phase]
        if not some:
            continue
        drawn.add(
            "bar",
            y=[row for _, row in some],
            x=[p.seconds for p, _ in some],
            base=[p.at_s for p, _ in some],
            name=phase,
            orientation="h",
            marker={"color": series_colour(k)},
            error_x={
                "type": "data",
                "array": [0.0 if p.high is None else p.high - p.seconds for p, _ in some],
                "arrayminus": [0.0 if p.low is None else p.seconds - p.low for p, _ in some],
                "color": WHISKER,
                "thickness": 1.4,
                "width": 4,
            },
            customdata=[
                f"{shortened(escape(p.fault), 60)}: {phase} after {p.seconds:.3g} s" for p, _ in some
            ],
            hovertemplate="%{customdata}<extra></extra>",
            row=below,
        )


def _add_ticks(drawn: Drawing, ticks: list[tuple[View, str]], below: int) -> None:
    for view, row in ticks:
        drawn.add("scatter",
            x=[view.at_s + seconds for seconds in view.seconds.values()], y=[row] * len(view.seconds), mode="markers",
            marker={"symbol": "line-ns", "size": 14, "line": {"width": 2, "color": series_colour(0)}, "color": INK},
            customdata=[f"{escape(node)} after {seconds:.3g} s" for node, seconds in view.seconds.items()],
            hovertemplate="%{customdata}<extra></extra>", row=below,
        )  # fmt: skip
