"""Faults by hand: what clients learn of tasks that end, nodes without power and links in trouble, and when.

Every node is free of cost (zero.yaml) and the outside is half a round trip of 5 ms away, so times can be counted.
Sources: docs/model.md; Linux answers a SYN to a port that nobody listens on with RST, a dead machine does not answer
(RFC 9293, 3.10.7); SYNs are repeated after 1, 2, 4 s, data after an RTO of at least 200 ms (include/net/tcp.h).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import S, scenario_from

from netsim.engine.border import Change, LinkState, Message, Outcome, What
from netsim.engine.fast import layout as y
from netsim.engine.fast.simulate import FastPlane
from netsim.engine.machinery import Machinery, run_out
from netsim.engine.record import FATES, RequestLog, RunRecord
from netsim.engine.reference import Reference
from netsim.engine.world import World
from netsim.model.build import build_model
from netsim.model.entities import Task

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
    running = plane(
        kind, tmp_path, web=WORK, load="arrivals: {constant: 20/s}, connection: new", duration="1s"
    )
    running.apply([Change(What.TASK_GONE, "web.1", 500 * MS)])
    found = log(run_out(running))
    for start, finish, fate in zip(found.start_ps, found.finish_ps, fates(found), strict=True):
        if start + 120 * MS < 500 * MS:  # SYN, SYN-ACK, request, 100 ms, answer: 4 x 5 ms
            assert fate == "completed" and near(finish - start, 120 * MS)
        elif start + 10 * MS < 500 * MS:  # the request is there, or under way behind its SYN-ACK
            assert fate == "reset"
            assert near(finish, 505 * MS) or near(
                finish - start, 20 * MS
            )  # told at once; or by what it sends
        elif start + 5 * MS > 500 * MS:  # nobody listens: RST after one round trip
            assert fate == "refused" and near(finish - start, 10 * MS)
    assert {"completed", "reset", "refused"} <= set(fates(found))


@PLANES
def test_an_idle_connection_is_opened_anew_after_fin(kind: type[Machinery], tmp_path: Path) -> None:
    load = "arrivals: {constant: 1/s}, connection: {pool: 1}"
    running = plane(
        kind, tmp_path, web="work: {cpu: 0s, wait: 100ms, workers: 8}, replicas: 2", load=load, duration="5s"
    )
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
def test_syns_to_a_dead_node_come_again_after_1_3_and_7_seconds(
    kind: type[Machinery], tmp_path: Path
) -> None:
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
    return counted(running, station, "dropped")


def counted(running: Machinery, station: str, what: str) -> int:
    if isinstance(running, Reference):
        return int(getattr(running.world.machine.meters[station].record, what))
    assert isinstance(running, FastPlane)
    M, row = running.fast.M, running.fast.builder.station_index[station]
    column = {"dropped": y.S_DROPPED, "arrived": y.S_ARRIVED}[what]
    return int(M[int(M[y.B_STATION]) + row * y.W_STATION + column])


@PLANES
def test_tcp_goes_on_after_its_rto_when_a_partition_heals(kind: type[Machinery], tmp_path: Path) -> None:
    running = plane(kind, tmp_path, web=ON_TWO, load=ONCE, duration="2s")
    # The answer leaves at 1.115 s (SYN, SYN-ACK, request, 100 ms) into a partition. After two round trips of 10 ms and 8 ms a probe
    # is lost there, too. After 200 ms and a round trip more the first of its three packets leaves again, and the others when that is
    # acknowledged.
    running.apply(
        [Change(What.PART, "", 1050 * MS, groups=(("m-1",), ("m-2",))), Change(What.PART, "", 1200 * MS)]
    )
    found = log(run_out(running))
    assert fates(found) == ["completed"]
    assert near(int(found.finish_ps[0] - found.start_ps[0]), 120 * MS + 28 * MS + 220 * MS)


@PLANES
def test_half_of_the_processor_time_makes_work_twice_as_long(kind: type[Machinery], tmp_path: Path) -> None:
    running = plane(kind, tmp_path, web="work: {cpu: 30ms}", load=ONCE, duration="4s")
    running.apply([Change(What.STEAL, "m-1", 1500 * MS, value=500_000), Change(What.STEAL, "m-1", 2500 * MS)])
    running.apply([Change(What.STEAL, "m-2", 1500 * MS, value=500_000), Change(What.STEAL, "m-2", 2500 * MS)])
    found = log(run_out(running))
    took = found.finish_ps - found.start_ps
    assert [near(int(ps), ms * MS) for ps, ms in zip(took, (50, 80, 50), strict=True)] == [True] * 3


@PLANES
def test_the_entry_uses_the_nodes_that_are_in(kind: type[Machinery], tmp_path: Path) -> None:
    running = plane(kind, tmp_path, web=WORK, load=ONCE, duration="6s")
    running.apply([Change(What.ENTRY_OUT, "m-1", 1500 * MS), Change(What.ENTRY_OUT, "m-2", 2500 * MS)])
    running.apply([Change(What.ENTRY_IN, "m-2", 3500 * MS)])
    assert fates(log(run_out(running))) == ["completed", "completed", "no_backend", "completed", "completed"]


@PLANES
def test_a_new_task_takes_the_share_of_the_one_it_replaces(kind: type[Machinery], tmp_path: Path) -> None:
    more = "  asks: {networks: [net], replicas: 2}"
    text = "arrivals: {constant: 1/s}, connection: new}\n  inner: {from: asks, to: web, arrivals: {constant: 10/s}"
    running = plane(kind, tmp_path, web=WORK, load=text, duration="3s", more=more)
    old = running.world.model.tasks["asks.1"]
    running.advance(S)
    running.apply([Change(What.TASK_GONE, "asks.1")])
    running.advance(2 * S)
    running.add_task(replaced(old, "asks.1.new"))
    starts = log(run_out(running), "inner").start_ps
    sent = [int(((starts >= k * S) & (starts < (k + 1) * S)).sum()) for k in range(3)]
    assert sent == [9, 5, 10]  # the first of ten comes after a gap


def replaced(task: Task, name: str) -> Task:
    return replace(task, name=name, addresses=dict(task.addresses))


def messages(kind: type[Machinery], folder: Path) -> Machinery:
    running = plane(kind, folder, web=WORK, load=ONCE, duration="20s")
    running.advance(500 * MS)
    return running


@PLANES
def test_a_message_takes_what_was_foretold_and_stops_the_run(kind: type[Machinery], tmp_path: Path) -> None:
    running = messages(kind, tmp_path)
    delay = running.path_delay("m-1", "m-2", 1000)
    # 1000 B and 66 of headers, preamble 8, CRC 4, gap 12 at 10 Gbit/s, twice; stages of no cost take 1 ps.
    assert delay is not None and 2 * 860_000 < delay < 2 * 880_000
    running.send([Message(7, "m-1", "m-2", 1000, watched=True), Message(8, "m-2", "m-1", 1000)])
    assert running.advance(S) == 500 * MS + delay
    assert Outcome(7, 500 * MS + delay) in running.outcomes()
    assert running.advance(S) == S
    with pytest.raises(KeyError):
        running.send([Message(9, "m-1", "nobody", 1)])
    with pytest.raises(ValueError, match="expected two nodes, got m-1 twice"):
        running.send([Message(9, "m-1", "m-1", 1)])


@PLANES
def test_a_message_waits_for_a_way_and_dies_with_its_sender(kind: type[Machinery], tmp_path: Path) -> None:
    running = messages(kind, tmp_path)
    running.apply([Change(What.LINK, "m-2", link=LinkState(up=False))])
    assert running.path_delay("m-1", "m-2", 1000) is None
    running.send([Message(1, "m-1", "m-2", 1000)])
    running.advance(800 * MS)
    assert running.outcomes() == []
    running.apply([Change(What.LINK, "m-2")])
    running.advance(S + 200 * MS)
    ((number, arrived),) = [(o.number, o.arrived_ps) for o in running.outcomes()]
    assert (
        number == 1 and arrived is not None and near(arrived, 500 * MS + 400 * MS)
    )  # a probe after 200 ms, and again after 200 ms more
    running.send([Message(2, "m-1", "m-2", 10**7, watched=True), Message(3, "m-2", "m-1", 10**7)])
    running.apply([Change(What.NODE_DOWN, "m-1", running.now_ps + MS)])
    assert running.advance(2 * S) == S + 201 * MS
    assert running.outcomes() == [Outcome(2, None)]
    running.apply([Change(What.NODE_UP, "m-1", 2 * S)])
    running.advance(10 * S)  # it knows nothing of the connection: RST
    assert running.outcomes() == [Outcome(3, None)]
    running.apply([Change(What.NODE_DOWN, "m-1")])
    running.send([Message(4, "m-1", "m-2", 1, watched=True)])
    assert running.advance(11 * S) == 10 * S and running.outcomes() == [Outcome(4, None)]


@PLANES
def test_the_background_takes_its_rate_of_a_card(kind: type[Machinery], tmp_path: Path) -> None:
    running = messages(kind, tmp_path)
    alone = running.path_delay("m-1", "m-2", 1_250_000)
    running.background({"m-1": 9e9})
    loaded = running.path_delay("m-1", "m-2", 1_250_000)
    assert alone is not None and loaded is not None
    assert 1.0e9 < alone < 1.1e9 and 10.0e9 < loaded < 10.7e9
    running.background({})
    assert running.path_delay("m-1", "m-2", 1_250_000) == alone


@PLANES
def test_control_traffic_takes_its_rate_of_a_port_from_its_time_on(
    kind: type[Machinery], tmp_path: Path
) -> None:
    running = messages(kind, tmp_path)
    alone = running.path_delay("m-1", "m-2", 1_250_000)
    pull = Change(What.BACKGROUND, "m-2", S, 9 * 10**9, link=LinkState(direction="receives"))
    running.apply([pull, replace(pull, at_ps=2 * S, value=0)])
    assert running.path_delay("m-1", "m-2", 1_250_000) == alone and alone is not None
    running.advance(S + MS)
    loaded = running.path_delay("m-1", "m-2", 1_250_000)
    assert loaded is not None and 10.0e9 < loaded < 10.7e9
    assert running.path_delay("m-2", "m-1", 1_250_000) == alone  # the other direction
    running.advance(2 * S + MS)
    assert running.path_delay("m-1", "m-2", 1_250_000) == alone
    with pytest.raises(ValueError, match="direction sends or receives, got both"):
        running.apply([replace(pull, at_ps=0, link=LinkState())])
    with pytest.raises(ValueError, match="at least 0 bit/s of m-2, got -1"):
        running.apply([replace(pull, at_ps=0, value=-1)])


@PLANES
def test_who_looks_at_a_card_sees_what_waits_there(kind: type[Machinery], tmp_path: Path) -> None:
    """10,000 B in 7 packets with 90 B around each are 85.04 ms of 1 Mbit/s."""
    running = messages(kind, tmp_path)
    card, port = "m-1/eth0.tx", "switch/m-2"
    assert running.look([port, card], 300)[:, :2].tolist() == [[0, 0], [0, 0]]
    running.apply([Change(What.LINK, "m-1", link=LinkState(rate_bps=10**6))])
    running.send([Message(7, "m-1", "m-2", 10_000)])
    running.advance(501 * MS)
    waits, full, sent = running.look([port, card], 300).T.tolist()
    assert near(waits[1], 84_040 * MS // 1000) and waits[0] == 0 and full == [0, 0]
    assert sent == [0, 0]
    running.advance(600 * MS)
    assert running.look([card], 300).tolist() == [[0, 0, 10_630]]


@PLANES
def test_a_worker_that_writes_to_nobody_comes_back(kind: type[Machinery], tmp_path: Path) -> None:
    # 4 MiB do not fit a socket's 2.5 MiB: the one worker writes for longer than the client waits.
    load = "arrivals: {constant: 5/s}, connection: new, response: 4MiB, timeout: 40ms"
    running = plane(kind, tmp_path, web="work: {cpu: 0s, workers: 1}", load=load, duration="2s")
    record = run_out(running)
    found = log(record)
    assert fates(found) == ["timeout"] * 9
    workers = record.stations["web.1/workers"]
    assert (workers.arrived, workers.served, workers.inside) == (9, 9, 0)


BULK = "  slow: {{networks: [net], resources: {{limits: {{cpus: {cpus}}}}}}}"
COPY = ONCE + "}\n  copy: {from: web, to: slow, bulk: 20MiB, flows: 2"


@PLANES
def test_a_bulk_transfer_is_read_whole_and_hears_of_its_receivers_end(
    kind: type[Machinery], tmp_path: Path
) -> None:
    more = BULK.format(cpus=0.01)
    record = run_out(plane(kind, tmp_path, web=WORK, load=COPY, duration="9s", more=more))
    whole = log(record, "copy")
    assert fates(whole) == ["completed", "completed"] and list(whole.response_bytes) == [10 * 2**20] * 2
    assert record.workloads["copy"].goodput_bytes_in_period == 20 * 2**20
    running = plane(kind, tmp_path, web=WORK, load=COPY, duration="9s", more=more)
    running.apply([Change(What.TASK_GONE, "slow.1", 10 * MS)])
    assert fates(log(run_out(running), "copy")) == ["reset", "reset"]


@PLANES
@pytest.mark.parametrize(
    "change", [Change(What.TASK_GONE, "web.1", 3 * MS), Change(What.NODE_DOWN, "m-1", 3 * MS)]
)
def test_a_bulk_transfer_fails_with_its_source(kind: type[Machinery], change: Change, tmp_path: Path) -> None:
    running = plane(kind, tmp_path, web=WORK, load=COPY, duration="1s", more=BULK.format(cpus=4))
    running.apply([change])
    record = run_out(running)
    found = log(record, "copy")
    assert fates(found) == ["reset", "reset"] and list(found.finish_ps) == [3 * MS] * 2
    assert 0 < record.workloads["copy"].goodput_bytes_in_period < 20 * 2**20


@PLANES
def test_a_bulk_transfer_of_a_source_that_is_gone_does_not_start(
    kind: type[Machinery], tmp_path: Path
) -> None:
    running = plane(
        kind, tmp_path, web=WORK, load=COPY + ", start: 5ms", duration="1s", more=BULK.format(cpus=4)
    )
    running.apply([Change(What.TASK_GONE, "web.1", 3 * MS)])
    record = run_out(running)
    assert fates(log(record, "copy")) == [] and record.workloads["copy"].goodput_bytes_in_period == 0


@PLANES
def test_a_bulk_transfer_ends_when_its_last_byte_was_read(kind: type[Machinery], tmp_path: Path) -> None:
    """A reader with 0.5 ms of processor time in 100 ms is far behind the wire when the last byte is there."""
    ends = []
    for cpus in (0.005, 4):
        text = TEXT.replace("zero.yaml", "stock").format(
            web=WORK, load=COPY, duration="9s", more=BULK.format(cpus=cpus)
        )
        scenario = scenario_from(text, tmp_path)
        found = log(run_out(kind(World(scenario, build_model(scenario), 1, 0, keep_requests=True))), "copy")
        assert fates(found) == ["completed", "completed"]
        assert [sum(split.values()) for split in found.split] == list(found.finish_ps - found.start_ps)
        ends.append(int(found.finish_ps.max()))
    assert ends[0] > 10 * ends[1]


@PLANES
def test_an_idle_connection_does_not_outlive_a_boot_of_the_entry(
    kind: type[Machinery], tmp_path: Path
) -> None:
    """The entry is without power between two requests: its IPVS knows the connection no more and answers with RST."""
    load = "arrivals: {constant: 1/s}, connection: {pool: 1}, timeout: 500ms"
    for changes, expected in (
        ([], ["completed"] * 4),
        ([Change(What.NODE_DOWN, "m-1", 1500 * MS), Change(What.NODE_UP, "m-1", 1600 * MS)],
         ["completed", "reset", "completed", "completed"]),
        ([Change(What.NODE_DOWN, "m-1", 1500 * MS), Change(What.NODE_UP, "m-1", 2900 * MS)],
         ["completed", "timeout", "completed", "completed"]),
    ):  # fmt: skip
        running = plane(kind, tmp_path, web=ON_TWO, load=load, duration="4500ms")
        running.apply(changes)
        assert fates(log(run_out(running))) == expected


@PLANES
def test_what_is_sent_again_after_a_boot_of_the_entry_is_answered_with_rst(
    kind: type[Machinery], tmp_path: Path
) -> None:
    """A request that comes while the entry has no power is sent again after TCP's time-out of 200 ms, when the entry is back
    with an empty IPVS: RST. An answer that comes to it then belongs to nobody: the server hears that and the client
    does not. If the entry stays on, both arrive."""
    down, up = (
        Change(what, "m-1", at) for what, at in ((What.NODE_DOWN, 1900 * MS), (What.NODE_UP, 2100 * MS))
    )
    load = "arrivals: {constant: 1/s}, connection: {pool: 1}, timeout: 900ms"
    slow = ON_TWO.replace("wait: 100ms", "wait: 600ms")
    assert slow != ON_TWO
    early = [Change(What.NODE_DOWN, "m-1", 1300 * MS), Change(What.NODE_UP, "m-1", 1400 * MS)]
    for web, changes, expected in (
        (ON_TWO, [down, up], ["completed", "reset", "completed", "completed"]),
        (slow, [], ["completed"] * 4),
        (slow, early, ["timeout", "completed", "completed", "completed"]),
    ):
        running = plane(kind, tmp_path, web=web, load=load, duration="4500ms")
        running.apply(changes)
        found = log(run_out(running))
        assert fates(found) == expected
        if web == ON_TWO:
            assert 0.2 * S < found.finish_ps[1] - found.start_ps[1] < 0.45 * S


@PLANES
def test_a_container_that_starts_again_serves_new_connections_and_knows_no_old_ones(
    kind: type[Machinery], tmp_path: Path
) -> None:
    """Its process ends at 1.55 s with a request in service, and accepts connections again from 2.35 s on: what is in service is
    reset, what comes meanwhile is not answered, and the kept connection is of no use afterwards."""
    load = "arrivals: {constant: 1/s}, connection: {pool: 1}, timeout: 300ms"
    web = ON_TWO.replace("wait: 100ms", "wait: 600ms")
    changes = [Change(What.TASK_GONE, "web.1", 1550 * MS), Change(What.SANDBOX_GONE, "web.1", 1550 * MS),
               Change(What.TASK_AGAIN, "web.1", 2350 * MS)]  # fmt: skip
    running = plane(kind, tmp_path, web=web, load=load.replace("300ms", "900ms"), duration="4500ms")
    running.apply(changes)
    assert fates(log(run_out(running))) == ["reset", "timeout", "completed", "completed"]
    assert running.world.servers["web.1"].silent is False or kind is FastPlane


@PLANES
def test_a_container_needs_100_ms_to_start_again(kind: type[Machinery], tmp_path: Path) -> None:
    running = plane(kind, tmp_path, web=ON_TWO, load=ONCE, duration="1s")
    running.apply([Change(What.TASK_AGAIN, "web.1", 0)])  # it runs: nothing happens
    running.apply([Change(What.TASK_GONE, "web.1", 200 * MS)])
    running.advance(250 * MS)
    with pytest.raises(ValueError, match="web.1 ended 50000000000 ps ago: it starts again after 100 ms"):
        running.apply([Change(What.TASK_AGAIN, "web.1", 0)])
