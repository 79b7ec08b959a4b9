"""The rule of outage: 100 ms, 20 requests, 1 %."""

from __future__ import annotations

import pytest
from fake_results import MS, S, workload

from netsim.engine.record import FATES
from netsim.results.outage import outage_s

TIMEOUT = FATES.index("timeout")


def spread(per_bucket: list[int], failed: dict[int, int], fate: int = TIMEOUT) -> float:
    """Outage of buckets of 100 ms with so many requests, of which so many failed."""
    start: list[int] = []
    fates: list[int] = []
    for k, n in enumerate(per_bucket):
        start += [k * 100 * MS + j * 100 * MS // max(n, 1) for j in range(n)]
        fates += [fate] * failed.get(k, 0) + [0] * (n - failed.get(k, 0))
    return outage_s(
        workload(start, [MS] * len(start), fates, duration=len(per_bucket) * 100 * MS),
        len(per_bucket) * 100 * MS,
    )


def test_each_full_bucket_counts_alone() -> None:
    assert spread([20] * 10, {}) == 0
    assert spread([20] * 10, {3: 1}) == pytest.approx(0.1)
    assert spread([20] * 10, {3: 1, 4: 20, 9: 2}) == pytest.approx(0.3)


def test_exactly_one_percent_is_no_outage() -> None:
    assert spread([100] * 3, {1: 1}) == 0
    assert spread([100] * 3, {1: 2}) == pytest.approx(0.1)


def test_sparse_buckets_are_merged_until_they_hold_twenty() -> None:
    assert spread([5] * 8, {1: 1}) == pytest.approx(0.4)  # the first four together
    assert spread([5] * 8, {6: 1}) == pytest.approx(0.4)


def test_what_is_left_over_joins_the_last_one() -> None:
    assert spread([20, 20, 3], {2: 1}) == pytest.approx(0.2)
    assert spread([20, 20, 0, 0], {1: 1}) == pytest.approx(0.3)
    assert spread([20, 20, 0, 0], {0: 1}) == pytest.approx(0.1)
    assert spread([3, 4], {0: 1}) == pytest.approx(0.2)  # never twenty: all of it


def test_in_flight_at_the_end_has_not_failed() -> None:
    assert spread([20] * 3, {1: 20}, fate=-1) == 0


def test_no_requests_no_outage() -> None:
    assert outage_s(workload([], []), 10 * S) == 0


def test_a_short_last_bucket_has_its_own_length() -> None:
    start = [k * MS for k in range(140)]
    fates = [0] * 100 + [TIMEOUT] * 40
    assert outage_s(workload(start, [MS] * 140, fates, duration=140 * MS), 140 * MS) == pytest.approx(0.04)
