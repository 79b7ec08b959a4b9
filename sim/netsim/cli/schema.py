"""``netsim schema``: the JSON Schemas."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from netsim.cli.common import UsageError, guarded


@guarded
def command(
    result: Annotated[
        bool, typer.Option("--result", help="The schema of result.json instead of that of scenarios.")
    ] = False,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="The schema of sweep files instead of that of scenarios.")
    ] = False,
) -> None:
    """Print the JSON Schema of scenarios, for editors that complete and check."""
    if result and sweep:
        raise UsageError("expected one schema, got --result and --sweep")
    if result:
        from netsim.results.files import schema

        typer.echo(json.dumps(schema(), indent=1, ensure_ascii=False))
        return
    if sweep:
        from netsim.sweep.json_schema import text

        typer.echo(text(), nl=False)
        return
    from netsim.scenario.json_schema import shipped

    typer.echo(shipped(), nl=False)
