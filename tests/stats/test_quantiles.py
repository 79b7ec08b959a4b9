"""Intervals of quantiles within one run, by hand and by their limits. Coverage is in test_coverage.py."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from netsim.stats.intervals import DEPENDENT, FEW_BATCHES
from netsim.stats.quantiles import least_for_interval, least_for_value, quantile_levels


def batches(count: int, size: int, seed: int = 1) -> np.ndarray:
    """Independent numbers in 1,000 equally likely bins."""
    random = np.random.default_rng(seed)
    return np.stack([np.bincount(random.integers(0, 1000, size), minlength=1000) for _ in range(count)])


@pytest.mark.parametrize(
    ("p", "value", "interval"), [(0.5, 2, 20), (0.9, 10, 100), (0.99, 100, 1000), (0.999, 1000, 10_000)]
)
def test_how_many_requests_are_needed(p: float, value: int, interval: int) -> None:
    assert least_for_value(p) == value
    assert least_for_interval(p) == interval


def test_independent_requests_get_the_ranks_of_the_binomial() -> None:
    """Conover's ranks for the median of n = 20,000; few batches may make it up to a quarter wider or narrower."""
    levels = quantile_levels(batches(20, 1000), 0.5)
    assert not isinstance(levels, str)
    low, high = (binom.ppf(q, 20_000, 0.5) / 20_000 for q in (0.025, 0.975))
    assert levels[1] - levels[0] == pytest.approx(high - low, rel=0.25)
    assert sum(levels) / 2 == pytest.approx(0.5, abs=0.001)


def test_copies_of_requests_do_not_narrow_it() -> None:
    """Every request four times: four times the number, the same knowledge."""
    once = batches(20, 250)
    alone, copied = quantile_levels(once, 0.9), quantile_levels(4 * once, 0.9)
    assert not isinstance(alone, str) and not isinstance(copied, str)
    assert copied[1] - copied[0] >= 0.97 * (alone[1] - alone[0])


def test_a_tail_is_told_without_a_quantile_in_any_batch() -> None:
    levels = quantile_levels(batches(20, 60), 0.95)
    assert not isinstance(levels, str) and levels[0] < 0.95 < levels[1] < 1


def test_reasons() -> None:
    assert quantile_levels(batches(19, 100), 0.5) == FEW_BATCHES
    few = quantile_levels(batches(20, 40), 0.99)
    assert isinstance(few, str) and "800 requests" in few and "needs 1,000" in few
    rising = np.zeros((20, 40), np.int64)
    for k in range(20):
        rising[k, k : k + 20] = 10
    assert quantile_levels(rising, 0.5) == DEPENDENT
