"""Which part of a run is replayed, and how many of its requests."""

from __future__ import annotations

import numpy as np
import pytest

from netsim.engine.border import NEVER_PS, Change, LinkState, What
from netsim.engine.flow.rates import mean_rate
from netsim.engine.flow.replay import Met, Span, inside, joined, slowed, thinned, times_of
from netsim.engine.tally import E_START, W_ROW
from netsim.scenario.schema_load import Arrivals, Load
from netsim.scenario.schema_work import Connection

S = 10**12


def test_spans_that_touch_are_one() -> None:
    assert joined([Span(5, 9), Span(0, 2), Span(2, 3), Span(6, 7)]) == [Span(0, 3), Span(5, 9)]


def test_when_nodes_hear_of_a_change() -> None:
    heard = np.array([7, NEVER_PS, 3], np.int64)
    assert times_of(Change(What.BACKEND_REMOVE, "a.1", times_ps=heard)) == (3, 7)
    assert times_of(Change(What.BACKEND_REMOVE, "a.1", times_ps=np.full(2, NEVER_PS))) is None
    assert times_of(Change(What.NODE_DOWN, "n", at_ps=4)) == (4, 4)


def test_links_and_cores_are_other_than_they_were_until_they_are_themselves_again() -> None:
    changes = [
        Change(What.LINK, "a", 1 * S, link=LinkState(loss=0.01, direction="sends")),
        Change(What.STEAL, "b", 2 * S, value=100),
        Change(What.LINK, "a", 3 * S, link=LinkState(direction="sends")),
        Change(What.STEAL, "b", 5 * S, value=0),
        Change(What.PART, "", 8 * S, groups=(("a",), ("b",))),
    ]
    assert slowed(changes, 10 * S) == [Span(1 * S, 5 * S), Span(8 * S, 10 * S)]


@pytest.mark.parametrize(("busy", "calm"), [(500.0, 100.0), (1e9, 50.0), (1e9, 1e9)])
def test_as_many_requests_are_replayed_as_there_is_time_for(busy: float, calm: float) -> None:
    """100/s, then up to 300/s at the end; two spans of 3 s in all, after 10 s of 40."""
    arrivals = Arrivals("poisson", ((0, 100.0), (20 * S, 100.0), (40 * S, 300.0)), None)
    load = Load.model_validate({"from": "outside", "to": "web:8080"}).model_copy(
        update={"arrivals": arrivals, "connection": Connection("pool", 200)}
    )
    spans = [Span(10 * S, 11 * S), Span(30 * S, 32 * S)]
    found, share = thinned(load, spans, 0, 40 * S, busy, calm)
    assert found.arrivals is not None

    def count(line: Arrivals, parts: list[Span]) -> float:
        return sum(mean_rate(line, s.start_ps, s.end_ps) * (s.end_ps - s.start_ps) for s in parts) / S

    real = count(arrivals, spans)
    assert count(found.arrivals, spans) == pytest.approx(min(real, busy), rel=0.01)
    assert share == pytest.approx(min(1.0, busy / real))
    assert found.connection.pool == max(1, round(200 * share))
    rest = [Span(11 * S, 30 * S), Span(32 * S, 40 * S)]
    assert count(found.arrivals, rest) <= min(share * count(arrivals, rest), 1.2 * calm)


def test_requests_meet_what_the_nearest_in_time_met() -> None:
    rows = np.zeros((4, W_ROW), np.int64)
    rows[:, E_START] = [10, 20, 40, 80]
    met = Met(1.0, rows, np.zeros(4, np.bool_))
    rng = np.random.default_rng(1)
    assert met.like(np.array([0.0, 14, 16, 31, 59, 61, 1000]), rng).tolist() == [0, 0, 1, 2, 2, 3, 3]
    assert inside(np.array([9, 10, 19, 20]), [Span(10, 20)]).tolist() == [False, True, True, False]
