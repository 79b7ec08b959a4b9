"""Plans against theory: the capacity of queues whose answer is a formula, nodes by arithmetic, losses by hand.

Seeds are fixed. An interval misses the truth for at most 1 seed in 20.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import netsim
from netsim.results.errors import EngineError
from netsim.scenario.load import loads
from netsim.sweep.keep import kept
from netsim.sweep.measure import schedule
from netsim.sweep.plan import Plan, plan, remaining
from netsim.sweep.variants import Gone, load_override, losses, present_load, without

FREE = """netsim: 1
name: capacity
duration: {duration}
warmup: 10s
nodes: {{host: {{role: manager, cores: 1, count: 3, profile: zero.yaml}}}}
fabric: {{latency: 1us}}
networks: {{net: {{driver: overlay}}}}
services:
  src: {{networks: [net], placement: {{constraints: [node.hostname == host-1]}}, work: {{}}}}
"""
ON = "networks: [net], placement: {{constraints: [node.hostname == host-{}]}}"


def write(folder: Path, text: str) -> Path:
    (folder / "zero.yaml").write_text("name: free\nbase: zero\n")
    path = folder / "scenario.yaml"
    path.write_text(text)
    return path


@pytest.mark.slow
def test_most_load_of_a_single_queue_by_its_p99(tmp_path: Path) -> None:
    """M/M/1, first come first served: the time in it is exponential with rate mu - lambda, so p99 < 150 ms up to
    lambda = mu - ln(100) / 150 ms = 69.3/s."""
    text = FREE.format(duration="200s") + f"  a: {{{ON.format(2)}, "
    text += "work: {cpu: {exponential: {mean: 10ms}}, workers: 1}}\n"
    text += "load:\n  jobs: {from: src, to: a, arrivals: 50/s, connection: {pool: 2000}}\n"
    file = write(tmp_path, text)
    found = plan(file, max_load="jobs", keep=["p99 < 150ms"], tolerance=0.03, max_replications=60)
    truth = 100 - math.log(100) / 0.150
    assert found.low is not None and found.high is not None and found.value is not None
    assert found.low <= truth <= found.high
    assert found.value == pytest.approx(truth, rel=0.02)
    limited = found.limited_by()
    assert (
        limited
        and limited["station"] == "host-2/cpu"
        and limited["expectation"]["text"] == "jobs.latency.p99 < 150ms"
    )
    assert not found.contradictions and found.status == "found"


@pytest.mark.parametrize(
    ("b", "capacity", "station"),
    [("6ms", 0.8 / 0.012, "host-3/cpu"), pytest.param("4ms", 80.0, "host-2/cpu", marks=pytest.mark.slow)],
)
def test_most_load_of_several_stations(tmp_path: Path, b: str, capacity: float, station: str) -> None:
    """A request takes 10 ms of a and two calls of b: the slower one of the two is 80 % busy first."""
    text = FREE.format(duration="200s")
    text += f"  a: {{{ON.format(2)}, work: {{cpu: {{exponential: {{mean: 10ms}}}}, workers: 4000}}, "
    text += "calls: [{to: b, count: 2, connection: {pool: 4000}}]}\n"
    text += f"  b: {{{ON.format(3)}, work: {{cpu: {{exponential: {{mean: {b}}}}}, workers: 4000}}}}\n"
    text += "load:\n  jobs: {from: src, to: a, arrivals: 20/s, connection: {pool: 4000}}\n"
    found = plan(write(tmp_path, text), max_load="jobs", keep=["bottleneck.utilisation < 80%"])
    assert found.status == "found" and found.low is not None and found.high is not None
    assert found.low <= capacity <= found.high
    assert found.value == pytest.approx(capacity, rel=0.02)
    limited = found.limited_by()
    assert limited and limited["station"] == station


def mva(users: int, think_s: float, service_s: float) -> float:
    """Mean time in a queue that a closed crowd shares (s): exact mean-value analysis."""
    queue = time = 0.0
    for n in range(1, users + 1):
        time = service_s * (1 + queue)
        queue = n / (think_s + time) * time
    return time


def test_most_users_that_wait_for_their_answers(tmp_path: Path) -> None:
    text = FREE.format(duration="300s") + f"  a: {{{ON.format(2)}, "
    text += "work: {cpu: {exponential: {mean: 20ms}}, workers: 1}}\n"
    text += "load:\n  crowd: {from: src, to: a, users: 4, think: {exponential: {mean: 500ms}}, connection: {pool: 100}}\n"
    found = plan(write(tmp_path, text), max_load="crowd", keep=["mean < 50ms"], tolerance=0.05)
    truth = max(n for n in range(1, 100) if mva(n, 0.5, 0.02) < 0.050)
    assert found.unit == "users" and found.low is not None and found.high is not None
    assert found.low <= truth < found.high and found.high - found.low <= 2


#: 200/s of 10 ms each on single cores: 2 cores busy; at most 70 % each takes 3 workers.
SPREAD = """netsim: 1
name: spread
duration: 20s
warmup: 2s
nodes:
  m: {role: manager, count: MANAGERS, profile: zero.yaml, price: 0.10/h}
  worker: {count: 6, cores: 1, profile: zero.yaml, price: 0.25/h}
