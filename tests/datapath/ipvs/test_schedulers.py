"""What recorded traces do not show: draws, days without use, hash functions on their own."""

from __future__ import annotations

import random

import numpy as np
import pytest
from scipy import stats

from netsim.compiled import entry
from netsim.datapath.ipvs import dispatch, hashing, registry
from netsim.datapath.ipvs.layout import FALLBACK
from netsim.datapath.ipvs.tables import Service

S = 10**12
DAY = 86_400 * S


@entry
def siphash(value, key):  # type: ignore[no-untyped-def]
    return hashing.hsiphash(value, key)


def siphash_by_hand(value: int, key: int) -> int:
    """SipHash-1-3 in Python's integers, written from the description of the algorithm alone."""
    mask = (1 << 64) - 1
    v = [c ^ key for c in (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)]

    def turn(x: int, b: int) -> int:
        return ((x << b) | (x >> (64 - b))) & mask

    def mix() -> None:
        for a, b, c, d, x, y in ((0, 1, 2, 3, 13, 16), (2, 1, 0, 3, 17, 21)):
            v[a] = (v[a] + v[b]) & mask
            v[c] = (v[c] + v[d]) & mask
            v[b], v[d] = turn(v[b], x) ^ v[a], turn(v[d], y) ^ v[c]
            v[a] = turn(v[a], 32)

    block = (4 << 56) | value
    v[3] ^= block
    mix()
    v[0] ^= block
    v[2] ^= 0xFF
    for _ in range(3):
        mix()
    return (v[0] ^ v[1] ^ v[2] ^ v[3]) & 0xFFFFFFFF


def test_siphash_as_described() -> None:
    rng = random.Random(1)
    for value in (0, 1, 0xFFFFFFFF, *(rng.getrandbits(32) for _ in range(50))):
        for key in (2654435761, 2654446892):
            assert siphash(value, key) == siphash_by_hand(value, key)


def test_twos_draws_as_the_kernel_does() -> None:
    """Weight w of a sum W is drawn with w / (W + 1), the first of the list with one more; chi-square at 0.1 %."""
    made = Service("twos", 4)
    for number, weight in ((1, 1), (2, 2), (3, 1), (4, 0)):
        made.add(number, weight, number)
    rng = np.random.default_rng(5)
    draws = rng.integers(0, 1 << 32, (20_000, 2))
    seen = [made.choose(0, 0, 0, 0, (int(a), int(b))) for a, b in draws]
    # The list is 4, 3, 2, 1; nobody has connections, so the first draw stands.
    expected = np.array([2, 2, 1]) / 5
    counts = np.array([seen.count(3), seen.count(2), seen.count(1)])
    assert counts.sum() == 20_000
    assert stats.chisquare(counts, expected * 20_000).pvalue > 0.001


def test_twos_takes_the_less_loaded_of_its_two() -> None:
    made = Service("twos", 2)
    made.add(1, 1, 1)
    made.add(2, 1, 2)
    made.bind(2)
    assert made.choose(0, 0, 0, 0, (0, 2)) == 1  # draws 2 (first in the list) and 1
    assert made.choose(0, 0, 0, 0, (0, 1)) == 2  # draws 2 twice


def test_lblc_remembers_for_a_day() -> None:
    made = Service("lblc", 3)
    for number in (1, 2):
        made.add(number, 1, number)
    assert made.choose(0, 0, 7, 0) == 2
    made.bind(2)
    assert made.choose(0, 0, 7, DAY - S) == 2  # not overloaded: 1 active is not above weight 1
    assert made.choose(0, 0, 7, 2 * DAY) == 1  # forgotten, and the least loaded is another one now
    assert made.choose(0, 0, 8, 2 * DAY) == 1  # another address has a place of its own


def test_lblc_gives_up_the_oldest_of_too_many_addresses() -> None:
    made = Service("lblc", 2)
    made.add(1, 1, 1)
    assert {made.choose(0, 0, address, address * S) for address in range(400)} == {1}


def test_lblcr_shrinks_after_a_day_without_change() -> None:
    made = Service("lblcr", 3)
    for number in (1, 2, 3):
        made.add(number, 2, number)
    assert made.choose(0, 0, 7, 0) == 3
    for _ in range(3):
        made.bind(3)
    assert made.choose(0, 0, 7, S) == 2  # 3 active above weight 2 while others idle: the set grows
    made.turn(3, False)
    made.turn(3, False)
    made.turn(3, False)
    assert made.choose(0, 0, 7, 2 * S) == 2
    half = DAY // 2
    assert [made.choose(0, 0, 7, t) for t in (half, DAY + 3 * S)] == [
        2,
        2,
    ]  # 3, the most loaded, left the set
    for _ in range(3):
        made.bind(2)
    assert made.choose(0, 0, 7, DAY + 4 * S) == 1  # wlc over all: 1 has no connections at all


def test_thresholds_have_a_lower_end() -> None:
    made = Service("rr", 2)
    made.add(1, 1, 1, upper=4, lower=2)
    for _ in range(4):
        made.bind(1)
    assert made.choose(0, 0, 0) is None
    made.unbind(1, True)
    made.unbind(1, True)
    assert made.choose(0, 0, 0) is None  # 2 are not below 2
    made.unbind(1, True)
    assert made.choose(0, 0, 0) == 1


@pytest.mark.parametrize("name", list(dispatch.NAMES))
def test_nobody_and_only_drained_ones(name: str) -> None:
    made = Service(name, 2, FALLBACK)
    assert made.choose(1, 2, 3) is None
    made.add(1, 0, 1)
    assert made.choose(1, 2, 3) is None
    made.change(1, 1)
    assert made.choose(1, 2, 3) == 1
    made.remove(1)
    assert made.choose(1, 2, 3) is None


def test_schedulers_by_name() -> None:
    assert list(registry.names())[:14] == list(dispatch.NAMES)
