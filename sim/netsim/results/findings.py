"""What a reader of the scenario should see beside its lines: failed and open expectations, and the bottleneck."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from netsim.results.result import Result
from netsim.results.text import found_text, quantity
from netsim.scenario.problems import PathTuple
from netsim.scenario.schema import Scenario

Level = Literal["error", "warning", "note"]
#: Rules by id, with what they mean.
RULES = {
    "expectation-failed": "The whole 95 % interval of a number violates what the scenario expects.",
    "expectation-open": "The 95 % interval of a number holds the limit: nobody can tell yet.",
    "bottleneck": "The busiest of the stations that can limit the load.",
}
#: Workflow commands of GitHub Actions by level.
_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark. ``line`` and ``column`` count from 1; 0 without a place in the file."""

    rule: str
    level: Level
    text: str
    line: int
    column: int


def place_of_station(scenario: Scenario, station: Mapping[str, Any], name: str) -> tuple[int, int]:
    """Line and column of what gives a station its size: workers, cores, or the card's rate; (0, 0) without one."""
    return scenario.line_of(_path_of(scenario, station, name))


def _path_of(scenario: Scenario, station: Mapping[str, Any], name: str) -> PathTuple:
    kind, node = station["kind"], station["node"]
    if kind == "workers":
        owner = name.removesuffix("/workers")
        service = owner.rpartition(".")[0]
        return (
            ("services", service, "work", "workers") if service else ("containers", owner, "work", "workers")
        )
    group = node.rpartition("-")[0]
    if group not in scenario.nodes:
        return ("outside",)
    return ("nodes", group, "cores") if kind in ("cpu", "node_cpu") else ("nodes", group, "nic", "rate")


def findings(result: Result) -> list[Finding]:
    """In the order of the scenario's expectations, the bottleneck last."""
    found = []
    for one in result.data["expectations"]:
        failed = one["status"] == "fail"
        if one["status"] != "pass":
            found.append(
                Finding(
                    "expectation-failed" if failed else "expectation-open",
                    "error" if failed else "warning",
                    f"{one['text']}: {found_text(one)}",
                    one.get("line", 0),
                    one.get("column", 0),
                )
            )
    busiest = result.data["bottleneck"]
    if busiest["station"] is not None:
        use, room = (quantity(busiest[key]["value"], "share") for key in ("utilisation", "headroom"))
        text = (
            f"The busiest station is {busiest['station']}: {use} of its time; {room} more load would fill it."
        )
        found.append(Finding("bottleneck", "note", text, busiest.get("line", 0), busiest.get("column", 0)))
    return found


def github_commands(result: Result) -> list[str]:
    """Workflow commands that put the findings beside the lines of the scenario."""
    return [
        github_command(
            _COMMANDS[one.level], one.text, f"netsim {one.rule}", result.source, one.line, one.column
        )
        for one in findings(result)
    ]


def github_command(
    command: str, text: str, title: str, file: str | None, line: int = 0, column: int = 0
) -> str:
    """``::error file=F,line=L,col=C,title=T::text``, escaped as GitHub's toolkit does it."""
    parts = {"file": file and relative(file), "line": line, "col": column, "title": title}
    words = ",".join(f"{key}={_escaped(str(value), True)}" for key, value in parts.items() if value)
    return f"::{command} {words}::{_escaped(text)}"


def _escaped(text: str, of_property: bool = False) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if of_property else text


def relative(file: str) -> str:
    """The file's path from where the command runs, with slashes, where it is below that."""
    path = Path(file)
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()


def sarif_text(result: Result) -> str:
    """The findings in SARIF 2.1.0 (OASIS Standard, 2020), for views of code scanning."""
    from netsim.results.build import versions

    ids = list(RULES)
    rules = [{"id": key, "shortDescription": {"text": text}} for key, text in RULES.items()]
    results: list[dict[str, Any]] = []
    for one in findings(result):
        entry: dict[str, Any] = {
            "ruleId": one.rule,
            "ruleIndex": ids.index(one.rule),
            "level": one.level,
            "message": {"text": one.text},
        }
        if result.source is not None:
            place: dict[str, Any] = {"artifactLocation": {"uri": _uri(result.source)}}
            if one.line:
                place["region"] = {"startLine": one.line, "startColumn": max(one.column, 1)}
            entry["locations"] = [{"physicalLocation": place}]
        results.append(entry)
    driver = {"name": "netsim", "version": versions()["netsim"], "rules": rules}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json.dumps(log, indent=1, ensure_ascii=False) + "\n"


def _uri(file: str) -> str:
    """A URI reference: relative to where the command runs if the file is below that."""
    found = relative(file)
    return Path(found).as_uri() if os.path.isabs(found) else quote(found)
