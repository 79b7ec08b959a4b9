"""Connections while their source or target joins and leaves networks, on both machineries.

What is expected is what was seen on Docker 20.10.24 with a real client and server (``docker network connect`` and ``disconnect``
between requests): established connections stay on the network on which they were opened; new ones go where the name is found
or the default route is; a published port moves with the default route of its container, and what was open by it is reset.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from helpers import S, scenario_from

from netsim.datapath.choices import choices
from netsim.engine.fast.simulate import FastPlane
from netsim.engine.machinery import Machinery
from netsim.engine.record import FATES, RequestLog, RunRecord
from netsim.engine.reference import Reference
from netsim.model.build import build_model
from netsim.swarm.passes import simulate

MOVING = """netsim: 1
duration: 3s
warmup: 200ms
nodes: {m: {role: manager, count: 2, cores: 4}}
outside: {rtt: 1ms}
networks: {mm: {driver: bridge}, kk: {driver: bridge}, ov: {attachable: true}, ow: {attachable: true}}
containers:
  far: {node: m-2, networks: [ov, ow], work: {cpu: 50us}}
  near: {node: m-1, networks: [mm, kk], work: {cpu: 50us}}
  box: {node: m-1, networks: [mm, ow], ports: ['8080:80'], work: {cpu: 50us}}
load:
  port_kept: {from: outside, to: 'box:8080', arrivals: {constant: 50/s}, connection: {pool: 5}, timeout: 200ms}
  port_new: {from: outside, to: 'box:8080', arrivals: {constant: 50/s}, connection: new, timeout: 200ms}
  out_kept: {from: box, to: outside, arrivals: {constant: 50/s}, connection: {pool: 4}, timeout: 200ms}
  out_new: {from: box, to: outside, arrivals: {constant: 50/s}, connection: new, timeout: 200ms}
  far_kept: {from: box, to: far, arrivals: {constant: 50/s}, connection: {pool: 4}, timeout: 200ms}
  far_new: {from: box, to: far, arrivals: {constant: 50/s}, connection: new, timeout: 200ms}
  near_new: {from: box, to: near, arrivals: {constant: 50/s}, connection: new, timeout: 200ms}
operations:
  - {at: 500ms, connect: {box: kk}}
  - {at: 1s, connect: {box: ov}}
  - {at: 1500ms, disconnect: {box: kk}}
  - {at: 2s, disconnect: {box: mm}}
  - {at: 2500ms, disconnect: {box: ow}}
"""
CONNECT_KK, CONNECT_OV, LEAVE_KK, LEAVE_MM, LEAVE_OW = 0.5, 1.0, 1.5, 2.0, 2.5


@cache
def ran(kind: type[Machinery], text: str = MOVING) -> RunRecord:
    with TemporaryDirectory() as folder:
        scenario = scenario_from(text, Path(folder))
        return simulate(kind, scenario, build_model(scenario), 3, 0, keep_requests=True)


def log(name: str) -> RequestLog:
    return ran(FastPlane).workloads[name].log


def wrong(name: str) -> dict[float, set[str]]:
    """What failed, by the last half second before it."""
    found = log(name)
    bad = found.fate != 0
    halves = np.floor(found.start_ps[bad] / S * 2) / 2
    return {
        float(half): {FATES[fate] for fate in found.fate[bad][halves == half]} for half in np.unique(halves)
    }


def test_both_machineries_give_the_same_picoseconds() -> None:
    one, other = ran(Reference), ran(FastPlane)
    for name, workload in one.workloads.items():
        a, b = workload.log, other.workloads[name].log
        assert np.array_equal(a.fate, b.fate) and np.array_equal(a.finish_ps, b.finish_ps), name


def test_a_published_port_moves_with_the_default_route_and_resets_what_is_open() -> None:
    """kk comes before mm and takes the port; it goes back, and then to docker_gwbridge. ov moves nothing."""
    assert wrong("port_kept") == {at: {"reset"} for at in (CONNECT_KK, LEAVE_KK, LEAVE_MM)}
    assert sum(log("port_kept").fate != 0) == 3 * 5  # each of the pool's connections each time
    assert wrong("port_new") == {}


def test_connections_to_the_outside_outlive_a_new_default_route_but_not_their_own_network() -> None:
    assert wrong("out_kept") == {LEAVE_MM: {"timeout"}} and sum(log("out_kept").fate != 0) == 4
    assert wrong("out_new") == {}


def test_names_are_found_on_another_network_while_connections_stay_on_theirs() -> None:
    """ov comes before ow: new connections go by it. Those that are kept stay on ow and hang when the container leaves it."""
    assert wrong("far_kept") == {LEAVE_OW: {"timeout"}} and sum(log("far_kept").fate != 0) == 4
    assert wrong("far_new") == {}


def test_a_name_is_unknown_when_its_last_network_is_gone() -> None:
    assert wrong("near_new") == {LEAVE_MM: {"dns"}, LEAVE_OW: {"dns"}}


def test_the_ways_of_a_pair_are_all_networks_that_it_ever_uses() -> None:
    with TemporaryDirectory() as folder:
        model = build_model(scenario_from(MOVING, Path(folder)))
    assert choices(model, "box", "far") == ("ov", "ow")
    assert choices(model, "box", "near") == ("kk", "mm")
    assert choices(model, "box", "outside") == ("mm", "kk", "docker_gwbridge")
    assert choices(model, "outside", "box:8080") == ("mm", "kk", "docker_gwbridge")


def test_a_network_that_is_joined_with_a_lower_gateway_priority_takes_no_default_route() -> None:
    """``docker network connect --gw-priority -1`` (Docker 28): kk does not come before mm any more, so the port stays."""
    prior = MOVING.replace(" connect: {box: kk}", " connect: {box: {kk: {gw_priority: -1}}}")
    found = ran(FastPlane, prior).workloads["port_kept"].log
    failed = found.start_ps[found.fate != 0] / S
    assert len(failed) == 5 and (failed >= LEAVE_MM).all(), "the five connections of the pool, when mm goes"
    with TemporaryDirectory() as folder:
        model = build_model(scenario_from(prior, Path(folder)))
    assert choices(model, "outside", "box:8080") == ("mm", "docker_gwbridge")


LAST = (
    MOVING[: MOVING.index("load:")]
    + """load:
  port_kept: {from: outside, to: 'alone:8081', arrivals: {constant: 50/s}, connection: {pool: 5}, timeout: 200ms}
  port_new: {from: outside, to: 'alone:8081', arrivals: {constant: 50/s}, connection: new, timeout: 200ms}
