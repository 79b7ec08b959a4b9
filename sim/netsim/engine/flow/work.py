"""Random durations as numbers and as many draws at once."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from netsim.picoseconds import PS_PER_S
from netsim.scenario.schema_work import Distribution

GRID = (np.arange(4096) + 0.5) / 4096


def cv2(what: Distribution) -> float:
    """The squared coefficient of variation."""
    if what.kind == "uniform":
        middle = (what.low + what.high) / 2
        return (what.high - what.low) ** 2 / 12 / middle**2 if middle else 0.0
    return what.cv**2


def draws(what: Distribution, rng: np.random.Generator, count: int) -> npt.NDArray[np.float64]:
    """So many draws (s)."""
    return _inverse(what, rng.random(count))


def _inverse(what: Distribution, u: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    mean = what.mean / PS_PER_S
    if what.kind == "exponential":
        return -mean * np.log1p(-u)
    if what.kind == "uniform":
        return (what.low + (what.high - what.low) * u) / PS_PER_S
    if what.kind == "lognormal":
        from scipy.special import ndtri

        variance = math.log1p(what.cv**2)
        return np.exp(math.log(mean) - variance / 2 + math.sqrt(variance) * ndtri(u))
    return np.full(len(u), mean)


def slices_square(what: Distribution, quantum_s: float) -> float:
    """The mean of the sum of squares of the turns that a work takes (s^2), over a grid of quantiles."""
    x = _inverse(what, GRID)
    whole, rest = np.floor(x / quantum_s), np.mod(x, quantum_s)
    return float((whole * quantum_s**2 + rest**2).mean())


def turns_after_first(x_s: npt.NDArray[np.float64], quantum_s: float) -> npt.NDArray[np.float64]:
    """How many turns works of these lengths take after their first."""
    return np.asarray(np.maximum(np.ceil(x_s / quantum_s - 1e-9) - 1, 0.0))


class Turns(NamedTuple):
    """The turns that a work may take after its first: how many, how likely each number is, and the mean of what is done in them (s)."""

    numbers: npt.NDArray[np.float64]
    chances: npt.NDArray[np.float64]
    seconds: float


def spread_of_turns(what: Distribution, quantum_s: float) -> Turns:
    """Of a work, over a grid of quantiles."""
    x = _inverse(what, GRID)
    numbers, counts = np.unique(turns_after_first(x, quantum_s), return_counts=True)
    return Turns(numbers, counts / len(GRID), float(np.maximum(x - quantum_s, 0).mean()))
