"""Changes between two sets of replications, by hand, against SciPy and by their coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from netsim.stats.compare import NO_BASE, change, holm


def test_pairs_against_scipy() -> None:
    random = np.random.default_rng(1)
    a = random.normal(10, 2, 8)
    b = a + random.normal(0.3, 0.2, 8)
    found = change(a, b, paired=True)
    theirs = stats.ttest_rel(b, a)
    ends = theirs.confidence_interval(0.95)
    assert found.p == pytest.approx(theirs.pvalue)
    assert (found.difference.low, found.difference.high) == pytest.approx((ends.low, ends.high))
    assert found.relative.value == pytest.approx(b.mean() / a.mean() - 1)


def test_independent_ones_against_scipy() -> None:
    random = np.random.default_rng(2)
    a, b = random.normal(10, 2, 8), random.normal(11, 0.5, 5)
    found = change(a, b, paired=False)
    theirs = stats.ttest_ind(b, a, equal_var=False)
    ends = theirs.confidence_interval(0.95)
    assert found.p == pytest.approx(theirs.pvalue)
    assert (found.difference.low, found.difference.high) == pytest.approx((ends.low, ends.high))


def test_a_factor_in_every_pair_is_certain() -> None:
    a = [9.0, 10.0, 12.0, 13.0]
    found = change(a, [1.05 * x for x in a], paired=True)
    assert found.relative.low == pytest.approx(0.05) and found.relative.high == pytest.approx(0.05)
    assert found.p is not None and found.p < 0.01


def test_equal_and_unknown() -> None:
    same = change([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], paired=True)
    assert (same.p, same.relative.value, same.difference.high) == (1.0, 0.0, 0.0)
    assert change([None, None], [1.0, 2.0], paired=True).p is None
    assert change([1.0], [2.0], paired=False).p is None
    assert change([1.0, None, 3.0], [2.0, 5.0, 4.0], paired=True).difference.value == 1.0
    zero = change([0.0, 0.0, 0.0], [0.1, 0.2, 0.3], paired=True)
    assert zero.relative.value is None and zero.relative.reason == NO_BASE and zero.difference.value
    assert change([0.0, 0.0], [0.0, 0.0], paired=False).relative.value == 0.0


@pytest.mark.parametrize("paired", [True, False])
def test_coverage_of_the_relative_change(paired: bool) -> None:
    """2,000 repetitions: 0.93 to 0.97 is four standard deviations."""
    random, hits = np.random.default_rng(3), 0
    for _ in range(2000):
        common = random.normal(0, 1, 8) if paired else np.zeros(8)
        a, b = (mean + common + random.normal(0, 0.3, 8) for mean in (10.0, 10.5))
        found = change(a, b, paired).relative
        hits += found.low is not None and found.high is not None and found.low <= 0.05 <= found.high
    assert 0.93 <= hits / 2000 <= 0.97


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == [] and holm([0.9, 0.9]) == [1.0, 1.0]
    assert all(math.isclose(x, y) for x, y in zip(holm([0.2]), [0.2], strict=True))
