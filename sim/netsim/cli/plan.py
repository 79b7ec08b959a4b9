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
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Write plan.json here.")] = None,
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
    if out is not None:
        from netsim.results.files import write_atomic

        write_atomic(out / "plan.json", found.json())
    if output is Format.JSON:
        typer.echo(found.json(), nl=False)
    elif not quiet:
        typer.echo(plan_text(found))
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
    manifest = found.manifest
    implied = len(found.kept.texts) - found.kept.implied
    keep = [f"{text} (implied)" if k >= implied else text for k, text in enumerate(found.kept.texts)]
    lines = [_question(found), f"Kept: {'; '.join(keep)}", "", _answer(found)]
    lines += [line for line in (_limited(found), _growth(found), _price(found)) if line]
    points = f"{len(found.points)} point{'' if len(found.points) == 1 else 's'}"
    lines += ["", f"{points}, {manifest['replications']} replications, seed {manifest['seed']}, engine "
              f"{manifest['engine']}, {manifest['wall_s']:.1f} s of computing"]  # fmt: skip
    if found.value is not None and not found.contradictions:
        lines[-1] += "; less was better and more was worse wherever looked" if _is_load(found) else ""
    return "\n".join([*lines, *(f"Note: {note}" for note in found.notes[:MOST_NOTES])])


def _is_load(found: Plan) -> bool:
    return found.question["max_load"] is not None


def _question(found: Plan) -> str:
    n = found.question["n_plus"]
    gone = f" with any {'node' if n == 1 else f'{n} nodes'} gone" if n else ""
    if _is_load(found):
        return f"{found.scenario}: the most load of {found.question['max_load']}{gone}"
    if found.question["min_nodes"] is not None:
        return f"{found.scenario}: the fewest {found.question['min_nodes']} nodes{gone}"
    return f"{found.scenario}: does it hold{gone}?"


def _amount(found: Plan, value: float | None) -> str:
    if value is None:
        return "unknown"
    if found.unit == "/s":
        return f"{value:,.5g}/s" if value < 1e5 else f"{value:,.0f}/s"
    return f"{value:,.0f} {found.unit}"


def _answer(found: Plan) -> str:
    words = {"holds": "Yes, it holds.", "fails": "No, it does not hold.", "impossible": "There is none."}
    if found.status in words:
        return words[found.status]
    if found.value is None:
        if found.low is None and found.high is None:
            return "Inconclusive."
        least = "" if found.low is None else f" from {_amount(found, found.low)}"
        most = "" if found.high is None else f" to {_amount(found, found.high)}"
        return f"Inconclusive: somewhere{least}{most}."
    text = _amount(found, found.value)
    if found.low is not None and found.high is not None and found.low != found.high:
        text += f" (95 %: {_amount(found, found.low)} to {_amount(found, found.high)})"
    if found.present:
        text += f"; the scenario has {_amount(found, found.present)}, so {found.value / found.present:.3g} times as much"
    return text if found.status == "found" else f"Inconclusive: about {text}"


def _limited(found: Plan) -> str:
    from netsim.results.text import quantity

    limited = found.limited_by()
    if limited is None or found.status == "holds":
        return ""
    where = "" if limited["at"] is None else f" at {_amount(found, limited['at'])}"
    if limited["gone"]:
        where += f" with {limited['gone']} gone"
    if limited["reason"]:
        return f"Limited by: {limited['reason']}{where}"
    told = limited["expectation"]
    if told is None:
        return ""
    text = f"Limited by: {told['text']}, which is {quantity(told['value'], told['unit'])}{where}"
    if limited["station"]:
        text += f"; busiest there: {limited['station']} at {quantity(limited['utilisation'], 'share')}"
    if limited["errors"]:
        text += f"; errors: {', '.join(f'{cause} {n:,}' for cause, n in sorted(limited['errors'].items()))}"
    return text


def _growth(found: Plan) -> str:
    growth = found.growth
    if growth is None:
        return ""
    what = f"With {100 * growth['share']:.3g} % more each {growth['per']}"
    if growth["value"] is None:
        return f"{what}: unknown"
    if growth["value"] == 0:
        return f"{what}: no time is left, the present load is too much already"
    span = (
        ""
        if growth["low"] is None or growth["high"] is None
        else f" ({growth['low']:.3g} to {growth['high']:.3g})"
    )
    return f"{what}: {growth['value']:.3g} {growth['per']}s{span}"


def _price(found: Plan) -> str:
    price = found.price
    if price is None:
        return ""
    if "per_million_requests" in price:
        return f"Price: {price['per_h']:.4g}/h, {price['per_million_requests']:.4g} for a million requests at that load"
    return f"Price: {price['per_h']:.4g}/h instead of {price['present_per_h']:.4g}/h"


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
