"""``netsim trace``: the stages between two endpoints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from netsim.cli.common import Format, Output, Overrides, ScenarioFile, UsageError, guarded, parse_overrides


@guarded
def command(
    file: ScenarioFile,
    source: Annotated[
        str, typer.Argument(metavar="FROM", help="outside, a task, a service, a container or a node.")
    ],
    target: Annotated[str, typer.Argument(metavar="TO", help="The same, or service:port.")],
    overrides: Overrides = None,
    output: Output = Format.TEXT,
) -> None:
    """Print what a request and its reply pass, stage by stage, on idle stations.

    The first back end answers, over an open connection. Application work is not part of it.
    """
    from netsim.cli.check import prepare
    from netsim.datapath.paths import ReachError
    from netsim.datapath.trace import trace

    _, model = prepare(str(file), parse_overrides(overrides))
    try:
        found = trace(model, source, target)
    except ReachError as error:
        raise UsageError(str(error)) from None
    if output is Format.JSON:
        typer.echo(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        typer.echo(text(found))


def text(found: Mapping[str, Any]) -> str:
    """The trace as a table, with what each stage does."""
    from netsim.cli.summary import table
    from netsim.report.glossary import stage_text

    def rows(stages: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
        return [
            (
                f"  {stage['stage']}",
                str(stage["node"]),
                str(stage["station"]),
                f"{stage['ns']:,.1f}",
                f"{stage['bytes_added']:+d}" if stage["bytes_added"] else "",
                stage_text(stage["stage"]),
            )
            for stage in stages
        ]

    head = ("  stage", "node", "station", "ns", "bytes", "what happens")
    lookup, request, reply = (rows(found[way]) for way in ("lookup", "request", "reply"))
    lines = table([head, *request, *reply, *lookup], right=(3, 4)).split("\n")
    by = f", entering at {found['entered_by']}" if found.get("entered_by") else ""
    title = f"{found['from']} to {found['to']}: {found['answered_by']} answers ({found['kind']}{by})"
    size = f"{found['payload_bytes']} bytes each way, idle stations, open connection"
    ends = [sum(stage["ns"] for stage in found[way]) for way in ("request", "reply")]
    return "\n".join(
        [
            f"{title}; {size}",
            lines[0],
            f"request, {ends[0]:,.1f} ns",
            *lines[1 : 1 + len(request)],
            f"reply, {ends[1]:,.1f} ns",
            *lines[1 + len(request) : 1 + len(request) + len(reply)],
            f"total {found['total_ns']:,.1f} ns",
            *_before(found, lines[1 + len(request) + len(reply) :]),
        ]
    )


def _before(found: Mapping[str, Any], lines: list[str]) -> list[str]:
    """The name that a new connection needs."""
    if not lines:
        return []
    return [f"before a new connection, its name, {sum(s['ns'] for s in found['lookup']):,.1f} ns", *lines]
