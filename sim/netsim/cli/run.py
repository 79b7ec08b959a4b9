"""``netsim run``: simulate a scenario and tell the answer."""

from __future__ import annotations

import os
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
    say,
    terminal,
)
from netsim.cli.progress import Compiling, progress_bar

if TYPE_CHECKING:
    from netsim.results.result import Result
    from netsim.scenario.schema import Scenario


@guarded
def command(
    file: ScenarioFile,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write result.json, tables and report.html here.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**63 - 1, help="Seed of all chance, instead of the scenario's.")
    ] = None,
    replications: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Repetitions, instead of the scenario's.")
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE",
            help="Repeat until throughput, mean latency and p99 are known to this share, like 5%.",
        ),
    ] = None,
    max_replications: Annotated[
        int | None, typer.Option(min=2, max=10_000, help="Most repetitions for --precision; without it 100.")
    ] = None,
    max_time: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Begin no repetition for --precision after this time, like 10m."),
    ] = None,
    engine: Annotated[str, typer.Option(metavar="NAME", help="fast, reference, flow or auto.")] = "auto",
    check: Annotated[
        float | None,
        typer.Option(
            metavar="PERCENT",
            help="With the flow engine: replay so much of the time with the fast one, and tell how far apart they are.",
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=0, help="Replications at the same time, in processes; 0: one for each core.")
    ] = 1,
    overrides: Overrides = None,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A stored result for expectations against a baseline."),
    ] = None,
    summary_file: Annotated[
        Path | None, typer.Option("--summary", metavar="FILE", help="Write a summary in Markdown here.")
    ] = None,
    sarif: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write failed expectations and the bottleneck here, as SARIF 2.1.0."
        ),
    ] = None,
    ignore_limits: Annotated[
        bool, typer.Option("--ignore-limits", help="Simulate although a hard limit is exceeded.")
    ] = False,
    output: Output = Format.TEXT,
    quiet: Quiet = False,
) -> None:
    """Simulate a scenario and tell throughput, latency, errors and what is busiest.

    What cannot work is refused first (exit code 4), as netsim check tells it.
    """
    from netsim.cli.ci import tell_servers
    from netsim.results import run as runner
    from netsim.results.executor import usable_cores
    from netsim.results.files import load_result
    from netsim.scenario.load import load

    runner.resolve_engine(engine)
    stored = load_result(baseline) if baseline is not None else None
    scenario = load(str(file), parse_overrides(overrides))
    budget = read_budget(scenario, precision, max_replications, max_time)
    refuse_what_cannot_work(str(file), scenario, ignore_limits)
    if out is not None:
        prepare_folder(out)
    with progress_bar(not quiet and terminal()) as progress:
        result = runner.run(
            scenario,
            seed,
            replications,
            engine,
            progress,
            None if quiet else Compiling().told,
            jobs or usable_cores(),
            stored,
            *budget,
            check=check,
            on_choice=(lambda line: say(f"netsim: {line}")) if terminal() and not quiet else None,
        )
    paths = write(result, out) if out is not None else []
    tell_servers(result, summary_file, sarif)
    for warning in result.warnings:
        say(f"netsim: {warning}")
    if output is Format.JSON:
        from netsim.results.files import json_text

        typer.echo(json_text(result), nl=False)
    elif not quiet:
        from netsim.cli.summary import summary

        typer.echo(summary(result, paths))
    raise typer.Exit(exit_code(result))


def read_budget(
    scenario: Scenario, precision: str | None, most: int | None, time: str | None
) -> tuple[float | None, int | None, float | None]:
    """Precision (share), most replications (count) and time (s). Raises `UsageError`."""
    from netsim.picoseconds import PS_PER_S
    from netsim.scenario.units import UnitError, parse_duration, parse_precision

    if precision is None and scenario.precision is None and (most is not None or time is not None):
        raise UsageError("--max-replications and --max-time go with --precision, like --precision 5%")
    try:
        share = None if precision is None else parse_precision(precision)
        seconds = None if time is None else parse_duration(time, positive=True) / PS_PER_S
    except UnitError as error:
        given = (
            f"--precision {precision}" if error.expected.startswith("a precision") else f"--max-time {time}"
        )
        raise UsageError(f"expected {error.expected}, got {given}") from None
    return share, most, seconds


def refuse_what_cannot_work(file: str, scenario: Scenario, ignore: bool) -> None:
    """Exits with the limits that are exceeded. If they are to be ignored, the scenario is told so instead."""
    from netsim.audit import audit, to_dict
    from netsim.cli.check import tell_exceeded
    from netsim.model.build import build_model

    model = build_model(scenario, audit=True)
    if ignore:
        scenario.tolerate()
        if model.starved:
            names = ", ".join(model.starved[:3]) + (" ..." if len(model.starved) > 3 else "")
            say(f"netsim: {len(model.starved)} tasks get no address and do not run: {names}")
    elif tell_exceeded(file, [to_dict(limit, model) for limit in audit(model)]):
        say("netsim run --ignore-limits goes on as far as it can")
        raise typer.Exit(Code.LIMIT)


def exit_code(result: Result) -> Code:
    """What the shell gets: interrupted, then the verdict on the expectations."""
    if result.interrupted:
        return Code.INTERRUPTED
    return {"pass": Code.DONE, "inconclusive": Code.INCONCLUSIVE, "fail": Code.FAILED}[result.status]


def prepare_folder(out: Path) -> None:
    """Make the folder now, so that a wrong one is known before the work. Raises `UsageError`."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {out}: {_reason(error)}") from None
    if not os.access(out, os.W_OK | os.X_OK):
        raise UsageError(f"cannot write to {out}: permission denied")


def write(result: Result, out: Path) -> list[str]:
    """All files of the result; their paths. Raises `UsageError` where that is not possible."""
    try:
        return result.save(out)
    except OSError as error:
        raise UsageError(f"cannot write to {out}: {_reason(error)}") from None


def _reason(error: OSError) -> str:
    return (error.strerror or "an error").lower()
