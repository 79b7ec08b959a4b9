"""Simulated reactions against those of a real swarm: the same set-ups, 200 replications.

A measured value lies outside the simulated 1 to 99 % range with a probability of 2 %: the number outside is
compared with the binomial at the 0.1 % level. The measured median must lie in the 99.9 % interval of medians of
simulated samples of the same size. Measured values were polled every 50 ms, so simulated ones get that wait too.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom
from swarms import ONE_MACHINE, samples, text

DATA = Path(__file__).parents[1] / "data" / "swarm"
COUNT = 200
CUT = text(ONE_MACHINE + "faults: [{at: 1s, cut: worker-2, for: 21s}]\n", duration="38s")
KILL = text(ONE_MACHINE + "faults: [{at: 1s, kill_task: random(web)}]\n", duration="12s")
DRAIN = text(ONE_MACHINE + "operations: [{at: 1s, drain: worker-2}]\n", duration="22s")
SCALE = text(ONE_MACHINE + "operations: [{at: 1s, scale: {web: 30}}]\n", duration="22s")


def measured(
    case: str, number: str, skip_first: bool = False, series: str = "five-nodes-*.jsonl"
) -> np.ndarray:
    rows = [json.loads(line) for path in sorted(DATA.glob(series)) for line in path.open()]
    found = [r[number] for r in rows if r.get("case") == case and not (skip_first and r["trial"] == 0)]
    return np.array(found)


def fits(real: np.ndarray, simulated: list[float]) -> None:
    luck = np.random.default_rng(1)
    seen = np.array(simulated) + luck.uniform(0, 0.05, len(simulated))
    low, high = np.percentile(seen, [1, 99])
    outside = int(((real < low) | (real > high)).sum())
    assert binom.sf(outside - 1, len(real), 0.02) > 0.001, (low, high, sorted(real))
    medians = np.median(luck.choice(seen, (4000, len(real))), axis=1)
    least, most = np.percentile(medians, [0.05, 99.95])
    assert least <= np.median(real) <= most, (least, most, np.median(real))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "name"), [("node_down_s", "node_down_s"), ("replicas_restored_s", "replaced_s")]
)
def test_cut(number: str, name: str) -> None:
    fits(measured("cut", number), samples(CUT, name, COUNT))


@pytest.mark.slow
def test_the_way_back_after_a_cut() -> None:
    """The result counts from the fault, the lab from the cable's return 21 s later."""
    fits(measured("cut", "node_back_s"), [x - 21 for x in samples(CUT, "node_back_s", COUNT)])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "name"), [("exit_seen_s", "exit_seen_s"), ("replica_restored_s", "replaced_s")]
)
def test_kill_task(number: str, name: str) -> None:
    fits(measured("kill_task", number), samples(KILL, name, COUNT))


@pytest.mark.slow
@pytest.mark.xfail(
    strict=True,
    reason="simulated 13.8 to 14.6 s, measured 14.4 to 15.6 s: a stop by dockerd takes longer than a death",
)
def test_drain_of_tasks_that_ignore_sigterm() -> None:
    fits(measured("drain", "replicas_restored_s"), samples(DRAIN, "replaced_s", COUNT))


@pytest.mark.slow
@pytest.mark.xfail(
    strict=True,
    reason="simulated 4.8 to 6.6 s; the two series themselves differ, 5.7 to 8.0 s and 3.7 to 5.9 s",
)
def test_scale() -> None:
    """Twenty starts share two cores. The first trial of a series, on a swarm just started, stands apart."""
    fits(measured("scale", "scaled_plus20_s", skip_first=True), samples(SCALE, "replaced_s", COUNT))


def test_a_lost_leader_against_the_daemons_own_logs() -> None:
    """Twelve trials with three managers; two found no number, because the swarm had not settled before."""
    rows = [json.loads(line) for line in (DATA / "leader.jsonl").open()]
    real = np.array([r["leader_elected_s"] for r in rows if "leader_elected_s" in r])
    assert len(real) == 10
    leader = text("faults: [{at: 1s, cut: leader}]\n", workers=1, duration="60s")
    fits(real, samples(leader, "leader_elected_s", COUNT))
