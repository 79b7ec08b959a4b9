"""``netsim sweep``: many points of one scenario, as one table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netsim.cli.common import (
    Code,
    Format,
    Output,
    Overrides,
    Quiet,
    UsageError,
    guarded,
    parse_overrides,
    say,
    terminal,
)

if TYPE_CHECKING:
    from netsim.sweep.run import Progress
    from netsim.sweep.table import Sweep


@guarded
def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The sweep, a YAML file.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write points.csv, sweep.json and report.html here.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**63 - 1, help="Seed of all chance, the same for all points.")
    ] = None,
    replications: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Repetitions of each point.")
    ] = None,
    engine: Annotated[str, typer.Option(metavar="NAME", help="fast, reference, flow or auto.")] = "auto",
    jobs: Annotated[
        int, typer.Option(min=0, help="Points at the same time, in processes; 0: one for each core.")
    ] = 0,
    dask: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Run on the Dask cluster of the scheduler at this address."),
    ] = None,
    overrides: Overrides = None,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Run points again that were run before.")
    ] = False,
    parquet: Annotated[
        bool, typer.Option("--parquet", help="Write points.parquet as well (needs pyarrow).")
    ] = False,
    sensitivity: Annotated[
        str | None,
        typer.Option(
            metavar="METHOD", help="Which fields explain a metric? morris (few points) or sobol (shares)."
        ),
    ] = None,
    of: Annotated[
        str | None, typer.Option(metavar="METRIC", help="The metric to explain; without it the first p99.")
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="Ways through the space (morris, 10) or base points (sobol, 64).")
    ] = None,
    output: Output = Format.TEXT,
    quiet: Quiet = False,
) -> None:
    """Run a scenario at many points: all combinations of values, or a sample of ranges.

    A sweep that was interrupted goes on where it was; what was run before is not run again.
    """
    from netsim.cli.run import prepare_folder
    from netsim.results.executor import usable_cores
    from netsim.sweep.run import sweep
    from netsim.sweep.sensitivity import sensitivity as explain

    if sensitivity is None and (of is not None or size is not None):
        raise UsageError("--of and --size go with --sensitivity morris or --sensitivity sobol")
    if parquet:
        _need_pyarrow()
    if out is not None:
        prepare_folder(out)
    with _progress(not quiet and terminal()) as progress:
        run = partial(explain, method=sensitivity, of=of, size=size) if sensitivity is not None else sweep
        found = run(
            file, seed=seed, replications=replications, engine=engine, jobs=jobs or usable_cores(), dask_address=dask,
            overrides=parse_overrides(overrides), cache=not no_cache, on_progress=progress,
        )  # fmt: skip
    try:
        paths = found.save(out, parquet) if out is not None else []
    except OSError as error:
        raise UsageError(f"cannot write to {out}: {(error.strerror or 'an error').lower()}") from None
    if output is Format.JSON:
        from netsim.sweep.table import json_text

        typer.echo(json_text(found), nl=False)
    elif not quiet:
        typer.echo(summary(found, paths))
    if found.interrupted:
        say("netsim: interrupted; the same command goes on where it was")
        raise typer.Exit(Code.INTERRUPTED)
    raise typer.Exit(Code.DONE if any(point.status == "ok" for point in found.points) else Code.INVALID)


def _need_pyarrow() -> None:
    from importlib.util import find_spec

    if find_spec("pyarrow") is None:
        raise UsageError("--parquet needs pyarrow: pip install 'swarm-netsim[parquet]'")


def summary(found: Sweep, paths: list[str]) -> str:
    """How many points ended how, what the best and worst were, and where the table is."""
    counts = found.counts()
    lines = [f"{found.scenario}: {len(found.points)} points over {', '.join(found.varied)}"]
    told = {
        "ok": "ran",
        "invalid": "are invalid",
        "limit": "exceed a limit",
        "error": "failed",
        "not run": "were not run",
    }
    for status, text in told.items():
        if counts.get(status):
            lines.append(
                f"  {counts[status]} {text}"
                + (f" ({counts['cached']} known from before)" if status == "ok" else "")
            )
    for point in found.points:
        if point.status not in ("ok", "not run"):
            lines.append(f"  point {point.number} ({_values(point.values)}): {point.reason}")
    metric = next((c for c in found.columns() if c.endswith(".latency.p99")), None)
    rows = [p for p in found.points if metric in p.metrics and p.metrics[metric] is not None]
    if metric and rows:
        for word, point in (("least", min(rows, key=lambda p: p.metrics[metric])),
                            ("greatest", max(rows, key=lambda p: p.metrics[metric]))):  # fmt: skip
            lines.append(
                f"  {word} {metric}: {point.metrics[metric] * 1000:.4g} ms at {_values(point.values)}"
            )
    if found.sensitivity is not None:
        lines += explained(found.sensitivity)
    return "\n".join([*lines, *(f"wrote {path}" for path in paths)])


def explained(found: dict[str, Any]) -> list[str]:
    """Which fields explain the metric, the most important first."""
    from netsim.cli.summary import table

    morris = found["method"] == "morris"
    keys = ("mu_star", "mu_star_half", "sigma") if morris else ("total", "total_half", "first", "first_half")
    head = ("", "mu*", "+-", "sigma") if morris else ("", "total", "+-", "alone", "+-")
    what = "share of the variance that goes with a field, in total and alone (95 %)"
    if morris:
        what = (
            "mean change over the whole range of a field (mu*, 95 %), and its spread with the others (sigma)"
        )
    rows = [
        (f["path"], *(f"{f[k]:.3g}" if morris else f"{100 * f[k]:.3g} %" for k in keys))
        for f in found["fields"]
    ]
    return ["", f"{found['of']}: {what}", *table([head, *rows], right=range(1, len(head))).splitlines()]


def _values(values: dict[str, str]) -> str:
    return ", ".join(f"{path} {value}" for path, value in values.items())


@contextmanager
def _progress(shown: bool) -> Iterator[Progress | None]:
    """A bar with points done and time left on standard error, or nothing."""
    if not shown:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("points"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("points", total=None)
        yield lambda done, total, known: bar.update(task, completed=done, total=total)
