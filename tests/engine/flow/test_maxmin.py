"""Max-min fair rates: against plain progressive filling, and as fluid over time."""

from __future__ import annotations

import numpy as np
from helpers import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.engine.flow import fluid
from netsim.engine.flow.maxmin import make, place, solve_all

INF = float("inf")
Flow = tuple[dict[int, float], float, float]  # station -> use, weight, cap


def plain_filling(capacities: list[float], flows: list[Flow]) -> list[float]:
    """Raise all levels together; freeze who is at a cap or at a full station; until nobody grows."""
    rates = [0.0] * len(flows)
    growing = set(range(len(flows)))
    while growing:
        level, full = INF, []
        for s, capacity in enumerate(capacities):
            total = sum(flows[f][0].get(s, 0.0) * flows[f][1] for f in growing)
            if total > 0:
                fixed = sum(flows[f][0].get(s, 0.0) * rates[f] for f in range(len(flows)) if f not in growing)
                at = max(0.0, capacity - fixed) / total
                if at < level * (1 - 1e-13):
                    level, full = at, [s]
                elif at <= level * (1 + 1e-13):
                    full.append(s)
        capped = [f for f in growing if flows[f][2] / flows[f][1] <= level]
        if capped:
            f = min(capped, key=lambda f: flows[f][2] / flows[f][1])
            rates[f] = flows[f][2]
            growing.discard(f)
            continue
        for f in [f for f in growing if any(s in flows[f][0] for s in full)]:
            rates[f] = level * flows[f][1]
            growing.discard(f)
    return rates


capacities = st.lists(st.sampled_from([0.0, 1.0, 3.0, 7.5, 10.0, 1e9]), min_size=1, max_size=7)


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[float], list[Flow]]:
    found = draw(capacities)
    flows = []
    for _ in range(draw(st.integers(1, 12))):
        path = draw(st.sets(st.integers(0, len(found) - 1), min_size=1, max_size=4))
        use = {s: draw(st.sampled_from([1.0, 1.0, 0.5, 2.25])) for s in sorted(path)}
        flows.append(
            (use, draw(st.sampled_from([1.0, 1.0, 2.0, 0.3])), draw(st.sampled_from([INF, INF, 0.7, 2.0])))
        )
    return found, flows


def solved(found: list[float], flows: list[Flow]) -> np.ndarray:
    net = make(np.array(found), len(flows), 4)
    for f, (use, weight, cap) in enumerate(flows):
        place(net, f, np.array(list(use)), np.array(list(use.values())), weight, cap)
    solve_all(net)
    return net.f_rate


@given(problems())
@settings(max_examples=300)
def test_rates_are_those_of_plain_filling(problem: tuple[list[float], list[Flow]]) -> None:
    np.testing.assert_allclose(solved(*problem), plain_filling(*problem), rtol=1e-9, atol=1e-12)


def transfers(flows: list[tuple[float, float, Flow]]) -> fluid.Transfers:
    flows = sorted(flows, key=lambda row: row[0])
    offsets = np.cumsum([0] + [len(use) for _, _, (use, _, _) in flows])
    return fluid.Transfers(
        np.array([start for start, _, _ in flows]), np.array([size for _, size, _ in flows]), offsets,
        np.array([s for _, _, (use, _, _) in flows for s in use], np.int64),
        np.array([u for _, _, (use, _, _) in flows for u in use.values()]),
        np.array([w for _, _, (_, w, _) in flows]), np.array([c for _, _, (_, _, c) in flows]),
    )  # fmt: skip


def plain_fluid(found: list[float], flows: list[tuple[float, float, Flow]]) -> list[float]:
    """The same over time, everything solved anew at every event."""
    flows = sorted(flows, key=lambda row: row[0])
    left = [size for _, size, _ in flows]
    ends, now, active, following = [float("nan")] * len(flows), 0.0, [], 0
    while active or following < len(flows):
        rates = (
            dict(zip(active, plain_filling(found, [flows[f][2] for f in active]), strict=True))
            if active
            else {}
        )
        over = (
            min(((now + left[f] / rates[f] if rates[f] > 0 else INF), f) for f in active)
            if active
            else (INF, -1)
        )
        begins = flows[following][0] if following < len(flows) else INF
        at = min(over[0], begins)
        if at == INF:
            break
        for f in active:
            left[f] -= rates[f] * (at - now)
        now = at
        if over[0] <= begins:
            ends[over[1]] = now
            active.remove(over[1])
        else:
            active.append(following)
            following += 1
    return ends


