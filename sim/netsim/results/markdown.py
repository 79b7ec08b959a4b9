"""Results and comparisons as Markdown, for the summary page of a build server."""

from __future__ import annotations

from collections.abc import Sequence

from netsim.results.compare import Comparison, row_text, verdict_text
from netsim.results.result import Result
from netsim.results.text import found_text, with_interval

MOST_ROWS = 30
_SIGN = {"pass": "✅ pass", "fail": "❌ fail", "inconclusive": "⚠️ inconclusive"}


def result_markdown(result: Result) -> str:
    """Verdict, expectations, workloads and bottleneck."""
    data = result.data
    manifest = data["manifest"]
    lines = [f"## netsim: {_cell(result.name)}", ""]
    if data["expectations"]:
        lines += [f"Expectations: **{_SIGN[result.status]}**", ""]
        rows = [(_SIGN[e["status"]], _code(e["text"]), found_text(e)) for e in data["expectations"]]
        lines += _table(("status", "expectation", "found"), rows)
    rows = []
    for name, found in data["workloads"].items():
        numbers = (
            (found["throughput_per_s"], "/s"),
            (found["latency_s"]["p50"], "s"),
            (found["latency_s"]["p99"], "s"),
        )
        failed = with_interval(found["error_share"], "share")
        rows.append((name, *(with_interval(number, unit) for number, unit in numbers), failed))
    if rows:
        lines += _table(("workload", "throughput", "p50", "p99", "failed"), rows)
    station = data["bottleneck"]["station"]
    if station is not None:
        use = with_interval(data["bottleneck"]["utilisation"], "share")
        lines += [f"The busiest station is {_code(station)}: {use} of its time.", ""]
    lines += [f"- {_cell(warning)}" for warning in result.warnings]
    lines += [""] if result.warnings else []
    count = manifest["replications"]
    lines.append(
        f"{count} replication{'' if count == 1 else 's'}, seed {manifest['seed']}, engine {manifest['engine']}; "
        "95 % intervals in brackets."
    )
    return "\n".join(lines) + "\n"


def comparison_markdown(found: Comparison) -> str:
    """The verdict and the differences, the most important first."""
    lines = [f"## netsim: {_cell(found.a)} → {_cell(found.b)}", "", verdict_text(found), ""]
    rows = [row_text(one) for one in found.differences[:MOST_ROWS]]
    lines += _table(("", "number", "A", "B", "change", "95 %"), rows)
    lines += [f"- {_cell(note)}" for note in found.notes]
    return "\n".join(lines) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [_row(head), _row(["---"] * len(head))]
    return [*lines, *(_row([_cell(cell) for cell in row]) for row in rows), ""]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _code(text: str) -> str:
    return f"`{text.replace('`', '')}`"


def _cell(text: str) -> str:
    """On one line, and without a bar that would end the cell or a tag that would begin."""
    return (
        " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
        if not text.startswith("`")
        else text.replace("|", "\\|")
    )
