"""Numbers of a result as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netsim.scenario.units import DURATION_UNITS, PS_PER_S


def found_text(expectation: Mapping[str, Any]) -> str:
    """``found 61 ms (95 %: 58 ms to 64 ms)``, in the kind of unit of the limit."""
    unit = expectation["unit"]
    if expectation["value"] is None:
        return "no such number was found"
    text = f"found {quantity(expectation['value'], unit)}"
    if expectation["low"] is None or expectation["high"] is None:
        return f"{text}, without an interval"
    return f"{text} (95 %: {quantity(expectation['low'], unit)} to {quantity(expectation['high'], unit)})"


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


def duration(seconds: float) -> str:
    """Three digits and the unit that fits, from ns to s."""
    if seconds == 0:
        return "0 s"
    for unit in ("s", "ms", "us"):
        if abs(seconds) * PS_PER_S >= DURATION_UNITS[unit]:
            return f"{seconds * PS_PER_S / DURATION_UNITS[unit]:.3g} {'µs' if unit == 'us' else unit}"
    return f"{seconds * 1e9:.3g} ns"
