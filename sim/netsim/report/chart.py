"""One drawing of a report as plain data: what to read in it and its numbers as a table."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

#: A page shows this many rows of a table; its CSV link has all.
MOST_ROWS = 200
Cell = str | float | int | None


@dataclass(frozen=True, slots=True)
class Chart:
    """``reading``: one sentence on what the data say. ``columns`` carry the unit; ``rows`` are in their order."""

    title: str
    reading: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]] = field(default_factory=list)

    @property
    def shown(self) -> list[list[str]]:
        """The first rows as text."""
        return [[cell_text(cell) for cell in row] for row in self.rows[:MOST_ROWS]]

    @property
    def csv_uri(self) -> str:
        """All rows as CSV in a ``data:`` URI."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(
            ["" if c is None else f"{c:.6g}" if isinstance(c, float) else c for c in row] for row in self.rows
        )
        return "data:text/csv;base64," + base64.b64encode(stream.getvalue().encode()).decode()


def cell_text(cell: Cell) -> str:
    """A cell as people read it."""
    if cell is None:
        return "-"
    return f"{cell:.4g}" if isinstance(cell, float) else f"{cell:,}" if isinstance(cell, int) else cell
