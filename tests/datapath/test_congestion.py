"""Congestion controls one step at a time, against the kernel's arithmetic and RFC 9438."""

from __future__ import annotations

import math

import pytest

from netsim.datapath.congestion import cubic, dispatch, registry
from netsim.datapath.congestion.layout import CC_THRESHOLD, CC_WINDOW, INFINITE, W_CC
from netsim.datapath.congestion.registry import Window, number
from netsim.scenario.schema_work import CONGESTION_CONTROLS

MS = 10**9
S = 10**12


def test_the_language_names_all_controls_and_no_others() -> None:
    assert sorted(CONGESTION_CONTROLS) == sorted(registry.NAMES)
    assert CONGESTION_CONTROLS[0] == dispatch.NAMES[0] == "cubic"
    assert [module.__name__.rpartition(".")[2] for module in dispatch.MODULES] == list(dispatch.NAMES)
    with pytest.raises(ValueError):
        number("vegas")


def test_own_cells_stand_inside_the_row() -> None:
    assert cubic.CU_SAMPLES < W_CC


def rounds(window: Window, count: int, rtt: int, begin: int = 0) -> list[int]:
    """The window after each of so many round trips in which all of it is sent at once and acknowledged packet by packet."""
    found, now = [], begin
    for _ in range(count):
        sent = [window.sent(now) for _ in range(window.packets)]
        window.full(now + 2 * len(sent))
        now += rtt
        for left, at in zip(range(len(sent), 0, -1), sent, strict=True):
            window.acked(now, 1, left + (len(sent) - left), at, now - at)
        found.append(window.packets)
    return found


def after_a_loss(control: str, packets: int, rtt: int) -> Window:
    window = Window(number(control), packets)
    sent = window.sent(0)
    window.acked(rtt, 1, 0, sent, rtt)  # the window was not used: it says the round trip alone
    lose(window, rtt, rtt)
    return window


def lose(window: Window, now: int, rtt: int) -> None:
    """One packet is lost, and comes a round trip later."""
    window.lost(1, window.packets - 1, window.sent(now))
    window.acked(now + rtt, 1, window.packets, window.sent(now), rtt, again=True)


def test_reno_doubles_then_halves_then_adds_one() -> None:
    window = Window(number("reno"), 10)
    assert rounds(window, 4, 20 * MS) == [20, 40, 80, 160]
    lose(window, S, 20 * MS)
    assert window.packets == 80 == window.cells[CC_THRESHOLD]
    assert rounds(window, 5, 20 * MS, 2 * S) == [81, 82, 83, 84, 85]


def test_one_cut_for_all_that_was_on_its_way() -> None:
    window = Window(number("reno"), 100)
    first, second = window.sent(0), window.sent(0)
    window.lost(1, 99, first)
    window.lost(1, 98, second)
    assert window.packets == 50
    new, again = window.sent(MS), window.sent(MS)
    window.lost(1, 49, new)  # not before the first two have come
    window.acked(2 * MS, 1, 50, again, MS, again=True)
    assert window.packets == 50
    window.acked(2 * MS, 1, 49, window.sent(MS), MS, again=True)
    assert window.packets == 25


def test_nothing_grows_while_it_is_not_used() -> None:
    for control in ("cubic", "reno"):
        window = Window(number(control), 10)
        window.acked(MS, 1, 4, window.sent(0), MS)
        assert window.packets == 10  # slow start: less than half was on its way
        window.lost(1, 9, window.sent(MS))
        least = window.packets
        for k in range(100):
            window.acked((k + 3) * MS, 1, 2, window.sent((k + 2) * MS), MS)
        assert window.packets == least


def test_a_time_out_begins_again_with_one_packet() -> None:
    for control in ("cubic", "reno"):
        window = Window(number(control), 100)
        window.sent(0)
        window.timed_out()
        assert window.packets == 1
        assert window.cells[CC_THRESHOLD] == (70 if control == "cubic" else 50)


@pytest.mark.parametrize(("idle", "left"), [(0.2, 64), (0.3, 32), (0.6, 16), (0.95, 10), (9.0, 10)])
def test_a_rest_halves_the_window_for_each_time_out(idle: float, left: int) -> None:
    """tcp_cwnd_restart, with a time-out of 220 ms."""
    window = Window(number("cubic"), 64)
    window.sent(0)
    window.rested(round(idle * S), round(idle * S), 220 * MS, 10)
    assert window.packets == left


@pytest.mark.parametrize("packets", [100, 1000, 20_000])
def test_cubic_follows_its_function(packets: int) -> None:
    """W(t) = C (t - K)^3 + W_max with K = cbrt(W_max (1 - beta) / C) (RFC 9438, 4.2), at a round trip at which Reno is slower."""
    rtt = 200 * MS
    window = after_a_loss("cubic", packets, rtt)
    cut = window.packets
    assert cut == packets * 717 // 1024
    k = math.cbrt((packets - cut) / 0.4)
    found = rounds(window, round(1.6 * k / 0.2), rtt, 2 * rtt)
    for i, after in enumerate(found):
        t = 0.2 * (i + 1)
        # The kernel aims one round trip ahead and counts packets to be acknowledged in whole numbers, rounded down.
        low, high = (0.4 * (t + shift - k) ** 3 + packets for shift in (-0.3, 0.3))
        assert low * 0.99 - 1 <= after <= high * 1.02 + 2, (i, after, low, high)


def test_cubic_is_not_slower_than_reno_over_short_paths() -> None:
    """RFC 9438, 4.3: in a data centre the window grows as that of AIMD(0.53, 0.7), which has Reno's throughput."""
    window = after_a_loss("cubic", 100, MS)
    found = rounds(window, 400, MS, 2 * MS)
    per_round = (found[-1] - found[0]) / (len(found) - 1)
    assert per_round == pytest.approx(3 * (1 - 0.7) / (1 + 0.7), rel=0.12)


def test_cubic_converges_fast() -> None:
    """Who loses below the last peak leaves room: the next peak is aimed (1 + beta) / 2 as high (RFC 9438, 4.7)."""
    window = after_a_loss("cubic", 1000, 100 * MS)
    lose(window, S, 100 * MS)
    assert window.packets == 1000 * 717 // 1024 * 717 // 1024
    assert window.cells[cubic.CU_MOST] == 700 * (1024 + 717) // 2048


def test_hystart_leaves_slow_start_when_the_round_trip_grows() -> None:
    """More than an eighth above the least, 4 ms at the least and 16 ms at the most, in nine samples of a round."""
    for more, leaves in ((15, False), (17, True)):
        window = Window(number("cubic"), 40)
        now, base = 0, 200 * MS
        for rtt in (base, base + more * MS):
            sent = [window.sent(now + k * 3 * MS) for k in range(12)]
            for at in sent:
                window.acked(at + rtt, 1, window.packets, at, rtt)
            now = sent[-1] + rtt + MS
        assert (window.cells[CC_THRESHOLD] < INFINITE) == leaves
        assert window.cells[CC_WINDOW] > 40


def test_hystart_leaves_slow_start_when_a_train_lasts_half_a_round_trip() -> None:
    window = Window(number("cubic"), 400)
    sent = [window.sent(0) for _ in range(200)]
    left_at = None
    for k, at in enumerate(sent):
        now = 40 * MS + k * MS // 4
        window.acked(now, 1, window.packets, at, 40 * MS)
        if left_at is None and window.cells[CC_THRESHOLD] < INFINITE:
            left_at = now - 40 * MS
    assert left_at is not None and 20 * MS < left_at < 21 * MS
