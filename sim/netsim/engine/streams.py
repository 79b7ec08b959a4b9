# mypy: disable-error-code="no-any-return"
"""Chance that belongs to names: counter-based streams.

The value of a draw depends on (seed, replication, entity name, purpose, draw index) and on nothing
else, so that adding a container changes nobody else's draws. The mixing function is SplitMix64's
finaliser (Steele, Lea, Flood, OOPSLA 2014) applied twice to key + index * odd constant.
Logarithm and exponential are taken in one compiled function, so that every machinery gets the same bits.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from netsim.compiled import entry

if TYPE_CHECKING:
    from netsim.scenario.schema_load import Arrivals

NEVER_PS = 1 << 62
LONGEST_PS = 100 * 86_400 * 10**12  # a draw beyond 100 days never happens


class Kind(IntEnum):
    """Distributions that a scenario can name."""

    CONSTANT = 0
    EXPONENTIAL = 1
    LOGNORMAL = 2
    UNIFORM = 3


def stream_key(seed: int, replication: int, name: str, purpose: str) -> int:
    """The 64-bit key of one stream."""
    text = f"{seed}\x1f{replication}\x1f{name}\x1f{purpose}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


@entry
def _mix(z: np.uint64) -> np.uint64:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@entry
def _uniform(key: np.uint64, index: np.uint64) -> float:
    z = _mix(_mix(key + (index + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)) ^ key)
    return (np.float64(z >> np.uint64(12)) + 0.5) * (1.0 / 4503599627370496.0)


@entry
def _draw(
    kind: int, mean: float, cv: float, low: float, high: float, key: np.uint64, index: np.uint64
) -> float:
    if kind == 0:
        return mean
    u = _uniform(key, index * np.uint64(2))
    if kind == 1:
        return -mean * math.log(u)
    if kind == 3:
        return low + (high - low) * u
    v = _uniform(key, index * np.uint64(2) + np.uint64(1))
    sigma2 = math.log1p(cv * cv)
    normal = math.sqrt(-2.0 * math.log(u)) * math.cos(2.0 * math.pi * v)
    return mean * math.exp(math.sqrt(sigma2) * normal - 0.5 * sigma2)


def uniform(key: int, index: int) -> float:
    """A uniform number strictly between 0 and 1 (52 bits)."""
    return float(_uniform(np.uint64(key), np.uint64(index)))


def draw_ps(kind: int, mean_ps: float, cv: float, low_ps: float, high_ps: float, key: int, index: int) -> int:
    """A duration in picoseconds, rounded once; ``NEVER_PS`` beyond 100 days."""
    value = _draw(
        int(kind), float(mean_ps), float(cv), float(low_ps), float(high_ps), np.uint64(key), np.uint64(index)
    )
    return NEVER_PS if value > LONGEST_PS else max(0, round(value))


def unit_gap(kind: int, cv: float, key: int, index: int) -> float:
    """A gap of mean one: constant, exponential or lognormal with this coefficient of variation."""
    return float(_draw(int(kind), 1.0, cv, 0.0, 0.0, np.uint64(key), np.uint64(index)))


GAPS = {"poisson": Kind.EXPONENTIAL, "constant": Kind.CONSTANT, "lognormal": Kind.LOGNORMAL}


def gaps(arrivals: Arrivals, seed: int, replication: int, workload: str) -> Callable[[int], float]:
    """The gaps of a workload's arrivals, from the stream of its name."""
    key, kind = stream_key(seed, replication, workload, "arrivals"), GAPS[arrivals.kind]
    return lambda index: unit_gap(kind, arrivals.cv, key, index)
