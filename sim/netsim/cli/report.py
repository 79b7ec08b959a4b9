"""``netsim report``: render the report of a result again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netsim.cli.common import Quiet, UsageError, guarded


@guarded
def command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that netsim run wrote.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write; without it, beside the result.")
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Show the page in the browser as well.")] = False,
    quiet: Quiet = False,
) -> None:
    """Render report.html and latency.svg again from the files of a result."""
    from netsim.report.pages import write_report

    try:
        paths = write_report(folder, out)
    except OSError as error:
        reason = (error.strerror or "an error").lower()
        raise UsageError(f"cannot write to {out or folder}: {reason}") from None
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise UsageError(f"{folder}: expected a result of netsim run, got one without {error}") from None
    if not quiet:
        typer.echo("\n".join(paths))
    if show:
        import webbrowser

        page = next(path for path in paths if path.endswith(".html"))
        if not webbrowser.open(Path(page).resolve().as_uri()):
            typer.echo(f"netsim: no browser is there to show {page}", err=True)
