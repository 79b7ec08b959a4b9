"""Names and ports in mode host beside faults and operations: what clients that look up addresses feel, and those that keep them.

Sources: moby's rmServiceBinding (a row that is disabled takes its address out of DNS, the 2 s of drain before SIGTERM; the name of
a virtual address goes with the last row), swarmkit's nodeinfo (a port is free when its task has ended), TCP (nobody listens: RST).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import S, scenario_from

import netsim
from netsim.engine.border import Change, What
from netsim.engine.fast.simulate import FastPlane
from netsim.engine.flow.unfit import unsupported
from netsim.engine.machinery import Machinery
from netsim.engine.record import FATES, RequestLog, RunRecord
from netsim.engine.reference import Reference
from netsim.model.build import build_model
from netsim.scenario.schema_entry import Check
from netsim.swarm.checks import verdicts
from netsim.swarm.passes import simulate
from netsim.swarm.ports import Place, _rows

TEXT = """netsim: 1
duration: 20s
warmup: 1s
nodes: {m: {role: manager, cores: 4}, w: {count: 4, cores: 4}}
networks: {shop: {attachable: true}}
services:
  rr: {replicas: 8, endpoint_mode: dnsrr, networks: [shop], image: {name: rr, stop: 1s}, work: {cpu: 100us}, placement: {constraints: [node.role == worker]}}
  vip: {replicas: 4, networks: [shop], image: {name: vip, stop: 1s}, work: {cpu: 100us}, placement: {constraints: [node.role == worker]}}
containers: {a: {node: m-1, networks: [shop]}, b: {node: m-1, networks: [shop]}}
load:
  asks: {from: a, to: rr, arrivals: {constant: RATE/s}, timeout: 500ms, connection: new}
  keeps: {from: b, to: rr, arrivals: {constant: RATE/s}, timeout: 500ms, connection: new, dns: {cache: true}}
  tasks: {from: a, to: tasks.vip, arrivals: {constant: RATE/s}, timeout: 500ms, connection: new}
  named: {from: b, to: vip, arrivals: {constant: RATE/s}, timeout: 500ms, connection: new}
"""
PORTS = """netsim: 1
duration: 30s
warmup: 1s
nodes: {m: {role: manager, cores: 4}, w: {count: 4, cores: 4}}
outside: {rtt: 1ms, entry: {nodes: [w-1, w-2, w-3, w-4], check: CHECK}}
networks: {shop: {}}
services:
  web: {replicas: REPLICAS, networks: [shop], ports: [{published: 8080, target: 80, mode: host}], image: {name: web, stop: 1s}, work: {cpu: 100us}, placement: {constraints: [node.role == worker]}}
