"""Times are whole picoseconds everywhere: what a second is of them."""

from __future__ import annotations

PS_PER_S = 1_000_000_000_000
