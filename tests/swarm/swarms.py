"""Small swarms for tests, and what their replications say."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from unittest.mock import patch

from netsim.engine.record import RunRecord
from netsim.model.build import build_model
from netsim.scenario.load import loads
from netsim.swarm.constants import swarm_table
from netsim.swarm.simulate import build, simulate
from netsim.swarm.world import Swarm

HEAD = """
netsim: 1
name: lab
duration: {duration}
warmup: 20s
nodes:
  manager: {{count: {managers}, role: manager, cores: 2}}
  worker: {{count: {workers}, cores: 2}}
"""
#: The machine on which the real swarm ran: two cores for all of its nodes.
ONE_MACHINE = """
hypervisors: {lab: {cores: 2, nodes: [manager-1, manager-2, manager-3, worker-1, worker-2]}}
networks: {shop: {}}
services:
  web: {replicas: 10, networks: [shop], endpoint_mode: dnsrr}
"""


def text(rest: str, managers: int = 3, workers: int = 2, duration: str = "40s") -> str:
    """A scenario without load."""
    return HEAD.format(managers=managers, workers=workers, duration=duration) + rest


@cache
def records(scenario: str, count: int, seed: int = 1, other_work: float | None = None) -> list[RunRecord]:
    """So many replications, beside as much other work on each machine as shipped, or as said (threads)."""
    read, table = loads(scenario), swarm_table()
    model = build_model(read)
    if other_work is not None:
        table = replace(table, other_work=other_work)
    with patch("netsim.swarm.world.swarm_table", lambda: table):
        return [simulate(read, model, seed, k) for k in range(count)]


def samples(
    scenario: str, number: str, count: int, fault: int = 0, other_work: float | None = None
) -> list[float]:
    """One number of one fault; every replication must have it."""
    found = [record.failovers[fault][number] for record in records(scenario, count, other_work=other_work)]
    assert all(isinstance(x, float) for x in found), found
    return [float(x) for x in found if x is not None]


def swarm(scenario: str, seed: int = 1, replication: int = 0) -> Swarm:
    """A swarm before its clock starts."""
    return build(build_model(loads(scenario)), seed, replication)