load: {users: {from: outside, to: 'web:8080', arrivals: {constant: RATE/s}, timeout: 500ms, connection: new}}
"""
EVERY_2_S = "{every: 2s, failures: 3, timeout: 1s}"


def record(
    text: str, folder: Path, kind: type[Machinery] = FastPlane, rate: int = 50, seed: int = 3
) -> RunRecord:
    scenario = scenario_from(text.replace("RATE", str(rate)), folder)
    return simulate(kind, scenario, build_model(scenario), seed, 0, keep_requests=True)


def ports(event: str, replicas: int = 3, check: str = EVERY_2_S) -> str:
    return PORTS.replace("CHECK", check).replace("REPLICAS", str(replicas)) + event


def fates(log: RequestLog, since: float = 0, until: float = 1e9) -> set[str]:
    when = (log.start_ps >= since * S) & (log.start_ps < until * S)
    return {FATES[int(fate)] for fate in log.fate[when]}


def wrong(log: RequestLog, fate: str | None = None) -> list[float]:
    """When the requests began that failed (s)."""
    bad = log.fate != 0 if fate is None else log.fate == FATES.index(fate)
    return [float(at) / S for at in log.start_ps[bad]]


def assert_same(text: str, folder: Path, rate: int) -> None:
    one, other = (record(text, folder, kind, rate) for kind in (Reference, FastPlane))
    for name, workload in one.workloads.items():
        a, b = workload.log, other.workloads[name].log
        assert np.array_equal(a.fate, b.fate) and np.array_equal(a.finish_ps, b.finish_ps), name
    assert {n: (s.arrived, s.served, s.dropped) for n, s in one.stations.items()} == {
        n: (s.arrived, s.served, s.dropped) for n, s in other.stations.items()
    }
    assert one.timeline == other.timeline


def test_the_machineries_agree_on_names_and_ports(tmp_path: Path) -> None:
    assert_same(TEXT.replace("20s", "12s") + "faults: [{at: 3s, crash: w-2}]\n", tmp_path, 6)
    assert_same(ports("faults: [{at: 3s, crash: w-2}]\n").replace("30s", "14s"), tmp_path, 12)


@pytest.mark.slow
@pytest.mark.parametrize(
    "event",
    [
        "operations: [{at: 1s, scale: {rr: 4, vip: 0}}, {at: 10s, scale: {vip: 3, rr: 6}}]",
        "operations: [{at: 1s, update: {rr: {work: {cpu: 300us}, update_config: {parallelism: 2}}}}]",
        "operations: [{at: 1s, drain: w-3}]",
        "faults: [{at: 1s, partition: [[w-1, w-2], [m-1, w-3, w-4]], for: 12s}]",
        "faults: [{at: 2s, kill_task: rr.1}, {at: 4s, kill_daemon: w-3, for: 8s}]",
    ],
    ids=["scale", "update", "drain", "partition", "deaths"],
)
def test_the_machineries_agree_on_names_in_any_trouble(event: str, tmp_path: Path) -> None:
    assert_same(TEXT + event + "\n", tmp_path, 20)


@pytest.mark.slow
@pytest.mark.parametrize(
    "event",
    [
        "operations: [{at: 2s, update: {web: {work: {cpu: 300us}}}}]",
        "operations: [{at: 2s, drain: w-1}, {at: 14s, scale: {web: 4}}]",
        "faults: [{at: 2s, cut: w-1, for: 9s}, {at: 5s, kill_task: web.2}]",
    ],
    ids=["update", "drain", "deaths"],
)
def test_the_machineries_agree_on_ports_in_any_trouble(event: str, tmp_path: Path) -> None:
    assert_same(ports(event + "\n"), tmp_path, 30)


def test_who_looks_up_meets_the_dead_until_gossip_takes_their_addresses(tmp_path: Path) -> None:
    found = record(TEXT + "faults: [{at: 5s, crash: w-2}]\n", tmp_path)
    (view,) = found.views
    gone = 5 + view["m-1"]  # both containers are on m-1
    for name, share in (("asks", 2 / 8), ("tasks", 1 / 4)):
        log = found.workloads[name].log
        times = wrong(log)
        assert fates(log) == {"completed", "timeout"}
        # What begins within a time-out before the crash may be caught by it.
        assert min(times) > 4.4 and max(times) < gone and max(times) > gone - 1, name
        # A share of some 300 lookups: five standard deviations, one false alarm in a million.
        tries = 50 * (gone - 5)
        assert abs(sum(at >= 5 for at in times) - share * tries) < 5 * (share * (1 - share) * tries) ** 0.5


def test_who_keeps_an_answer_keeps_a_dead_address(tmp_path: Path) -> None:
    """One client has one address: all of its requests fail from the crash on, or none does; both come about."""
    model, seen = build_model(scenario_from(TEXT.replace("RATE", "50"), tmp_path)), set()
    for seed in range(5, 10):
        found = record(TEXT + "faults: [{at: 5s, crash: w-2}]\n", tmp_path, seed=seed)
        log = found.workloads["keeps"].log
        after = log.start_ps >= 5 * S
        failing = int((log.fate[after] != 0).sum())
        assert failing in (0, int(after.sum()))
        served = {t: found.stations[f"rr.{t}/workers"].served for t in range(1, 9)}
        kept = max(
            served, key=lambda task: served[task]
        )  # it has its share of who looks up, and 50/s besides
        assert (model.tasks[f"rr.{kept}"].node.name == "w-2") == bool(failing)
        seen.add(bool(failing))
    assert seen == {True, False}


def test_a_stop_takes_the_address_out_of_dns_before_sigterm(tmp_path: Path) -> None:
    """Who looks up loses nothing; who keeps the address of a task that ends is refused, and then not answered."""
    found = record(TEXT + "operations: [{at: 3s, scale: {rr: 1}}]\n", tmp_path)
    assert not wrong(found.workloads["asks"].log)
    kept = [record(TEXT + "operations: [{at: 3s, scale: {rr: 1}}]\n", tmp_path, seed=s) for s in (3, 4, 5)]
    bad = [log for r in kept if wrong(log := r.workloads["keeps"].log)]
    assert bad  # each keeps one of the seven that end with 7/8
    for log in bad:
        assert min(wrong(log)) > 5 and fates(log, 0, 5) == {"completed"}
        assert fates(log, 8) == {"timeout"} and "refused" in fates(log, 5, 8)


def test_a_virtual_addresss_name_is_there_until_its_last_row_is_gone(tmp_path: Path) -> None:
    """The addresses of tasks go with weight 0; with the virtual one IPVS refuses for the 2 s of drain and the stop."""
    found = record(
        TEXT + "operations: [{at: 2s, scale: {vip: 0}}, {at: 12s, scale: {vip: 3}}]\n", tmp_path
    ).workloads
    one, other = found["named"].log, found["tasks"].log
    assert fates(one) == {"completed", "no_backend", "dns"} and fates(other) == {"completed", "dns"}
    refused, unknown = wrong(one, "no_backend"), wrong(one, "dns")
    assert min(wrong(other)) == pytest.approx(min(refused), abs=0.3)
    # 2 s of drain, 1 s to stop, and the work of it.
    assert 3 < min(unknown) - min(refused) < 6 and max(refused) < max(unknown)
    back = max(wrong(other))
    assert 12 < back < 16 and max(unknown) == pytest.approx(back, abs=0.3)


def test_a_lookup_costs_what_its_records_cost_at_that_time(tmp_path: Path) -> None:
    text = TEXT.replace("work: {cpu: 100us}", "work: {cpu: 1us}") + "operations: [{at: 3s, scale: {rr: 1}}]\n"
    log = record(text, tmp_path, rate=5).workloads["asks"].log
    cost = (
        build_model(scenario_from(text.replace("RATE", "5"), tmp_path))
        .nodes["m-1"]
        .profile.cost("dns.answer")
    )
    paid = [split["dns.answer"] for split in log.split]
    assert (
        paid[0] == cost.fixed_ps + 8 * cost.per_packet_ps and paid[-1] == cost.fixed_ps + cost.per_packet_ps
    )


ASKED = """netsim: 1
duration: 40s
warmup: 2s
replications: 2
nodes: {m: {role: manager, cores: 4}, w: {count: 4, cores: 4}}
networks: {shop: {}}
services:
  web: {replicas: 4, networks: [shop], ports: ["8080:80"], placement: {constraints: [node.role == manager]}, work: {cpu: 1ms}, calls: [{to: rr, timeout: 500ms}, {to: tasks.vip, timeout: 500ms}]}
  rr: {replicas: 8, endpoint_mode: dnsrr, networks: [shop], placement: {constraints: [node.role == worker]}, work: {cpu: 2ms}}
  vip: {replicas: 4, networks: [shop], placement: {constraints: [node.role == worker]}, work: {cpu: 2ms}}
