"""The report in a real browser, offline: nothing complains, nothing is missing, nothing overlaps or sticks out."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import CHROMIUM, Browser, browser
from fake_results import result
from large import large
from sweeps_by_hand import plan, sweep

from netsim.report import comparisons
from netsim.report.pages import plotly_js, render
from netsim.results.compare import compare_results
from netsim.sweep import page as sweeps
from netsim.sweep import plan_page as plans

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine: the report is not looked at"
)

SECTIONS = ("answer", "latency", "time", "failover", "busiest", "network", "limits", "assumptions", "run")
#: Boxes beside or under each other that must not overlap, by selector; and what sticks out of the page.
OVERLAPS = """
(() => {
  const told = [];
  for (const selector of ["header, nav, main > *, footer", ".number", "section > *", "figure > *", ".two > *", ".dots > li",
                          ".tree .box > *"]) {
    const boxes = [...document.querySelectorAll(selector)].filter(e => e.getClientRects().length && e.tagName != "NAV");
    const of = new Map();
    for (const e of boxes) { if (!of.has(e.parentNode)) of.set(e.parentNode, []); of.get(e.parentNode).push(e); }
    for (const some of of.values()) for (let i = 0; i < some.length; i++) for (let j = i + 1; j < some.length; j++) {
      const a = some[i].getBoundingClientRect(), b = some[j].getBoundingClientRect();
      if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1)
        told.push(`${some[i].outerHTML.slice(0, 80)} overlaps ${some[j].outerHTML.slice(0, 80)}`);
    }
  }
  const wide = document.documentElement.clientWidth;
  for (const e of document.querySelectorAll("section, figure, .plot, .main-svg, .number, .box, p, h1, h2, h3"))
    if (!e.closest(".scroll, .skip") && e.getClientRects().length && e.getBoundingClientRect().right > wide + 1)
      told.push(`sticks out: ${e.outerHTML.slice(0, 80)}`);
  if (document.documentElement.scrollWidth > wide) told.push("the page scrolls sideways");
  return told;
})()
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("pages")
    found = {}
    for workers in (5, 1000):
        found[workers] = folder / f"{workers}.html"
        found[workers].write_text(render(large(workers, faults=2)), encoding="utf-8")
    return found


@pytest.mark.parametrize("workers", [5, 1000])
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_it_is_whole_at_every_width(
    chromium: Browser, pages: dict[int, Path], workers: int, width: int, dark: bool
) -> None:
    chromium.show(pages[workers], width, dark)
    assert chromium.complaints() == []
    assert chromium.value("[...document.querySelectorAll('main > section')].map(s => s.id)") == list(SECTIONS)
    assert chromium.value("document.querySelectorAll('.plot').length") == 11
    assert (
        chromium.value(
            "[...document.querySelectorAll('.plot')].filter(p => !p.closest('details:not([open])') && !p.querySelector('.main-svg')).length"
        )
        == 0
    )
    assert chromium.value(OVERLAPS) == []


@pytest.mark.parametrize(("width", "dark"), [(1280, True), (390, False)])
@pytest.mark.parametrize(
    ("name", "sections", "plots"),
    [("sweep", ["answer", "load", "trade", "responses", "points"], 12), ("plan", ["answer", "kept", "points", "run"], 1),
     ("compare", ["answer", "both", "changes", "latency", "run"], 3)],
)  # fmt: skip
def test_the_other_pages_too(
    chromium: Browser, tmp_path: Path, name: str, sections: list[str], plots: int, width: int, dark: bool
) -> None:
    made = {
        "sweep": lambda: sweeps.render(sweep()),
        "plan": lambda: plans.render(plan()),
        "compare": lambda: comparisons.render(compare_results(result(), large(5), ("a", "b"))),
    }
    page = tmp_path / "page.html"
    page.write_text(made[name](), encoding="utf-8")
    chromium.show(page, width, dark)
    assert chromium.complaints() == []
    assert chromium.value("[...document.querySelectorAll('main > section')].map(s => s.id)") == sections
    assert chromium.value("document.querySelectorAll('.plot .main-svg').length > 0")
    assert chromium.value("document.querySelectorAll('.plot').length") == plots
    assert chromium.value(OVERLAPS) == []


