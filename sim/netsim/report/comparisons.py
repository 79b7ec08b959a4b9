"""The page of a comparison: what changed from A to B, and both side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from netsim.report.chart import Chart
from netsim.report.data import parts
from netsim.report.drawing import Drawing
from netsim.report.latencies import spread
from netsim.report.pages import embedded, rendered
from netsim.report.palette import WHISKER, series_colour
from netsim.report.style import shortened, styled
from netsim.results.compare import Comparison, Difference, row_text, verdict_text
from netsim.results.text import quantity, with_interval

MOST_BARS, MOST_WORKLOADS = 25, 6
#: Verdict -> colour and sign.
_LOOKS = {
    "worse": (1, "triangle-up"), "better": (2, "triangle-down"), "changed": (6, "diamond"), "unclear": (4, "circle-open"),
    "same": (0, "circle"),
}  # fmt: skip
_BOTH = (
    ("latency_s", "p50", "s"),
    ("latency_s", "p99", "s"),
    ("throughput_per_s", None, "/s"),
    ("outage_s", None, "s"),
)


def render(found: Comparison) -> str:
    """The page as text."""
    names = [
        name for name in found.results[0].data["workloads"] if name in found.results[1].data["workloads"]
    ]
    drawn = {"changes": (changes_chart(found), changes_figure(found))}
    for k, name in enumerate(names[:MOST_WORKLOADS]):
        drawn[f"spread-{k}"] = (spread_chart(found, name), spread_figure(found, name))
        drawn[f"stages-{k}"] = (stages_chart(found, name), stages_figure(found, name))
    charts = {key: chart for key, (chart, _) in drawn.items()}
    return rendered(
        "compare.html.j2",
        found=found,
        verdict=verdict_text(found),
        counts={word: sum(one.verdict == word for one in found.differences) for word in _LOOKS},
        both=list(both(found)),
        workloads=[(name, f"spread-{k}", f"stages-{k}") for k, name in enumerate(names[:MOST_WORKLOADS])],
        left_out=max(0, len(names) - MOST_WORKLOADS),
        charts=charts,
        figures=embedded({key: figure for key, (_, figure) in drawn.items()}),
        warnings=found.notes,
    )


def both(found: Comparison) -> Iterator[tuple[str, ...]]:
    """Main numbers of both sides with their intervals, a row for each."""
    a, b = (result.data for result in found.results)
    for name in a["workloads"]:
        if name in b["workloads"]:
            sides = [data["workloads"][name] for data in (a, b)]
            for room, key, unit in _BOTH:
                label = f"{name} {key or room.rpartition('_')[0].removesuffix('_per')}"
                yield label, *(with_interval(side[room][key] if key else side[room], unit) for side in sides)
            yield f"{name} failed", *(_failed(side) for side in sides)
    yield "busiest station", *(str(data["bottleneck"]["station"]) for data in (a, b))
    yield "its utilisation", *(with_interval(data["bottleneck"]["utilisation"], "share") for data in (a, b))


def _failed(side: Mapping[str, Any]) -> str:
    return f"{side['failed']:,} of {side['sent']:,}" if side["sent"] else "-"


def changes_chart(found: Comparison) -> Chart:
    """All differences."""
    columns = ("verdict", "number", found.a, found.b, "change", "95 %")
    worse, better = (sum(one.verdict == word for one in found.differences) for word in ("worse", "better"))
    told = f"{len(found.differences)} numbers: {worse} worse and {better} better beyond doubt and by over 1 %"
    return Chart("What changed", f"{told}; the rest is the same, unclear, or no matter of better and worse.", columns,
                 [row_text(one) for one in found.differences])  # fmt: skip


def shown(found: Comparison) -> list[Difference]:
    """The most important differences that have a share to draw."""
    return [one for one in found.differences if one.change.relative.value is not None][:MOST_BARS]


def changes_figure(found: Comparison) -> Drawing:
    """The change of each number as a share of A's, with its interval."""
    rows = shown(found)[::-1]
    drawn = Drawing()
    for verdict, (colour, symbol) in _LOOKS.items():
        some = [one for one in rows if one.verdict == verdict]
        if not some:
            continue
        middle = [100 * (one.change.relative.value or 0.0) for one in some]
        ends = [
            [0.0 if end is None else abs(100 * end - value) for end, value in zip(side, middle, strict=True)]
            for side in (
                [one.change.relative.high for one in some],
                [one.change.relative.low for one in some],
            )
        ]
        drawn.add("scatter",
            x=middle, y=[escape(shortened(one.what, 34)) for one in some], mode="markers", name=verdict,
            marker={"symbol": symbol, "size": 11, "color": series_colour(colour)},
            error_x={"type": "data", "array": ends[0], "arrayminus": ends[1], "color": WHISKER, "thickness": 1.4, "width": 4},
            customdata=[f"{quantity(one.change.a, one.unit)} to {quantity(one.change.b, one.unit)}" for one in some],
            hovertemplate="%{y}: %{x:+.3g} % (%{customdata})<extra></extra>",
        )  # fmt: skip
    drawn.add_vline(x=0, line={"color": WHISKER, "width": 1})
    order = list(dict.fromkeys(escape(shortened(one.what, 34)) for one in rows))
    drawn.update_yaxes(categoryorder="array", categoryarray=order)
    drawn.update_xaxes(title={"text": "change from A to B (%), with its 95 % interval"})
    return styled(drawn, 130 + 26 * len(rows))


