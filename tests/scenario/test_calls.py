"""Who is meant by a target and how often who is asked, against arithmetic."""

from __future__ import annotations

import pytest

from netsim.scenario.calls import asked_of, party_of
from netsim.scenario.load import loads

TEXT = """
netsim: 1
duration: 1s
nodes: {node: {count: 1, role: manager, cores: 2}}
networks: {shop: {driver: overlay}}
services:
  web:
    replicas: 2
    networks: [shop]
    ports: [{published: 80, target: 80}]
    calls: [{to: api, count: 2, request: 1KiB, response: 1KiB}, {to: db, request: 1KiB, response: 1KiB}]
  api:
    networks: [shop]
    calls: [{to: tasks.db, count: 3, request: 1KiB, response: 1KiB}]
  db: {networks: [shop]}
load:
  users: {from: outside, to: "web:80", arrivals: 1/s, request: 1KiB, response: 1KiB}
"""


@pytest.mark.parametrize(
    ("target", "party"),
    [("web", "web"), ("web:80", "web"), ("tasks.db", "db"), ("web.2", "web"), ("outside", "outside"), ("node-1", "node-1")],
)  # fmt: skip
def test_party(target: str, party: str) -> None:
    assert party_of(loads(TEXT), target) == party


def test_asked() -> None:
    scenario = loads(TEXT)
    assert asked_of(scenario, "web:80") == {"web": 1, "api": 2, "db": 1 + 2 * 3}
    assert list(asked_of(scenario, "web:80")) == ["web", "api", "db"]
    assert asked_of(scenario, "tasks.db") == {"db": 1}
    assert asked_of(scenario, "outside") == {}
