"""How writes are cut into units: what a real kernel sent, and what must hold of every length."""

from __future__ import annotations

import json
import statistics
from typing import Any

import pytest
from helpers import ROOT
from hypothesis import given
from hypothesis import strategies as st

from netsim.datapath.writes import cut_in_two, unit_of_write

#: Of `iperf3 -l` between two namespaces (Linux 6.18): the segment, the length of the writes, and the units of one write by their
#: lengths at `net:net_dev_queue`, less 66 B of headers. docs/validation.md has how often each was seen.
SEEN = [
    (1448, 131072, [65160, 65160, 752]),
    (1448, 130000, [65160, 63712, 1128]),
    (1448, 130320, [65160, 65160]),
    (1398, 131072, [64308, 64308, 1398, 1058]),
    (1398, 130000, [64308, 64308, 1384]),
    (1398, 128616, [64308, 64308]),
]


def cut(write: int, mss: int, at: int = 0) -> list[int]:
    """The units from a byte of a stream to the end of the write that it is in."""
    most = 65160 // mss * mss
    found: list[int] = []
    end = at // write * write + write
    while at < end:
        found.append(min(unit_of_write(at, write, most, mss), end - at))
        at += found[-1]
    return found


@pytest.mark.parametrize(("mss", "write", "units"), SEEN)
def test_units_that_a_kernel_sent(mss: int, write: int, units: list[int]) -> None:
    assert cut(write, mss) == units
    assert cut(write, mss, 7 * write) == units


@given(write=st.integers(1, 3_000_000), mss=st.integers(500, 9000), at=st.integers(0, 10**12))
def test_of_a_write_only_the_last_unit_has_a_part_of_a_segment(write: int, mss: int, at: int) -> None:
    units = cut(write, mss, at)
    assert all(size > 0 and size % mss == 0 for size in units[:-1])
    assert sum(units) == write - at % write
    assert len(units) <= write // (65160 // mss * mss) + 2


ROWS = json.loads((ROOT / "tests" / "data" / "lab" / "writes.json").read_text(encoding="utf-8"))["rows"]


@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if row["write_bytes"] <= 1 << 18],
    ids=lambda row: f"{row['path']}-{row['write_bytes']}",
)
def test_slow_are_the_writes_whose_end_is_cut_in_two(row: dict[str, Any]) -> None:
    """TCP_NODELAY does away with the cut, so a sender is faster with it where there was one, and nowhere else: 1.23 to 1.57
    times, or 0.97 to 1.03. Of a MiB one cut is lost in the noise."""
    write, mss = row["write_bytes"], row["segment_bytes"]
    most = 65160 // mss * mss
    faster = statistics.median(row["nodelay_bps"]) / statistics.median(row["plain_bps"])
    assert any(cut_in_two(at, write, most, mss) for at in range(0, write, most)) == (faster > 1.12)


def test_who_writes_without_end_fills_every_unit() -> None:
    assert unit_of_write(123, 0, 65160, 1448) == 65160
