"""The numbers behind the page of a sweep, of a plan and of a comparison."""

from __future__ import annotations

import copy

import pytest
from fake_results import result
from sweeps_by_hand import plan, sweep

from netsim.report import comparisons
from netsim.results.compare import compare_results
from netsim.sweep import page as sweeps
from netsim.sweep import plan_page as plans
from netsim.sweep.answers import (
    answer,
    curve_reading,
    curves,
    front,
    front_reading,
    map_reading,
    maps,
    responses,
    shown,
)


def test_the_cheapest_point_that_meets_all() -> None:
    """4.6 / (150 n - load) < 25 ms, so 184/s must be spare: 2 nodes carry 100/s for 0.2 an hour, 3 nodes 200/s, 4 300/s."""
    assert answer(sweep()) == (
        "6 of 9 points meet all expectations; the cheapest is point 0 (nodes.node.count 2, load.users.arrivals 100/s) for "
        "0.2 per hour."
    )
    assert "Give the node groups a price" in answer(sweep(price=False))
    assert "users.latency.p99 is least at point 6" in answer(sweep(expect=False))


def test_where_nothing_ran() -> None:
    found = sweep()
    found.points = found.points[-1:]
    assert answer(found) == "No point could be run."
    assert responses(found) == [] and curves(found) == [] and maps(found) == [] and front(found) is None
    assert "No point could be run" in sweeps.render(found)


def test_the_knee_is_where_throughput_over_latency_is_greatest() -> None:
    """Of M/M/1 that is at half the capacity: 100/s x 200/s, 200/s x 100/s of 300/s; 450/s has it at 225/s."""
    found = {curve.fixed: curve for curve in curves(sweep())}
    assert list(found) == [f"nodes.node.count {n}" for n in (2, 3, 4)]
    assert [curve.knee for curve in found.values()] == [None, 1, None]
    three = found["nodes.node.count 3"]
    assert three.loads == [100, 200, 300] and three.p99[1] == pytest.approx(4.6 / 250) and three.unit == "/s"
    assert curve_reading(list(found.values())) == (
        "The knee is at about 200/s (nodes.node.count 3), where p99 is 18.4 ms; the other curves have none within the loads "
        "tried. Beyond it latency grows faster than what is carried."
    )
    assert curve_reading([found["nodes.node.count 2"]]).startswith("There is no knee within the loads tried")


def test_a_response_is_the_mean_over_points_with_its_band() -> None:
    one = next(
        r for r in responses(sweep()) if (r.path, r.metric) == ("nodes.node.count", "bottleneck.utilisation")
    )
    assert one.values == ["2", "3", "4"]
    assert one.mean == pytest.approx([(1 / 3 + 2 / 3 + 1) / 3, 600 / 450 / 3, 600 / 600 / 3])
    assert (one.least[2], one.greatest[2]) == pytest.approx((1 / 6, 1 / 2))
    assert one.reading() == "bottleneck.utilisation is least (33.3 %) at 4 and greatest (66.7 %) at 2."


def test_a_map_has_a_cell_for_each_pair() -> None:
    (one,) = maps(sweep())
    assert (one.xs, one.ys) == (["2", "3", "4"], ["100/s", "200/s", "300/s"])
    assert one.rows[0] == pytest.approx([4.6 / 200, 4.6 / 350, 4.6 / 500])
    assert map_reading(one).startswith(
        "users.latency.p99 goes from 9.2 ms (nodes.node.count 4, load.users.arrivals 100/s)"
    )


def test_what_cannot_be_beaten() -> None:
    """By price: with equal nodes the least load has the least p99. By throughput, where nothing is priced: the most nodes."""
    by_price = front(sweep())
    assert by_price is not None and by_price.cost == "price_per_h"
    assert [c.number for c in by_price.candidates if c.best] == [0, 3, 6]
    by_load = front(sweep(price=False))
    assert by_load is not None and by_load.more
    assert [c.number for c in by_load.candidates if c.best] == [6, 7, 8]
    assert (
        front_reading(by_load)
        == "Points 6, 7, 8 of 9 cannot be beaten: wherever more is carried, users.latency.p99 is greater."
    )


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [("users.latency.p99", 0.0123, "12.3 ms"), ("users.errors", 0.01, "1 %"), ("failover.1.node_down.reached", 0.5, "50 %"),
     ("failover.1.node_down", 16.0, "16 s"), ("price_per_h", 1.5, "1.5"), ("users.throughput", None, "-")],
)  # fmt: skip
def test_numbers_have_their_unit(metric: str, value: float | None, text: str) -> None:
    assert shown(metric, value) == text


def test_a_plan_shows_where_what_is_kept_is_lost() -> None:
    found = plan()
    chart = plans.kept_chart(found, 0)
    assert chart.reading == "users.latency.p99 < 50ms: surely met up to 200/s, surely not at 220/s."
    assert [row[0] for row in chart.rows] == [100, 200, 208, 220]
    assert [row[-1] for row in chart.rows] == ["holds", "holds", "cannot be decided", "fails"]
    labels = {number["label"]: (number["value"], number["interval"]) for number in plans.numbers(found)}
    assert labels == {
        "Most load": ("208/s", "200/s to 220/s"), "The scenario has": ("104/s", ""), "What limits it": ("web.1/workers", ""),
        "Time left": ("23.4 months", "22.1 to 25.3 months"),
    }  # fmt: skip
    assert plans.points_chart(found).reading == "3 of 4 points are decided."


def test_both_sides_of_a_comparison() -> None:
    other = copy.deepcopy(result())
    other.data["samples"]["workloads.users.latency_s.p99"] = [
        2 * x for x in other.data["samples"]["workloads.users.latency_s.p99"]
    ]
    p99 = other.data["workloads"]["users"]["latency_s"]["p99"]
    other.data["workloads"]["users"]["latency_s"]["p99"] = {key: 2 * value for key, value in p99.items()}
    found = compare_results(result(), other, ("before", "after"))
    rows = {row[0]: row[1:] for row in comparisons.both(found)}
    assert rows["users p99"][0] != rows["users p99"][1] and rows["users p50"][0] == rows["users p50"][1]
    first = comparisons.shown(found)[0]
    assert (first.what, first.verdict, first.change.relative.value) == (
        "users.latency.p99",
        "worse",
        pytest.approx(1.0),
    )
    assert "1 worse and 0 better" in comparisons.changes_chart(found).reading
    page = comparisons.render(found)
    assert "before" in page and "after" in page and "Regression: worse beyond doubt" in page
