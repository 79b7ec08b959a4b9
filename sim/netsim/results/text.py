"""Numbers of a result as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netsim.picoseconds import PS_PER_S
from netsim.scenario.units import DURATION_UNITS

#: What is said of a quantile over the replications.
OVER = {
    0.5: " in the median replication",
    0.95: " in 95 of 100 replications",
    1.0: " in the worst replication",
}


def found_text(expectation: Mapping[str, Any]) -> str:
    """``found 61 ms (95 %: 58 ms to 64 ms)``, in the kind of unit of the limit; and why it is undecided."""
    show = _change if expectation.get("relative") else quantity
    unit, reason = expectation["unit"], expectation.get("reason")
    if expectation["value"] is None:
        return f"no such number was found: {reason}" if reason else "no such number was found"
    text = f"found {show(expectation['value'], unit)}"
    if expectation.get("where"):
        text += f" of {expectation['where']}"
    text += OVER.get(expectation.get("over_replications") or 0.0, "")
    if expectation["low"] is None or expectation["high"] is None:
        return f"{text}, without an interval" + (f": {reason}" if reason else "")
    text += f" (95 %: {show(expectation['low'], unit)} to {show(expectation['high'], unit)})"
    if expectation["status"] != "inconclusive":
        return text
    more = expectation.get("more_replications")
    if more:
        return f"{text}; about {more:,} more replication{'' if more == 1 else 's'} would decide it"
    return f"{text}; too close to the limit for replications to decide it" if reason else text


def _change(value: float, unit: str) -> str:
    return signed_share(value)


def with_interval(found: Mapping[str, float | None], unit: str) -> str:
    """``13 ms (12 ms to 14 ms)``."""
    text = quantity(found["value"], unit)
    if found["low"] is None or found["high"] is None:
        return text
    return f"{text} ({quantity(found['low'], unit)} to {quantity(found['high'], unit)})"


def signed_share(value: float) -> str:
    """A change: ``+5.2 %``, ``-0.031 %``."""
    return f"{100 * value:+.3g} %" if abs(value) < 10 else f"{100 * value:+.0f} %"


def quantity(value: float | None, unit: str) -> str:
    """A number as people read it: ``12.3 ms``, ``0.12 %``, ``240/s``, ``9.41 Gbit/s``; ``-`` if unknown."""
    if value is None:
        return "-"
    if unit == "s":
        return duration(value)
    if unit == "share":
        return f"{100 * value:.3g} %" if abs(value) < 10 else f"{100 * value:.0f} %"
    if unit == "/s":
        return f"{value:,.4g}/s" if abs(value) < 10_000 else f"{value:,.0f}/s"
    if unit == "bit/s":
        for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
            if abs(value) >= factor:
                return f"{value / factor:.4g} {prefix}bit/s"
        return f"{value:.4g} bit/s"
    return f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"


def times(factor: float) -> str:
    """How many times as much: ``1.42``, ``2,270``."""
    return f"{factor:.3g}" if factor < 1000 else f"{factor:,.0f}"


def duration(seconds: float) -> str:
    """Three digits and the unit that fits, from ns to s."""
    if seconds == 0:
        return "0 s"
    for unit in ("s", "ms", "us"):
        if abs(seconds) * PS_PER_S >= DURATION_UNITS[unit]:
            return f"{seconds * PS_PER_S / DURATION_UNITS[unit]:.3g} {'µs' if unit == 'us' else unit}"
    return f"{seconds * 1e9:.3g} ns"
