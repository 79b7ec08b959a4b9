"""How much longer work takes beside other hardware threads: whoever begins finds so many busy, and its speed is that of its begin."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from netsim.datapath.processors import MILLION, smt_loss
from netsim.engine.flow.queues import MOST, Floats

ROUNDS = 200


class Slower(NamedTuple):
    """How many times as long work takes, and how likely that is: by the number of threads that are busy as it begins."""

    factors: Floats
    chances: Floats

    @property
    def mean(self) -> float:
        """The mean factor."""
        return float(self.factors @ self.chances)


@lru_cache(maxsize=4096)
def slower(load: float, threads: int, speed: float) -> Slower:
    """Under this load (seconds of a thread alone, per second), with two threads on a core at ``speed`` each.

    Whoever comes at random finds the threads as they are in the mean (Wolff, Poisson arrivals see time averages, Operations Research 30, 1982);
    so many are busy as in M/M/m at the load times the mean factor, which is looked for. Where the threads cannot do it all are busy.
    """
    factors = np.array(
        [
            MILLION / (MILLION - smt_loss(min(b + 1, threads), threads, round(speed * MILLION)))
            for b in range(threads + 1)
        ]
    )
    mean = 1.0
    for _ in range(ROUNDS):
        offered = load * mean
        if offered >= MOST * threads:
            return Slower(factors[-1:], np.ones(1))
        weights = [1.0]
        for busy in range(1, threads + 1):
            weights.append(weights[-1] * offered / busy)
        weights[-1] /= 1 - offered / threads  # with whoever waits
        chances = np.array(weights) / sum(weights)
        new = float(factors @ chances)
        if abs(new - mean) < 1e-9:
            break
        mean = new
    return Slower(factors, chances)
