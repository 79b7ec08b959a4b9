"""Limits of connections at a load, by hand: new connections a second times the seconds for which they are remembered."""

from __future__ import annotations

import pytest

import netsim
from netsim.audit import Limit, audit
from netsim.audit.flows import openings
from netsim.model.build import build_model
from netsim.scenario import loads

TEXT = """netsim: 1
nodes:
  m: {role: manager, count: 3}
  w: {count: 2}
outside: {clients: 10, entry: {nodes: [m-1, m-2]}}
networks: {shop: {attachable: true}}
services:
  web: {replicas: 4, networks: [shop], ports: ["8080:80"], calls: [{to: api, count: 2, connection: new}]}
  api: {replicas: 5, networks: [shop], calls: [{to: db, connection: {pool: 8, requests: 10}}]}
  db: {networks: [shop], ports: [{published: 5432, target: 5432, mode: host}]}
containers:
  box: {node: w-1, networks: [shop]}
load:
  users: {from: outside, to: "web:8080", arrivals: {poisson: [[0s, 100/s], [10s, 400/s]]}, connection: new}
  kept: {from: outside, to: "web:8080", users: 60, think: 30s, connection: {pool: 60}}
  slow: {from: outside, to: "web:8080", arrivals: {poisson: 1/m}, connection: {pool: 16%s}}
  past: {from: outside, to: "db:5432", arrivals: {poisson: 1/m}, connection: {pool: 40}}
  inner: {from: box, to: api, arrivals: {constant: 50/s}, connection: new}
"""


def found(text: str, id: str) -> dict[str, Limit]:
    limits = audit(build_model(loads(text), audit=True))
    return {limit.where: limit for limit in limits if limit.id == id}


def test_new_connections_follow_the_calls() -> None:
    rates = {(o.source, o.to): o.per_s for o in openings(build_model(loads(TEXT % "")))}
    users, kept, slow = 400, 60 / 30, 1 / 60
    assert rates["outside", "web:8080"] == 0  # the last one of the same pair: from a pool, for ever
    assert rates["web", "api"] == pytest.approx(2 * (users + kept + slow))
    assert rates["api", "db"] == pytest.approx((2 * (users + kept + slow) + 50) / 10)
    assert rates["box", "api"] == 50


def test_an_entry_node_tracks_what_closed_in_the_last_two_minutes() -> None:
    (limit,) = found(TEXT % "", "conntrack").values()
    assert (limit.used, limit.most, limit.status) == ((400 * 120 + 60 + 16) / 2, 262_144, "ok")
    assert limit.path == ("load", "users")


@pytest.mark.parametrize(
    ("entries", "tasks", "used", "status"), [("[m-1, m-2]", 4, 6_000, "ok"), ("[m-1]", 1, 48_000, "ok")]
)
def test_ports_of_translated_connections(entries: str, tasks: int, used: int, status: str) -> None:
    text = TEXT.replace("[m-1, m-2]", entries).replace("replicas: 4", f"replicas: {tasks}") % ""
    limit = found(text, "snat-ports")["m-1 to a task of web"]
    assert (limit.used, limit.most, limit.status) == (used, 64_512, status)


def test_beyond_537_a_second_is_a_risk_and_not_refused() -> None:
    text = (TEXT % "").replace("[m-1, m-2]", "[m-1]").replace("replicas: 4", "replicas: 1")
    for rate, status in (("430/s", "ok"), ("431/s", "near"), ("537/s", "near"), ("538/s", "risk")):
        limit = found(text.replace("400/s", rate), "snat-ports")["m-1 to a task of web"]
        assert limit.status == status, rate
    assert limit.help == "more entry nodes, more tasks, or connections that are kept"


def test_ports_of_clients() -> None:
    limits = found(TEXT % "", "client-ports")
    assert limits["outside to web:8080"].used == 400 * 60 / 10
    assert limits["box to api"].used == 50 * 60
    assert limits["web to api"].used == round(2 * (400 + 2 + 1 / 60) * 60 / 4)
    assert all(limit.most == 28_232 for limit in limits.values())


def test_connections_that_rest_too_long() -> None:
    limits = found(TEXT % "", "ipvs-idle")
    assert set(limits) == {"outside to web"}  # db's port goes round IPVS, and api is not asked from a pool
    every = [limit for limit in audit(build_model(loads(TEXT % ""), audit=True)) if limit.id == "ipvs-idle"]
    assert sorted((limit.used, limit.status) for limit in every) == [(30, "ok"), (960, "risk")]
    closed = audit(build_model(loads(TEXT % ", idle: 10m"), audit=True))
    assert max(limit.used for limit in closed if limit.id == "ipvs-idle") == 600


FEW = """netsim: 1
duration: 2s
warmup: 1s
replications: 1
nodes: {{m: {{role: manager, count: 2}}}}
networks: {{shop: {{}}}}
services: {{web: {{replicas: 4, networks: [shop], ports: ["8080:80"]}}}}
load: {{kept: {{from: outside, to: "web:8080", arrivals: 100/s, connection: {{pool: {pool}}}}}}}
"""


@pytest.mark.parametrize(("pool", "met"), [(2, 1), (6, 3), (7, None), (16, None)])
def test_few_kept_connections_meet_the_first_tasks_of_every_entry(pool: int, met: int | None) -> None:
    """Two entries and four tasks: of 6 connections each entry has three, for the first three tasks of its list; of 7 one has
    four. It is what happens in a run: the tasks beyond get nothing."""
    text = FEW.format(pool=pool)
    limit = found(text, "balance.first-tasks").get("web by kept")
    assert (limit is None) == (met is None)
    if limit is not None:
        assert (limit.used, limit.most, limit.status) == (4, met, "risk")
    stations = netsim.run(loads(text)).stations_all
    used = [stations[f"web.{k}/workers"]["utilisation"]["value"] for k in range(1, 5)]
    assert sum(use > 0 for use in used) == (met or 4)
