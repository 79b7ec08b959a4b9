"""What the report tells, and that it stands alone and trusts no text."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fake_results import result
from large import large

from netsim.report.data import bars, busiest, headline, parts
from netsim.report.figures import FIGURES, figure
from netsim.report.glossary import ERRORS, stage_text
from netsim.report.pages import render, write_report
from netsim.report.palette import stage_colours
from netsim.report.svg import latency_svg
from netsim.results.result import Result

EXPECT = ("users.latency.p99 < 1s", "users.errors > 50%", "failover.whole_s < 20s")


class Page(HTMLParser):
    """Tags, what they load, and the visible text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.words: list[str] = []
        self._hidden = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._hidden += tag in ("script", "style")
        self.loads += [value or "" for key, value in attrs if key in ("src", "href", "srcset", "data")]

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(render(result(*EXPECT, errors=30)))


def test_it_loads_nothing_from_elsewhere(page: Page) -> None:
    assert page.loads and all(target.startswith(("#", "data:text/csv;")) for target in page.loads)
    assert "link" not in page.tags and "img" not in page.tags and "iframe" not in page.tags
    text = render(result())
    style = "".join(re.findall(r"<style>(.*?)</style>", text, re.S))
    assert "url(" not in style and "@import" not in style
    assert "newPlot" in text


def test_a_newcomer_finds_everything(page: Page) -> None:
    for words in (
        "Expectations: fail",
        "Capacity remaining estimate +",
        "What limits it",
        "Worst outage",
        "Recommended size estimate",
        "poisson arrivals, 100/s",
        "half of its requests were answered within",
        "p99.9",
        "The busiest station is worker-1/cpu (all cores of a node): 51 %",
        "On worker-1 run web.1.",
        "Of the p99 of users, 25 % is waiting in queues",
        "no answer in time",
        "users.latency.p99 < 1s",
        "inconclusive",
        "round-robin per connection",
        "host profile stock",
        "t interval across replications",
        "3 replications, seed 1, engine reference",
    ):
        assert words in page.text, words


def test_every_link_of_the_page_has_its_target() -> None:
    text = render(result(*EXPECT))
    for target in re.findall(r'href="#([^"]+)"', text):
        assert f'id="{target}"' in text


def test_no_text_of_the_user_becomes_markup() -> None:
    evil = "<script>alert(1)</script><b>x</b>"
    hurt = copy.deepcopy(result(*EXPECT))
    data = hurt.data
    data["scenario"]["name"] = evil
    data["setup"]["description"] = evil
    data["setup"]["assumptions"].append(evil)
    data["manifest"]["warnings"].append(evil)
    data["expectations"][0]["text"] = evil
    data["workloads"][evil] = data["workloads"].pop("users")
    data["workloads"][evil]["attribution"]["p99"][evil] = {"value": 1.0, "low": None, "high": None}
    hurt.stations_all[evil] = hurt.stations_all.pop("worker-1/cpu")
    data["bottleneck"]["station"] = evil
    text = render(hurt)
    assert evil not in text and "<b>x</b>" not in text
    assert len(re.findall(r"<script", text)) == len(re.findall(r"<script", render(result(*EXPECT))))
    picture = latency_svg(hurt)
    assert evil not in picture
    ElementTree.fromstring(picture)


def test_parts_sum_to_the_whole_and_small_ones_are_together() -> None:
    split = {f"s{k}": {"value": v, "low": None, "high": None} for k, v in enumerate((50, 49.2, 0.5, 0.3))}
    found = parts(split)
    assert [part.stage for part in found] == ["s0", "s1", "other"]
    assert sum(part.seconds for part in found) == pytest.approx(100)
    assert sum(part.share for part in found) == pytest.approx(1)
    assert parts({}) == []


def test_bars_leave_single_cores_out() -> None:
    found = bars(result())
    assert [bar.station for bar in found][:2] == ["worker-1/cpu", "web.1/workers"]
    assert all(bar.kind != "cpu" and bar.low <= bar.utilisation <= bar.high for bar in found)


def test_headline_of_a_full_station_and_of_none() -> None:
    full = result()
    full.data["bottleneck"]["headroom"] = {"value": 0.001, "low": 0.0, "high": 0.002}
    assert any("It is full" in sentence for sentence in headline(full))
    full.data["bottleneck"] = {"station": None, "utilisation": {}, "headroom": {}}
    assert busiest(full) == ["Nothing was busy."]


@pytest.mark.parametrize("name", FIGURES)
def test_figures(name: str) -> None:
    drawn = large(5, faults=2).figure(name)
    assert len(drawn.data) > 0


def test_an_unknown_figure() -> None:
    with pytest.raises(ValueError, match="expected one of latency"):
        figure(result(), "pie")


def test_too_few_requests_for_a_p99_still_make_a_report() -> None:
    found = result(*EXPECT)
    found.data["workloads"]["users"]["latency_s"]["p99"].update(value=None, low=None, high=None)
    found.data["workloads"]["users"]["latency_s"]["p999"].update(value=None, low=None, high=None)
    (told,) = (sentence for sentence in headline(found) if sentence.startswith("users sent"))
    assert "half of its requests" in told and "99 of 100" not in told
    assert "half of its requests" in Page(render(found)).text


def test_nothing_completed_and_no_load_still_make_a_report() -> None:
    none_done = result()
    users = none_done.data["workloads"]["users"]
    for estimate in users["latency_s"].values():
        estimate.update(value=None, low=None, high=None)
    users["attribution"] = {"p50": {}, "p99": {}}
    users["completed"] = 1  # a single bulk transfer: too few for any quantile
    assert "Too few requests completed" in latency_svg(none_done)
    users["completed"] = 0
    assert "no request completed" in Page(render(none_done)).text
    assert "No request completed" in latency_svg(none_done)
    empty = result()
    empty.data["workloads"] = {}
    empty.data["setup"]["loads"] = []
    bare = Result(empty.data, {}, [])
    assert "The scenario has no load." in Page(render(bare)).text


def test_picture_is_a_drawing_of_the_numbers() -> None:
    root = ElementTree.fromstring(latency_svg(result()))
    words = [element.text for element in root.iter() if element.text]
    assert "p99" in words and "app.work" in words and "queue:cpu" in words
    width = float(root.get("width", "0"))
    for element in root.iter("{http://www.w3.org/2000/svg}rect"):
        assert float(element.get("x", "0")) + float(element.get("width", "0")) <= width


def test_report_of_a_folder(tmp_path: Path) -> None:
    result(*EXPECT).save(tmp_path / "run")
    before = (tmp_path / "run" / "report.html").read_text()
    paths = write_report(tmp_path / "run", tmp_path / "else")
    assert [Path(p).name for p in paths] == ["report.html", "latency.svg"]
    again = (tmp_path / "else" / "report.html").read_text()
    assert Page(again).text == Page(before).text


def test_words_for_all_names() -> None:
    from netsim.datapath.profile import STAGES
    from netsim.engine.record import FATES

    assert set(ERRORS) == set(FATES[1:])
    assert all(stage_text(stage) for stage in [*STAGES, "app.work", "wire", "switch", "queue:cpu", "queue:x"])
    colours = stage_colours(["other", "app.work", "queue:cpu", "app.work", "wire"])
    assert list(colours)[-1] == "other" and len(set(colours.values())) == 4


def test_the_data_of_a_report_needs_no_plotting() -> None:
    code = "import sys, netsim.report.data, netsim.report.figures; sys.exit('plotly' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
