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


#: New objects between two looks for cycles, then how many looks until older ones are looked at, too. A start makes a million
#: objects that all stay: with Python's own numbers it spends a fifth of its time on looking.
RARELY = (100_000, 20, 10)


def main(argv: list[str] | None = None) -> int:
    """Run the command line (``sys.argv`` without arguments) and return the exit code."""
    if argv is None:
        gc.set_threshold(*RARELY)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")  # a terminal that has no letter µ still gets the rest
    try:
        app(args=argv, prog_name="netsim")
    except SystemExit as end:
        return _code(end.code)
    except BrokenPipeError:
        sys.stderr.close()
        return Code.DONE
    except (Exception, KeyboardInterrupt) as error:
        return explain(error)
    else:
        return Code.DONE
    finally:
        if argv is None:
            gc.freeze()  # nobody needs what Python would look through once more on its way out: 0.3 s


def _code(code: object) -> int:
    if code is None:
        return Code.DONE
    return code if isinstance(code, int) else Code.INTERNAL