networks: {net: {driver: overlay}}
services:
  web:
    mode: global
    networks: [net]
    ports: [{published: 80, target: 80}]
    placement: {constraints: [node.role == worker]}
    work: {cpu: {exponential: {mean: 10ms}}, workers: 1000}
load:
  users: {from: outside, to: "web:80", arrivals: 200/s, connection: new}
"""
BUSY = ["nodes.worker-*.cpu < 75%"]


def test_fewest_nodes_alone_and_with_any_node_gone(tmp_path: Path) -> None:
    file = write(tmp_path, SPREAD.replace("MANAGERS", "3"))
    found = plan(file, min_nodes="worker", keep=BUSY)
    assert (found.status, found.value, found.low, found.high) == ("found", 3, 3, 3)
    assert found.price == {"per_h": pytest.approx(1.05), "present_per_h": pytest.approx(1.80)}
    spare = plan(file, min_nodes="worker", n_plus=1, keep=BUSY)
    assert (spare.status, spare.value) == ("found", 4)
    assert spare.limit is not None and spare.limit.at == 3 and spare.limit.outcome.gone == "worker-3"


@pytest.mark.parametrize(("workers", "status"), [(4, "holds"), (3, "fails")])
def test_whether_it_holds_with_any_node_gone(tmp_path: Path, workers: int, status: str) -> None:
    file = write(tmp_path, SPREAD.replace("MANAGERS", "3"))
    found = plan(file, n_plus=1, keep=BUSY, overrides={"nodes.worker.count": str(workers)})
    assert found.status == status
    assert found.limit is not None and found.limit.outcome.gone == f"worker-{workers}"


def test_what_falls_behind_is_not_carried_although_nothing_fails(tmp_path: Path) -> None:
    """Twice what one core can do, from clients that wait for ever."""
    file = write(tmp_path, SPREAD.replace("MANAGERS", "3"))
    found = plan(
        file, max_load="users", keep=["errors < 1%"], overrides={"nodes.worker.count": "1"}, tolerance=0.2
    )
    assert found.high is not None and 90 < found.high < 140
    assert found.points[-1].outcome.reason is not None
    assert found.points[-1].outcome.reason.startswith("users falls behind: ")


def test_a_lone_manager_is_no_majority(tmp_path: Path) -> None:
    found = plan(write(tmp_path, SPREAD.replace("MANAGERS", "1")), n_plus=1, keep=BUSY)
    assert found.status == "fails" and found.limit is not None
    assert found.limit.outcome.reason == "0 of 1 managers are no majority: nothing starts elsewhere"


def test_the_answer_does_not_depend_on_the_processes(tmp_path: Path) -> None:
    file = write(tmp_path, SPREAD.replace("MANAGERS", "3").replace("20s", "5s"))

    def told(jobs: int) -> dict[str, object]:
        found = plan(file, min_nodes="worker", keep=BUSY, jobs=jobs, max_replications=6).to_dict()
        found["manifest"].pop("wall_s")
        return found

    assert told(1) == told(2)


def test_what_is_kept_in_full_and_in_short() -> None:
    one = loads(SPREAD.replace("MANAGERS", "3").replace("zero.yaml", "stock"))
    assert kept(one, ["p99 < 50ms"], None).texts == ["users.latency.p99 < 50ms", "users.errors < 1%"]
    assert kept(one, ["errors < 0.1%", "throughput > 10/s"], "users").texts == [
        "users.errors < 0.1%", "users.throughput > 10/s"]  # fmt: skip
    for text, message in {
        "p99 << 50ms": "--keep 'p99 << 50ms': column 6: expected a duration with a unit, like 250us, 5s or 2m, got < 50ms",
        "p99 < 50": "--keep 'p99 < 50': column 7: expected a duration with a unit, like 250us, 5s or 2m, got 50 "
        "(write 50s if that is what you mean)",
        "p98 < 5ms": "--keep 'p98 < 5ms': column 1: expected a workload, stations, nodes, bottleneck or failover, got p98 "
        "(valid names: users, stations, nodes, bottleneck, failover)",
        "p99 < baseline + 5%": "--keep 'p99 < baseline + 5%': expected a limit of its own, got one against a baseline",
    }.items():
        with pytest.raises(EngineError) as caught:
            kept(one, [text], "users")
        assert str(caught.value) == message
    with pytest.raises(EngineError, match='nothing to keep: say --keep "p99 < 50ms"'):
        kept(one, [], "users")


@pytest.mark.parametrize(
    ("arrivals", "amount", "text"),
    [
        ("50/s", 70.25, "{poisson: 70.25/s}"),
        ("{constant: [[0s, 10/s], [90s, 40/s]]}", 80, "{constant: [[0s, 20/s], [90s, 80/s]]}"),
        ("{lognormal: {rate: 10/s, cv: 2.5}}", 20, "{lognormal: {rate: 20/s, cv: 2.5}}"),
    ],
)
def test_more_load_keeps_its_shape_and_is_the_scenario_s_own_word(
    arrivals: str, amount: float, text: str
) -> None:
    source = SPREAD.replace("MANAGERS", "3").replace("zero.yaml", "stock").replace("200/s", arrivals)
    more = load_override(loads(source).load["users"], "users", amount)
    assert more == {"load.users.arrivals": text}
    assert present_load(loads(source, overrides=more), "users") == (pytest.approx(amount), "/s")


NAMED = """netsim: 1
name: named
nodes:
  m: {role: manager, count: 3}
  w: {count: 5, labels: {zone: [a, b]}}
