"""The formulas against theory's known answers."""

from __future__ import annotations

import math

import pytest

from netsim.engine.flow.queues import erlang_c, sliced, wait
from netsim.engine.flow.work import beyond, cv2, slices_square
from netsim.scenario.schema_work import Distribution


@pytest.mark.parametrize("busy", [0.1, 0.5, 0.9])
def test_one_server(busy: float) -> None:
    exponential = wait(busy, 1.0, 2.0)
    assert exponential.mean_s == pytest.approx(busy / (1 - busy)) and exponential.chance == pytest.approx(
        busy
    )
    assert wait(busy, 1.0, 1.0).mean_s == pytest.approx(busy / (1 - busy) / 2)  # M/D/1


def test_erlang_c_is_the_sum_over_states() -> None:
    for servers, load in ((1, 0.3), (2, 1.2), (5, 4.1), (40, 33.0)):
        states = [load**k / math.factorial(k) for k in range(servers)]
        full = load**servers / math.factorial(servers) * servers / (servers - load)
        assert erlang_c(servers, load) == pytest.approx(full / (sum(states) + full))


def test_turns_between_first_come_first_served_and_processor_sharing() -> None:
    """A slice longer than every work is M/G/1; a very short one shares: work x waits x u / (1 - u)."""
    long = sliced(0.6, 1.0, 2.0, 1, 0.0)
    assert long.mean_s == pytest.approx(0.6 * 1.0 / 0.4)
    work = Distribution("exponential", 10**12, 1.0)
    short = sliced(0.6, 1.0, slices_square(work, 1e-4), 1, 0.0)
    assert short.mean_s < 1e-3 and short.per_second == pytest.approx(0.6 / 0.4)


def test_softirq_takes_from_threads() -> None:
    assert sliced(0.5, 1.0, 2.0, 1, 0.2).mean_s == pytest.approx(0.625 / 0.375 * 1.25)


def test_work_as_numbers() -> None:
    assert cv2(Distribution("uniform", 10**12, 0.0, 0, 2 * 10**12)) == pytest.approx(1 / 3)
    exponential = Distribution("exponential", 10**12, 1.0)
    assert beyond(exponential, 1.0) == pytest.approx(math.exp(-1), rel=0.01)
    assert slices_square(exponential, 1e3) == pytest.approx(2.0, rel=0.01)
    assert slices_square(Distribution("constant", 25 * 10**11), 1.0) == pytest.approx(2.25)
