"""The numbers behind the drawings of a report."""

from __future__ import annotations

import base64
import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from fake_results import S, record, result
from large import large

from netsim.report.answer import numbers, recommended_size, state, verdict, worst_outage
from netsim.report.busy import headrooms, heatmap, heatmap_chart, node_rows
from netsim.report.chart import MOST_ROWS, Chart
from netsim.report.content import charts
from netsim.report.data import busiest
from netsim.report.latencies import spread, spread_chart, waterfall, waterfall_reading
from netsim.report.overtime import clock_chart, errors, errors_chart, marks, phases
from netsim.report.topology import band, groups, topology_chart
from netsim.results.result import Result


def busy(use: float, kind: str = "node_cpu", station: str = "worker-1/cpu", node: str = "worker-1") -> Result:
    """A result whose bottleneck is that station, busy for that share, known to 10 %."""
    found = result()
    ends = {"value": use, "low": use * 0.9, "high": use * 1.1}
    room = {"value": 1 / use - 1, "low": 1 / (use * 1.1) - 1, "high": 1 / (use * 0.9) - 1}
    found.data["bottleneck"] = {"station": station, "utilisation": ends, "headroom": room}
    found.stations_all[station] = {
        **found.stations_all["worker-1/cpu"],
        "kind": kind,
        "node": node,
        "utilisation": ends,
    }
    return found


@pytest.mark.parametrize(
    ("use", "wanted", "low", "high"),
    [(0.7, 2, 2, 3), (0.35, 1, 1, 2), (0.71, 3, 2, 3), (0.14, 1, 1, 1)],
)
def test_size_is_nodes_times_utilisation_over_70_percent(
    use: float, wanted: int, low: int, high: int
) -> None:
    """Two workers: 2 x use / 0.7, rounded up, and the same for the ends of the interval."""
    size = recommended_size(busy(use))
    assert size is not None
    assert (size.what, size.now, size.wanted, size.low, size.high) == ("worker nodes", 2, wanted, low, high)


def test_size_where_worker_pools_are_the_limit_is_in_tasks() -> None:
    size = recommended_size(busy(0.84, "workers", "web.1/workers"))
    assert size is not None and (size.what, size.now, size.wanted) == ("tasks of web", 2, 3)


def test_size_is_unknown_where_nodes_do_not_make_the_limit() -> None:
    assert recommended_size(busy(0.9, "switch", "switch/outside", "outside")) is None
    shown = {
        number.label: number.value for number in numbers(busy(0.9, "switch", "switch/outside", "outside"))
    }
    assert shown["Recommended size"] == "unknown"


def test_four_numbers_in_words() -> None:
    shown = {number.label: number for number in numbers(busy(0.8))}
    assert list(shown) == ["Capacity remaining", "What limits it", "Worst outage", "Recommended size"]
    assert shown["Capacity remaining"].value == "+25 %" and shown["Capacity remaining"].estimate
    assert shown["Capacity remaining"].interval == "13.6 % to 38.9 %"
    assert shown["What limits it"].value == "worker-1/cpu"
    assert shown["Recommended size"].value == "3 worker nodes"
    assert numbers(busy(0.1))[0].value == "10 × the load"


def table(used: float, station_use: float = 0.1) -> Result:
    """A result whose source ports are used that much, by the load that its bottleneck is busy with."""
    found = busy(station_use)
    row = {
        "id": "snat-ports",
        "where": "manager-1 to a task of web",
        "used": used,
        "max": 64_512,
        "help": None,
    }
    found.data["limits"] = [row, {**row, "id": "addresses", "used": 250, "max": 254}]
    return found


def test_a_table_that_is_used_up_before_a_station_is_full_is_the_limit() -> None:
    shown = {number.label: number for number in numbers(table(48_384))}
    assert shown["Capacity remaining"].value == "+33.3 %"
    assert shown["What limits it"].value == "source ports (manager-1 to a task of web)"
    assert shown["What limits it"].remark == "48,384 of 64,512, counted from the load"
    assert shown["Recommended size"].value == "unknown" and "kept" in shown["Recommended size"].remark
    assert verdict(table(48_384))[1].startswith("It carries this load; the source ports (manager-1")