outside: {entry: {nodes: [w-2, w-4]}}
networks: {net: {driver: overlay}}
services:
  web: {networks: [net], placement: {constraints: [node.hostname == w-4]}, work: {}}
containers: {probe: {node: w-5, networks: [bridge]}}
"""


def test_nodes_that_are_alike_stand_for_each_other() -> None:
    """w-2, w-4 and w-5 are called by name; w-1 and w-3 are alike (zone a)."""
    found = losses(loads(NAMED), 1)
    assert sorted(str(gone) for gone in found) == ["m-3", "w-2", "w-3", "w-4", "w-5"]
    pairs = {str(gone) for gone in losses(loads(NAMED), 2)}
    assert "m-3 and m-2" in pairs and "w-3 and w-1" in pairs and len(pairs) == 12


def test_what_calls_nodes_by_name_goes_on_meaning_the_same_machine() -> None:
    scenario = loads(NAMED)
    left, reason = without(scenario, Gone(("w-3",)))
    assert reason is None and left.nodes["w"].count == 4
    assert [left.nodes["w"].label("zone", i) for i in range(4)] == ["a", "b", "b", "a"]
    assert left.services["web"].placement.constraints == ("node.hostname == w-3",)
    assert left.containers["probe"].node == "w-4" and left.outside.entry.nodes == ("w-2", "w-3")
    gone, reason = without(scenario, Gone(("w-4",)))
    assert reason is None and gone.services["web"].placement.constraints == ("node.hostname == -",)
    assert without(scenario, Gone(("w-5",)))[1] == "the container probe is on w-5 and starts nowhere else"
    assert without(scenario, Gone(("w-2", "w-4")))[1] == "no node is left that traffic from outside enters by"
    assert (
        without(scenario, Gone(("m-1", "m-2")))[1]
        == "1 of 3 managers are no majority: nothing starts elsewhere"
    )
    with pytest.raises(netsim.ModelError, match="no suitable node"):
        from netsim.model.build import build_model

        build_model(gone)


def test_time_left_with_growth() -> None:
    """ln(1.5) / ln(1.03) = 13.7 months until 100/s are 150/s; none where it is too much already."""
    empty = kept(loads(SPREAD.replace("MANAGERS", "3").replace("zero.yaml", "stock")), ["p99 < 1s"], None)
    found = Plan("x", "", {}, empty, "found", "/s", 150.0, 148.0, 152.0, 100.0)
    left = remaining(found, 0.03, "month")
    assert [round(left[key], 2) for key in ("low", "value", "high")] == [13.26, 13.72, 14.17]
    found.value = 80.0
    assert remaining(found, 0.03, "month")["value"] == 0


def test_looks_grow_by_ratio() -> None:
    assert schedule(5, 40) == [5, 10, 20, 40]
    assert schedule(5, 5) == [5] and schedule(5, 3) == [3]
