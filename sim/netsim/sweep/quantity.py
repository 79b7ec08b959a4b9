"""Values with units as numbers that can be compared and interpolated: ``2ms``, ``10Gbit``, ``400/s``, ``5%``, 3."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*?)\s*")


def split(value: object) -> tuple[float, str] | None:
    """The number and the unit behind it; None for what is no number."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value), ""
    match = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    return (float(match[1]), match[2]) if match else None


def size(value: object) -> float | None:
    """What a value is in its base unit (s, bit/s, B, 1/s, share), so that 2ms < 1s; None where it is no quantity."""
    found = split(value)
    if found is None:
        return None
    if not found[1]:
        return found[0]
    from netsim.scenario.units import (
        UnitError,
        parse_duration,
        parse_per_second,
        parse_price,
        parse_rate,
        parse_share,
        parse_size,
    )

    for parser, scale in ((parse_duration, 1e12), (parse_rate, 1), (parse_size, 1), (parse_per_second, 1),
                          (parse_share, 1), (parse_price, 1)):  # fmt: skip
        try:
            return float(parser(value)) / scale
        except UnitError:
            continue
    return None


def join(number: float, unit: str, whole: bool) -> str:
    """A number and its unit as a scenario says it."""
    return f"{round(number)}{unit}" if whole else f"{number:.6g}{unit}"
