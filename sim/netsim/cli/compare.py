"""``netsim compare``: what differs between two results or scenarios, and how sure that is."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    from netsim.results.compare import Comparison

MOST_ROWS = 20


class FailOn(StrEnum):
    """What makes the exit code 99."""

    NOTHING = "nothing"
    REGRESSION = "regression"


Side = Annotated[
    Path, typer.Argument(metavar="A", help="A scenario, a result.json or the folder that holds one.")
]


@guarded
def command(
    a: Side,
    b: Annotated[Path, typer.Argument(metavar="B", help="What to compare with it, of either kind.")],
    fail_on: Annotated[
        FailOn,
        typer.Option(
            "--fail-on", help="regression: exit code 99 if anything is worse beyond doubt, by over 1 %."
        ),
    ] = FailOn.NOTHING,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**63 - 1, help="Seed of all chance, for what is run.")
    ] = None,
    replications: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Repetitions of what is run.")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(metavar="NAME", help="fast, reference, flow or auto, for what is run.")
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=0, help="Replications at the same time, in processes; 0: one for each core.")
    ] = 1,
    overrides: Overrides = None,
    summary: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a summary in Markdown here.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write comparison.json and report.html here.")
    ] = None,
    output: Output = Format.TEXT,
    quiet: Quiet = False,
) -> None:
    """Tell what changed from A to B, the most important first, with 95 % intervals.

    Scenarios are run with common random numbers; --set changes the scenario B. Beside a stored result, a scenario is
    run with the seed and the replications of that result.
    """
    from netsim.cli.ci import write_summary
    from netsim.cli.progress import Compiling, progress_bar
    from netsim.cli.run import prepare_folder
    from netsim.results.comparing import compare
    from netsim.results.executor import usable_cores
    from netsim.results.markdown import comparison_markdown

    if out is not None:
        prepare_folder(out)
    with progress_bar(not quiet and terminal()) as progress:
        found = compare(
            a,
            b,
            seed,
            replications,
            engine,
            jobs or usable_cores(),
            parse_overrides(overrides),
            progress,
            None if quiet else Compiling().told,
        )
    for note in found.notes:
        say(f"netsim: {note}")
    write_summary(comparison_markdown(found), summary)
    try:
        paths = found.save(out) if out is not None else []
    except OSError as error:
        raise UsageError(f"cannot write to {out}: {(error.strerror or 'an error').lower()}") from None
    if output is Format.JSON:
        typer.echo(found.json(), nl=False)
    elif not quiet:
        typer.echo(comparison_text(found))
        if paths:
            typer.echo(f"\nReport: {paths[-1]}")
    raise typer.Exit(exit_code(found, fail_on))


def exit_code(found: Comparison, fail_on: FailOn) -> Code:
    """99 for a regression if one is to fail."""
    return Code.FAILED if fail_on is FailOn.REGRESSION and found.regressions else Code.DONE


def comparison_text(found: Comparison) -> str:
    """What it is about, a table, and the verdict in one line."""
    from netsim.cli.summary import table
    from netsim.results.compare import row_text, verdict_text

    how = "in pairs with common random numbers" if found.paired else "as independent runs"
    counts = " and ".join(str(n) for n in dict.fromkeys(found.replications))
    head = f"{found.a} -> {found.b}: {counts} replications {how}; 95 % intervals in brackets"
    rows = [("", "number", "A", "B", "change", ""), *map(row_text, found.differences[:MOST_ROWS])]
    text = table(rows, right=(2, 3, 4))
    more = len(found.differences) - MOST_ROWS
    if more > 0:
        text += f"\n{more} more with --format json"
    return f"{head}\n\n{text}\n\n{verdict_text(found)}"
