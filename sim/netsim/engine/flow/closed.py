"""Rates that nobody gives: of users who wait for their answers, and of pools of connections that can do less than is asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from netsim.engine.flow.queues import MOST, Wait
from netsim.engine.flow.solve import ROUNDS, State, Stations
from netsim.picoseconds import PS_PER_S

HALVINGS = 50


def settled(stations: Stations, opened: Mapping[str, float], users: Mapping[str, int]) -> State:
    """The state of open workloads beside those with users. Where a pool of connections can do less than is asked of it, its connections
    are as many users that never think: stations have no more than they ask, and what is left waits in front of the pool."""
    state = closed(stations, opened, users)
    full: dict[str, int] = {}
    while more := [
        n for n in opened if n not in {*full, *stations.streams.probes} and state.busy.get(n, 0.0) > 1
    ]:
        full |= {name: _pool(stations, name) for name in more}
        state = closed(stations, {n: r for n, r in opened.items() if n not in full}, {**users, **full}, full)
        for name in full:
            state.busy[name] = max(1.0, opened[name] / max(state.rates[name], 1e-9))
    state.rates |= opened
    return state


def _pool(stations: Stations, workload: str) -> int:
    """The connections of a workload's pools together."""
    load = stations.scenario.load[workload]
    sources = max(1, len(stations.model.services.get(load.from_, ())))
    return -(-load.connection.pool // sources) * sources


def closed(
    stations: Stations, opened: Mapping[str, float], users: Mapping[str, int], full: Collection[str] = ()
) -> State:
    """Rates of workloads with users, beside open ones: each rate is where users / (think + response) meets it.

    One user's own request is not in its own way (Reiser and Lavenberg's arrival theorem as Schweitzer
    approximates it): waits are those at (users - 1) / users of the rate.
    """
    if not users:
        return stations.solve(opened)
    rates = {**opened, **dict.fromkeys(users, 0.0)}
    for _ in range(ROUNDS if len(users) > 1 else 1):
        worst = 0.0
        for name, count in users.items():
            new = _meet(stations, rates, name, count, full)
            worst = max(worst, abs(new - rates[name]) / max(new, 1e-12))
            rates[name] = new
        if worst < 1e-6:
            break
    state = stations.solve(rates, full)
    seen = {n: r * ((users[n] - 1) / users[n] if n in users else 1.0) for n, r in rates.items()}
    others = stations.solve(seen, full)
    state.waits, state.paths = others.waits, others.paths
    for name, count in users.items():
        if name not in full:
            _crowd(stations, state, name, count)
    return state


def _crowd(stations: Stations, state: State, name: str, count: int) -> None:
    """Where its own pool of connections is what limits a workload, users wait for it whom no formula for a
    pool that is less than busy counts: all who neither think nor are served (Little's law)."""
    if not state.rates[name] or max(state.busy.values()) > state.busy.get(name, 0.0):
        return
    think = stations.scenario.load[name].think.mean / PS_PER_S
    more = count / state.rates[name] - think - stations.response_s(state, name)
    if more > 0:
        state.waits[name] = Wait(1.0, state.waits[name].mean_s + more)


def _meet(
    stations: Stations, rates: Mapping[str, float], name: str, count: int, full: Collection[str]
) -> float:
    think = stations.scenario.load[name].think.mean / PS_PER_S
    idle = stations.response_s(stations.solve(dict.fromkeys(rates, 0.0), full), name)
    low, high = 0.0, count / max(think + idle, 1e-9)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        seen = stations.solve({**rates, name: middle * (count - 1) / count}, full)
        busy = stations.solve({**rates, name: middle}, full).busy
        over = max((u for n, u in busy.items() if n == name or n not in stations.probes), default=0.0) >= MOST
        if over or middle * (think + stations.response_s(seen, name)) > count:
            high = middle
        else:
            low = middle
        if high - low < 1e-6 * high:
            break
    return low
