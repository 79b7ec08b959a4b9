"""A plan in words: the question, the answer, what limits it, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsim.results.text import quantity

if TYPE_CHECKING:
    from netsim.sweep.plan import Plan


def is_load(found: Plan) -> bool:
    """Whether the most load was asked for."""
    return found.question["max_load"] is not None


def question_text(found: Plan) -> str:
    """What was asked."""
    n = found.question["n_plus"]
    gone = f" with any {'node' if n == 1 else f'{n} nodes'} gone" if n else ""
    if is_load(found):
        return f"{found.scenario}: the most load of {found.question['max_load']}{gone}"
    if found.question["min_nodes"] is not None:
        return f"{found.scenario}: the fewest {found.question['min_nodes']} nodes{gone}"
    return f"{found.scenario}: does it hold{gone}?"


def amount_text(found: Plan, value: float | None) -> str:
    """A value of the axis that was searched, with its unit."""
    if value is None:
        return "unknown"
    if found.unit == "/s":
        return f"{value:,.5g}/s" if value < 1e5 else f"{value:,.0f}/s"
    return f"{value:,.0f} {found.unit}"


def answer_text(found: Plan) -> str:
    """The answer with its interval."""
    words = {"holds": "Yes, it holds.", "fails": "No, it does not hold.", "impossible": "There is none."}
    if found.status in words:
        return words[found.status]
    if found.value is None:
        if found.low is None and found.high is None:
            return "Inconclusive."
        least = "" if found.low is None else f" from {amount_text(found, found.low)}"
        most = "" if found.high is None else f" to {amount_text(found, found.high)}"
        return f"Inconclusive: somewhere{least}{most}."
    text = amount_text(found, found.value)
    if found.low is not None and found.high is not None and found.low != found.high:
        text += f" (95 %: {amount_text(found, found.low)} to {amount_text(found, found.high)})"
    if found.present:
        text += f"; the scenario has {amount_text(found, found.present)}, so {found.value / found.present:.3g} times as much"
    return text if found.status == "found" else f"Inconclusive: about {text}"


def limited_text(found: Plan) -> str:
    """What fails first, where, and the busiest station there; empty if nothing does."""
    limited = found.limited_by()
    if limited is None or found.status == "holds":
        return ""
    where = "" if limited["at"] is None else f" at {amount_text(found, limited['at'])}"
    if limited["gone"]:
        where += f" with {limited['gone']} gone"
    if limited["reason"]:
        return f"Limited by: {limited['reason']}{where}"
    told = limited["expectation"]
    if told is None:
        return ""
    text = f"Limited by: {told['text']}, which is {quantity(told['value'], told['unit'])}{where}"
    if limited["station"]:
        text += f"; busiest there: {limited['station']} at {quantity(limited['utilisation'], 'share')}"
    if limited["errors"]:
        text += f"; errors: {', '.join(f'{cause} {n:,}' for cause, n in sorted(limited['errors'].items()))}"
    return text


def growth_text(found: Plan) -> str:
    """How long the present load may grow; empty if that was not asked."""
    growth = found.growth
    if growth is None:
        return ""
    what = f"With {100 * growth['share']:.3g} % more each {growth['per']}"
    if growth["value"] is None:
        return f"{what}: unknown"
    if growth["value"] == 0:
        return f"{what}: no time is left, the present load is too much already"
    span = (
        ""
        if growth["low"] is None or growth["high"] is None
        else f" ({growth['low']:.3g} to {growth['high']:.3g})"
    )
    return f"{what}: {growth['value']:.3g} {growth['per']}s{span}"


def price_text(found: Plan) -> str:
    """What it costs; empty without prices."""
    price = found.price
    if price is None:
        return ""
    if "per_million_requests" in price:
        return f"Price: {price['per_h']:.4g}/h, {price['per_million_requests']:.4g} for a million requests at that load"
    return f"Price: {price['per_h']:.4g}/h instead of {price['present_per_h']:.4g}/h"