def test_a_table_that_is_too_small_is_why_requests_fail() -> None:
    found = table(84_000)
    found.data["workloads"]["users"].update(completed=700, failed=200)
    head, text = verdict(found)
    assert head == "Too small" and "asks for 84,000 source ports" in text and "there are 64,512" in text
    shown = {number.label: number for number in numbers(found)}
    assert shown["Capacity remaining"].value == "none" and "1.3 times" in shown["Capacity remaining"].remark
    assert any("Before that, the source ports" in sentence for sentence in busiest(found))


def test_a_station_that_is_full_before_a_table_is_the_limit() -> None:
    shown = {number.label: number.value for number in numbers(table(6_451.2, station_use=0.8))}
    assert shown["What limits it"] == "worker-1/cpu" and shown["Capacity remaining"] == "+25 %"
    assert not any("Before that" in sentence for sentence in busiest(table(6_451.2, station_use=0.8)))


def test_cost_only_where_there_are_prices() -> None:
    priced = busy(0.8)
    assert len(numbers(priced)) == 4
    priced.data["setup"]["nodes"][1]["price_per_h"] = 0.5
    cost = numbers(priced)[4]
    assert cost.value == "1.5/h" and "now 1/h" in cost.remark and "without manager" in cost.remark


@pytest.mark.parametrize(("use", "kind"), [(0.3, "enough"), (0.7, "enough"), (0.71, "tight"), (0.96, "full")])
def test_states(use: float, kind: str) -> None:
    assert state(busy(use)) == kind


def test_verdict_tells_what_fails() -> None:
    failing = busy(0.5)
    failing.data["expectations"] = [{"status": "fail"}, {"status": "pass"}]
    head, text = verdict(failing)
    assert head == "Expectations fail" and "1 of 2 expectations fail" in text and "worker-1" in text
    lossy = busy(0.5)
    lossy.data["workloads"]["users"].update(completed=900, failed=100)
    assert verdict(lossy)[0] == "It fails" and "10 %" in verdict(lossy)[1]
    idle = result()
    idle.data["bottleneck"] = {"station": None, "utilisation": {}, "headroom": {}}
    assert verdict(idle)[0] == "Idle" and numbers(idle)[0].value == "unknown"


def test_the_worst_outage_is_over_workloads_and_faults() -> None:
    assert worst_outage(result()).seconds == 0
    worst = worst_outage(large(5, faults=3))
    assert worst.seconds == pytest.approx(0.9) and worst.who == "crash worker-3 at 4 s"


def test_faults_without_load_answer_with_the_slowest_recovery() -> None:
    found = large(5, faults=2)
    found.data["workloads"] = {}
    found.data["bottleneck"] = {"station": None, "utilisation": {}, "headroom": {}}
    head, text = verdict(found)
    assert head == "Whole again" and "21.5 s until all is whole again after crash worker-1 at 2 s" in text
    third = numbers(found)[2]
    assert (third.label, third.value, third.interval) == ("Slowest recovery", "21.5 s", "20.4 s to 22.6 s")
    found.data["failovers"][1]["whole_s"]["samples"][2] = None
    assert verdict(found)[0] == "Not always whole" and "After crash worker-2" in verdict(found)[1]


def test_spread_counts_every_completed_request_where_it_belongs() -> None:
    logs = [record(k).workloads["users"].log for k in range(3)]
    exact = np.sort(np.concatenate([log.finish_ps - log.start_ps for log in logs])) / S
    steps = spread(result().data["workloads"]["users"])
    assert sum(step.count for step in steps) == len(exact) == 3000
    for step in steps:
        assert step.count == np.sum((exact >= step.low_s * (1 - 1e-12)) & (exact < step.high_s * (1 - 1e-12)))
        assert step.slower == pytest.approx(np.mean(exact >= step.high_s * (1 - 1e-12)))
        assert step.high_s / step.low_s < 1.13
    assert steps[-1].slower == 0


