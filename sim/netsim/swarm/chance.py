"""The control plane's chance: one stream for each entity and purpose, so that nothing depends on order."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from netsim.engine.streams import stream_key, uniform
from netsim.scenario.schema_work import Distribution

Item = TypeVar("Item")


class Chance:
    """Draws of one replication. Each (name, purpose) counts its own draws."""

    def __init__(self, seed: int, replication: int) -> None:
        self.seed = seed
        self.replication = replication
        self._keys: dict[tuple[str, str], int] = {}
        self._drawn: Counter[tuple[str, str]] = Counter()

    def uniform(self, name: str, purpose: str, low: float = 0.0, high: float = 1.0) -> float:
        """A number between ``low`` and ``high``."""
        at = (name, purpose)
        if at not in self._keys:
            self._keys[at] = stream_key(self.seed, self.replication, name, f"swarm {purpose}")
        self._drawn[at] += 1
        return low + (high - low) * uniform(self._keys[at], self._drawn[at])

    def below(self, name: str, purpose: str, bound: int) -> int:
        """A whole number from 0 to ``bound`` - 1."""
        return min(int(self.uniform(name, purpose) * bound), bound - 1)

    def pick(self, name: str, purpose: str, items: Sequence[Item]) -> Item:
        """One of ``items``, all equally likely."""
        return items[self.below(name, purpose, len(items))]

    def lognormal(self, name: str, purpose: str, mean: float, cv: float) -> float:
        """A lognormal number with this mean and coefficient of variation."""
        sigma2 = math.log1p(cv * cv)
        u, v = self.uniform(name, purpose), self.uniform(name, purpose)
        normal = math.sqrt(-2.0 * math.log(u)) * math.cos(2.0 * math.pi * v)
        return mean * math.exp(math.sqrt(sigma2) * normal - sigma2 / 2)

    def exponential(self, name: str, purpose: str, mean: float) -> float:
        """An exponential number."""
        return -mean * math.log(self.uniform(name, purpose))

    def draw(self, name: str, purpose: str, of: Distribution) -> int:
        """A duration (ps)."""
        if of.kind == "lognormal":
            return round(self.lognormal(name, purpose, of.mean, of.cv))
        if of.kind == "exponential":
            return round(self.exponential(name, purpose, of.mean))
        if of.kind == "uniform":
            return round(self.uniform(name, purpose, of.low, of.high))
        return of.mean

    def arrays(self, name: str) -> np.random.Generator:
        """Many numbers at once, for what is simulated over all nodes together (a counter-based generator)."""
        return np.random.Generator(
            np.random.Philox(key=stream_key(self.seed, self.replication, name, "swarm arrays"))
        )
