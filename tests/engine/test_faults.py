"""Faults by hand: what clients learn of tasks that end, nodes without power and links in trouble, and when.

Every node is free of cost (zero.yaml) and the outside is half a round trip of 5 ms away, so times can be counted.
Sources: docs/model.md; Linux answers a SYN to a port that nobody listens on with RST, a dead machine does not answer
(RFC 9293, 3.10.7); SYNs are repeated after 1, 2, 4 s, data after an RTO of at least 200 ms (include/net/tcp.h).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import S, scenario_from

from netsim.engine.border import Change, LinkState, What
from netsim.engine.fast.simulate import FastPlane
from netsim.engine.machinery import Machinery, run_out
from netsim.engine.record import FATES, RequestLog, RunRecord
from netsim.engine.reference import Reference
from netsim.engine.world import World
from netsim.model.build import build_model

MS = S // 1000
TEXT = """
netsim: 1
duration: {duration}
warmup: 0s
nodes: {{m: {{role: manager, cores: 4, count: 2, profile: zero.yaml, nic: {{rate: 10Gbit}}}}}}
fabric: {{latency: 0s}}
outside: {{rtt: 10ms, clients: 1, entry: {{choose: first}}}}
networks: {{net: {{driver: overlay, attachable: true}}}}
services:
  web: {{networks: [net], ports: [{{published: 80, target: 80}}], {web}}}
{more}
load:
  users: {{from: outside, to: "web:80", {load}}}
"""
PLANES = pytest.mark.parametrize("kind", [Reference, FastPlane])


def plane(
    kind: type[Machinery], folder: Path, *, web: str, load: str, duration: str = "10s", more: str = ""
) -> Machinery:
    scenario = scenario_from(TEXT.format(web=web, load=load, duration=duration, more=more), folder)
    return kind(World(scenario, build_model(scenario), 1, 0, keep_requests=True))


def log(record: RunRecord, workload: str = "users") -> RequestLog:
    for station in record.stations.values():
        assert station.arrived == station.served + station.dropped + station.inside, station.name
        assert min(station.arrived, station.served, station.dropped, station.inside) >= 0, station.name
    return record.workloads[workload].log


def fates(found: RequestLog) -> list[str]:
    return ["open" if fate < 0 else FATES[fate] for fate in found.fate]


def near(ps: int, expected_ps: int) -> bool:
    """But for transmission times, some microseconds."""
    return 0 <= ps - expected_ps < 100_000_000


WORK = "work: {cpu: 0s, wait: 100ms, workers: 8}"
ON_TWO = "work: {cpu: 0s, wait: 100ms, workers: 8}, placement: {constraints: [node.hostname == m-2]}"
ONCE = "arrivals: {constant: 1/s}, connection: new"


@PLANES
def test_a_killed_task_resets_what_is_in_flight_and_refuses_what_comes(
    kind: type[Machinery], tmp_path: Path
) -> None:
    running = plane(kind, tmp_path, web=WORK, load="arrivals: {constant: 20/s}, connection: new", duration="1s")
    running.apply([Change(What.TASK_GONE, "web.1", 500 * MS)])
    found = log(run_out(running))
    for start, finish, fate in zip(found.start_ps, found.finish_ps, fates(found), strict=True):
        if start + 120 * MS < 500 * MS:  # SYN, SYN-ACK, request, 100 ms, answer: 4 x 5 ms
            assert fate == "completed" and near(finish - start, 120 * MS)
        elif start + 10 * MS < 500 * MS:  # the request is there, or under way behind its SYN-ACK
            assert fate == "reset"
            assert near(finish, 505 * MS) or near(finish - start, 20 * MS)  # told at once; or by what it sends
        elif start + 5 * MS > 500 * MS:  # nobody listens: RST after one round trip
            assert fate == "refused" and near(finish - start, 10 * MS)
    assert {"completed", "reset", "refused"} <= set(fates(found))


@PLANES
def test_an_idle_connection_is_opened_anew_after_fin(kind: type[Machinery], tmp_path: Path) -> None:
    load = "arrivals: {constant: 1/s}, connection: {pool: 1}"
    running = plane(kind, tmp_path, web="work: {cpu: 0s, wait: 100ms, workers: 8}, replicas: 2", load=load, duration="5s")
    running.apply([Change(What.TASK_GONE, "web.1", 2500 * MS), Change(What.TASK_GONE, "web.2", 2500 * MS)])
    found = log(run_out(running))
    # Kept, the second and later ones need no handshake; afterwards a new SYN is refused at once.
    assert fates(found) == ["completed", "completed", "refused", "refused"]
    assert near(int(found.finish_ps[0] - found.start_ps[0]), 120 * MS)
    assert near(int(found.finish_ps[1] - found.start_ps[1]), 110 * MS)
    assert near(int(found.finish_ps[2] - found.start_ps[2]), 10 * MS)


@PLANES
def test_sigterm_loses_no_request_that_is_served(kind: type[Machinery], tmp_path: Path) -> None:
    load = "arrivals: {constant: 20/s}, connection: {pool: 4}"
    running = plane(kind, tmp_path, web=WORK, load=load, duration="1s")
    running.apply([Change(What.TASK_TERMS, "web.1", 503 * MS)])
    found = log(run_out(running))
    for start, finish, fate in zip(found.start_ps, found.finish_ps, fates(found), strict=True):
        if start + 15 * MS < 503 * MS:
            assert fate == "completed", (start, finish)
        elif start > 520 * MS:
            assert fate == "refused"
    assert max(found.finish_ps[np.array(fates(found)) == "completed"]) > 510 * MS


@PLANES
def test_a_node_without_power_is_silent(kind: type[Machinery], tmp_path: Path) -> None:
    running = plane(kind, tmp_path, web=ON_TWO, load=ONCE, duration="20s")
    running.apply([Change(What.NODE_DOWN, "m-2", 10_050 * MS), Change(What.NODE_UP, "m-2", 15 * S)])
    record = run_out(running)
    found = log(record)
    before = found.start_ps < 9900 * MS
    assert set(np.array(fates(found))[before]) == {"completed"}
    # The one in service, and all later ones whose SYNs nothing answers, are still open after 30 s.
    assert set(np.array(fates(found))[~before]) == {"open"}
    assert record.stations["web.1/workers"].dropped == 1


@PLANES
def test_syns_to_a_dead_node_come_again_after_1_3_and_7_seconds(kind: type[Machinery], tmp_path: Path) -> None:
    load = "arrivals: {constant: 0.5/s}, connection: new, timeout: 8s"
    running = plane(kind, tmp_path, web=ON_TWO, load=load, duration="3s")
    running.apply([Change(What.LINK, "m-2", 0, link=LinkState(up=False))])
    begun = 2 * S
    running.advance(begun)
    for number, wait in enumerate((0, 1, 3, 7)):
        running.advance(begun + wait * S + 4 * MS)
        assert drops(running, "switch/m-2") == number
        running.advance(begun + wait * S + 6 * MS)
        assert drops(running, "switch/m-2") == number + 1
    running.apply([Change(What.LINK, "m-2", link=LinkState())])
    found = log(run_out(running))
    assert fates(found) == ["timeout"] and found.finish_ps[0] == begun + 8 * S


def drops(running: Machinery, station: str) -> int:
    if isinstance(running, Reference):
        return running.world.machine.meters[station].record.dropped
    assert isinstance(running, FastPlane)
    from netsim.engine.fast import layout as y

    fast = running.fast
    row = fast.builder.station_index[station]
    return int(fast.M[int(fast.M[y.B_STATION]) + row * y.W_STATION + y.S_DROPPED])
