"""Nodes that share a machine: its cores have so much time, however many nodes ask for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import scenario_from

import netsim
from netsim.engine.border import Change, What
from netsim.engine.fast.simulate import FastPlane
from netsim.engine.machinery import run_out
from netsim.engine.record import RunRecord
from netsim.engine.world import World
from netsim.model.build import build_model
from netsim.swarm.targets import nodes_of
from netsim.swarm.world import Swarm

#: Constants, so that what follows is arithmetic: a hundred requests a second of 8 ms each on each of two nodes.
TWO = """netsim: 1
duration: 10s
warmup: 1s
nodes: {m: {role: manager, cores: 1, profile: zero.yaml}, a: {cores: %d, profile: zero.yaml}, b: {cores: %d, profile: zero.yaml}}
%s
networks: {net: {driver: overlay}}
services:
  x: {networks: [net], placement: {constraints: [node.hostname == a-1]}, ports: [{published: 1, target: 80}], work: {cpu: 8ms, workers: 9}}
  y: {networks: [net], placement: {constraints: [node.hostname == b-1]}, ports: [{published: 2, target: 80}], work: {cpu: 8ms, workers: 9}}
load:
  u: {from: outside, to: 'x:1', arrivals: {constant: %s}, connection: {pool: 20}}
  v: {from: outside, to: 'y:2', arrivals: {constant: %s}, connection: {pool: 20}}
"""


def run(tmp_path: Path, text: str, plan: list[tuple[int, Change]]) -> RunRecord:
    scenario = scenario_from(text, tmp_path)
    plane = FastPlane(World(scenario, build_model(scenario), 1, 1, keep_requests=True))
    for at, change in plan:
        while plane.advance(at) < at:
            pass
        plane.apply([change])
    return run_out(plane)


def busy(record: RunRecord) -> dict[str, float]:
    return {name: s.busy_ps / record.duration_ps for name, s in record.stations.items() if s.kind == "cpu"}


def test_two_nodes_on_one_core_have_half_of_it_each(tmp_path: Path) -> None:
    text = TWO % (1, 1, "hypervisors: {h: {cores: 1, nodes: [a-1, b-1]}}", "100/s", "100/s")
    alone = run(tmp_path, TWO % (1, 1, "", "100/s", "100/s"), [])
    assert busy(alone)["a-1/cpu0"] == pytest.approx(0.8) and busy(alone)["b-1/cpu0"] == pytest.approx(0.8)
    shared = run(tmp_path, text, [])
    # 1.6 cores' work on one: it is always busy, and 125 requests a second are done of 200, half of them on each node.
    assert busy(shared)["h/cpu0"] == pytest.approx(1, abs=0.001) and "a-1/cpu0" not in shared.stations
    done = [w.completed_in_period / 10 for w in shared.workloads.values()]
    assert done == pytest.approx([62.5, 62.5], rel=0.03)


def test_a_machine_with_enough_cores_is_as_good_as_two(tmp_path: Path) -> None:
    apart = run(tmp_path, TWO % (1, 2, "", "100/s", "200/s"), [])
    machine = "hypervisors: {h: {cores: 3, nodes: [a-*, b-*]}}"
    shared = run(tmp_path, TWO % (1, 2, machine, "100/s", "200/s"), [])
    for name, workload in apart.workloads.items():
        assert np.array_equal(workload.log.finish_ps, shared.workloads[name].log.finish_ps)
    assert [busy(shared)[f"h/cpu{k}"] for k in range(3)] == [
        busy(apart)[name] for name in ("a-1/cpu0", "b-1/cpu0", "b-1/cpu1")
    ]


def test_a_node_that_fails_leaves_its_core_to_the_others(tmp_path: Path) -> None:
    text = TWO % (1, 1, "hypervisors: {h: {cores: 1, nodes: [a-1, b-1]}}", "100/s", "100/s")
    record = run(tmp_path, text, [(0, Change(What.NODE_DOWN, "b-1"))])
    # What has piled up in the second before is soon done; then the other node's work alone is there, 0.8 of the core.
    log = record.workloads["u"].log
    late = log.start_ps > 5 * 10**12
    assert late.any() and (log.finish_ps[late] - log.start_ps[late]).max() < 30 * 10**9
    assert record.workloads["v"].completed_in_period == 0
    slices = record.stations["h/cpu0"].busy_by_slice_ps
    half = slices[len(slices) // 2 :]
    assert sum(half) / (record.duration_ps / 2) == pytest.approx(0.8, abs=0.01)


def test_a_fault_of_the_machine_takes_all_of_its_nodes() -> None:
    scenario = netsim.load(Path(__file__).parents[2] / "scenarios" / "hypervisor.yaml")
    model = build_model(scenario)
    swarm = Swarm(model, 1, 1)
    names = [list(model.nodes)[k] for k in nodes_of(swarm, "hv-b")]
    assert names == ["manager-2", "worker-2", "worker-5", "worker-8"]
