"""What the data's load does to the control plane, and image pulls to the data: by hand, on both machineries, and as a
fixed point.

Sources: a message behind a queue is there when the queue has gone (FIFO); max-min shares of a link by hand; the rules of
docs/model.md.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import S, scenario_from
from swarms import swarm, text

from netsim.engine.border import What
from netsim.engine.fast.simulate import FastPlane
from netsim.engine.machinery import Machinery, advance_to
from netsim.engine.record import RunRecord
from netsim.engine.reference import Reference
from netsim.model.build import build_model
from netsim.scenario.load import loads
from netsim.swarm.lines import Lines, Load, Recorder
from netsim.swarm.passes import Passes, first_difference, simulate
from netsim.swarm.simulate import build, failovers
from netsim.swarm.world import Swarm

MS = S // 1000
TICK = 200 * MS


def loaded(
    scenario: str, wait_ms: int, rows: slice | list[int], tenths: int = 0, replication: int = 0
) -> Swarm:
    """A swarm whose messages wait so long at each of these rows from the start on, and find it full so often."""
    model = build_model(loads(scenario))
    count = len(Lines(model).stations)
    steps, full = np.zeros(count, np.int32), np.zeros(count, np.int8)
    steps[rows], full[rows] = wait_ms // 10, tenths
    load = Load(10 * MS, TICK, [(-model.scenario.warmup_ps, steps, full)])
    return build(model, 1, replication, load=load)


def arrives(world: Swarm, node: int) -> int:
    """When the node's first heartbeat gets to its manager."""
    session = world.dispatcher.sessions[node]
    before = session.deadline
    while session.deadline == before:
        world.env.step()
    return world.env.now


def test_a_heartbeat_is_as_late_as_the_queues_before_it_are_long() -> None:
    """worker-1's passes the queue of its own card and that of the port to its manager, worker-2's the second alone, and the
    manager's own neither."""
    scenario = text("", managers=1, workers=2)
    for wait in (10, 340, 1200):
        for node, queues in ((0, 0), (1, 2), (2, 1)):
            idle, late = swarm(scenario), loaded(scenario, wait, [1, 3])
            assert arrives(late, node) - arrives(idle, node) == queues * wait * MS


def test_an_agent_gives_up_a_heartbeat_after_5_s() -> None:
    """Two queues of 2.4 s are waited for, two of 2.6 s are not, nor is a session opened that takes two round trips of 5.2 s:
    the managers take the node for down 3 of its first periods after the start."""
    scenario = text("", managers=1, workers=1)
    for wait, down in ((2400, False), (2600, True)):
        world = loaded(scenario, wait, [1, 2])
        world.env.run(until=30 * S)
        assert [row["who"] for row in world.timeline if row["what"] == "node down"] == ["worker-1"] * down


def test_what_tcp_loses_comes_again_after_its_time_outs() -> None:
    """The mean of repeats at a loss of 30 %: 0.2 s and a round trip, doubled each time, by the chance of so many losses;
    2,000 draws, of which the mean is off by 5 standard errors once in a million."""
    world = loaded(text("", managers=1, workers=1), 0, [1], tenths=3)
    world.env.run(until=-19 * S)
    assert world.ways.lost(1, 0) == pytest.approx(0.3) and world.ways.lost(0, 1) == 0
    found = np.array([world.streams.late("test", 1, 0) for _ in range(2000)]) / S
    wanted = sum(0.7 * 0.3**k * 0.2 * (2**k - 1) for k in range(7)) + 0.3**7 * 0.2 * 127
    assert np.mean(found) == pytest.approx(wanted, abs=5 * np.std(found) / 2000**0.5)
    assert {round(x, 9) for x in found} <= {round(0.2 * (2**k - 1), 9) for k in range(8)}
    assert world.streams.late("test", 0, 1) == world.streams.late("test", 1, 1) == 0


