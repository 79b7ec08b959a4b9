"""What is varied: lists and ranges of one field, and the designs that make points of them."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netsim.sweep.quantity import join, split

DESIGNS = ("grid", "lhs", "sobol")
#: More points than this are a mistake.
MAX_POINTS = 100_000


@dataclass(frozen=True, slots=True)
class Listed:
    """These values and no others; each is a text in YAML."""

    values: tuple[str, ...]

    def at(self, share: float) -> str:
        """The value at a share from 0 to 1 of the list."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]

    def grid(self) -> tuple[str, ...]:
        """All of them."""
        return self.values


@dataclass(frozen=True, slots=True)
class Ranged:
    """All values between two ends, which are included. ``whole``: only whole numbers; ``log``: evenly by ratio."""

    low: float
    high: float
    unit: str
    steps: int
    whole: bool
    log: bool

    def at(self, share: float) -> str:
        """The value at a share from 0 to 1 of the range."""
        if self.whole and not self.log:
            whole = math.floor(self.low + share * (self.high - self.low + 1))
            return join(min(whole, self.high), self.unit, True)
        if self.log:
            number = self.low * (self.high / self.low) ** share
        else:
            number = self.low + share * (self.high - self.low)
        return join(number, self.unit, self.whole)

    def grid(self) -> tuple[str, ...]:
        """``steps`` of them, both ends among them, each once."""
        if self.steps == 1:
            return (join(self.low, self.unit, self.whole),)
        shares = [k / (self.steps - 1) for k in range(self.steps)]
        if self.log:
            numbers = [self.low * (self.high / self.low) ** share for share in shares]
        else:
            numbers = [self.low + share * (self.high - self.low) for share in shares]
        return tuple(dict.fromkeys(join(number, self.unit, self.whole) for number in numbers))


Axis = Listed | Ranged


class AxisError(ValueError):
    """A value that cannot be varied so: what was expected and what was found."""

    def __init__(self, expected: str, found: str, help: str | None = None) -> None:
        super().__init__(f"expected {expected}, got {found}")
        self.expected = expected
        self.found = found
        self.help = help


def text(value: object) -> str:
    """A value as YAML in one line, as --set takes it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def axis(value: object) -> Axis:
    """A list of values, or ``{from: LOW, to: HIGH, steps: N, log: true}``. Raises `AxisError`."""
    from netsim.scenario.problems import show, suggest

    if isinstance(value, list):
        if not value:
            raise AxisError("a list of values", "an empty list")
        return Listed(tuple(dict.fromkeys(text(item) for item in value)))
    if not isinstance(value, dict):
        raise AxisError("a list of values, or {from: LOW, to: HIGH}", show(value))
    known = ("from", "to", "steps", "log")
    for key in value:
        if key not in known:
            raise AxisError("from, to, steps or log", show(key), suggest(key, known, "keys"))
    ends = []
    for key in ("from", "to"):
        end = split(value.get(key))
        if end is None:
            raise AxisError(f"a number with its unit for {key}", show(value.get(key)))
        ends.append(end)
    (low, unit), (high, other) = ends
    if unit != other:
        raise AxisError("the same unit for from and to", f"{unit or 'no unit'} and {other or 'no unit'}")
    steps, log = value.get("steps", 5), value.get("log", False)
    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= MAX_POINTS:
        raise AxisError(f"a whole number from 1 to {MAX_POINTS} for steps", show(steps))
    if not isinstance(log, bool):
        raise AxisError("true or false for log", show(log))
    if low > high or (log and low <= 0):
        raise AxisError("from below to" if low > high else "from above 0 with log", show(value["from"]))
    whole = not unit and all(isinstance(value[key], int) for key in ("from", "to"))
    return Ranged(low, high, unit, steps, whole, log)


def points(axes: Mapping[str, Axis], design: str, count: int, seed: int) -> list[dict[str, str]]:
    """The points of a design: for each, the value of every path. Equal ones occur once.

    ``grid``: all combinations; ``lhs`` and ``sobol``: ``count`` points of `scipy.stats.qmc`, scrambled by ``seed``.
    """
    names = list(axes)
    if design == "grid":
        rows: Sequence[Sequence[str]] = list(itertools.product(*(axes[name].grid() for name in names)))
    else:
        from scipy.stats import qmc

        if design == "lhs":
            shares = qmc.LatinHypercube(len(names), rng=seed).random(count)
        else:
            whole = 1 << max(0, math.ceil(math.log2(count)))  # Sobol points are balanced in powers of two
            shares = qmc.Sobol(len(names), rng=seed).random(whole)[:count]
        rows = [[axes[name].at(float(u)) for name, u in zip(names, row, strict=True)] for row in shares]
    return [dict(zip(names, row, strict=True)) for row in dict.fromkeys(map(tuple, rows))]