load: {users: {from: outside, to: "web:8080", arrivals: {poisson: 100/s}, connection: new, timeout: 2s}}
faults: [{at: 10s, crash: w-2}]
"""


@pytest.mark.slow
def test_the_flow_engine_shares_as_the_addresses_do(tmp_path: Path) -> None:
    """Errors of both engines over the same outage, as counts: five standard deviations, one false alarm in a million; and who serves."""
    found = {e: netsim.run(scenario_from(ASKED, tmp_path), engine=e).to_dict() for e in ("fast", "flow")}
    wrong = {e: sum(found[e]["workloads"]["users"]["errors"].values()) for e in found}
    assert min(wrong.values()) > 100 and abs(wrong["fast"] - wrong["flow"]) < 5 * sum(wrong.values()) ** 0.5
    for task in ("rr.1", "rr.2", "vip.2"):
        busy = [found[e]["stations"][f"{task}/workers"]["utilisation"]["value"] for e in found]
        assert busy[0] == pytest.approx(busy[1], rel=0.25), task


def test_what_the_flow_engine_does_not_run(tmp_path: Path) -> None:
    text = ASKED.replace(", timeout: 500ms}, {to", ", dns: {cache: true}}, {to")
    assert "the DNS answers that web keeps" in (unsupported(scenario_from(text, tmp_path)) or "")


def test_a_port_whose_task_is_killed_is_refused_until_the_entry_has_seen_it(tmp_path: Path) -> None:
    """A third of the connections is refused, by the task's namespace and then by the node, for three checks of 2 s at the most,
    and all is well as soon as the new task listens, on whatever node that is."""
    found = record(ports("faults: [{at: 5s, kill_task: web.1}]\n"), tmp_path)
    log = found.workloads["users"].log
    times = wrong(log)
    assert fates(log) <= {"completed", "refused", "reset"}
    assert 5 <= min(times) < 5.2 and 8.9 < max(times) < 9.1  # checks at 5, 7 and 9 s
    assert len(times) == pytest.approx(50 * (max(times) - 5) / 3, abs=3)
    new = [name for name in found.stations if name.startswith("web.") and name.endswith("/workers")]
    assert len(new) == 3  # later tasks have no station of their own


def test_a_dead_nodes_port_is_silent_until_the_entry_has_seen_it(tmp_path: Path) -> None:
    log = record(ports("faults: [{at: 5s, crash: w-2}]\n"), tmp_path).workloads["users"].log
    assert fates(log) == {"completed", "timeout"}
    assert min(wrong(log)) > 4.4 and 9.8 < max(wrong(log)) <= 10  # the third check at 9 s, and its time-out


def test_without_a_check_the_list_stays_as_it_is(tmp_path: Path) -> None:
    """The replacement of a drained node's task is on the fourth node, which is not in the list."""
    drained = "operations: [{at: 2s, drain: w-1}]\n"
    log = record(ports(drained, check="none"), tmp_path).workloads["users"].log
    late = wrong(log)
    assert fates(log, 10) == {"completed", "refused"} and max(late) > 29.5
    assert sum(at >= 10 for at in late) == pytest.approx(50 * 20 / 3, abs=3)
    seen = record(ports(drained), tmp_path).workloads["users"].log
    assert max(wrong(seen)) < 12 and fates(seen, 12) == {"completed"}


