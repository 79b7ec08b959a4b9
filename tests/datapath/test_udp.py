"""Receive buffers as the kernel counts them."""

from __future__ import annotations

import pytest

from netsim.datapath.udp import has_to_fit, holds, takes, truesize_bytes

DEFAULT = 212_992


@pytest.mark.parametrize(
    ("size", "waiting"), [(300, 166), (500, 166), (600, 166), (700, 92), (1000, 92), (1472, 92)]
)
def test_a_default_buffer_holds_what_a_real_one_did(size: int, waiting: int) -> None:
    """Counted on Linux 6.18 over loopback: 1,000 datagrams sent to a socket that nobody reads, then read."""
    assert holds(DEFAULT, truesize_bytes(size, False), has_to_fit(6.18)) == waiting


def test_the_default_is_256_datagrams_of_256_bytes_of_data() -> None:
    """SK_RMEM_MAX of include/net/sock.h is made so."""
    assert DEFAULT == 256 * (256 + 320 + 256)


def test_what_a_card_brought_takes_half_a_page_whatever_its_size() -> None:
    assert truesize_bytes(1, True) == truesize_bytes(1472, True) == 2304
    assert truesize_bytes(8000, True) == 256 + 16384


@pytest.mark.parametrize("fit", [0, 1])
@pytest.mark.parametrize("buffer", [0, 700, 768, 5000])
def test_a_buffer_holds_as_many_as_it_takes_one_after_the_other(buffer: int, fit: int) -> None:
    size, taken = truesize_bytes(1, False), 0
    while takes(taken * size, size, buffer, fit):
        taken += 1
    assert taken == holds(buffer, size, fit)
