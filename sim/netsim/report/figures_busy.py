"""Figures of where it is busy: nodes by resource, the busiest stations, headroom."""

from __future__ import annotations

from html import escape

from netsim.report.answer import TARGET
from netsim.report.busy import BUSIEST, RESOURCES, headrooms
from netsim.report.busy import heatmap as columns_of
from netsim.report.data import bars
from netsim.report.drawing import Drawing
from netsim.report.glossary import kind_text
from netsim.report.palette import HEAT, KIND_COLOURS, OTHER, WHISKER
from netsim.report.style import shortened, styled
from netsim.results.result import Result
from netsim.results.text import times

#: Up to this many columns, cells carry their number.
_MOST_NUMBERED = 14
_MOST_LABELLED = 30


def stations(result: Result) -> Drawing:
    """Utilisation of the busiest stations (%), with intervals."""
    shown = bars(result, BUSIEST)[::-1]
    drawn = Drawing()
    for kind in sorted({bar.kind for bar in shown}):
        of_kind = [bar for bar in shown if bar.kind == kind]
        drawn.add(
            "bar",
            y=[escape(bar.station) for bar in of_kind],
            x=[bar.utilisation * 100 for bar in of_kind],
            error_x={
                "type": "data",
                "array": [(bar.high - bar.utilisation) * 100 for bar in of_kind],
                "arrayminus": [(bar.utilisation - bar.low) * 100 for bar in of_kind],
                "color": WHISKER,
                "thickness": 1.4,
                "width": 4,
            },
            name=escape(kind_text(kind)),
            orientation="h",
            marker={"color": KIND_COLOURS.get(kind, OTHER)},
            hovertemplate="%{y}: %{x:.3g} %<extra></extra>",
        )
    if shown:
        drawn.add_vline(x=TARGET * 100, line={"color": OTHER, "dash": "dash", "width": 1})
    names = [escape(bar.station) for bar in shown]
    drawn.update_yaxes(
        categoryorder="array",
        categoryarray=names,
        tickvals=names,
        ticktext=[f"{shortened(escape(bar.station))}, {bar.utilisation:.0%}" for bar in shown],
    )
    drawn.update_xaxes(
        title={"text": "busy share of the time (%)"}, range=[0, 105], tickvals=[0, 20, 40, 70, 100]
    )
    drawn.update_layout(showlegend=True)
    return styled(drawn, 130 + 26 * len(shown))


def heatmap(result: Result) -> Drawing:
    """How busy each resource of each node is (%)."""
    columns = columns_of(result)
    drawn = Drawing()
    if any(share is not None for column in columns for share in column.shares):
        rows = zip(*(column.shares for column in columns), strict=True)
        values = [[None if share is None else share * 100 for share in row] for row in rows]
        numbered = len(columns) <= _MOST_NUMBERED
        drawn.add(
            "heatmap",
            z=values,
            x=[escape(c.label) for c in columns],
            y=[text for _, text in RESOURCES],
            zmin=0,
            zmax=100,
            colorscale=[[end, colour] for low, high, colour in HEAT for end in (low, high)],
            showscale=False,
            texttemplate="%{z:.0f}" if numbered else "",
            xgap=1 if len(columns) <= 60 else 0,
            ygap=2,
            hovertemplate="%{x}, %{y}: %{z:.3g} %<extra></extra>",
        )
    drawn.update_yaxes(autorange="reversed")
    drawn.update_xaxes(showticklabels=len(columns) <= _MOST_LABELLED, tickangle=-45)
    return styled(drawn, 230)


def headroom(result: Result) -> Drawing:
    """How many times the load each kind of resource takes (log)."""
    found = headrooms(result)[::-1]
    drawn = Drawing()
    if found:
        drawn.add(
            "bar",
            y=[kind_text(h.kind) for h in found],
            x=[h.times for h in found],
            text=[f"{times(h.times)} ×" for h in found],
            textposition="auto",
            orientation="h",
            marker={"color": [KIND_COLOURS.get(h.kind, OTHER) for h in found]},
            customdata=[escape(h.station) for h in found],
            hovertemplate="%{customdata}: full at %{x:.3g} times this load<extra></extra>",
        )
    drawn.update_xaxes(type="log", title={"text": "times this load (log)"})
    drawn.update_layout(showlegend=False)
    return styled(drawn, 90 + 30 * len(found))
