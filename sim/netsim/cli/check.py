"""``netsim check``: read and check a scenario, without simulating."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import typer

from netsim.cli.common import Code, Format, Output, Overrides, Quiet, ScenarioFile, guarded, parse_overrides

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
    """Read and check a scenario, without simulating. All problems are told at once."""
    from netsim.scenario.problems import ScenarioError

    try:
        scenario, model = prepare(str(file), parse_overrides(overrides))
    except ScenarioError as error:
        if output is not Format.JSON:
            raise
        problems = [dataclasses.asdict(problem) for problem in error.problems]
        typer.echo(json.dumps({"valid": False, "problems": problems}, indent=1, ensure_ascii=False))
        raise typer.Exit(Code.INVALID) from None
    if output is Format.JSON:
        typer.echo(json.dumps({"valid": True, "problems": [], **counts(scenario, model)}, indent=1))
    elif not quiet:
        found = ", ".join(
            f"{n} {what if n != 1 else what[:-1]}" for what, n in counts(scenario, model).items()
        )
        typer.echo(f"{file}: valid: {found}")


def prepare(file: str, overrides: dict[str, str]) -> tuple[Scenario, Model]:
    """Load a scenario and build its model. Raises `ScenarioError` with all problems."""
    from netsim.model.build import build_model
    from netsim.results.judging import check_stations
    from netsim.results.stations import station_names
    from netsim.scenario.load import load

    scenario = load(file, overrides)
    model = build_model(scenario)
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