operations: [{at: 1s, disconnect: {alone: mm}}, {at: 2s, connect: {alone: kk}}]
"""
)
LAST = LAST.replace("  box:", "  alone: {node: m-1, networks: [mm], ports: ['8081:80']}\n  box:")


@pytest.mark.parametrize("kind", [Reference, FastPlane])
def test_a_port_without_a_network_is_refused_until_there_is_one_again(kind: type[Machinery]) -> None:
    found = ran(kind, LAST).workloads
    new, kept = found["port_new"].log, found["port_kept"].log
    at = new.start_ps / S
    assert {FATES[f] for f in new.fate[(at > 1) & (at < 2)]} == {"refused"}
    assert not new.fate[(at < 0.99) | (at > 2)].any()
    names = [FATES[f] for f in kept.fate]
    open_, rest = names[50:55], names[55:100]  # 50/s: five connections are open when the network goes at 1 s
    assert names[:50] == ["completed"] * 50 and open_ == ["reset"] * 5 and rest == ["refused"] * 45


UPDATED = """netsim: 1
duration: 14s
warmup: 200ms
nodes: {m: {role: manager, count: 3, cores: 4}}
outside: {rtt: 1ms, entry: {nodes: [m-1], check: none}}
networks: {shop: {}, more: {}}
services:
  web: {replicas: 3, networks: [shop, more], ports: ['8080:80'], work: {cpu: 50us}, calls: [{to: db, connection: new, timeout: 300ms}]}
  db: {replicas: 3, networks: [shop], work: {cpu: 50us}, image: {stop: 1s}}
load: {users: {from: outside, to: 'web:8080', arrivals: {constant: 50/s}, connection: new, timeout: 900ms}}
operations: [{at: 1s, update: {db: {networks: [more], update_config: {order: start-first, parallelism: 3}}}}]
"""


def test_a_service_moves_to_another_network_under_load_without_a_failed_request() -> None:
    """Each node asks the new network from the moment on at which it knows the first task there: the balancers' lists are apart."""
    one, other = ran(Reference, UPDATED), ran(FastPlane, UPDATED)
    a, b = one.workloads["users"].log, other.workloads["users"].log
    assert np.array_equal(a.fate, b.fate) and np.array_equal(a.finish_ps, b.finish_ps)
    assert not a.fate.any()
    assert ("update completed", "db") in {(row["what"], row["who"]) for row in other.timeline}
    old = [one.stations[f"db.{k}/workers"].served for k in (1, 2, 3)]
    assert 0 < sum(old) < 0.7 * len(a.fate)  # the new tasks have served the rest
