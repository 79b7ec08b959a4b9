"""What the commands share: exit codes, options, and errors as one line instead of a traceback."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Sequence
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Annotated, ParamSpec, TypeVar

import typer

HELP_URL = "the project's issue tracker"
P = ParamSpec("P")
R = TypeVar("R")


class Code(IntEnum):
    """Exit codes."""

    DONE = 0
    INTERNAL = 1
    USAGE = 2
    INVALID = 3
    LIMIT = 4
    INCONCLUSIVE = 98
    FAILED = 99
    INTERRUPTED = 130


class Format(StrEnum):
    """What goes to standard output."""

    TEXT = "text"
    JSON = "json"


class UsageError(Exception):
    """Something that the caller can put right; the text is the whole message."""


ScenarioFile = Annotated[Path, typer.Argument(metavar="FILE", help="The scenario, a YAML file.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Replace a value of the scenario, like services.web.replicas=20. May be given many times.",
    ),
]
Output = Annotated[Format, typer.Option("--format", help="Text to read, or JSON to process.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only errors and warnings.")]


class _Debug:
    """Whether tracebacks are wanted; set by ``--debug``."""

    wanted = False


def set_debug(wanted: bool) -> None:
    """Show tracebacks of internal errors from now on, or not."""
    _Debug.wanted = wanted


def debugging() -> bool:
    """``--debug``, or ``NETSIM_DEBUG`` set to anything but 0 or nothing."""
    return _Debug.wanted or os.environ.get("NETSIM_DEBUG", "0") not in ("", "0")


def say(text: str) -> None:
    """A line to standard error."""
    typer.echo(text, err=True)


def on_github() -> bool:
    """Whether this runs in GitHub Actions, which shows remarks beside lines of files."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def parse_overrides(items: Sequence[str] | None) -> dict[str, str]:
    """``PATH=VALUE`` items as a mapping. Raises `UsageError`."""
    found: dict[str, str] = {}
    for item in items or ():
        path, equals, value = item.partition("=")
        if not equals or not path.strip():
            raise UsageError(f"expected --set PATH=VALUE, like services.web.replicas=20, got --set {item}")
        found[path.strip()] = value
    return found


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """Turns every exception of a command into a message and its exit code."""

    @functools.wraps(command)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except BrokenPipeError:
            raise
        except (Exception, KeyboardInterrupt) as error:
            raise typer.Exit(explain(error)) from None

    return inside


def explain(error: BaseException) -> Code:
    """Tell an error on standard error; returns the exit code that stands for it."""
    from netsim.results.errors import EngineError, Interrupted, ResultError
    from netsim.scenario.problems import ScenarioError

    if isinstance(error, ScenarioError):
        say(str(error))
        count = len(error.problems)
        say(f"{count} problem{'' if count == 1 else 's'}: the scenario cannot run")
        if on_github():
            from netsim.results.findings import github_command

            for problem in error.problems:
                text = f"{problem.path}: expected {problem.expected}, got {problem.found}"
                say(github_command("error", text, problem.code, problem.file, problem.line, problem.col))
        return Code.INVALID
    if isinstance(error, (UsageError, EngineError, ResultError)):
        say(f"netsim: {error}")
        return Code.USAGE
    if isinstance(error, Interrupted):
        say("netsim: interrupted before the first replication was complete: nothing to report")
        return Code.INTERRUPTED
    if isinstance(error, KeyboardInterrupt):
        say("netsim: interrupted")
        return Code.INTERRUPTED
    return internal(error)


def internal(error: BaseException) -> Code:
    """An error of netsim itself: one line and how to report it; the traceback only when asked for."""
    if debugging():
        import traceback

        say("".join(traceback.format_exception(error)).rstrip())
    text = str(error).strip().splitlines()
    what = f"{type(error).__name__}: {text[0][:200]}" if text else type(error).__name__
    say(f"netsim: internal error: {what}")
    if not debugging():
        say(f"This is a bug. Run it again with NETSIM_DEBUG=1 and send what it prints to {HELP_URL}.")
    return Code.INTERNAL


def terminal(stream: object = None) -> bool:
    """Whether standard error (or ``stream``) is a terminal that can redraw lines."""
    found = sys.stderr if stream is None else stream
    isatty = getattr(found, "isatty", None)
    return bool(isatty and isatty()) and os.environ.get("TERM") != "dumb"
