"""``latency.svg``: a static picture of a latency and where it comes from, for pages without scripts."""

from __future__ import annotations

import math
from typing import Any

from netsim.report.data import Part, parts
from netsim.report.palette import PLAIN, stage_colours
from netsim.results.result import Result
from netsim.results.text import duration, quantity

WIDTH = 880
LEFT, RIGHT, TOP = 90, 130, 74
ROW = 32
SHOWN = ("p50", "p90", "p95", "p99")
TAKEN_APART = ("p50", "p99")
LEGEND_COLUMNS = 4


def latency_svg(result: Result, workload: str | None = None) -> str:
    """Quantiles of one workload with intervals, p50 and p99 taken apart by stage. Without a name: the
    workload with most completed requests."""
    found = result.data["workloads"]
    done = [name for name in found if found[name]["completed"]]
    if workload is None and done:
        workload = max(done, key=lambda name: found[name]["completed"])
    if workload is None or workload not in done:
        return _svg(_empty(result.name, "No request completed."))
    if all(found[workload]["latency_s"][key]["value"] is None for key in SHOWN):
        return _svg(_empty(result.name, "Too few requests completed for a quantile."))
    return _svg(_picture(result, workload, found[workload]))


def _svg(context: dict[str, Any]) -> str:
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("netsim.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("latency.svg.j2").render(width=WIDTH, **context)


def _empty(name: str, why: str) -> dict[str, Any]:
    return {"height": 80, "title": name, "subtitle": why, "rows": [], "ticks": [],
            "legend": [], "top": TOP, "axis_y": TOP, "left": LEFT}  # fmt: skip


def _picture(result: Result, workload: str, found: dict[str, Any]) -> dict[str, Any]:
    latency = found["latency_s"]
    apart = {key: parts(found["attribution"][key]) for key in TAKEN_APART}
    colours = stage_colours(part.stage for key in reversed(TAKEN_APART) for part in apart[key])
    most = max(x for key in SHOWN for x in (latency[key]["value"], latency[key]["high"]) if x is not None)
    step = _step(most)
    scale = (WIDTH - LEFT - RIGHT) / (math.ceil(most / step) * step)
    rows = []
    for k, key in enumerate(SHOWN):
        value, low, high = (latency[key][end] for end in ("value", "low", "high"))
        reach = value if high is None else max(value, high)
        rows.append(
            {
                "label": key,
                "y": TOP + 8 + k * ROW,
                "parts": _boxes(apart.get(key, []), value, scale, colours),
                "whisker": None if low is None else (_px(LEFT + low * scale), _px(LEFT + high * scale)),
                "text_x": _px(LEFT + reach * scale + 8),
                "value": duration(value),
            }
        )
    axis_y = TOP + 8 + len(SHOWN) * ROW
    legend = _legend(colours, axis_y + 34)
    ticks = [
        {"x": _px(LEFT + k * step * scale), "label": duration(k * step)}
        for k in range(math.ceil(most / step) + 1)
    ]
    bottleneck = result.data["bottleneck"]
    busiest = (
        f"; busiest: {bottleneck['station']}, {quantity(bottleneck['utilisation']['value'], 'share')}"
        if bottleneck["station"]
        else ""
    )
    offered = quantity(found["offered_per_s"]["value"], "/s")
    return {
        "height": axis_y + 46 + 20 * math.ceil(len(legend) / LEGEND_COLUMNS),
        "title": f"{result.name}: latency of {workload}, and where it comes from",
        "subtitle": f"{offered} offered{busiest}. Hatched: waiting. Whiskers: 95 % intervals.",
        "rows": rows,
        "ticks": ticks,
        "legend": legend,
        "top": TOP,
        "axis_y": axis_y,
        "left": LEFT,
    }


def _boxes(shown: list[Part], value: float, scale: float, colours: dict[str, str]) -> list[dict[str, Any]]:
    """The parts of a bar one after the other; a bar that is not taken apart is one grey part."""
    if not shown:
        return [{"x": LEFT, "width": _px(value * scale), "colour": PLAIN, "waiting": False}]
    boxes, at = [], float(LEFT)
    order = list(colours)
    for part in sorted(shown, key=lambda part: order.index(part.stage)):
        width = part.seconds * scale
        boxes.append(
            {"x": _px(at), "width": _px(width), "colour": colours[part.stage], "waiting": part.waiting}
        )
        at += width
    return boxes


def _legend(colours: dict[str, str], top: int) -> list[dict[str, Any]]:
    column = (WIDTH - 48) // LEGEND_COLUMNS
    return [
        {
            "x": 24 + k % LEGEND_COLUMNS * column,
            "y": top + 20 * (k // LEGEND_COLUMNS),
            "colour": colour,
            "label": stage,
            "waiting": stage.startswith("queue:"),
        }
        for k, (stage, colour) in enumerate(colours.items())
    ]


def _step(most: float) -> float:
    """A round distance between ticks, for four to nine of them."""
    rough = most / 6
    magnitude = 10.0 ** math.floor(math.log10(rough))
    return next(m * magnitude for m in (1, 2, 5, 10) if m * magnitude >= rough)


def _px(x: float) -> float:
    return round(x, 1)
