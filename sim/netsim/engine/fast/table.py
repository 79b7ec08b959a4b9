"""Rows for the fast engine's memory, with their columns by name."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from netsim.engine.fast import layout as y

#: The columns by their names in the layout.
COLUMNS: dict[str, int] = vars(y)


class Table:
    """Rows that are collected before they are put into memory."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.rows: list[list[int]] = []

    def add(self, **values: int) -> int:
        """One row; its number."""
        row = [0] * self.width
        for name, value in values.items():
            row[COLUMNS[name]] = int(value)
        self.rows.append(row)
        return len(self.rows) - 1

    def array(self) -> npt.NDArray[np.int64]:
        """All rows, flat."""
        return np.array(self.rows, np.int64).reshape(-1)
