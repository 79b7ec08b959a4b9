"""Quantities as people write them, as exact integers.

Durations become integer picoseconds, rates integer bit/s, sizes integer bytes, event rates events per
second. A bare number where a unit is needed is an error: nobody should have to guess what ``5`` is.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction

from netsim.picoseconds import PS_PER_S

MAX_DURATION_PS = 100 * 86_400 * PS_PER_S
MAX_RATE_BPS = 100 * 10**12
MAX_SIZE_BYTES = 2**50
MAX_PER_S = 1e9

DURATION_UNITS: dict[str, int] = {
    "ps": 1,
    "ns": 10**3,
    "us": 10**6,
    "µs": 10**6,
    "μs": 10**6,
    "ms": 10**9,
    "s": PS_PER_S,
    "m": 60 * PS_PER_S,
    "h": 3_600 * PS_PER_S,
    "d": 86_400 * PS_PER_S,
}
RATE_UNITS: dict[str, int] = {"bit": 1, "kbit": 10**3, "Mbit": 10**6, "Gbit": 10**9, "Tbit": 10**12}
SIZE_UNITS: dict[str, int] = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
PERIODS: dict[str, int] = {"s": 1, "m": 60, "h": 3_600}

_NUMBER = r"[0-9]{1,24}(?:\.[0-9]{1,24})?"
_DURATION_PART = re.compile(rf"({_NUMBER})(ps|ns|us|µs|μs|ms|s|m|h|d)")
_QUANTITY = re.compile(rf"(-?)({_NUMBER})\s*([^\s0-9.].*)?", re.DOTALL)
_PER = re.compile(rf"({_NUMBER})\s*/\s*(s|m|h)")
_PERCENT = re.compile(rf"({_NUMBER})\s*%")

DURATION_EXPECTED = "a duration with a unit, like 250us, 5s or 2m"
RATE_EXPECTED = "a rate with a unit, like 800Mbit or 10Gbit"
SIZE_EXPECTED = "a size with a unit, like 1500B or 64KiB"
PER_SECOND_EXPECTED = "a number per time, like 1000/s or 30/m"
SHARE_EXPECTED = "a share from 0 to 1, or a percentage like 0.1%"


class UnitError(ValueError):
    """A value that is not the quantity it should be. ``found`` replaces the text of the value if set."""

    def __init__(self, code: str, expected: str, help: str | None = None, found: str | None = None) -> None:
        super().__init__(f"expected {expected}")
        self.code = code
        self.expected = expected
        self.help = help
        self.found = found


def parse_duration(value: object, *, positive: bool = False) -> int:
    """Picoseconds from ``250us``, ``5s``, ``1m30s`` (Go's and compose's notation), at most 100 days."""
    text = _text(value, DURATION_EXPECTED, "s")
    parts = _DURATION_PART.findall(text)
    if not parts or "".join(n + u for n, u in parts) != text:
        raise _unit_error(text, DURATION_UNITS, DURATION_EXPECTED, "s")
    exact = sum((Fraction(number) * DURATION_UNITS[unit] for number, unit in parts), Fraction(0))
    ps = round(exact)
    if exact > 0 and ps == 0:
        raise UnitError("OUT_OF_RANGE", "a duration of at least 1ps")
    if ps > MAX_DURATION_PS:
        raise UnitError("OUT_OF_RANGE", "a duration of at most 100d")
    if positive and ps == 0:
        raise UnitError("OUT_OF_RANGE", "a duration above zero")
    return ps


def parse_rate(value: object) -> int:
    """bit/s from ``10Gbit`` (decimal prefixes, as link speeds are)."""
    text = _text(value, RATE_EXPECTED, "Mbit")
    bps = _exact(text.removesuffix("/s"), RATE_UNITS, RATE_EXPECTED, "Mbit")
    if bps == 0:
        raise UnitError("OUT_OF_RANGE", "a rate above zero")
    if bps > MAX_RATE_BPS:
        raise UnitError("OUT_OF_RANGE", "a rate of at most 100Tbit")
    return bps


def parse_size(value: object, *, positive: bool = False) -> int:
    """Bytes from ``1500B``, ``64KiB`` (powers of 1024) or ``64kB`` (powers of 1000)."""
    text = _text(value, SIZE_EXPECTED, "B")
    size = _exact(text, SIZE_UNITS, SIZE_EXPECTED, "B")
    if positive and size == 0:
        raise UnitError("OUT_OF_RANGE", "a size above zero")
    if size > MAX_SIZE_BYTES:
        raise UnitError("OUT_OF_RANGE", "a size of at most 1024TiB")
    return size


def parse_per_second(value: object) -> float:
    """Events per second from ``1000/s``, ``30/m`` or ``5/h``."""
    text = _text(value, PER_SECOND_EXPECTED, "/s")
    match = _PER.fullmatch(text)
    if match is None:
        raise _unit_error(text, {f"/{p}": n for p, n in PERIODS.items()}, PER_SECOND_EXPECTED, "/s")
    rate = float(Fraction(match[1]) / PERIODS[match[2]])
    if rate > MAX_PER_S:
        raise UnitError("OUT_OF_RANGE", "at most 1000000000/s")
    return rate


def parse_price(value: object) -> float:
    """Money per hour from ``0.34/h``."""
    expected = "a price per hour, like 0.34/h"
    text = _text(value, expected, "/h")
    match = _PER.fullmatch(text)
    if match is None or match[2] != "h":
        raise _unit_error(text, {"/h": 1}, expected, "/h")
    return float(match[1])


def parse_share(value: object) -> float:
    """A share between 0 and 1 from ``0.001`` or ``0.1%``."""
    if isinstance(value, str):
        match = _PERCENT.fullmatch(value)
        if match is None:
            raise UnitError("UNIT", SHARE_EXPECTED)
        number = float(match[1]) / 100
    else:
        number = parse_number(value, expected=SHARE_EXPECTED)
    if not 0 <= number <= 1:
        raise UnitError("OUT_OF_RANGE", SHARE_EXPECTED)
    return number


def parse_precision(value: object) -> float:
    """A share between 0 and 1, both left out, from ``0.05`` or ``5%``."""
    expected = "a precision between 0 and 100 %, like 5%"
    try:
        share = parse_share(value)
    except UnitError as error:
        raise UnitError(error.code, expected, error.help) from None
    if not 0 < share < 1:
        raise UnitError("OUT_OF_RANGE", expected)
    return share


def parse_number(
    value: object, *, low: float | None = None, high: float | None = None, expected: str = "a number"
) -> float:
    """A plain finite number without a unit."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UnitError("WRONG_TYPE", expected)
    if not math.isfinite(value):
        raise UnitError("NOT_A_NUMBER", expected)
    if low is not None and value < low:
        raise UnitError("OUT_OF_RANGE", f"{expected} of at least {low:g}")
    if high is not None and value > high:
        raise UnitError("OUT_OF_RANGE", f"{expected} of at most {high:g}")
    return float(value)


