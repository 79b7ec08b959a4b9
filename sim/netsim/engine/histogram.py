"""A log-bucketed histogram: 128 buckets per factor of two below 1 % relative error, mergeable."""

from __future__ import annotations

from collections.abc import Mapping

SUB_BITS = 7  # 2**7 linear buckets per octave: a bucket is at most 1/128 = 0.8 % wide


def bucket(value: int) -> int:
    """The bucket of a non-negative integer."""
    if value < 1 << SUB_BITS:
        return value
    shift = value.bit_length() - 1 - SUB_BITS
    return (shift << SUB_BITS) + (value >> shift)


def low(index: int) -> int:
    """The smallest value of a bucket."""
    if index < 2 << SUB_BITS:
        return index
    shift = (index >> SUB_BITS) - 1
    return ((index & ((1 << SUB_BITS) - 1)) | (1 << SUB_BITS)) << shift


def middle(index: int) -> float:
    """The value that stands for a bucket."""
    return (low(index) + low(index + 1) - 1) / 2


def quantile(counts: Mapping[int, int], q: float) -> float | None:
    """The q-quantile, or None of an empty histogram."""
    total = sum(counts.values())
    if total == 0:
        return None
    rank = max(1, -(-int(q * total * 1_000_000) // 1_000_000))
    seen = 0
    for index in sorted(counts):
        seen += counts[index]
        if seen >= rank:
            return middle(index)
    return middle(max(counts))