@pytest.mark.parametrize("order", ["stop-first", "start-first"])
def test_a_new_task_waits_for_its_nodes_port(order: str, tmp_path: Path) -> None:
    """On four nodes four tasks have all ports. stop-first puts the new one where the old one was; start-first never ends, since
    no node has a free port, as in a real swarm (host-mode port already in use)."""
    update = f"{{web: {{work: {{cpu: 300us}}, update_config: {{order: {order}, parallelism: 1}}}}}}"
    found = record(ports(f"operations: [{{at: 1s, update: {update}}}]\n", replicas=4), tmp_path)
    began = [row for row in found.timeline if row["what"] == "running"]
    if order == "start-first":
        assert not began and not wrong(found.workloads["users"].log)
        return
    ended = [row for row in found.timeline if row["what"] == "shutdown"]
    assert len(began) >= 3
    for old, new in zip(ended, began, strict=False):
        assert old["detail"] == new["detail"] and float(old["t_s"]) < float(new["t_s"])
    assert fates(found.workloads["users"].log) <= {"completed", "refused"}


def test_the_entrys_checks_of_a_port() -> None:
    """A task listens for 10 s, its successor from 20 s on; the node is not reached from 30 to 31 and from 40 s on."""
    place = Place(
        tasks=[(0, "old"), (20 * S, "new")],
        listens=[(0, 10 * S), (20 * S, 10**9 * S)],
        away=[(30 * S, 31 * S), (40 * S, 10**9 * S)],
        listed=True,
    )
    check = Check.model_validate({"every": "2s", "failures": 3, "timeout": "1s"})
    told = list(verdicts(place, check, S // 1000, 0, 60 * S))
    # Refusals come back after a round trip (checks at 10, 12, 14 s), silence after the time-out (40, 42, 44 s).
    assert told == [(14 * S + S // 1000, False), (20 * S + S // 1000, True), (45 * S, False)]
    rows = [(row.what, row.subject, row.at_ps) for row in _rows(place, told, 0)]
    assert rows == [
        (What.PORT_REMOVE, "new", 0), (What.PORT_REMOVE, "old", 14 * S + S // 1000),
        (What.PORT_ADD, "new", 20 * S + S // 1000), (What.PORT_REMOVE, "new", 45 * S),
    ]  # fmt: skip
    (first, *swap) = _rows(Place(tasks=[(0, "old"), (20 * S, "new")], listed=True), [], 0)
    assert first == Change(What.PORT_REMOVE, "new", 0)
    assert [(row.what, row.subject) for row in swap] == [(What.PORT_REMOVE, "old"), (What.PORT_ADD, "new")]
