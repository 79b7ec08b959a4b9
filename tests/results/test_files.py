"""The files: whole or not there, equal for equal runs, and readable again."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fake_results import result

from netsim.results import files
from netsim.results.errors import ResultError
from netsim.results.files import load_result, save, write_atomic

EXPECT = ("users.latency.p99 < 1s", "users.errors > 50%", "failover.whole_s < 20s")


def test_all_files(tmp_path: Path) -> None:
    paths = result(*EXPECT).save(tmp_path / "new" / "folder")
    names = ["result.json", "timeseries.csv", "stations.csv", "junit.xml", "report.html"]
    assert [os.path.basename(p) for p in paths] == names
    assert sorted(os.listdir(tmp_path / "new" / "folder")) == sorted(names)


def test_no_junit_without_expectations_and_an_old_one_goes(tmp_path: Path) -> None:
    save(result(*EXPECT), tmp_path)
    assert (tmp_path / "junit.xml").exists()
    save(result(), tmp_path)
    assert not (tmp_path / "junit.xml").exists()


def test_equal_runs_differ_in_wall_time_only(tmp_path: Path) -> None:
    save(result(*EXPECT, wall_s=1.0), tmp_path / "a")
    save(result(*EXPECT, wall_s=2.0), tmp_path / "b")
    for name in ("timeseries.csv", "stations.csv", "report.html"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    a, b = (json.loads((tmp_path / x / "result.json").read_text()) for x in "ab")
    assert (a["manifest"].pop("wall_s"), b["manifest"].pop("wall_s")) == (1.0, 2.0)
    assert a == b and list(a["stations"]) == list(b["stations"])


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomic(tmp_path / "x", "old")

    def fail(source: object, target: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomic(tmp_path / "x", "new")
    assert (tmp_path / "x").read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]


def test_round_trip(tmp_path: Path) -> None:
    first = result(*EXPECT)
    save(first, tmp_path)
    for path in (tmp_path, tmp_path / "result.json"):
        again = load_result(path)
        assert again.data == json.loads(json.dumps(first.data))
        assert list(again.stations_all) == list(first.stations_all)
        assert len(again.series_rows) == len(first.series_rows)
        assert again.status == "fail"
    (tmp_path / "stations.csv").unlink()
    (tmp_path / "timeseries.csv").unlink()
    assert load_result(tmp_path).stations_all == first.data["stations"]


def test_tables(tmp_path: Path) -> None:
    save(result(), tmp_path)
    with (tmp_path / "timeseries.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 50 and rows[3]["t_s"] == "0.6" and rows[3]["workload"] == "users"
    with (tmp_path / "stations.csv").open() as stream:
        stations = list(csv.DictReader(stream))
    assert len(stations) == 8 and stations[0]["station"] == "worker-1/cpu0"
    assert float(stations[0]["utilisation"]) == pytest.approx(0.71)


def test_junit(tmp_path: Path) -> None:
    save(result(*EXPECT), tmp_path)
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    good, bad, open_one = suite.findall("testcase")
    assert good.get("name") == "users.latency.p99 < 1s" and len(good) == 0
    failure = bad.find("failure")
    assert failure is not None and failure.get("message") == "found 0 % (95 %: 0 % to 0 %)"
    assert open_one.find("skipped") is not None


def test_frames() -> None:
    found = result(errors=10)
    assert found.workloads.loc["users", "errors_timeout"] == 30
    assert found.workloads.loc["users", "latency_s_p99_low"] > 0
    assert found.stations.index[0] == "worker-1/cpu0"
    assert found.nodes.loc["worker-1", "tasks"] == 1
    assert list(found.timeseries.columns)[:3] == ["t_s", "workload", "started_per_s"]
    assert "tiny" in repr(found)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        ("not json", "expected JSON"),
        ("[1]", "other JSON"),
        ('{"schema": 1}', "other JSON"),
        ("\udcff", "expected JSON"),
    ],
)
def test_what_is_no_result(tmp_path: Path, content: str | None, words: str) -> None:
    if content is not None:
        (tmp_path / "result.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ResultError, match=words):
        load_result(tmp_path)


def test_another_version_and_broken_tables(tmp_path: Path) -> None:
    save(result(), tmp_path)
    (tmp_path / "timeseries.csv").write_text("t_s,workload\n0,users\n")
    with pytest.raises(ResultError, match="expected the tables"):
        load_result(tmp_path)
    data = json.loads((tmp_path / "result.json").read_text())
    (tmp_path / "result.json").write_text(json.dumps(data | {"schema": 2}))
    with pytest.raises(ResultError, match="expected schema 1, got 2"):
        load_result(tmp_path)
