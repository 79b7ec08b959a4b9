"""``netsim warmup``: compile now, for images and CI."""

from __future__ import annotations

import typer

from netsim.cli.common import Quiet, guarded


@guarded
def command(quiet: Quiet = False) -> None:
    """Compile the fast engine now, so that the first run need not."""
    from netsim.cli.progress import Compiling
    from netsim.compiled import FOLDER
    from netsim.engine.fast.warmup import warm_up

    seconds = warm_up(None if quiet else Compiling().told, everything=True)
    if not quiet:
        where = f"kept in {FOLDER}" if FOLDER else "kept nowhere: no folder for it can be written"
        typer.echo(f"The fast engine is ready after {seconds:.1f} s; compiled code is {where}.")
