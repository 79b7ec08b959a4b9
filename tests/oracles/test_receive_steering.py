"""Receive packet steering (RPS): what a card of one receive queue takes when its core hands packets on to all cores."""

from __future__ import annotations

import numpy as np
import pytest

from netsim.datapath.stage import Context, PathStage
from netsim.datapath.stage import Path as DataPath
from netsim.engine.host import Host
from netsim.engine.kernel import Kernel, Phase
from netsim.engine.machine import Machine
from netsim.engine.route import Route
from netsim.picoseconds import PS_PER_S

NS = 1000
DRIVER, HAND_ON, STACK = 200, 225, 1500  # ns a packet
RING, BACKLOG = 256, 250


def machine_and_route(cores: int, steered: bool) -> tuple[Kernel, Machine, Route]:
    kernel = Kernel(0)
    host = Host("n", cores, 1, RING, "eth0", backlog=BACKLOG if steered else 0)
    stages = [
        PathStage("nic.rx", "n", Context.SOFTIRQ, "n/cpu", per_packet_ps=DRIVER * NS),
        PathStage("rps", "n", Context.SOFTIRQ, "n/cpu", per_packet_ps=HAND_ON * NS),
        PathStage("rps.backlog", "n", Context.SOFTIRQ, "n/cpu", per_packet_ps=1, steered=1),
        PathStage("ip.recv", "n", Context.SOFTIRQ, "n/cpu", per_packet_ps=STACK * NS),
    ]
    route = Route(DataPath(tuple(stages if steered else (stages[0], stages[3])), 1448))
    return kernel, Machine(kernel, [host], {}, PS_PER_S, PS_PER_S // 100), route


def lost(cores: int, steered: bool, per_packet_ns: float, count: int = 7_000, flows: int = 64) -> int:
    """Packets of ``count`` that found no room, one every so many ns. Flows take turns and are hashed alike to every core."""
    kernel, machine, route = machine_and_route(cores, steered)
    dropped: list[str] = []
    for k in range(count):
        kernel.at(
            round(k * per_packet_ns * NS), Phase.ARRIVAL, k, machine.send, route, 18, 10_000_000 + k, lambda now: None,
            lambda now, where: dropped.append(where), None, (k % flows) << 8,
        )  # fmt: skip
    kernel.run(PS_PER_S)
    return len(dropped)


def capacity_ns(cores: int) -> float:
    """Time between packets that the receive queue's core just bears: it hands all on, and takes its own share, too."""
    return max(DRIVER + HAND_ON + STACK / cores, STACK / cores)


@pytest.mark.parametrize("cores", [2, 4, 8])
def test_one_queue_takes_what_its_core_can_hand_on(cores: int) -> None:
    """3 % below the theoretical rate nothing is lost, of 7,000 packets; 10 % above it the queue fills up."""
    assert lost(cores, True, capacity_ns(cores) * 1.03) == 0
    assert lost(cores, True, capacity_ns(cores) / 1.10) > 0


def test_without_it_one_core_does_all() -> None:
    """The rate that 4 cores bear together with RPS is 2.1 times what a receive queue bears on its one core."""
    assert lost(4, False, (DRIVER + STACK) * 1.03) == 0
    assert lost(4, False, (DRIVER + STACK) / 1.10) > 0
    assert (DRIVER + STACK) / capacity_ns(4) == pytest.approx(2.125)


def test_one_flow_gains_only_what_driver_and_stack_share() -> None:
    """One inner flow is one core, whatever is steered: the stack's work is that core's, the driver's another's."""

    kernel, machine, route = machine_and_route(4, True)
    dropped: list[str] = []
    for k in range(7_000):
        kernel.at(
            round(k * STACK * 1.03 * NS), Phase.ARRIVAL, k, machine.send, route, 18, 10_000_000 + k, lambda now: None,
            lambda now, where: dropped.append(where), None, 3 << 8,
        )  # fmt: skip
    kernel.run(PS_PER_S)
    busy = np.array([machine.records()[f"n/cpu{k}"].busy_ps for k in range(4)]) / (7_000 * STACK * 1.03 * NS)
    assert dropped == []
    assert busy == pytest.approx([(DRIVER + HAND_ON) / STACK / 1.03, 0, 0, 1 / 1.03], abs=0.01)


def test_a_full_backlog_drops() -> None:
    """Beyond netdev_max_backlog the target core's packets are lost there, after the work that handing them on took."""
    kernel, machine, route = machine_and_route(4, True)
    where: list[str] = []
    for k in range(5_000):
        kernel.at(
            k * 500 * NS, Phase.ARRIVAL, k, machine.send, route, 18, 10_000_000 + k, lambda now: None,
            lambda now, at: where.append(at), None, 2 << 8,
        )  # fmt: skip
    kernel.run(PS_PER_S)
    assert set(where) == {"n/backlog2"}
    served = 5_000 * 500 / STACK + BACKLOG  # in the time of all arrivals, and what waits at its end
    assert len(where) == pytest.approx(5_000 - served, rel=0.01)