def spread_chart(found: Comparison, name: str) -> Chart:
    """How latency is spread in both."""
    sides = [result.data["workloads"][name] for result in found.results]
    rows = [
        (side, step.low_s * 1000, step.high_s * 1000, step.count, step.slower)
        for side, data in zip("AB", sides, strict=True)
        for step in spread(data)
    ]
    known = [side["latency_s"]["p99"]["value"] for side in sides]
    reading = f"1 in 100 requests takes longer than {quantity(known[0], 's')} in A and {quantity(known[1], 's')} in B."
    columns = ("side", "from (ms)", "to (ms)", "requests", "share slower than that")
    return Chart(f"{name}: how latency is spread", reading, columns, rows)


def spread_figure(found: Comparison, name: str) -> Drawing:
    """The share of requests that took longer, in both (log axes)."""
    drawn = Drawing()
    for k, (side, result) in enumerate(zip("AB", found.results, strict=True)):
        steps = [step for step in spread(result.data["workloads"][name]) if step.slower > 0]
        if steps:
            drawn.add("scatter",
                x=[step.high_s * 1000 for step in steps], y=[step.slower for step in steps], mode="lines", name=side,
                line={"color": series_colour(k), "width": 2, "dash": ("solid", "dash")[k]},
                hovertemplate="%{y:.3%} take longer than %{x:.3g} ms",
            )  # fmt: skip
    drawn.update_xaxes(type="log", title={"text": "latency (ms, logarithmic)"})
    drawn.update_yaxes(type="log", title={"text": "share that takes longer"}, dtick=1, tickformat="~%")
    return styled(drawn, 300)


def _stages(found: Comparison, name: str) -> list[tuple[str, float, float]]:
    """Stage, and what it has of p99 in A and in B (s), the largest first."""
    sides = [
        {
            part.stage: part.seconds
            for part in parts(result.data["workloads"][name]["attribution"].get("p99", {}))
        }
        for result in found.results
    ]
    names = dict.fromkeys(stage for side in sides for stage in side)
    rows = [(stage, sides[0].get(stage, 0.0), sides[1].get(stage, 0.0)) for stage in names]
    return sorted(rows, key=lambda row: -max(row[1:]))


def stages_chart(found: Comparison, name: str) -> Chart:
    """p99 by stage in both."""
    rows = [(stage, a * 1000, b * 1000, (b - a) * 1000) for stage, a, b in _stages(found, name)]
    reading = "Nothing is known of the stages."
    if rows:
        stage, a, b, more = max(rows, key=lambda row: abs(row[3]))
        reading = f"{stage} changes most: {quantity(a / 1000, 's')} of the p99 in A, {quantity(b / 1000, 's')} in B."
    return Chart(f"{name}: p99 by stage", reading, ("stage", "A (ms)", "B (ms)", "change (ms)"), rows)


def stages_figure(found: Comparison, name: str) -> Drawing:
    """p99 by stage, a bar for each side."""
    rows = _stages(found, name)[:10][::-1]
    drawn = Drawing()
    if not rows:
        return drawn
    for k, side in enumerate("AB"):
        drawn.add("bar",
            y=[escape(shortened(row[0])) for row in rows], x=[row[k + 1] * 1000 for row in rows], name=side, orientation="h",
            marker={"color": series_colour(k), "pattern": {"shape": ("", "/")[k]}},
            hovertemplate="%{y}: %{x:.3g} ms",
        )  # fmt: skip
    drawn.update_xaxes(title={"text": "part of the p99 (ms)"})
    drawn.update_layout(barmode="group", legend={"traceorder": "reversed"})
    styled(drawn, 110 + 34 * len(rows))
    return drawn
