"""``netsim plan``: the most load, the fewest nodes, whether it holds with nodes gone, and how long it will do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netsim.cli.common import (
    Code,
    Format,
    Output,
    Overrides,
    Quiet,
    ScenarioFile,
    UsageError,
    guarded,
    parse_overrides,
    terminal,
)

if TYPE_CHECKING:
    from netsim.sweep.plan import Plan, Told

_GROWTH = re.compile(r"\+?([0-9]{1,4}(?:\.[0-9]{1,6})?)\s*%\s*/\s*(day|week|month|quarter|year)")
MOST_NOTES = 6


@guarded
def command(
    file: ScenarioFile,
    max_load: Annotated[
        str | None,
        typer.Option("--max-load", metavar="WORKLOAD", help="How much of this workload can be carried?"),
    ] = None,
    min_nodes: Annotated[
        str | None, typer.Option("--min-nodes", metavar="GROUP", help="How few nodes of this group will do?")
    ] = None,
    n_plus: Annotated[
        int, typer.Option("--n-plus", min=0, max=10, help="With any so many nodes gone; alone: does it hold?")
    ] = 0,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            "--keep",
            metavar="EXPECTATION",
            help='What has to hold, like "p99 < 50ms"; may be given many times. Without it what the scenario expects.',
        ),
    ] = None,
    growth: Annotated[
        str | None,
        typer.Option(metavar="SHARE/PERIOD", help="How long is there with this growth, like 3%/month?"),
    ] = None,
    tolerance: Annotated[
        str, typer.Option(metavar="SHARE", help="How well the load has to be known, to each side.")
    ] = "2%",
    max_replications: Annotated[
        int, typer.Option(min=2, max=10_000, help="Most repetitions of one point.")
    ] = 40,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**63 - 1, help="Seed of all chance, the same for all points.")
    ] = None,
    engine: Annotated[str, typer.Option(metavar="NAME", help="fast, reference, flow or auto.")] = "auto",
    jobs: Annotated[
        int, typer.Option(min=0, help="Replications at the same time, in processes; 0: one for each core.")
    ] = 0,
    overrides: Overrides = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write plan.json and report.html here.")
    ] = None,
    output: Output = Format.TEXT,
    quiet: Quiet = False,
) -> None:
    """Answer a question of capacity by search over runs, and say how sure the answer is and what limits it.

    Exit codes: 0 found or holds, 98 inconclusive, 99 it does not hold, or never.
    """
    from netsim.cli.progress import Compiling
    from netsim.cli.run import prepare_folder
    from netsim.results.executor import usable_cores
    from netsim.sweep.plan import plan

    rate, share = read_growth(growth), read_tolerance(tolerance)
    if out is not None:
        prepare_folder(out)
    with _progress(not quiet and terminal()) as told:
        found = plan(
            file, max_load=max_load, min_nodes=min_nodes, n_plus=n_plus, keep=keep or (), growth=rate,
            overrides=parse_overrides(overrides), seed=seed, engine=engine, jobs=jobs or usable_cores(), tolerance=share,
            max_replications=max_replications, on_point=told, on_compile=None if quiet else Compiling().told,
        )  # fmt: skip
    try:
        paths = found.save(out) if out is not None else []
    except OSError as error:
        raise UsageError(f"cannot write to {out}: {(error.strerror or 'an error').lower()}") from None
    if output is Format.JSON:
        typer.echo(found.json(), nl=False)
    elif not quiet:
        typer.echo(plan_text(found))
        if paths:
            typer.echo(f"\nReport: {paths[-1]}")
    raise typer.Exit(exit_code(found))


def exit_code(found: Plan) -> Code:
    """What the shell gets."""
    if found.interrupted:
        return Code.INTERRUPTED
    if found.status in ("found", "holds"):
        return Code.DONE
    return Code.INCONCLUSIVE if found.status == "inconclusive" else Code.FAILED


def read_growth(text: str | None) -> tuple[float, str] | None:
    """``3%/month`` as (0.03, "month"). Raises `UsageError`."""
    if text is None:
        return None
    match = _GROWTH.fullmatch(text.strip())
    if match is None or float(match[1]) == 0:
        raise UsageError(
            f"expected --growth like 3%/month (day, week, month, quarter or year), got --growth {text}"
        )
    return float(match[1]) / 100, match[2]


def read_tolerance(text: str) -> float:
    """A share like ``2%``. Raises `UsageError`."""
    from netsim.scenario.units import UnitError, parse_precision

    try:
        return parse_precision(text)
    except UnitError:
        raise UsageError(f"expected a share between 0 and 100 %, like 2%, got --tolerance {text}") from None


def plan_text(found: Plan) -> str:
    """Question, answer, what limits it, price and time, and what the reader has to know."""
    from netsim.sweep import plan_words as words

    manifest = found.manifest
    implied = len(found.kept.texts) - found.kept.implied
    keep = [f"{text} (implied)" if k >= implied else text for k, text in enumerate(found.kept.texts)]
    lines = [words.question_text(found), f"Kept: {'; '.join(keep)}", "", words.answer_text(found)]
    lines += [
        line
        for line in (words.limited_text(found), words.growth_text(found), words.price_text(found))
        if line
    ]
    points = f"{len(found.points)} point{'' if len(found.points) == 1 else 's'}"
    lines += ["", f"{points}, {manifest['replications']} replications, seed {manifest['seed']}, engine "
              f"{manifest['engine']}, {manifest['wall_s']:.1f} s of computing"]  # fmt: skip
    if found.value is not None and not found.contradictions:
        lines[-1] += "; less was better and more was worse wherever looked" if words.is_load(found) else ""
    return "\n".join([*lines, *(f"Note: {note}" for note in found.notes[:MOST_NOTES])])


@contextmanager
def _progress(shown: bool) -> Iterator[Told | None]:
    """A line on standard error with the last point that was decided, or nothing."""
    if not shown:
        yield None
        return
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("the first point") as line:
        yield lambda text, side: line.update(f"{text}: {side}")
