"""Starts that share cores: max-min fairness between nodes, and other work as a queue that theory knows."""

from __future__ import annotations

import numpy as np
import pytest

from netsim.swarm.machine import Cores, OtherWork
from netsim.swarm.sharing import level
from netsim.swarm.time import Clockwork

S = 10**12


def ends(cores: float, jobs: list[tuple[int, float, float]]) -> list[float]:
    """When jobs (node, core seconds, width) end that begin together (s)."""
    env, found = Clockwork(), [0.0] * len(jobs)
    machine = Cores(env, cores)

    def run(k: int, node: int, amount: float, width: float):  # type: ignore[no-untyped-def]
        yield from machine.work(node, round(amount * S), width)
        found[k] = env.now / S

    for k, job in enumerate(jobs):
        env.process(run(k, *job))
    env.run()
    return found


@pytest.mark.parametrize("seed", range(20))
def test_shares_are_max_min_fair(seed: int) -> None:
    """All of the capacity is used unless nobody wants more, and who gets less than it wants gets as much for its weight as
    anybody."""
    luck = np.random.default_rng(seed)
    weight, most = luck.uniform(0.1, 3, 8), luck.uniform(0.1, 3, 8)
    capacity = luck.uniform(0.5, 15)
    share = np.minimum(weight * level(capacity, zip(weight, most, strict=True)), most)
    assert share.sum() == pytest.approx(min(capacity, most.sum()))
    for k in np.flatnonzero(share < most - 1e-9):
        assert share[k] / weight[k] == pytest.approx((share / weight).max())


def test_one_start_takes_as_many_cores_as_it_can_use() -> None:
    assert ends(2, [(0, 1, 1.25)]) == pytest.approx([0.8])
    assert ends(1, [(0, 1, 1.25)]) == pytest.approx([1.0])


def test_nodes_share_before_their_starts_do() -> None:
    """A group of one thread and one of three on one core got 1.96 and 1.97 s of 4 on Linux 6.18 with autogroups."""
    alone, *three = ends(1, [(0, 1, 1), (1, 1 / 3, 1), (1, 1 / 3, 1), (1, 1 / 3, 1)])
    assert [alone, *three] == pytest.approx([2.0] * 4)


def test_cores_are_not_idle_while_somebody_waits() -> None:
    """Whatever the order: all is done when the sum of all work is, on cores that were always busy."""
    assert max(ends(2, [(k % 5, 0.3, 1.0) for k in range(20)])) == pytest.approx(3.0)


def test_other_work_is_the_queue_that_theory_knows() -> None:
    """M/M/inf: Poisson at any time, with a correlation of exp(-t / stay)."""
    work = OtherWork(np.random.default_rng(1), 2.0, 10 * S, 0)
    seen = np.array([work.running(k * 5 * S) for k in range(1, 40001)])
    assert seen.mean() == pytest.approx(2.0, abs=0.05)
    assert seen.var() == pytest.approx(2.0, abs=0.1)
    assert np.corrcoef(seen[:-1], seen[1:])[0, 1] == pytest.approx(np.exp(-0.5), abs=0.02)
