"""A log-bucketed histogram: 64 buckets per factor of two, below 1 % relative error, mergeable."""

from __future__ import annotations

from collections.abc import Mapping

SUB_BITS = 6  # 2**6 linear buckets per octave: a bucket is at most 1/64 wide, its middle at most 0.8 % off
BUCKETS = 57 << SUB_BITS  # up to 2**62


def bucket(value: int) -> int:
    """The bucket of a non-negative integer below 2**62 (also compiled)."""
    if value < 128:
        return value
    shift, rest = 0, value
    if rest >= 1 << 39:
        shift, rest = 32, rest >> 32
    if rest >= 1 << 23:
        shift, rest = shift + 16, rest >> 16
    if rest >= 1 << 15:
        shift, rest = shift + 8, rest >> 8
    if rest >= 1 << 11:
        shift, rest = shift + 4, rest >> 4
    if rest >= 1 << 9:
        shift, rest = shift + 2, rest >> 2
    if rest >= 1 << 8:
        shift, rest = shift + 1, rest >> 1
    if rest >= 1 << 7:
        shift += 1
    return (shift << 6) + (value >> shift)


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