def test_an_earlier_result_has_no_spread() -> None:
    old = result()
    for found in old.data["workloads"].values():
        del found["latency_histogram"], found["errors_over_time"]
    assert spread(old.data["workloads"]["users"]) == [] and errors(old) == []
    assert spread_chart(old).rows == []


def test_waterfall_goes_without_gaps_to_the_quantile() -> None:
    found = result().data["workloads"]["users"]
    falls = waterfall(found, "p99")
    assert [fall.part.stage for fall in falls] == ["app.work", "queue:cpu"]
    for before, after in zip(falls, falls[1:], strict=False):
        assert after.begin_s == pytest.approx(before.begin_s + before.part.seconds)
    assert falls[-1].begin_s + falls[-1].part.seconds == pytest.approx(found["latency_s"]["p99"]["value"])
    assert waterfall_reading(found).startswith("75 % of the p99 is the application's own processor time")
    assert "25 % of the p99" in waterfall_reading(found)


def test_errors_over_time_sum_to_the_errors() -> None:
    found = result(errors=30)
    rows = errors(found)
    width = found.data["workloads"]["users"]["errors_over_time"]["slice_s"]
    assert sum(per_s for *_, per_s in rows) * width * 3 == pytest.approx(
        found.data["workloads"]["users"]["errors"]["timeout"]
    )
    assert {cause for _, _, cause, _ in rows} == {"timeout"}
    # The 30 that fail are those in the middle of 1,000 sorted starts in 10 s.
    assert max(rows, key=lambda row: row[3])[0] == pytest.approx(5, abs=0.5)
    assert "100 % of the failures are timeout" in errors_chart(found).reading
    assert errors_chart(result()).reading == "No request failed."


def test_marks_are_told_once_in_order() -> None:
    assert [(mark.t_s, mark.text) for mark in marks(large(5, faults=2))] == [
        (2.0, "crash worker-1"),
        (3.0, "crash worker-2"),
    ]
    assert marks(result()) == []


def test_the_clock_has_only_hands_that_moved() -> None:
    found = phases(large(5, faults=1))
    assert [(p.phase, p.seconds) for p in found] == [
        ("exit seen", 0.2), ("node down", 16.0), ("rows gone", 4.5), ("replaced", 19.0), ("whole", 21.5), ("outage felt", 0.7),
    ]  # fmt: skip
    assert (
        clock_chart(large(5, faults=1)).reading
        == "The longest until all is whole again is 21.5 s, after crash worker-1. The first node stops sending there after "
        "4.4 s, the last after 5 s."
    )


def test_heatmap_of_few_nodes_has_each() -> None:
    columns = heatmap(large(5))
    assert [column.label for column in columns] == ["manager", *(f"worker-{k}" for k in range(1, 6))]
    assert columns[5].shares == pytest.approx((0.05, 0.05 / 3, 0.05 / 4))


def test_heatmap_of_many_nodes_shows_the_busiest_of_each_column() -> None:
    found = large(1000)
    columns = heatmap(found)
    assert len(columns) <= 61 and sum(column.nodes for column in columns) == 1001
    assert columns[1].shares[0] == 0.79  # worker-79, worker-159, ...
    shares = [column.shares[0] or 0.0 for column in columns[1:]]
    assert shares == sorted(shares, reverse=True)
    assert "up to 17 nodes" in heatmap_chart(found).reading and len(node_rows(found)) == 1001


def test_headroom_is_one_over_utilisation_of_the_busiest_of_each_kind() -> None:
    found = headrooms(large(79))
    assert [(h.kind, h.station) for h in found] == [
        ("node_cpu", "worker-79/cpu"), ("workers", "web.79/workers"), ("nic_tx", "worker-79/eth0.tx"), ("switch", "switch/worker-79"),
    ]  # fmt: skip
    assert [h.times for h in found] == pytest.approx([1 / 0.79, 2 / 0.79, 3 / 0.79, 4 / 0.79])


