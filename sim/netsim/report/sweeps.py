"""The page of a sweep: how each metric answers to each varied field, and the table of all points."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netsim.report.pages import environment, plotly_js

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from netsim.sweep.table import Sweep

#: Metrics that the page draws, the first of a kind that a sweep has.
DRAWN = (".latency.p99", ".throughput", ".errors", "bottleneck.utilisation")


@dataclass(frozen=True, slots=True)
class Response:
    """How a metric answers to one varied path: for each of its values the mean over all points that have it, and
    the least and greatest."""

    path: str
    metric: str
    values: list[str]
    mean: list[float]
    least: list[float]
    greatest: list[float]

    def reading(self) -> str:
        """One sentence."""
        if len(self.values) < 2 or not self.mean[0]:
            return (
                f"{self.metric} is {self.mean[0]:.4g} at the only value."
                if self.mean
                else "Nothing was found."
            )
        low, high = min(self.mean), max(self.mean)
        at_low, at_high = self.values[self.mean.index(low)], self.values[self.mean.index(high)]
        return f"{self.metric} is least ({low:.4g}) at {at_low} and greatest ({high:.4g}) at {at_high}."


def responses(sweep: Sweep) -> list[Response]:
    """Every drawn metric against every varied path that has at most 50 different values, in the order of the sweep."""
    rows = [p for p in sweep.points if p.status == "ok"]
    metrics = [
        name
        for end in DRAWN
        for name in dict.fromkeys(n for p in rows for n in p.metrics)
        if name.endswith(end)
    ]
    found = []
    for metric in metrics:
        for path in sweep.varied:
            groups: dict[str, list[float]] = {}
            for point in rows:
                value = point.metrics.get(metric)
                if value is not None:
                    groups.setdefault(point.values[path], []).append(float(value))
            if groups and len(groups) <= 50:
                found.append(_response(path, metric, groups))
    return found


def _response(path: str, metric: str, groups: dict[str, list[float]]) -> Response:
    from netsim.sweep.quantity import size

    keys = sorted(groups, key=lambda k: (size(k) is None, size(k) or 0.0, k))
    return Response(
        path, metric, keys, [sum(groups[k]) / len(groups[k]) for k in keys], [min(groups[k]) for k in keys],
        [max(groups[k]) for k in keys],
    )  # fmt: skip


def figure(response: Response) -> go.Figure:
    """One response: a line of means in a band from the least to the greatest."""
    import plotly.graph_objects as go

    drawn = go.Figure()
    drawn.add_scatter(
        x=response.values,
        y=response.greatest,
        mode="lines",
        line={"width": 0},
        showlegend=False,
        hoverinfo="skip",
    )
    drawn.add_scatter(x=response.values, y=response.least, mode="lines", line={"width": 0}, fill="tonexty", name="least to greatest",
                      fillcolor="rgba(0,114,178,0.2)", hoverinfo="skip")  # fmt: skip
    drawn.add_scatter(
        x=response.values, y=response.mean, mode="lines+markers", name="mean", line={"color": "#0072B2"}
    )
    drawn.update_layout(height=300, margin={"l": 60, "r": 10, "t": 10, "b": 40}, xaxis_title=response.path, yaxis_title=response.metric,
                        xaxis_type="category", yaxis_rangemode="tozero", template="plotly_white")  # fmt: skip
    return drawn


def render(sweep: Sweep) -> str:
    """The page as text."""
    drawn = [
        {
            "title": f"{r.metric} by {r.path}",
            "reading": r.reading(),
            "html": figure(r).to_html(full_html=False, include_plotlyjs=False, div_id=f"figure-{i}"),
        }
        for i, r in enumerate(responses(sweep))
    ]
    columns = ["point", "status", *sweep.varied, *_shown(sweep)]
    rows = [[_cell(row.get(column)) for column in columns] for row in sweep.rows()]
    return environment().get_template("sweep.html.j2").render(
        sweep=sweep, counts=sweep.counts(), figures=drawn, columns=columns, rows=rows, plotly_js=plotly_js() if drawn else ""
    )  # fmt: skip


def _shown(sweep: Sweep) -> Iterable[str]:
    return [c for c in sweep.columns() if c.endswith((".latency.p50", ".latency.p99", ".throughput", ".errors")) or c in
            ("bottleneck.station", "bottleneck.utilisation")]  # fmt: skip


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
