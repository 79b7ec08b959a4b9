"""Sequential stopping: sizes of rounds by hand, and what its intervals cover."""

from __future__ import annotations

import numpy as np
import pytest

from netsim.stats.intervals import across
from netsim.stats.sequential import FIRST, half_width, next_total, widest


def test_half_width_by_hand() -> None:
    assert half_width([9.0, 10.0, 11.0, 10.0, 10.0]) == pytest.approx(2.776445 * 0.1**0.5 / 10)
    assert half_width([5.0]) is None and half_width([0.0, 0.0]) is None and half_width([None, None]) is None
    assert half_width([-9.0, -11.0]) == half_width([9.0, 11.0])


def test_the_least_known_number_counts() -> None:
    samples = {"a": [1.0, 1.0, 1.0], "b": [9.0, 10.0, 11.0], "c": [0.0, 0.0, 0.0]}
    found = widest(samples)
    assert found is not None and found[0] == "b"
    assert widest({"c": [0.0, 0.0]}) is None and widest({}) is None


def test_rounds_follow_the_spread() -> None:
    assert next_total(5, 0.10, 0.05) == 20  # twice as wide: four times as many
    assert next_total(5, 0.50, 0.05) == 20  # at most four times as many at once
    assert next_total(20, 0.051, 0.05) == 22  # at least two more
    assert next_total(20, 0.06, 0.05) == 29


@pytest.mark.slow
@pytest.mark.parametrize("law", ["normal", "exponential"])
def test_coverage_of_stopped_runs(law: str) -> None:
    """1,000 runs that stop at 5 %: the mean of replications whose spread is 12 % (normal), or of skewed ones."""
    random, hits, counts = np.random.default_rng(6), 0, []
    for _ in range(1000):
        if law == "normal":
            numbers = 1 + 0.12 * random.standard_normal(4000)
        else:
            numbers = random.exponential(1.0, (4000, 50)).mean(axis=1)  # spread 14 %, skewness 0.28
        total = FIRST
        while (half := half_width(numbers[:total].tolist())) is not None and half > 0.05:
            total = next_total(total, half, 0.05)
        found = across(numbers[:total])
        assert found.low is not None and found.high is not None
        hits += found.low <= 1.0 <= found.high
        counts.append(total)
    assert 0.93 <= hits / 1000 <= 0.97, hits
    assert 15 < np.mean(counts) < 60