def test_fluid_over_time_is_that_of_solving_everything_anew() -> None:
    """Only what a change touches is solved; 40 random nets of 60 transfers, rates from 1 to 1000 links."""
    rng = np.random.default_rng(3)
    for _ in range(40):
        stations = int(rng.integers(2, 14))
        found = rng.choice([1.0, 2.0, 5.0], stations).tolist()
        flows = []
        for _ in range(60):
            path = rng.choice(stations, int(rng.integers(1, min(4, stations) + 1)), replace=False)
            use = {int(s): float(rng.choice([1.0, 0.5])) for s in path}
            cap = INF if rng.random() < 0.7 else float(rng.uniform(0.05, 1))
            flows.append(
                (float(rng.exponential(8)), float(rng.exponential(1)), (use, float(rng.choice([1, 3])), cap))
            )
        played = fluid.run(np.array(found), transfers(flows))
        np.testing.assert_allclose(played.ends_s, plain_fluid(found, flows), rtol=1e-9)


def test_stations_are_as_busy_as_their_bytes_say() -> None:
    flows = [(float(i), 2.0, ({0: 1.0, 1: 0.5}, 1.0, INF)) for i in range(5)]
    played = fluid.run(np.array([4.0, 4.0]), transfers(flows), 10.0)
    np.testing.assert_allclose(played.used, [10 / 40, 5 / 40])
    np.testing.assert_allclose(played.ends_s, [0.5, 1.5, 2.5, 3.5, 4.5])


def test_more_transfers_than_slots() -> None:
    """Three thousand at once share one link: all end together, and the last bytes are out when they have to be."""
    flows = [(0.0, 1.0, ({0: 1.0}, 1.0, INF)) for _ in range(3000)]
    played = fluid.run(np.array([1.0]), transfers(flows))
    np.testing.assert_allclose(played.ends_s, 3000.0, rtol=1e-9)


def test_a_change_is_solved_where_it_reaches() -> None:
    """A thousand pairs of hosts that share nothing: each event solves one or two flows, not a thousand."""
    flows = [(i * 1e-3, 5.0, ({2 * (i % 1000): 1.0, 2 * (i % 1000) + 1: 1.0}, 1.0, INF)) for i in range(4000)]
    played = fluid.run(np.full(2000, 10.0), transfers(flows))
    assert played.solved < 3 * played.solutions


def test_ends_are_those_of_simgrid() -> None:
    path = ROOT / "tests" / "data" / "simgrid" / "star.csv"
    rows = np.genfromtxt(path, delimiter=",", names=True)
    flows = [
        (r["start_s"], r["bytes"], ({2 * int(r["from"]): 1.0, 2 * int(r["to"]) + 1: 1.0}, 1.0, INF))
        for r in rows
    ]
    played = fluid.run(np.full(24, 1.25e9), transfers(flows))
    np.testing.assert_allclose(played.ends_s, rows["end_s"], rtol=1e-9)


def filled(capacities: np.ndarray, paths: np.ndarray) -> np.ndarray:
    """Progressive filling of flows over two stations each, of weight 1 and without caps: everything, at every step."""
    rates, growing = np.zeros(len(paths)), np.ones(len(paths), bool)
    while growing.any():
        fixed = np.zeros(len(capacities))
        for k in (0, 1):
            np.add.at(fixed, paths[~growing, k], rates[~growing])
        counts = np.bincount(paths[growing].ravel(), minlength=len(capacities))
        levels = np.full(len(capacities), np.inf)
        levels[counts > 0] = (capacities - fixed)[counts > 0] / counts[counts > 0]
        full = levels <= levels.min() * (1 + 1e-13)
        stop = growing & full[paths].any(axis=1)
        rates[stop] = levels.min()
        growing &= ~stop
    return rates


def test_rates_after_many_changes_are_those_of_filling_everything() -> None:
    """A thousand hosts: the rates of all that is under way, each a result of thousands of changes solved piece by piece."""
    rng = np.random.default_rng(5)
    hosts, count = 1000, 20000
    source = rng.integers(0, hosts, count)
    paths = np.stack([2 * source, 2 * ((source + rng.integers(1, hosts, count)) % hosts) + 1], 1)
    what = fluid.Transfers(
        np.cumsum(rng.exponential(1 / count, count)), rng.exponential(0.85 * hosts / count, count), np.arange(0, 2 * count + 1, 2),
        paths.ravel(), np.ones(2 * count), np.ones(count), np.full(count, INF),
    )  # fmt: skip
    for until in (0.3, 0.6, 0.9):
        played = fluid.run(np.ones(2 * hosts), what, until)
        there = (what.starts_s <= until) & np.isnan(played.ends_s)
        assert there.sum() > 1000
        np.testing.assert_allclose(
            played.rates_bps[there], filled(np.ones(2 * hosts), paths[there]), rtol=1e-9
        )
