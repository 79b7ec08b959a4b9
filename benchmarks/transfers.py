"""Random transfers over a star of hosts, 60 % of its capacity, for the flow engine and for SimGrid.

``python benchmarks/transfers.py HOSTS TRANSFERS FILE`` writes them as SimGrid's program reads them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from netsim.engine.flow.fluid import Transfers

LINK_BYTES_PER_S = 1.25e9
LOAD = 0.6


def star(hosts: int, count: int, seed: int = 1) -> Transfers:
    """Transfers that begin within about a second; the stations are each host's way in (odd) and out (even)."""
    rng = np.random.default_rng(seed)
    starts = np.cumsum(rng.exponential(1 / count, count))
    source = rng.integers(0, hosts, count)
    target = (source + rng.integers(1, hosts, count)) % hosts
    sizes = np.floor(rng.exponential(LINK_BYTES_PER_S * hosts * LOAD / count, count)) + 1
    paths = np.stack([2 * source, 2 * target + 1], 1).ravel()
    return Transfers(
        starts, sizes, np.arange(0, 2 * count + 1, 2), paths, np.ones(2 * count), np.ones(count), np.full(count, np.inf)
    )  # fmt: skip


def write(hosts: int, found: Transfers, path: Path) -> None:
    """``hosts transfers``, then a line ``start_s from to bytes`` for each."""
    lines = [f"{hosts} {len(found.starts_s)}"]
    for start, size, a, b in zip(
        found.starts_s, found.sizes_bytes, found.paths[::2], found.paths[1::2], strict=True
    ):
        lines.append(f"{float(start)!r} {a // 2} {b // 2} {size:.0f}")
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(int(sys.argv[1]), star(int(sys.argv[1]), int(sys.argv[2])), Path(sys.argv[3]))
