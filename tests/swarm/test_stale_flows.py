"""Streams of datagrams beside faults and operations: how many are lost, and until when.

Sources: ip_vs_in (a flow keeps its entry; expire_nodest_conn), the time-outs of gossip by which rows go, UDP (a closed port is told by
ICMP, a node without power by nobody), the order in which a task is stopped (weight 0, SIGTERM, its rows).
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from helpers import S, scenario_from

from netsim.engine.border import Change, What
from netsim.engine.fast.simulate import FastPlane
from netsim.engine.machinery import Machinery, run_out
from netsim.engine.record import FATES, RequestLog, RunRecord
from netsim.engine.reference import Reference
from netsim.engine.world import World
from netsim.model.build import build_model
from netsim.swarm.passes import simulate

TEXT = """netsim: 1
duration: 40s
warmup: 1s
nodes: {m: {role: manager, count: 3, cores: 4}, w: {count: 4, cores: 4, labels: {logs: here}}, k: {cores: 4, profile: lasting.yaml}}
outside: {rtt: 2ms, entry: {nodes: [w-1, w-2, w-3, w-4], check: {every: 2s, failures: 3, timeout: 1s}}}
networks: {shop: {attachable: true}}
services:
  logs: {replicas: 4, networks: [shop], image: {name: logs, stop: 1s}, ports: [{published: 514, target: 514, protocol: udp}], work: {cpu: 100us}, placement: {constraints: [node.labels.logs == here]}}
containers: {a: {node: m-1, networks: [shop]}, k: {node: k-1, networks: [shop]}}
load:
  vip: {from: a, to: logs, arrivals: {constant: 100/s}, datagram: 200B, flows: 20}
  kept: {from: k, to: logs, arrivals: {constant: 100/s}, datagram: 200B, flows: 20}
  name: {from: a, to: tasks.logs, arrivals: {constant: 100/s}, datagram: 200B, flows: 20}
  mesh: {from: outside, to: 'logs:514', arrivals: {constant: 100/s}, datagram: 200B, flows: 20}
