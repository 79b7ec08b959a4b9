"""Arrival processes: counts, ramps and independence."""

from __future__ import annotations

import math

import pytest

from netsim.engine.streams import gaps
from netsim.scenario.schema_load import Arrivals
from netsim.workload.arrivals import arrival_times

S = 10**12


def times(
    kind: str, points: tuple[tuple[int, float], ...], start: int, end: int, cv: float = 1.0, rep: int = 0
) -> list[int]:
    return list(arrival_times(gaps(Arrivals(kind, points, cv), 1, rep, "users"), points, start, end))


def test_constant_gaps() -> None:
    found = times("constant", ((0, 100.0),), 0, 2 * S)
    assert found[:3] == [S // 100, 2 * S // 100, 3 * S // 100]
    assert len(found) in (199, 200)  # the last one may fall on the end by rounding


def test_poisson_count_within_four_sigma() -> None:
    # false alarm rate 6e-5
    count = len(times("poisson", ((0, 1000.0),), -5 * S, 60 * S))
    assert abs(count - 65_000) < 4 * math.sqrt(65_000)


def test_ramp_integrates_the_rate() -> None:
    found = times("constant", ((0, 0.0), (10 * S, 100.0)), 0, 20 * S)
    assert len([t for t in found if t < 10 * S]) == pytest.approx(500, abs=1)
    assert len(found) == pytest.approx(1500, abs=1)


def test_step_down_to_zero_ends() -> None:
    found = times("constant", ((0, 10.0), (S, 10.0), (S, 0.0)), 0, 100 * S)
    assert len(found) == 10 and found[-1] <= S


def test_lognormal_gaps_have_their_cv() -> None:
    found = times("lognormal", ((0, 1000.0),), 0, 60 * S, cv=0.5)
    gaps = [b - a for a, b in zip(found, found[1:], strict=False)]
    mean = sum(gaps) / len(gaps)
    cv = math.sqrt(sum((g - mean) ** 2 for g in gaps) / len(gaps)) / mean
    assert mean == pytest.approx(S / 1000, rel=0.01) and cv == pytest.approx(0.5, rel=0.03)


def test_replications_differ_and_repeat() -> None:
    a, b = (times("poisson", ((0, 100.0),), 0, S, rep=r) for r in (0, 1))
    assert a != b and a == times("poisson", ((0, 100.0),), 0, S)
