"""``netsim check``: read and check a scenario, without simulating."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from netsim.cli.common import (
    Code,
    Format,
    Output,
    Overrides,
    Quiet,
    ScenarioFile,
    guarded,
    parse_overrides,
    say,
)

if TYPE_CHECKING:
    from netsim.model.entities import Model
    from netsim.scenario.schema import Scenario


@guarded
def command(
    file: ScenarioFile,
    overrides: Overrides = None,
    output: Output = Format.TEXT,
    quiet: Quiet = False,
) -> None:
    """Read and check a scenario and its limits, without simulating. All problems are told at once.

    Exit code 3: the scenario is invalid; 4: a hard limit is exceeded.
    """
    from netsim.audit import audit, to_dict
    from netsim.scenario.problems import ScenarioError

    try:
        scenario, model = prepare(str(file), parse_overrides(overrides), audited=True)
    except ScenarioError as error:
        if output is not Format.JSON:
            raise
        problems = [dataclasses.asdict(problem) for problem in error.problems]
        typer.echo(json.dumps({"valid": False, "problems": problems}, indent=1, ensure_ascii=False))
        raise typer.Exit(Code.INVALID) from None
    limits = [to_dict(limit, model) for limit in audit(model)]
    if output is Format.JSON:
        found = {"valid": True, "problems": [], **counts(scenario, model), "limits": limits}
        typer.echo(json.dumps(found, indent=1, ensure_ascii=False))
    elif not quiet:
        numbers = counts(scenario, model).items()
        told = ", ".join(f"{n} {what if n != 1 else what[:-1]}" for what, n in numbers)
        typer.echo(f"{file}: valid: {told}")
        typer.echo(limits_text(limits))
    raise typer.Exit(tell_exceeded(str(file), limits))


def limits_text(limits: Sequence[Mapping[str, Any]]) -> str:
    """The limits as a table, the worst first."""
    from netsim.cli.summary import table

    rows: list[tuple[str, ...]] = [("limit", "where", "used", "max", "status", "line", "what counts")]
    for limit in limits:
        most = "-" if limit["max"] is None else f"{limit['max']:,}"
        line = str(limit["line"] or "-")
        numbers = (f"{limit['used']:,}", most)
        rows.append((limit["id"], limit["where"], *numbers, limit["status"], line, limit["detail"]))
    return table(rows, right=(2, 3, 5))


def tell_exceeded(file: str, limits: Sequence[Mapping[str, Any]]) -> Code:
    """The exceeded hard limits on standard error, each with its place; the exit code."""
    exceeded = [limit for limit in limits if limit["status"] == "exceeded"]
    for limit in exceeded:
        place = f"{file}:{limit['line']}" if limit["line"] else file
        numbers = f"expected at most {limit['max']:,}, got {limit['used']:,}"
        say(
            f"{place}: LIMIT {limit['path']}: {limit['id']} of {limit['where']}: {numbers} ({limit['detail']})"
        )
        if limit["help"]:
            say(f"  help: {limit['help']}")
    if not exceeded:
        return Code.DONE
    count = len(exceeded)
    say(f"{count} hard limit{' is' if count == 1 else 's are'} exceeded: this cannot work")
    return Code.LIMIT


def prepare(file: str, overrides: dict[str, str], audited: bool = False) -> tuple[Scenario, Model]:
    """Load a scenario and build its model, for an audit of its limits or to use it. Raises `ScenarioError`
    with all problems."""
    from netsim.model.build import build_model
    from netsim.scenario.load import load

    scenario = load(file, overrides)
    model = build_model(scenario, audited)
    if scenario.expect:  # only then: results need numpy, which takes longer to load than most checks last
        from netsim.results.judging import check_stations
        from netsim.results.stations import station_names

        check_stations(scenario, station_names(model))
    return scenario, model


def counts(scenario: Scenario, model: Model) -> dict[str, int]:
    """How much there is of everything."""
    return {
        "nodes": len(model.nodes),
        "networks": len(scenario.networks),
        "services": len(model.services),
        "tasks": len(model.tasks),
        "workloads": len(scenario.load),
        "expectations": len(scenario.expect),
    }