"""


def record(event: str, folder: Path, kind: type[Machinery] = FastPlane, text: str = TEXT) -> RunRecord:
    scenario = scenario_from(text + event, folder)
    return simulate(kind, scenario, build_model(scenario), 3, 0, keep_requests=True)


def losses(log: RequestLog, since: float = 0, until: float = 1e9) -> Counter[str]:
    when = (log.start_ps >= since * S) & (log.start_ps < until * S)
    return Counter(FATES[int(fate)] if fate >= 0 else "open" for fate in log.fate[when] if fate)


@pytest.fixture(scope="module")
def crash(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    return record("faults: [{at: 5s, crash: w-2}]\n", tmp_path_factory.mktemp("crash"))


def test_a_flow_goes_on_to_a_dead_node_until_gossip_has_removed_its_row(crash: RunRecord) -> None:
    """A quarter of 20 flows, balanced by rr, that send 100/s together."""
    [view] = crash.views
    gone = 5 + view["m-1"]
    assert 9 < gone < 15  # gossip's time-outs
    log = crash.workloads["vip"].log
    assert not losses(log, 0, 4.99) and not losses(log, gone + 0.01)
    found = losses(log, 5.01, gone - 0.01)
    assert set(found) == {"timeout"}
    assert found["timeout"] == pytest.approx(25 * (gone - 5), abs=3)


def test_without_expire_nodest_conn_the_flow_is_lost_as_long_as_it_sends(crash: RunRecord) -> None:
    [view] = crash.views
    gone = 5 + view["k-1"]
    log = crash.workloads["kept"].log
    assert set(losses(log, 5.01, gone - 0.01)) == {"timeout"}
    assert losses(log, gone + 0.01) == {"no_backend": pytest.approx(25 * (40 - gone), abs=3)}


def test_who_looked_a_name_up_once_stays_with_the_dead_address(crash: RunRecord) -> None:
    log = crash.workloads["name"].log
    found = losses(log)
    assert set(found) == {"timeout"}
    sockets = {number % 20 for number in np.flatnonzero(log.fate != 0)}
    assert found["timeout"] == pytest.approx(5 * 35 * len(sockets), abs=len(sockets))
    assert 1 <= len(sockets) <= 12  # each takes one of four addresses: 12 or more of 20 in 1e-3 of all runs


def test_a_client_outside_goes_on_by_another_node_once_the_entry_has_left_one_out(crash: RunRecord) -> None:
    """Its checks come every 2 s; the third that fails, a second later, leaves the node out: by then the rows may still be there."""
    log = crash.workloads["mesh"].log
    assert not losses(log, 0, 4.98)
    [view] = crash.views
    last = 5 + max(view[f"w-{k}"] for k in (1, 3, 4))
    assert not losses(log, max(last, 12.0) + 0.01)
    # By the dead node a quarter of all came in; a quarter of the rest goes to its task.
    found = losses(log, 5.01, 9.9)
    assert set(found) == {"timeout"} and found["timeout"] == pytest.approx(4.89 * 100 * 7 / 16, abs=100)


def test_a_drain_does_not_move_open_flows_before_their_task_is_gone(tmp_path: Path) -> None:
    """SIGTERM comes 2 s after the weight is 0: all flows go on until then, and are told that the port is closed after that."""
    found = record("operations: [{at: 5s, drain: w-2}]\n", tmp_path)
    log = found.workloads["vip"].log
    first = float(log.start_ps[log.fate != 0][0]) / S
    lost = losses(log)
    assert 7 < first < 9
    assert set(lost) <= {"refused", "timeout", "reset"} and lost["refused"]
    assert (
        10 <= lost["refused"] <= 60
    )  # a second of the quarter, until the process has ended, and as long as its sandbox stands
    last = float(log.start_ps[log.fate != 0][-1]) / S
    assert last < 15


@pytest.mark.slow
def test_both_engines_tell_the_same_of_an_update(tmp_path: Path) -> None:
    """Tasks that send are replaced, too: their successors have sockets of their own."""
    event = "operations: [{at: 2s, update: {logs: {image: two}}}, {at: 3s, update: {web: {image: two}}}]\n"
    text = TEXT.replace("40s", "16s").replace(
        "containers:",
        "  web: {replicas: 2, networks: [shop], image: {name: web, stop: 100ms}, work: {cpu: 1ms}}\ncontainers:",
    )
    text += "  sends: {from: web, to: logs, arrivals: {constant: 60/s}, datagram: 200B, flows: 6}\n"
    one, other = (record(event, tmp_path, kind, text) for kind in (Reference, FastPlane))
    for name, workload in one.workloads.items():
        a, b = workload.log, other.workloads[name].log
        assert np.array_equal(a.fate, b.fate) and np.array_equal(a.finish_ps, b.finish_ps), name
        assert (workload.jitter_sum_ps, workload.jitters) == (
            other.workloads[name].jitter_sum_ps,
            other.workloads[name].jitters,
        )
    log = other.workloads["sends"].log
    ended = log.start_ps >= 15 * S
    assert len(log.fate[ended]) == 60  # both tasks send again
    assert len(log.fate) < 16 * 60  # and did not while they were replaced


HELD = """netsim: 1
duration: 1s
warmup: 0s
nodes: {m: {role: manager, count: 2, cores: 2}}
networks: {net: {driver: overlay, attachable: true}}
services: {slow: {networks: [net], work: {cpu: 10ms, wait: 10ms, workers: 2}}}
containers: {a: {node: m-1, networks: [net]}}
load: {logs: {from: a, to: slow, arrivals: {constant: 1000/s}, datagram: 100B, flows: 4}}
"""


@pytest.mark.parametrize("kind", [Reference, FastPlane])
@pytest.mark.parametrize("what", [What.TASK_GONE, What.SANDBOX_GONE])
def test_what_waits_at_a_task_is_lost_with_it_and_the_books_close(
    kind: type[Machinery], what: What, tmp_path: Path
) -> None:
    """Two are at work, the receive buffer is full: all of them are lost when the process ends, and every station's books balance."""
    scenario = scenario_from(HELD, tmp_path)
    plane = kind(World(scenario, build_model(scenario), 1, 0, keep_requests=True))
    plane.advance(S // 2)
    plane.apply([Change(what, "slow.1")])
    done = run_out(plane)
    log = done.workloads["logs"].log
    after = log.start_ps >= S // 2
    assert {FATES[int(f)] for f in log.fate[after]} == {"refused" if what == What.TASK_GONE else "timeout"}
    died = log.fate == FATES.index("reset")
    assert (log.finish_ps[died] == S // 2).all()
    pool = done.stations["slow.1/workers"]
    full = int((log.fate == FATES.index("buffer_full")).sum())
    assert died.sum() == pool.arrived - pool.served - full > 80
    assert pool.inside == 0 and pool.arrived == pool.served + pool.dropped
    assert (log.fate >= 0).all()


@pytest.mark.parametrize("kind", [Reference, FastPlane])
def test_what_a_dead_task_has_not_sent_is_lost(kind: type[Machinery], tmp_path: Path) -> None:
    """Its sockets' queues end with it (reset); what has left them arrives."""
    text = HELD.replace("cpu: 10ms, wait: 10ms, workers: 2", "cpu: 1us").replace(
        "from: a, to: slow", "from: slow, to: a"
    )
    text = text.replace("arrivals: {constant: 1000/s}", "arrivals: {constant: 30000/s}")
    scenario = scenario_from(
        text.replace("networks: [net], work", "networks: [net], resources: {limits: {cpus: 0.05}}, work"),
        tmp_path,
    )
    plane = kind(World(scenario, build_model(scenario), 1, 0, keep_requests=True))
    plane.advance(S // 10)
    plane.apply([Change(What.TASK_GONE, "slow.1")])
    done = run_out(plane)
    log = done.workloads["logs"].log
    assert (log.start_ps < S // 10).all()  # nobody sends after it
    found = losses(log)
    assert found["reset"] > 100 and not found["open"]
    assert (log.fate == 0).sum() > 100
