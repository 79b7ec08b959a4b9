"""Intervals against published values and against simulation of their coverage."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from netsim.stats.intervals import (
    Estimate,
    across,
    batch_means,
    quantile_over,
    rounded,
    t_quantile,
)


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [(1, 12.7062), (2, 4.3027), (4, 2.7764), (9, 2.2622), (19, 2.0930), (30, 2.0423), (120, 1.9799)],
)
def test_t_quantiles_of_the_tables(degrees: int, expected: float) -> None:
    assert t_quantile(0.975, degrees) == pytest.approx(expected, abs=5e-5)


def test_interval_of_five_replications_by_hand() -> None:
    found = across([9.0, 10.0, 11.0, 10.0, 10.0])  # s^2 = 0.5, half width 2.7764 sqrt(0.5 / 5)
    assert found.value == 10.0
    assert found.low == pytest.approx(10 - 2.776445 * math.sqrt(0.1), abs=1e-6)
    assert found.high == pytest.approx(10 + 2.776445 * math.sqrt(0.1), abs=1e-6)


def test_one_none_and_equal_samples() -> None:
    assert across([]) == Estimate(None, None, None)
    assert across([None, math.nan]) == Estimate(None, None, None)
    assert across([3.0]) == Estimate(3.0, None, None)
    assert across([3.0, None]) == Estimate(3.0, None, None)
    assert across([2.0, 2.0, 2.0]) == Estimate(2.0, 2.0, 2.0)


def test_coverage_of_the_t_interval() -> None:
    random = np.random.default_rng(1)
    samples = random.normal(5.0, 2.0, (4000, 5))
    hits = sum(e.low <= 5.0 <= e.high for row in samples if (e := across(row)).low is not None and e.high)
    assert hits / 4000 == pytest.approx(0.95, abs=0.012)


def test_coverage_of_the_interval_of_a_quantile_over_replications() -> None:
    random = np.random.default_rng(2)
    truth = 5.0 + 2.0 * 1.6448536
    found = [quantile_over(row, 0.95) for row in random.normal(5.0, 2.0, (2000, 8))]
    hits = sum(e.low is not None and e.high is not None and e.low <= truth <= e.high for e in found)
    assert hits / 2000 == pytest.approx(0.95, abs=0.02)


def test_quantile_over_replications() -> None:
    assert quantile_over([4.0, 1.0, 3.0, 2.0, 5.0], 0.95).value == 5.0
    assert quantile_over([4.0, 1.0, 3.0, 2.0, 5.0], 0.5).value == 3.0
    assert quantile_over([4.0, 1.0, 3.0], 1.0) == Estimate(4.0, 4.0, 4.0)
    assert quantile_over([0.0, 0.0, 0.0], 0.95) == Estimate(0.0, 0.0, 0.0)
    assert quantile_over([7.0], 0.95) == Estimate(7.0, None, None)
    assert quantile_over([], 0.95) == Estimate()


def test_batch_means_need_twenty_batches() -> None:
    batches = [1.0 + 0.1 * (k % 2) for k in range(20)]
    assert batch_means(1.05, batches[:19]) == Estimate(1.05, None, None)
    found = batch_means(1.05, batches)
    half = 2.093024 * math.sqrt(np.var(batches, ddof=1) / 20)
    assert found.low == pytest.approx(1.05 - half, abs=1e-7)
    assert found.high == pytest.approx(1.05 + half, abs=1e-7)
    assert batch_means(None, batches) == Estimate()
    assert batch_means(1.05, [*batches[:19], None]) == Estimate(1.05, None, None)


def test_ends_stay_possible_and_change_places() -> None:
    assert Estimate(0.9, 0.7, 1.1).within(0, 1) == Estimate(0.9, 0.7, 1.0)
    assert Estimate(0.1, None, None).within(0, 1) == Estimate(0.1, None, None)
    assert Estimate(0.5, 0.4, 0.8).falling(lambda u: 1 / u) == Estimate(2.0, 1.25, 2.5)


def test_written_numbers() -> None:
    assert Estimate(1 / 3, None, math.inf).to_dict() == {"value": 0.333333333333, "low": None, "high": None}
    assert rounded(math.nan) is None


def test_no_heavy_statistics_are_imported() -> None:
    code = (
        "import sys; from netsim.stats import across, quantile_over; across([1, 2]); quantile_over([1, 2], .95);"
        "sys.exit('scipy.stats' in sys.modules or 'pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
