"""Designs of points, and constraints between varied values."""

from __future__ import annotations

import pytest

from netsim.sweep.axes import AxisError, Listed, Ranged, axis, points
from netsim.sweep.constraints import Constraint, ConstraintError


def test_a_grid_has_every_combination_in_order() -> None:
    axes = {"a": axis([1, 2]), "b": axis({"from": "100/s", "to": "300/s", "steps": 3})}
    found = points(axes, "grid", 0, 1)
    assert found == [{"a": a, "b": b} for a in "12" for b in ("100/s", "200/s", "300/s")]


def test_ranges() -> None:
    assert axis({"from": 1, "to": 4, "steps": 9}).grid() == ("1", "2", "3", "4")
    assert axis({"from": "1ms", "to": "100ms", "steps": 3, "log": True}).grid() == ("1ms", "10ms", "100ms")
    assert axis({"from": 0.5, "to": 1, "steps": 2}).grid() == ("0.5", "1")
    assert axis([{"poisson": "5/s"}, "200/s", True]) == Listed(('{"poisson": "5/s"}', "200/s", "true"))


@pytest.mark.parametrize("design", ["lhs", "sobol"])
def test_samples_fill_the_space_and_repeat(design: str) -> None:
    axes = {"n": axis({"from": 1, "to": 8}), "t": axis({"from": "0ms", "to": "64ms"}), "x": axis(["a", "b"])}
    found = points(axes, design, 64, 7)
    assert found == points(axes, design, 64, 7) != points(axes, design, 64, 8)
    assert len(found) == 64
    assert {point["n"] for point in found} == set("12345678")
    # Both designs have one point in each of 64 equal parts of every axis.
    assert sorted(int(float(point["t"].removesuffix("ms"))) for point in found) == list(range(64))
    assert sum(point["x"] == "a" for point in found) == 32
    assert all(sum(p["n"] == n for p in found) == 8 for n in "12345678")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "expected a list of values, got an empty list"),
        (3, "expected a list of values, or {from: LOW, to: HIGH}, got 3"),
        ({"from": "1ms", "to": "2s"}, "expected the same unit for from and to, got ms and s"),
        ({"from": 1}, "expected a number with its unit for to, got nothing"),
        ({"from": 0, "to": 3, "log": True}, "expected from above 0 with log, got 0"),
        ({"from": 5, "to": 3}, "expected from below to, got 5"),
        ({"from": 1, "to": 3, "step": 2}, "expected from, to, steps or log, got step"),
        ({"from": 1, "to": 3, "steps": 0}, "expected a whole number from 1 to 100000 for steps, got 0"),
    ],
)
def test_what_cannot_be_varied(value: object, message: str) -> None:
    with pytest.raises(AxisError) as error:
        axis(value)
    assert str(error.value) == message


def test_whole_ranges_end_at_their_ends() -> None:
    one = axis({"from": 3, "to": 5})
    assert isinstance(one, Ranged)
    assert (one.at(0), one.at(0.5), one.at(0.999999), one.at(1)) == ("3", "4", "5", "5")


PATHS = ("services.web.replicas", "services.web-2.replicas", "load.users.arrivals")


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("services.web.replicas * 2 >= services.web-2.replicas", True),
        ("services.web.replicas > services.web-2.replicas", False),
        ("load.users.arrivals <= 100/s * services.web.replicas", True),
        ("not (services.web.replicas == 4) or load.users.arrivals < 1/s", False),
        ("3 < services.web.replicas < 5 and -1 < 0", True),
        ("services.web.replicas / 0 > 1", False),
    ],
)
def test_constraints(text: str, holds: bool) -> None:
    point = {"services.web.replicas": "4", "services.web-2.replicas": "8", "load.users.arrivals": "400/s"}
    assert Constraint(text, PATHS).holds(point) is holds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("services.web.replicas > __import__('os')", "column 25: expected numbers, varied paths, + - * / and comparisons, got __import__('os')"),
        ("services.api.replicas > 3", "column 1: expected numbers, varied paths, + - * / and comparisons, got services.api.replicas"),
        ("services.web.replicas >", "column 24: expected a comparison of numbers and varied paths, got the end"),
        ("load.users.arrivals > 3parsecs", "column 23: expected a number with a known unit, got 3parsecs"),
        ("services.web.replicas + 1", "column 1: expected a comparison, got services.web.replicas + 1"),
    ],
)  # fmt: skip
def test_what_is_no_constraint(text: str, message: str) -> None:
    with pytest.raises(ConstraintError) as error:
        Constraint(text, PATHS)
    assert str(error.value) == message
