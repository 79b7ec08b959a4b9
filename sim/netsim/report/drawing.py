"""A figure in Plotly's own form: traces and a layout as plain data, which its script draws as they are.

Plotly's objects check each value when it is set, which took a report half a second; the tests let them check the same
figures (`Result.figure`). Names are Plotly's, so that its reference tells what each argument does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go

#: Plotly's template "none".
PLAIN = {"data": {"scatter": [{"type": "scatter"}]}}


class Drawing:
    """``data``: traces; ``layout``: all else. Subplots, if any, stand one below another (`stacked`)."""

    def __init__(self) -> None:
        self.data: list[dict[str, Any]] = []
        self.layout: dict[str, Any] = {"template": PLAIN, "xaxis": {}, "yaxis": {}}

    def add(self, kind: str, row: int = 1, **trace: Any) -> None:
        """A trace of that kind (``scatter``, ``bar``, ``heatmap``) in a row of subplots."""
        place = (
            {} if "anchor" not in self.layout["xaxis"] else {"xaxis": _nth("x", row), "yaxis": _nth("y", row)}
        )
        self.data.append({"type": kind, **trace, **place})

    def add_vline(self, x: float, line: Mapping[str, Any]) -> None:
        """A line from the bottom to the top at ``x``."""
        self._shape(x0=x, x1=x, xref="x", y0=0, y1=1, yref="y domain", line=line)

    def add_hline(self, y: float, line: Mapping[str, Any]) -> None:
        """A line from left to right at ``y``."""
        self._shape(x0=0, x1=1, xref="x domain", y0=y, y1=y, yref="y", line=line)

    def _shape(self, **shape: Any) -> None:
        self.layout.setdefault("shapes", []).append({"type": "line", **shape})

    def add_annotation(self, **note: Any) -> None:
        """A text at a place."""
        self.layout.setdefault("annotations", []).append(note)

    def update_layout(self, **changed: Any) -> None:
        """Set what is named, and keep the rest."""
        _merge(self.layout, changed)

    def update_xaxes(self, row: int | None = None, **changed: Any) -> None:
        """Set what is named on all x axes, or on that of a row."""
        self._axes("xaxis", row, changed)

    def update_yaxes(self, row: int | None = None, **changed: Any) -> None:
        """The same of y axes."""
        self._axes("yaxis", row, changed)

    def _axes(self, name: str, row: int | None, changed: dict[str, Any]) -> None:
        for key, axis in self.layout.items():
            if key.startswith(name) and row in (None, int(key.removeprefix(name) or 1)):
                _merge(axis, changed)

    def to_json(self) -> str:
        """As Plotly's script reads it: without a value (``null``) where there is no number."""
        drawn = {"data": self.data, "layout": self.layout}
        try:
            return json.dumps(drawn, separators=(",", ":"), allow_nan=False)
        except ValueError:
            return json.dumps(_known(drawn), separators=(",", ":"), allow_nan=False)

    def figure(self) -> go.Figure:
        """The same as an object of Plotly's, which checks all of it. Raises ``ValueError``."""
        import plotly.graph_objects as go

        return go.Figure({"data": self.data, "layout": self.layout})


def stacked(heights: Sequence[float], spacing: float, titles: Sequence[str] = ()) -> Drawing:
    """Subplots from top to bottom with one x axis for all. ``heights`` are relative to each other; ``spacing`` between two
    is a share of the figure's height."""
    drawn = Drawing()
    height = (1 - spacing * (len(heights) - 1)) / sum(heights)
    top = 1.0
    for row, one in enumerate(heights, 1):
        last = row == len(heights)
        bottom = 0.0 if last else top - one * height
        number = "" if row == 1 else str(row)
        shared = {} if last else {"matches": _nth("x", len(heights)), "showticklabels": False}
        drawn.layout[f"xaxis{number}"] = {"anchor": _nth("y", row), "domain": [0.0, 1.0], **shared}
        drawn.layout[f"yaxis{number}"] = {"anchor": _nth("x", row), "domain": [bottom, top]}
        if titles:
            drawn.add_annotation(
                text=titles[row - 1], x=0, xanchor="left", xref="paper", y=top, yanchor="bottom", yref="paper",
                showarrow=False, font={"size": 14},
            )  # fmt: skip
        top = bottom - spacing
    return drawn


def _known(value: Any) -> Any:
    """The same without NaN and infinities."""
    if isinstance(value, Mapping):
        return {key: _known(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_known(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _nth(axis: str, row: int) -> str:
    return axis if row == 1 else f"{axis}{row}"


def _merge(into: dict[str, Any], changed: Mapping[str, Any]) -> None:
    for key, value in changed.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value
