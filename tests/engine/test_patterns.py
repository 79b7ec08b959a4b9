"""Ways filled in from a pattern are the ways that are made stage by stage: the same rows, for every pair of nodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsim.engine.fast import layout as y
from netsim.engine.fast import patterns
from netsim.engine.fast.build import Builder
from netsim.engine.routes import Ways
from netsim.engine.world import World
from netsim.model.build import build_model
from netsim.scenario import load
from netsim.scenario.load import loads
from netsim.scenario.schema import Scenario

ROOT = Path(__file__).parents[2]
MIXED = """
netsim: 1
name: mixed
duration: 10ms
nodes:
  m: {role: manager, cores: 2}
  w: {count: 3, cores: 2, nic: {rate: 25Gbit}}
  v: {count: 2, cores: 1, profile: tuned, nic: {mtu: 9000}}
networks: {n: {driver: overlay}, e: {driver: overlay, encrypted: true}}
services:
  web: {replicas: 6, networks: [n, e], ports: ["80:80", {published: 81, target: 81, mode: host}],
    calls: [{to: db}]}
  db: {replicas: 8, networks: [e]}
load:
  a: {from: outside, to: "web:80", users: 1, think: 1ms}
  b: {from: outside, to: "web:81", users: 1, think: 1ms}
  d: {from: db, to: outside, users: 1, think: 1ms}
  c: {from: web, to: web, users: 1, think: 1ms}
"""


def scenarios() -> list[Scenario]:
    found = [
        load(path)
        for path in sorted((ROOT / "scenarios").glob("*.yaml"))
        if path.stem not in ("address-exhaustion", "mtu-blackhole")
    ]
    return [*found, load(ROOT / "benchmarks" / "chain.yaml"), loads(MIXED, "mixed")]


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda s: s.name or "mixed")
def test_filled_in_ways_are_those_made_stage_by_stage(scenario: Scenario) -> None:
    builder = Builder(World(scenario, build_model(scenario), 1, 0))
    for name in sorted(scenario.load):
        builder.workload(name)
    filled = 0
    for row, (client, network) in enumerate(builder.client_list):
        reach = client.reach(network)
        for via in range(max(1, len(reach.vias))):
            for cand, name in enumerate(reach.candidates):
                entry = reach.vias[via] if reach.vias else None
                _, way = builder.make_ways(row, via, cand)
                ways = Ways(builder.world.model, reach, client.source, name, entry, client.ask.udp)
                made, state = builder.routes.columns(ways), builder.world.state
                columns = {c: builder.ways.rows[way][getattr(y, c)] for c in made}
                met = builder.ways.rows[way][y.WA_NAMESPACES]
                assert met == state.namespaces(ways.passed, name, reach.network)
                assert builder.ways.rows[way][y.WA_SPACE] == state.space(ways.passed, reach, name)
                for column in (f"WA_{name.upper()}" for name in patterns.ROUTES):
                    assert columns[column] == made[column]
                filled += 1
    assert filled > 0 or not scenario.load
    assert all(pattern is not None for pattern in builder.patterns.known.values())
