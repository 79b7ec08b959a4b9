"""``netsim init``: a first scenario to change."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from netsim.cli.common import Quiet, UsageError, guarded


def starter() -> str:
    """The starter scenario, with a comment on every part."""
    return (files("netsim") / "data" / "starter.yaml").read_text(encoding="utf-8")


@guarded
def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")] = Path("scenario.yaml"),
    quiet: Quiet = False,
) -> None:
    """Write a first scenario, with a comment on every part. Never overwrites a file."""
    try:
        with file.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(starter())
    except FileExistsError:
        raise UsageError(f"{file} exists and stays as it is; name another file") from None
    except OSError as error:
        raise UsageError(f"cannot write {file}: {(error.strerror or 'an error').lower()}") from None
    if not quiet:
        typer.echo(f"{file} is written. Next: netsim check {file}, then netsim run {file} --out out")
