"""``report.html``: one file with everything in it, that a browser opens without a network."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from netsim.report.data import page
from netsim.report.figures import FIGURES, figure
from netsim.report.svg import latency_svg
from netsim.results.files import REPORT, load_result, write_atomic
from netsim.results.result import Result

PICTURE = "latency.svg"
_CONFIG = {"displaylogo": False, "responsive": True, "displayModeBar": "hover"}


def render(result: Result) -> str:
    """The report as text. Equal results give equal reports."""
    return _template().render(**page(result), figures=_figures(result), plotly_js=plotly_js())


def write_report(directory: str | os.PathLike[str], out: str | os.PathLike[str] | None = None) -> list[str]:
    """Render the result in ``directory`` again: ``report.html`` and ``latency.svg``, there or in ``out``.

    Returns the paths. Raises `ResultError` or ``OSError``.
    """
    result = load_result(directory)
    source = Path(directory)
    folder = Path(out) if out is not None else source if source.is_dir() else source.parent
    folder.mkdir(parents=True, exist_ok=True)
    texts = {REPORT: render(result), PICTURE: latency_svg(result)}
    for name, text in texts.items():
        write_atomic(folder / name, text)
    return [str(folder / name) for name in texts]


def _figures(result: Result) -> dict[str, str]:
    """Each figure as a ``div`` with its data; empty where there is nothing to draw."""
    found = {}
    for name in FIGURES:
        drawn = figure(result, name)
        found[name] = (
            drawn.to_html(full_html=False, include_plotlyjs=False, config=_CONFIG, div_id=f"figure-{name}")
            if len(drawn.data)
            else ""
        )
    return found


@cache
def plotly_js() -> str:
    """Plotly's script, safe to put into a page."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs()).replace("</script", "<\\/script")


@cache
def environment() -> Environment:
    """Where the pages' templates are."""
    return Environment(
        loader=PackageLoader("netsim.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _template() -> Template:
    return environment().get_template("report.html.j2")
