"""Figures in Plotly's own form are what Plotly makes of the same calls."""

from __future__ import annotations

import json
import math
from typing import Any

import plotly.graph_objects as go
import pytest
from plotly.subplots import make_subplots

from netsim.report.drawing import Drawing, stacked
from netsim.report.style import styled


def test_lines_axes_and_style_are_those_of_plotly() -> None:
    ours, theirs = Drawing(), go.Figure()
    ours.add("scatter", x=[1, 2], y=[0.5, None], name="a")
    theirs.add_scatter(x=[1, 2], y=[0.5, None], name="a")
    theirs.update_layout(template="none")
    both: list[Any] = [ours, theirs]
    for drawn in both:
        drawn.add_vline(x=1.5, line={"width": 2})
        drawn.add_hline(y=0.2, line={"dash": "dot"})
        drawn.add_annotation(x=1, y=1, yref="paper", text="b", showarrow=False)
        drawn.update_xaxes(type="log", title={"text": "c"})
        styled(drawn, 300)
        drawn.update_layout(margin={"t": 40})
    assert json.loads(ours.to_json()) == json.loads(theirs.to_json())


@pytest.mark.parametrize("heights", [[3.0], [130.0, 56.0], [1.0, 2.0, 4.0]])
def test_stacked_subplots_lie_where_plotly_puts_them(heights: list[float]) -> None:
    theirs = make_subplots(
        rows=len(heights), cols=1, shared_xaxes=True, vertical_spacing=0.05, row_heights=heights
    )
    ours = stacked(heights, 0.05)
    for row in range(1, len(heights) + 1):
        ours.add("bar", row, x=[1], y=[row])
        theirs.add_bar(x=[1], y=[row], row=row, col=1)
    wanted = json.loads(theirs.to_json())
    assert ours.data == wanted["data"]
    for name, axis in ((n, a) for n, a in ours.layout.items() if "axis" in n):
        assert axis | {"domain": pytest.approx(axis["domain"])} == wanted["layout"][name]


def test_where_there_is_no_number_nothing_is_drawn() -> None:
    drawn = Drawing()
    drawn.add("scatter", x=[1.0, 2.0], y=[math.nan, 1.0], error_y={"array": (math.inf, 0.5)})
    [trace] = json.loads(drawn.to_json())["data"]
    assert trace["y"] == [None, 1.0]
    assert trace["error_y"]["array"] == [None, 0.5]
