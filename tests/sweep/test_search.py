"""The search for an edge on noisy functions whose edge is known: it is inside the bracket as often as promised."""

from __future__ import annotations

import math

import numpy as np
import pytest

from netsim.stats.intervals import t_quantile
from netsim.sweep.search import LEVEL_OF_A_LOOK, LOOKS, Look, Space, find_edge

LOAD = Space(low=1e-3, high=1e6, rising=True, whole=False, tolerance=0.02)
NODES = Space(low=1, high=1000, rising=False, whole=True, tolerance=0.0)


def exact(edge: float, rising: bool = True):
    """Looks without any noise; the edge itself is good."""

    def look(x: float) -> Look:
        distance = math.log(x / edge) if rising else math.log(edge / x)
        return Look("bad" if distance > 0 else "good", distance)

    return look


@pytest.mark.parametrize("edge", [0.013, 0.9, 1.0, 1.37, 77.7, 12_345.6])
def test_an_edge_without_noise_is_bracketed_within_the_tolerance(edge: float) -> None:
    found = find_edge(exact(edge), LOAD, start=1.0)
    low, high = found.ends
    assert low is not None and high is not None and found.value is not None
    assert found.ending == "found" and low <= edge <= high and high / low <= 1.02 * (1 + 1e-9)
    assert found.value == pytest.approx(edge, rel=1e-6) and not found.contradictions


@pytest.mark.parametrize("edge", [1, 2, 3, 7, 8, 9, 31, 500, 999])
@pytest.mark.parametrize("start", [1, 8, 700])
def test_the_smallest_whole_number_that_holds(edge: int, start: int) -> None:
    found = find_edge(exact(edge, rising=False), NODES, start)
    assert (found.good, found.bad) == (edge, edge - 1 if edge > 1 else None)
    assert found.ending == ("found" if edge > 1 else "all good")


def test_no_edge_is_told() -> None:
    assert find_edge(exact(1e9), LOAD, 1.0).ending == "all good"
    assert find_edge(exact(1e-9), LOAD, 1.0).ending == "all bad"


def test_what_is_not_monotone_is_found_by_the_checks() -> None:
    """Bad from 1/4 to 0.6 of the edge as well: a search that assumed order would never look there."""

    def look(x: float) -> Look:
        bad = x > 10 or 4 < x < 6
        return Look("bad" if bad else "good", 1.0 if bad else -1.0)

    found = find_edge(look, LOAD, 7.0)
    assert found.contradictions and all(good > bad for good, bad in found.contradictions)
    assert not find_edge(look, LOAD, 7.0, check=False).contradictions


class Noisy:
    """A point's distance is seen with normal noise, the same at all points (common random numbers) in part."""

    def __init__(self, edge: float, noise: float, common: float, seed: int) -> None:
        self.edge, self.noise, self.common, self.seed = edge, noise, common, seed
        self.replications = 0

    def __call__(self, x: float) -> Look:
        shared = np.random.default_rng([self.seed, 0])
        own = np.random.default_rng([self.seed, *divmod(int(x * 1e9), 2**32)])
        mix = math.sqrt(self.common) * shared.normal(size=40) + math.sqrt(1 - self.common) * own.normal(
            size=40
        )
        each = math.log(x / self.edge) + self.noise * mix
        for look in range(LOOKS):
            n = 5 * 2**look
            self.replications += n
            mean, spread = float(np.mean(each[:n])), float(np.std(each[:n], ddof=1)) / math.sqrt(n)
            half = spread * t_quantile((1 + LEVEL_OF_A_LOOK) / 2, n - 1)
            if abs(mean) > half:
                return Look("bad" if mean > 0 else "good", mean)
        return Look("open", mean)


@pytest.mark.parametrize("common", [0.0, 0.8])
@pytest.mark.parametrize("noise", [0.02, 0.2])
def test_the_bracket_holds_the_edge_in_95_of_100_searches(noise: float, common: float) -> None:
    """400 searches each, fixed seeds; measured 96 to 99 %. At a true 95 %, fewer than 93 % come once in 30 times."""
    held = narrow = 0
    for seed in range(400):
        edge = 100 * math.exp(np.random.default_rng([seed, 1]).uniform(-1, 1))
        found = find_edge(Noisy(edge, noise, common, seed), LOAD, 100.0, check=False)
        low, high = found.ends
        assert low is not None and high is not None
        held += low <= edge <= high
        narrow += found.ending == "found"
    assert held / 400 >= 0.93
    assert (narrow / 400 > 0.9) == (noise == 0.02)  # 2 % are known from 40 replications of 2 %, not of 20 %


def test_a_search_asks_for_each_point_once_and_ends_when_told() -> None:
    asked: list[float] = []

    def look(x: float) -> Look:
        asked.append(x)
        return exact(3.3)(x)

    find_edge(look, LOAD, 1.0)
    assert len(asked) == len(set(asked)) <= 16
    first = len(asked)
    asked.clear()
    found = find_edge(look, LOAD, 1.0, stop=lambda: len(asked) >= 5)
    assert found.ending == "stopped" and len(asked) == 5 < first