@pytest.mark.slow
def test_more_load_never_lets_gossip_see_a_death_earlier() -> None:
    """In the median of 15, with waits at every link and with every link full so often."""
    scenario = text("services: {web: {replicas: 6}}\nfaults: [{at: 3s, crash: worker-2}]", workers=5)
    medians = []
    for wait, tenths in ((0, 0), (100, 0), (100, 1), (100, 3)):
        found = []
        for replication in range(15):
            world = loaded(scenario, wait, slice(None), tenths, replication)
            world.env.run(until=40 * S)
            removed = failovers(world)[0]["gossip_removed_s"]
            found.append(37.0 if removed is None else float(removed))
        medians.append(np.median(found))
    assert medians == sorted(medians) and medians[-1] > 1.3 * medians[0]


def test_gossip_takes_a_node_for_dead_whose_answers_are_late() -> None:
    """The shortest suspicion of ten members is 4 s: a node behind a queue of 6 s hears of it too late to refute, one behind
    2 s does not. 300 ms are no reason for a suspicion."""
    for wait, worst in ((300, 0), (2000, 1), (6000, 2)):
        world = loaded(text("", workers=7), wait, [14])  # the port to worker-2 is row 10 + 4
        seen = 0
        for until in range(-19, 31):
            world.env.run(until=until * S)
            seen = max(seen, int(world.members.view[:4, 4].max()))
        assert seen == worst


TEXT = """netsim: 1
duration: 45s
warmup: 1s
nodes:
  m: {role: manager, count: 1, cores: 4}
  w: {count: 3, cores: 4}
  edge: {cores: 4, nic: {rate: RATE}, labels: {place: edge}}
fabric: {buffer: 12MiB}
outside: {entry: {nodes: [m-1], check: none}}
networks: {shop: {}}
services:
  web: {replicas: 4, networks: [shop], ports: ['8080:80'], work: {cpu: 100us}}
  store: {networks: [shop], ports: ['9000:90'], placement: {constraints: [node.labels.place == edge]}, work: {cpu: 100us}}
load:
  users: {from: outside, to: 'web:8080', arrivals: {constant: 20/s}, timeout: 500ms, connection: new}
"""
UPLOAD = "  up: {from: outside, to: 'store:9000', bulk: 20GiB, flows: 16}\n"
FAULT = "faults: [{at: 40s, kill_task: web.1}]\n"


def record(kind: type[Machinery], written: str, folder: Path) -> RunRecord:
    scenario = scenario_from(written, folder)
    return simulate(kind, scenario, build_model(scenario), 3, 0, keep_requests=True)


def passes(written: str, folder: Path) -> Passes:
    model = build_model(scenario_from(written, folder))
    return Passes(FastPlane, model, 3, 0, lambda now_ps: False, True)


def downs(found: RunRecord) -> list[object]:
    return [row["who"] for row in found.timeline if row["what"] == "node down"]


@pytest.mark.parametrize("fault", ["", FAULT], ids=["nothing happens", "a task is killed"])
def test_a_swarm_takes_a_node_behind_a_full_link_for_dead(fault: str, tmp_path: Path) -> None:
    """The port to it holds 5 s of 20 Mbit/s, as long as an agent waits for the answer to a heartbeat, and no session is
    opened within that. With a link of 10 Gbit/s nobody notices the same transfers."""
    found = record(FastPlane, TEXT.replace("RATE", "20Mbit") + UPLOAD + fault, tmp_path)
    assert (
        downs(found) == ["edge-1"]
        and "wait behind data, at switch/edge-1 for up to 5 s" in found.warnings[-1]
    )
    fast = record(FastPlane, TEXT.replace("RATE", "10Gbit") + UPLOAD.replace("16", "1") + fault, tmp_path)
    assert downs(fast) == [] and not [text for text in fast.warnings if "behind data" in text]


@pytest.mark.slow
def test_both_machineries_feel_the_same_load(tmp_path: Path) -> None:
    written = TEXT.replace("RATE", "20Mbit") + UPLOAD + FAULT
    one, other = (record(kind, written, tmp_path) for kind in (Reference, FastPlane))
    assert one.timeline == other.timeline and one.failovers == other.failovers
    a, b = one.workloads["users"].log, other.workloads["users"].log
    assert np.array_equal(a.fate, b.fate) and np.array_equal(a.finish_ps, b.finish_ps)


