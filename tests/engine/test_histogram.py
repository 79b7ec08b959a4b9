"""The log-bucketed histogram: bounds, order and quantiles."""

from hypothesis import given
from hypothesis import strategies as st

from netsim.engine.histogram import bucket, low, middle, quantile


@given(st.integers(0, 10**19))
def test_a_value_lies_in_its_bucket_and_the_bucket_is_narrow(value: int) -> None:
    index = bucket(value)
    assert low(index) <= value < low(index + 1)
    assert low(index + 1) - low(index) <= max(1, value / 64)


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.99]))
def test_a_quantile_is_within_one_percent_of_the_exact_one(values: list[int], q: float) -> None:
    counts: dict[int, int] = {}
    for value in values:
        counts[bucket(value)] = counts.get(bucket(value), 0) + 1
    found = quantile(counts, q)
    rank = max(1, -(-int(q * len(values) * 1_000_000) // 1_000_000))
    exact = sorted(values)[rank - 1]
    assert found is not None
    assert abs(found - exact) <= max(1, exact * 0.01)


def test_an_empty_histogram_has_no_quantile() -> None:
    assert quantile({}, 0.5) is None
    assert middle(bucket(100)) == 100.0
