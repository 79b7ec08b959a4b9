"""How far long work is, on standard error: compiling, and simulating."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from netsim.cli.common import say, terminal

if TYPE_CHECKING:
    from netsim.results.run import Progress


class Compiling:
    """Says how far compiling is: one line that is redrawn on a terminal, else a line now and then."""

    EVERY_S = 5.0

    def __init__(self) -> None:
        self.live = terminal()
        self.next_s = 0.0
        self.complete = False

    def told(self, done: int, known: int) -> None:
        """``done`` of ``known`` functions are compiled."""
        from netsim.compiled import FOLDER, UNKEPT

        if self.complete:
            return
        self.complete = done == known
        if not self.next_s:
            say(
                "netsim: compiling the fast engine; the next start finds it ready"
                if FOLDER
                else f"netsim: {UNKEPT}"
            )
        elif time.monotonic() < self.next_s and not self.complete:
            return
        self.next_s = time.monotonic() + (0.1 if self.live else self.EVERY_S)
        text = f"netsim: compiled {done} of {known} functions"
        if self.live:
            typer.echo(f"\r{text}" + ("\n" if self.complete else ""), err=True, nl=False)
        else:
            say(text)


@contextmanager
def progress_bar(shown: bool) -> Iterator[Progress | None]:
    """A bar on standard error while the block runs, or nothing."""
    if not shown:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("simulating"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("simulating", total=1.0)
        yield lambda done: bar.update(task, completed=done)
