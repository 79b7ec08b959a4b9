"""Max-min fair shares of one capacity."""

from __future__ import annotations

from collections.abc import Iterable


def level(capacity: float, groups: Iterable[tuple[float, float]]) -> float:
    """The share of a group of weight 1, if none gets more than it can use.

    ``groups``: weight and the most that a group can use, in the unit of ``capacity``. A group gets the smaller of its
    weight times the level and what it can use; infinite if all of them get what they can use.
    """
    left = capacity
    waiting = sorted(groups, key=lambda group: group[1] / group[0])
    weights = sum(weight for weight, _ in waiting)
    for weight, most in waiting:
        if most * weights > left * weight:
            return left / weights
        left -= most
        weights -= weight
    return float("inf")
