"""The command ``netsim``. Commands import what they need when they run, so that help is fast."""

from __future__ import annotations

import gc
import sys
from typing import Annotated

import typer

from netsim.cli import check, compare, init, plan, report, run, schema, sweep, trace, warmup
from netsim.cli.common import Code, explain, set_debug

app = typer.Typer(
    name="netsim",
    help="Predict how a Docker Swarm carries a load: throughput, latency, errors and what is busiest.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(run.command)
app.command("check")(check.command)
app.command("compare")(compare.command)
app.command("trace")(trace.command)
app.command("sweep")(sweep.command)
app.command("plan")(plan.command)
app.command("report")(report.command)
app.command("schema")(schema.command)
app.command("init")(init.command)
app.command("warmup")(warmup.command)


def _version(wanted: bool) -> None:
    if wanted:
        import netsim

        typer.echo(f"netsim {netsim.__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of internal errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Predict how a Docker Swarm carries a load: throughput, latency, errors and what is busiest.

    Exit codes: 0 done and all expectations pass, 1 internal error, 2 usage, 3 invalid scenario, 4 a hard
    limit is exceeded, 98 inconclusive, 99 an expectation fails.
    """
    set_debug(debug)


def main(argv: list[str] | None = None) -> int:
    """Run the command line (``sys.argv`` without arguments) and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")  # a terminal that has no letter µ still gets the rest
    # A start makes a million objects that stay: looking for dropped ones after every 700 is a twentieth of its time.
    gc.set_threshold(50_000, 20, 50)
    try:
        app(args=argv, prog_name="netsim")
    except SystemExit as end:
        return _code(end.code)
    except BrokenPipeError:
        sys.stderr.close()
        return Code.DONE
    except (Exception, KeyboardInterrupt) as error:
        return explain(error)
    return Code.DONE


def _code(code: object) -> int:
    if code is None:
        return Code.DONE
    return code if isinstance(code, int) else Code.INTERNAL
