"""``report.html``: one file with everything in it, that a browser opens without a network."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import Environment, FileSystemBytecodeCache, PackageLoader, StrictUndefined

from netsim.kept import kept
from netsim.report.content import page
from netsim.report.drawing import Drawing
from netsim.report.figures import FIGURES, figure
from netsim.report.figures_stages import attribution, way
from netsim.report.svg import latency_svg
from netsim.report.ways import ways
from netsim.results.files import REPORT, load_result, write_texts
from netsim.results.result import Result

PICTURE = "latency.svg"


def render(result: Result) -> str:
    """The report as text. Equal results give equal reports."""
    found = page(result)
    return rendered(
        "report.html.j2",
        result.data["manifest"]["versions"]["netsim"],
        **found,
        figures=_figures(result, found["charts"]),
    )


def rendered(template: str, version: str | None = None, **shown: Any) -> str:
    """A page from its template, with Plotly in it. ``version`` is that of the netsim that simulated, if it is known."""
    import netsim

    made = environment().get_template(template)
    return made.render(**shown, version=version or netsim.__version__, plotly_js=plotly_js())


def write_report(directory: str | os.PathLike[str], out: str | os.PathLike[str] | None = None) -> list[str]:
    """Render the result in ``directory`` again: ``report.html`` and ``latency.svg``, there or in ``out``.

    Returns the paths. Raises `ResultError` or ``OSError``.
    """
    result = load_result(directory)
    source = Path(directory)
    folder = Path(out) if out is not None else source if source.is_dir() else source.parent
    return write_texts(folder, {REPORT: render(result), PICTURE: latency_svg(result)})


def _figures(result: Result, charts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Each chart's figure, those of workloads by their number."""
    workloads = list(result.data["workloads"])
    found: dict[str, Drawing] = {}
    for key in charts:
        if key.startswith("attribution-"):
            found[key] = attribution(result, workloads[int(key.removeprefix("attribution-"))])
        elif key.startswith("way-"):
            found[key] = way(ways(result)[int(key.removeprefix("way-"))])
        elif key in FIGURES:
            found[key] = figure(result, key)
    return embedded(found)


def embedded(figures: Mapping[str, Drawing]) -> dict[str, dict[str, Any]]:
    """Each figure as JSON that may stand in a page, and its height (px); none where there is nothing to draw."""
    return {
        key: {"json": drawn.to_json().replace("<", "\\u003c"), "height": drawn.layout["height"]}
        for key, drawn in figures.items()
        if drawn.data
    }


@cache
def plotly_js() -> str:
    """Plotly's script, safe to put into a page."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs()).replace("</script", "<\\/script")


@cache
def environment() -> Environment:
    """Where the pages' templates are."""
    # Jinja tells changed templates apart by itself, but not its own options, which stand here.
    known = hashlib.blake2b(Path(__file__).read_bytes() + jinja2.__version__.encode(), digest_size=8)
    folder = kept(f"pages-{known.hexdigest()}")
    made = Environment(
        loader=PackageLoader("netsim.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=FileSystemBytecodeCache(folder) if folder else None,
    )
    made.filters["tight"] = _tight
    return made


def _tight(text: str) -> str:
    """The same with numbers and their units on one line."""
    return re.sub(r"(?<=\d) (?=\S)", "\u00a0", text)
