"""A request's way and the nodes' own views, as numbers."""

from __future__ import annotations

import pytest
from fake_results import result
from large import large

from netsim.report.overtime import clock_chart, failing, views
from netsim.report.ways import steps, way_chart, way_reading


def test_stages_at_one_place_are_one_step() -> None:
    (way, _) = large(5).data["paths"]
    found = steps(way)
    assert [(step.way, step.where, step.stages) for step in found] == [
        ("there", "outside", ("outside",)),
        ("there", "manager/cpu", ("nic.rx", "ipvs.hit")),
        ("there", "manager/eth0.tx", ("nic.tx",)),
        ("there", "worker-1", ("core.wake",)),
        ("back", "worker-1/cpu", ("tcp.send",)),
        ("back", "outside", ("outside",)),
    ]
    assert sum(step.ns for step in found) == pytest.approx(way["total_ns"])


def test_a_way_in_one_sentence() -> None:
    first, second = large(5).data["paths"]
    assert way_reading(first) == (
        "web.1 answers, entering at manager: 20.1 ms there and back when nobody waits; inside the swarm core.wake takes "
        "longest (55 µs, a sleeping core wakes up and schedules the thread)."
    )
    assert "entering" not in way_reading(second)
    assert len(way_chart(first).rows) == 7 and way_chart(first).rows[1][4] == pytest.approx(1.13)


def test_views_stand_in_the_clock() -> None:
    found = large(5, faults=2)
    assert [view.seconds["worker-5"] for view in views(found)] == [5.0, 5.0]
    chart = clock_chart(found)
    assert [row[2] for row in chart.rows if str(row[2]).startswith("view of")].count("view of worker-5") == 2
    assert chart.reading.endswith("The first node stops sending there after 4.4 s, the last after 5 s.")


def test_what_fails_is_drawn_over_the_clock() -> None:
    """3 of 10 requests fail in the small result with errors: the axis of the clock has a second drawing above it."""
    found = large(5, faults=1)
    shares = [share for _, share in failing(found)]
    assert max(shares) > 0 and all(0 <= share <= 1 for share in shares)
    assert [trace.name for trace in found.figure("failover").data][0] == "failing"
    assert failing(result()) == []