def parse_whole(value: object, *, low: int, high: int) -> int:
    """A whole number without a unit, inside its limits."""
    expected = f"a whole number from {low} to {high}"
    if isinstance(value, float) and not math.isfinite(value):
        raise UnitError("NOT_A_NUMBER", expected)
    if isinstance(value, bool) or not isinstance(value, int):
        raise UnitError("WRONG_TYPE", expected)
    if not low <= value <= high:
        raise UnitError("OUT_OF_RANGE", expected)
    return value


def format_duration(ps: int) -> str:
    """The shortest exact notation of a duration: ``1500ms`` for 1.5 s, ``90s``, ``2m``."""
    for unit in ("d", "h", "m", "s", "ms", "us", "ns"):
        if ps and ps % DURATION_UNITS[unit] == 0:
            return f"{ps // DURATION_UNITS[unit]}{unit}"
    return f"{ps}ps" if ps else "0s"


def _text(value: object, expected: str, unit: str) -> str:
    """The trimmed text of a quantity; numbers, lists and the like are errors that say why."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UnitError("WRONG_TYPE", expected)
    if not math.isfinite(value):
        raise UnitError("NOT_A_NUMBER", expected)
    if value < 0:
        raise UnitError("NEGATIVE", expected)
    raise UnitError("UNIT", expected, help=f"write {value}{unit} if that is what you mean")


def _exact(text: str, units: dict[str, int], expected: str, default_unit: str) -> int:
    match = _QUANTITY.fullmatch(text)
    if match is None or match[1] or match[3] not in units:
        raise _unit_error(text, units, expected, default_unit)
    exact = Fraction(match[2]) * units[match[3]]
    result = round(exact)
    if exact > 0 and result == 0:
        raise UnitError("OUT_OF_RANGE", f"at least 1{next(iter(units))}")
    return result


def _unit_error(text: str, units: dict[str, int], expected: str, default_unit: str) -> UnitError:
    """What is wrong with ``text``: negative, no unit, a unit spelled otherwise, or no quantity at all."""
    if text.lower().lstrip("+-.") in ("nan", "inf", "infinity"):
        return UnitError("NOT_A_NUMBER", expected)
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return UnitError("UNIT", expected)
    sign, number, unit = match.groups()
    if sign:
        return UnitError("NEGATIVE", expected)
    if unit is None:
        return UnitError("UNIT", expected, help=f"write {number}{default_unit} if that is what you mean")
    wanted = unit.lower().removesuffix("/s").removesuffix("ps") if "bit" in units else unit.lower()
    wanted = _SPOKEN.get(wanted, wanted)
    for known in units:
        if known.lower() == wanted or known.lower() == _SPOKEN.get(wanted.rstrip("s"), wanted):
            return UnitError("UNIT", expected, help=f"write {number}{known}")
    if "bit" in units and unit.lower().endswith("bps"):
        wanted = unit.lower().removesuffix("bps")
    if "bit" in units and wanted + "bit" in {u.lower() for u in units}:
        right = next(u for u in units if u.lower() == wanted + "bit")
        return UnitError("UNIT", expected, help=f"write {number}{right}")
    if "KiB" in units and wanted + "ib" in {u.lower() for u in units}:
        right = next(u for u in units if u.lower() == wanted + "ib")
        return UnitError("UNIT", expected, help=f"write {number}{right}")
    return UnitError("UNIT", expected, help=f"units: {', '.join(u for u in units if u.isascii())}")


_SPOKEN: dict[str, str] = {
    "sec": "s",
    "second": "s",
    "min": "m",
    "minute": "m",
    "hour": "h",
    "day": "d",
    "msec": "ms",
    "usec": "us",
    "nsec": "ns",
    "byte": "b",
    "rps": "/s",
    "/sec": "/s",
    "/min": "/m",
    "/hour": "/h",
}