def test_topology_groups_nodes_and_counts_them_by_band() -> None:
    manager, worker = groups(large(1000))
    assert (manager.name, manager.count, len(manager.machines)) == ("manager", 1, 1)
    assert worker.count == 1000 and not worker.machines
    expected = [sum(band(k % 80 / 100) == number for k in range(1, 1001)) for number in range(5)]
    assert [(number, n) for number, _, n in worker.bands] == [(k, n) for k, n in enumerate(expected) if n]
    assert worker.busiest is not None and worker.busiest.cpu == 0.79
    assert worker.link == pytest.approx(0.79 / 3) and worker.services == [("web", 1000)]
    assert "1001 nodes in 2 groups" in topology_chart(large(1000)).reading
    assert len(groups(large(5))[1].machines) == 5


@pytest.mark.parametrize(("share", "number"), [(0, 0), (0.299, 0), (0.3, 1), (0.7, 3), (0.9, 4), (1.0, 4)])
def test_bands(share: float, number: int) -> None:
    assert band(share) == number


def test_csv_has_all_rows_and_the_page_the_first() -> None:
    chart = Chart("t", "r", ("a", "b"), [(k, 0.1) for k in range(MOST_ROWS + 5)])
    assert len(chart.shown) == MOST_ROWS
    head, _, data = chart.csv_uri.partition(",")
    assert head == "data:text/csv;base64"
    rows = list(csv.reader(io.StringIO(base64.b64decode(data).decode())))
    assert rows[0] == ["a", "b"] and len(rows) == MOST_ROWS + 6 and rows[-1] == ["204", "0.1"]


@pytest.mark.parametrize(
    "found", [result(), result(errors=30), large(5, faults=2)], ids=["plain", "errors", "faults"]
)
def test_every_chart_has_one_reading_and_rows_as_wide_as_its_columns(found: Result) -> None:
    for key, chart in charts(found).items():
        assert chart.title and chart.reading.endswith("."), key
        assert all(len(row) == len(chart.columns) for row in chart.rows), key


def test_an_outage_by_a_fault_is_no_fault_of_the_load() -> None:
    """All failed requests began after the crash, and none fail in the last slice: the load itself fits."""
    found = large(5, faults=1)
    use = {"value": 0.5, "low": 0.45, "high": 0.55}
    found.data["bottleneck"] = {
        "station": "worker-3/cpu",
        "utilisation": use,
        "headroom": {"value": 1.0, "low": 0.8, "high": 1.2},
    }
    failed = sum(w["failed"] for w in found.data["workloads"].values())
    found.data["failovers"][0]["failed"] = failed
    end = max(row.t_s for row in found.series_rows)
    calm = [replace(row, failed_per_s=0.0) if row.t_s == end else row for row in found.series_rows]
    after = Result(found.data, found.stations_all, calm)
    head, text = verdict(after)
    assert head == "Enough, with an outage"
    assert "Crash worker-1 is felt for" in text and "of all requests fail" in text
    found.data["failovers"][0]["failed"] = failed // 2  # the other half failed without it
    assert verdict(after)[0] == "It fails"


def test_a_table_that_is_far_from_full_leaves_the_size_to_the_nodes() -> None:
    found = busy(0.05)
    limit = {"id": "conntrack", "where": "manager", "used": 50.0, "max": 100.0, "status": "ok", "help": None}
    found.data["limits"] = [limit]
    shown = {number.label: number.value for number in numbers(found)}
    assert shown["What limits it"].startswith("entries for tracked connections")
    assert shown["Recommended size"] == "1 worker node"
    found.data["limits"] = [{**limit, "used": 90.0}]
    assert {number.label: number.value for number in numbers(found)}["Recommended size"] == "unknown"
