"""How the figures look: on white by themselves, on the page's own ground in a report."""

from __future__ import annotations

from netsim.report.drawing import Drawing
from netsim.report.palette import GRID, INK

#: Beyond this many workloads, lines can no longer be told apart.
MOST_LINES = 8
_FONT = {"family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", "size": 13, "color": INK}


def styled(drawn: Drawing, height: int) -> Drawing:
    """The figure with the report's font, grid and legend; ``height`` in pixels."""
    drawn.update_layout(
        font=_FONT,
        height=height,
        margin={"l": 60, "r": 16, "t": 16, "b": 48},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        hovermode="closest",
        bargap=0.35,
        paper_bgcolor="white",
        plot_bgcolor="white",
    )
    drawn.update_xaxes(
        gridcolor=GRID, linecolor=GRID, zerolinecolor=GRID, automargin=True, title={"font": {"size": 13}}
    )
    drawn.update_yaxes(
        gridcolor=GRID, linecolor=GRID, zerolinecolor=GRID, automargin=True, title={"font": {"size": 13}}
    )
    return drawn


def shortened(text: str, most: int = 26) -> str:
    """A label that leaves room for the drawing on a narrow screen; the table has all of it."""
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-(most // 2 - 1) :]}"