def test_a_load_that_nobody_feels_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = TEXT.replace("RATE", "10Gbit").replace("20/s", "300/s") + "faults: [{at: 5s, crash: w-2}]\n"
    watched = record(FastPlane, written, tmp_path)
    monkeypatch.setattr(Recorder, "advance", lambda self, plane, until_ps: advance_to(plane, until_ps))
    plain = record(FastPlane, written, tmp_path)
    assert watched.timeline == plain.timeline and watched.failovers == plain.failovers
    assert watched.stations == plain.stations and watched.warnings == plain.warnings
    a, b = watched.workloads["users"].log, plain.workloads["users"].log
    assert np.array_equal(a.fate, b.fate) and np.array_equal(a.finish_ps, b.finish_ps)


def test_what_comes_before_the_first_other_change_is_final(tmp_path: Path) -> None:
    """The next pass does and sees the same up to there, and the last pass the same as the one before it."""
    run = passes(TEXT.replace("RATE", "20Mbit") + UPLOAD + FAULT, tmp_path)
    first = run.managed()
    plane, run.load, _ = run.one_pass(first)
    second = run.managed()
    since = first_difference(first.changes, second.changes, -S, 45 * S)
    assert since is not None and 5 * S < since < 40 * S
    other, seen, _ = run.one_pass(second)
    early = [[moment for moment in load.moments if moment[0] <= since] for load in (run.load, seen)]
    assert len(early[0]) == len(early[1]) > 10
    assert all((a[1] == b[1]).all() and (a[2] == b[2]).all() for a, b in zip(*early, strict=True))
    logs = [plane.world.tally for plane in (plane, other)]
    assert logs[0] is not logs[1]
    run.load = seen
    third = run.managed()
    later = first_difference(second.changes, third.changes, -S, 45 * S)
    assert later is None or later > since


PULL = """netsim: 1
duration: 40s
warmup: 1s
nodes: {m: {role: manager, cores: 4}, w: {cores: 4, nic: {rate: 100Mbit}}}
outside: {entry: {nodes: [w-1], check: none}, rtt: 2ms}
networks: {shop: {}}
services:
  web: {networks: [shop], ports: ['8080:80'], work: {cpu: 100us}, placement: {constraints: [node.role == worker]}, update_config: {order: start-first}}
load: {users: {from: outside, to: 'web:8080', arrivals: {constant: 40/s}, request: SIZE, response: 1KiB, connection: {pool: 10}}}
operations: [{at: 5s, update: {web: {image: {name: two, size: 100MB}}}}]
"""


@pytest.mark.parametrize(
    ("size", "least", "most"), [("1KB", 8, 8.3), ("100KB", 11.6, 12.2), ("300KB", 15.7, 16.1)]
)
def test_pulls_and_data_share_a_link(size: str, least: float, most: float, tmp_path: Path) -> None:
    """100 MB are 8 s of 100 Mbit/s; beside 32 Mbit/s of requests (and headers of 4 %) 67 are left of it, and beside 96 the
    half, which the data have as well: they wait."""
    scenario = scenario_from(PULL.replace("SIZE", size), tmp_path)
    run = Passes(FastPlane, build_model(scenario), 3, 0, lambda now_ps: False, True)
    found = run.run()
    told = [change for change in run.managed().changes if change.what == What.BACKGROUND]
    shares = [change for change in told if change.at_ps > -S]
    gossip = {(c.subject, c.link.direction): c.value for c in told if c.at_ps == -S and c.link is not None}
    assert [c.value - gossip["w-1", "receives"] for c in shares] == [50_000_000, 0]
    assert {c.subject for c in shares} == {"w-1"}
    took = (shares[1].at_ps - shares[0].at_ps) / S
    assert least <= took <= most
    requests = found.workloads["users"].log
    during = (requests.start_ps > shares[0].at_ps + S) & (requests.start_ps < shares[1].at_ps)
    before = requests.start_ps < shares[0].at_ps
    slower = np.mean((requests.finish_ps - requests.start_ps)[during]) / np.mean(
        (requests.finish_ps - requests.start_ps)[before]
    )
    assert slower > {"1KB": 1.0, "100KB": 1.5, "300KB": 20}[size]