def test_what_is_in_view_is_drawn_when_the_page_is_loaded(
    chromium: Browser, pages: dict[int, Path], tmp_path: Path
) -> None:
    """Who takes a picture of a tall window waits for nothing more."""
    page = tmp_path / "page.html"
    count = "document.querySelectorAll('.plot:not([data-drawn])').length - document.querySelectorAll('details:not([open]) .plot').length"
    script = f"<script>addEventListener('load', () => {{ window.missing = {count}; }});</script>"
    page.write_text(pages[5].read_text(encoding="utf-8").replace("<head>", f"<head>{script}", 1))
    chromium.show(page, 1280, height=20_000)
    assert chromium.value("missing") == 0
    chromium.show(page, 1280)
    assert chromium.value("missing") > 0


def test_dark_and_light_are_told_apart(chromium: Browser, pages: dict[int, Path]) -> None:
    shades = []
    for dark in (False, True):
        chromium.show(pages[5], 1280, dark)
        script = "[getComputedStyle(document.body).backgroundColor, document.querySelector('.xtick text').style.fill]"
        shades.append([sum(map(int, shade[4:-1].split(","))) for shade in chromium.value(script)])
    (light_ground, light_ink), (dark_ground, dark_ink) = shades
    assert light_ground - light_ink > 400 and dark_ink - dark_ground > 400


def test_a_table_opens_by_keyboard_and_all_numbers_are_a_link_away(
    chromium: Browser, pages: dict[int, Path]
) -> None:
    chromium.show(pages[5], 1280)
    chromium.value("document.querySelector('figure details summary').focus()")
    for kind in ("keyDown", "keyUp"):
        chromium.call(
            "Input.dispatchKeyEvent",
            type=kind,
            key="Enter",
            code="Enter",
            text="\r",
            windowsVirtualKeyCode=13,
        )
    assert chromium.value("document.querySelector('figure details').open") is True
    assert chromium.value("document.querySelector('figure details table').offsetHeight") > 50
    assert chromium.value(OVERLAPS) == []
    links = chromium.value(
        "[...document.querySelectorAll('.under a[download]')].map(a => a.href.slice(0, 14))"
    )
    assert links == ["data:text/csv;"] * 12


def test_another_way_is_drawn_when_it_is_chosen(chromium: Browser, pages: dict[int, Path]) -> None:
    chromium.show(pages[5], 1280)
    second = "document.querySelectorAll('details.way')[1]"
    assert chromium.value(f"{second}.querySelectorAll('.main-svg').length") == 0
    chromium.value(f"{second}.open = true")
    chromium.value("new Promise(done => setTimeout(done, 300))")
    assert chromium.value(f"{second}.querySelectorAll('.main-svg').length") > 0
    wide = f"{second}.querySelector('.plot').offsetWidth - {second}.querySelector('.main-svg').clientWidth"
    assert abs(chromium.value(wide)) <= 1
    assert chromium.value(OVERLAPS) == []


def test_it_prints(chromium: Browser, pages: dict[int, Path]) -> None:
    chromium.show(pages[5], 1280, dark=True)
    printed = base64.b64decode(chromium.call("Page.printToPDF", printBackground=True)["data"])
    assert printed.startswith(b"%PDF") and 3 <= printed.count(b"/Type /Page\n") <= 20
    assert chromium.complaints() == []


def test_a_thousand_nodes_open_fast_and_are_small(chromium: Browser, pages: dict[int, Path]) -> None:
    """Under 2 s of the page's own work; on a shared machine the clock of the process says more than the one on the wall."""
    assert len(pages[1000].read_bytes()) - len(plotly_js().encode()) < 1_000_000
    chromium.show(pages[5], 1280)  # the same process then opens the other
    chromium.call("Performance.enable", timeDomain="threadTicks")
    before = chromium.call("Performance.getMetrics")["metrics"]
    chromium.show(pages[1000], 1280)
    after = chromium.call("Performance.getMetrics")["metrics"]
    spent = [{m["name"]: m["value"] for m in metrics}.get("TaskDuration", 0.0) for metrics in (before, after)]
    assert 0 < spent[1] - spent[0] < 2
