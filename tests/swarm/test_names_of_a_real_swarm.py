"""When a real swarm's DNS servers lose the addresses of what stops, ends or is cut off, against the same set-up simulated.

`tests/data/swarm/names.jsonl` says how it was recorded. A measured value lies outside the simulated 1 to 99 % range with a
probability of 2 %; the number outside is held against the binomial at the 0.1 % level, as in `test_truth`. Values of one trial
that hang together (nodes that hear of one row) count once, by the first and the last of them.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import S
from scipy.stats import binom
from swarms import swarm, text

from netsim.engine.border import NEVER_PS, Change, What

DATA = Path(__file__).parents[1] / "data" / "swarm" / "names.jsonl"
COUNT = 80
#: Names were asked for one after the other every 20 ms, four of them in some milliseconds.
POLL_S = 0.03
FOUR = """
hypervisors: {lab: {cores: 2, nodes: [manager-1, worker-1, worker-2, worker-3]}}
networks: {net: {}}
services:
  asker: {mode: global, networks: [net]}
  rr: {replicas: 8, networks: [net], endpoint_mode: dnsrr, image: {name: bb, stop: 25ms}, restart_policy: {condition: none}}
  vip: {replicas: 4, networks: [net], image: {name: bb, stop: 25ms}, restart_policy: {condition: none}}
"""


def measured(case: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in DATA.open()]
    return [row for row in rows if row.get("case") == case]


def fits(real: list[float], simulated: list[float]) -> None:
    low, high = np.percentile(simulated, [1, 99])
    outside = sum(not low <= x <= high + POLL_S for x in real)
    assert binom.sf(outside - 1, len(real), 0.02) > 0.001, (low, high, sorted(real))


@cache
def changes(event: str, duration: str, number: int) -> list[list[Change]]:
    """What the journals of so many replications say."""
    found = []
    for replication in range(number):
        one = swarm(text(FOUR + event, managers=1, workers=3, duration=duration), 1, replication)
        one.env.run(until=one.scenario.duration)
        found.append(one.journal.changes)
    return found


def rows(change: Change) -> list[float]:
    """When each node heard of a row (s), the first of them its own."""
    assert change.times_ps is not None
    return sorted(float(at) / S for at in change.times_ps[change.times_ps < NEVER_PS])


@pytest.mark.slow
def test_a_cut_off_nodes_addresses_go_with_its_burial() -> None:
    event = "faults: [{at: 1s, cut: worker-3, for: 30s}]\n"
    first, last = [], []
    for journal in changes(event, "20s", COUNT):
        times = [x - 1 for c in journal if c.what == What.BACKEND_REMOVE for x in rows(c) if x < 16]
        by_observer = sorted(times)
        first.append(by_observer[0])
        last.append(by_observer[-1])
    real = [[x for lost in row["lost_s"].values() for x in lost] for row in measured("crash")]
    assert len(real) == 4
    fits([min(x) for x in real], first)
    fits([max(x) for x in real], last)


@pytest.mark.slow
def test_a_stopped_tasks_address_goes_2_s_before_its_process() -> None:
    event = "operations: [{at: 1s, scale: {rr: 7, vip: 3}}]\n"
    lag, ends = [], []
    for journal in changes(event, "8s", COUNT):
        gone = {c.subject: c.at_ps / S for c in journal if c.what == What.TASK_GONE}
        for change in journal:
            if change.what == What.BACKEND_WEIGHT:
                heard = rows(change)
                lag.append(heard[-1] - heard[0])
                ends.append(gone[change.subject] - heard[0])
    real = measured("stop")
    assert len(real) == 8
    # From the command to the stop there are a client's start and managers on cores that others used, which is not asked here.
    fits([max(row["lost_s"].values()) - min(row["lost_s"].values()) for row in real], lag)
    drains = [row["ended_s"] - row["lost_s"][row["own"]] for row in real]
    # The drain is a fixed sleep; what comes on top is SIGTERM's way to the process, and its next look at signals.
    assert min(drains) > 2 - POLL_S and np.median(drains) < 2.1
    assert min(ends) == pytest.approx(2.025) and max(ends) == pytest.approx(2.025)


@pytest.mark.slow
def test_a_killed_tasks_address_goes_everywhere_within_ticks_of_gossip() -> None:
    """Its own node loses it early in all that dockerd does about the death of a process (a fitted share). How much later the
    others lose it is gossip's alone."""
    event = "faults: [{at: 1s, kill_task: rr.8}]\n"
    own, lag = [], []
    for journal in changes(event, "4s", COUNT):
        (removed,) = (c for c in journal if c.what == What.BACKEND_REMOVE)
        heard = rows(removed)
        own.append(heard[0] - 1)
        lag.append(heard[-1] - heard[0])
    real = measured("kill")
    assert len(real) == 5
    fits([row["lost_s"][row["own"]] for row in real], own)
    fits([max(row["lost_s"].values()) - min(row["lost_s"].values()) for row in real], lag)


@pytest.mark.slow
def test_a_virtual_address_keeps_its_name_until_the_last_task_has_ended() -> None:
    """The tasks' own addresses are gone 2 s before the first process ends; the name goes with the last row, on every node."""
    early, late = [], []
    for journal in changes("operations: [{at: 1s, scale: {vip: 0}}]\n", "8s", COUNT):
        ended = [c.at_ps / S for c in journal if c.what == What.TASK_GONE]
        weights = [rows(c)[-1] for c in journal if c.what == What.BACKEND_WEIGHT]
        removed = [rows(c)[-1] for c in journal if c.what == What.BACKEND_REMOVE]
        early.append(min(ended) - max(weights))
        late.append(max(removed) - max(ended))
    real = measured("zero")
    assert len(real) == 2
    fits([min(row["ended_s"]) - max(row["tasks_lost_s"].values()) for row in real], early)
    fits([max(row["name_lost_s"].values()) - max(row["ended_s"]) for row in real], late)
    for row in real:
        assert min(row["name_lost_s"].values()) > max(row["ended_s"]) - POLL_S


def test_an_address_that_nobody_has_is_silent_for_who_talked_to_it() -> None:
    """The simulated answer is silence. A real container that has not sent there before gets EHOSTUNREACH as soon as ARP has
    given up, within 3 s (docs/model.md says so)."""
    real = measured("connect")
    assert len(real) == 4
    for row in real:
        gone = max(row["lost_s"].values())
        talking = [(took, end) for at, took, end in row["talking"] if at > gone]
        assert len(talking) > 25 and all(end == "timeout" and took > 9 for took, end in talking)
        fresh = [(took, end) for at, took, end in row["fresh"] if at > gone]
        assert len(fresh) > 10 and all(end == "EHOSTUNREACH" and took < 3.2 for took, end in fresh)
        assert fresh[0][0] > 2.9
