"""The page of a plan: question, answer, and how what is kept answers to what was searched."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from netsim.report.chart import Cell, Chart
from netsim.report.drawing import Drawing
from netsim.report.pages import embedded, rendered
from netsim.report.palette import WHISKER, series_colour
from netsim.report.style import styled
from netsim.results.text import quantity
from netsim.sweep import plan_words as words

if TYPE_CHECKING:
    from netsim.sweep.plan import Plan, Point

_SIDES = {"good": ("holds", "circle"), "bad": ("fails", "x"), "open": ("cannot be decided", "diamond")}


def render(plan: Plan) -> str:
    """The page as text."""
    kept = (
        {f"kept-{k}": k for k in range(len(plan.kept.texts))}
        if any(p.at is not None for p in plan.points)
        else {}
    )
    return rendered(
        "plan.html.j2",
        plan=plan,
        question=words.question_text(plan),
        answer=words.answer_text(plan),
        limited=words.limited_text(plan),
        numbers=numbers(plan),
        kept=list(kept),
        charts={"points": points_chart(plan), **{key: kept_chart(plan, k) for key, k in kept.items()}},
        figures=embedded({key: kept_figure(plan, k) for key, k in kept.items()}),
        warnings=[],
    )


def numbers(plan: Plan) -> list[dict[str, Any]]:
    """The answer, what there is now, what limits it, time and price: what is known of them."""
    found: list[dict[str, Any]] = []

    def add(label: str, value: str, interval: str = "", remark: str = "") -> None:
        found.append({"label": label, "value": value, "interval": interval, "remark": remark})

    ends = f"{words.amount_text(plan, plan.low)} to {words.amount_text(plan, plan.high)}"
    if plan.value is not None:
        label = "Most load" if words.is_load(plan) else "Fewest nodes"
        add(
            label,
            words.amount_text(plan, plan.value),
            ends if plan.low is not None else "",
            "searched by runs",
        )
    if plan.present is not None:
        times = (
            f"{plan.value / plan.present:.3g} times as much is possible"
            if words.is_load(plan) and plan.value
            else ""
        )
        add("The scenario has", words.amount_text(plan, plan.present), "", times)
    limited = plan.limited_by()
    if limited is not None and plan.status != "holds" and limited["station"]:
        add(
            "What limits it",
            limited["station"],
            "",
            f"{quantity(limited['utilisation'], 'share')} busy just beyond the edge",
        )
    if plan.growth is not None and plan.growth["value"] is not None:
        g = plan.growth
        ends = (
            "" if g["low"] is None or g["high"] is None else f"{g['low']:.3g} to {g['high']:.3g} {g['per']}s"
        )
        add(
            "Time left",
            f"{g['value']:.3g} {g['per']}s",
            ends,
            f"with {100 * g['share']:.3g} % more each {g['per']}",
        )
    if plan.price is not None:
        add("Price", f"{plan.price['per_h']:.4g}/h", "", words.price_text(plan).removeprefix("Price: "))
    return found


def kept_rows(plan: Plan, k: int) -> list[tuple[float, dict[str, Any], str]]:
    """Where the search looked, what the k-th expectation came to there, and how the point was decided."""
    return [
        (point.at, point.outcome.expectations[k], point.outcome.side)
        for point in plan.points
        if point.at is not None and k < len(point.outcome.expectations)
    ]


def kept_chart(plan: Plan, k: int) -> Chart:
    """What an expectation came to at each point."""
    text, rows = plan.kept.texts[k], kept_rows(plan, k)
    axis = "load" if words.is_load(plan) else "nodes"
    columns = (axis, text, "from", "to", "limit", "expectation", "point")
    table: list[list[Cell]] = [
        [at, e["value"], e["low"], e["high"], e["limit"], e["status"], _SIDES[side][0]]
        for at, e, side in rows
    ]
    good = [at for at, e, _ in rows if e["status"] == "pass"]
    bad = [at for at, e, _ in rows if e["status"] == "fail"]
    told = [
        f"surely met up to {words.amount_text(plan, max(good))}" if good and words.is_load(plan) else "",
        f"surely met from {words.amount_text(plan, min(good))} on"
        if good and not words.is_load(plan)
        else "",
        f"surely not at {words.amount_text(plan, min(bad) if words.is_load(plan) else max(bad))}"
        if bad
        else "",
    ]
    reading = ", ".join(part for part in told if part) or "decided nowhere"
    return Chart(text, f"{text}: {reading}.", columns, table)


def kept_figure(plan: Plan, k: int) -> Drawing:
    """An expectation's value with its interval against what was searched, its limit, and the answer."""
    rows = [(at, e, side) for at, e, side in kept_rows(plan, k) if e["value"] is not None]
    drawn = Drawing()
    if not rows:
        return drawn
    unit = rows[0][1]["unit"]
    factor, shown = {"s": (1000.0, "ms"), "share": (100.0, "%")}.get(unit, (1.0, unit))
    for n, (side, (name, symbol)) in enumerate(_SIDES.items()):
        some = [(at, e) for at, e, where in rows if where == side]
        if some:
            ends = [
                [abs((e["value"] if e[end] is None else e[end]) - e["value"]) * factor for _, e in some]
                for end in ("high", "low")
            ]
            drawn.add("scatter",
                x=[at for at, _ in some], y=[e["value"] * factor for _, e in some], mode="markers", name=name,
                marker={"symbol": symbol, "size": 9, "color": series_colour(n)},
                error_y={"type": "data", "array": ends[0], "arrayminus": ends[1], "color": WHISKER, "thickness": 1.4, "width": 4},
                hovertemplate="%{x:g}: %{y:.4g}<extra></extra>",
            )  # fmt: skip
    limit = rows[0][1]["limit"] * factor
    drawn.add_hline(limit, line={"color": WHISKER, "width": 1.5, "dash": "dash"})
    drawn.add_annotation(
        text="limit",
        x=0,
        xref="x domain",
        xanchor="left",
        y=limit,
        yref="y",
        yanchor="bottom",
        showarrow=False,
    )
    if plan.value is not None:
        drawn.add_vline(x=plan.value, line={"color": WHISKER, "width": 1.5, "dash": "dot"})
    unit_text = plan.unit if words.is_load(plan) else "nodes"
    drawn.update_xaxes(
        title={"text": f"{'load' if words.is_load(plan) else 'number'} ({unit_text}); dotted: the answer"}
    )
    drawn.update_yaxes(
        title={"text": f"{escape(plan.kept.texts[k])}{f' ({shown})' if shown else ''}"}, rangemode="tozero"
    )
    return styled(drawn, 320)


def points_chart(plan: Plan) -> Chart:
    """Every point that was looked at."""
    rows = [_row(plan, point) for point in plan.points]
    columns = ("at", "gone", "replications", "point", "nearest to failing", "busiest station")
    sure = sum(point.outcome.side != "open" for point in plan.points)
    return Chart("Where the search looked", f"{sure} of {len(rows)} points are decided.", columns, rows)


def _row(plan: Plan, point: Point) -> list[Cell]:
    o = point.outcome
    told = o.expectations[o.worst] if o.worst is not None else None
    worst = o.reason or (f"{told['text']}: {quantity(told['value'], told['unit'])}" if told else "-")
    at = "as it is" if point.at is None else words.amount_text(plan, point.at)
    return [
        at,
        o.gone or "-",
        o.replications,
        _SIDES[o.side][0],
        worst,
        o.bottleneck["station"] if o.bottleneck else "-",
    ]
