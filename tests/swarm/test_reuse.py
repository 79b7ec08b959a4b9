"""What clients meet at addresses that were given again, by a node that has not heard of it.

A node whose dockerd is dead goes on forwarding by the tables that it had (`kill_daemon`), so the clients on it ask for
tasks that have ended, at addresses that others have by now. Sources: libnetwork's drivers/overlay/peerdb.go (the oldest
row of an address is used until it goes) and service_common.go (a list has an address once).
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from helpers import S, scenario_from

from netsim.engine.border import NEVER_PS, Change, Holder, What
from netsim.engine.fast.simulate import FastPlane
from netsim.engine.machinery import Machinery
from netsim.engine.record import FATES, RequestLog, RunRecord
from netsim.engine.reference import Reference
from netsim.model.build import Later, build_model
from netsim.model.entities import Model
from netsim.scenario.load import loads
from netsim.swarm.loaded import managed
from netsim.swarm.passes import simulate
from netsim.swarm.reuse import given_again

TEXT = """netsim: 1
duration: 40s
warmup: 1s
nodes: {m: {role: manager, cores: 4}, w: {cores: 4}, x: {cores: 4}}
networks: {shop: {attachable: true, subnet: 10.5.0.0/28}}
services:
  web: {replicas: 2, networks: [shop], work: {cpu: 100us}, restart_policy: {delay: 100ms}, placement: {constraints: [node.role == worker, node.hostname == w-1]}}
  db: {replicas: 2, networks: [shop], work: {cpu: 100us}, restart_policy: {delay: 100ms}, placement: {constraints: [node.hostname == w-1]}}
containers: {a: {node: x-1, networks: [shop]}}
load: {asks: {from: a, to: web, arrivals: {constant: 40/s}, connection: new, timeout: 300ms}}
"""


def killed(*tasks: str) -> str:
    """x-1 hears of nothing from 1 s on; then these tasks die, one every 3 s."""
    kills = "".join(f", {{at: {2 + 3 * k}s, kill_task: {task}}}" for k, task in enumerate(tasks))
    return f"{TEXT}faults: [{{at: 1s, kill_daemon: x-1, for: 100s}}{kills}]\n"


def record(text: str, folder: Path, kind: type[Machinery] = FastPlane) -> RunRecord:
    scenario = scenario_from(text, folder)
    return simulate(kind, scenario, build_model(scenario), 3, 0, keep_requests=True)


def tenures(text: str, folder: Path) -> list[tuple[str, str, float, float]]:
    """Tasks that begin while the clock runs: name, the last part of the address, begin and end (s)."""
    scenario = scenario_from(text, folder)
    found = managed(build_model(scenario), 3, 0)
    times = {(c.what, c.subject): c.at_ps / S for c in found.changes if c.times_ps is None}
    return [
        (new.name, new.addresses["shop"].rpartition(".")[2], times[What.TASK_LISTENS, new.name],
         times.get((What.SANDBOX_GONE, new.name), 1e9))
        for new in found.later
    ]  # fmt: skip


def fates(log: RequestLog, since: float, until: float) -> Counter[str]:
    when = (log.start_ps >= since * S) & (log.start_ps < until * S)
    return Counter(FATES[int(fate)] for fate in log.fate[when])


def test_another_service_behind_the_address_refuses(tmp_path: Path) -> None:
    """web.1 dies, then db.1 again and again, until it gets what web.1 had. Half of the requests go there: silence, then RST
    for as long as that task of db lives, then silence."""
    text = killed("web.1", *["db.1"] * 11)
    first = build_model(scenario_from(text, tmp_path)).tasks["web.1"].addresses["shop"].rpartition(".")[2]
    name, _, begin, end = next(found for found in tenures(text, tmp_path) if found[1] == first)
    assert name.startswith("db.1") and end < 40
    log = record(text, tmp_path).workloads["asks"].log
    before = fates(log, 6, begin - 0.5)
    assert set(before) == {"completed", "timeout"} and before["timeout"] == pytest.approx(
        before.total() / 2, abs=2
    )
    during = fates(log, begin + 0.1, end - 0.5)
    assert set(during) == {"completed", "refused"} and during["refused"] == pytest.approx(
        during.total() / 2, abs=2
    )
    assert set(fates(log, end + 0.5, min(39, end + 2))) == {"completed", "timeout"}


def test_a_task_of_the_same_service_behind_the_address_serves(tmp_path: Path) -> None:
    """Only web.1 dies, until it gets its first address again: to a node that has heard of nothing all is as before."""
    text = killed(*["web.1"] * 11)
    first = build_model(scenario_from(text, tmp_path)).tasks["web.1"].addresses["shop"].rpartition(".")[2]
    _, _, begin, end = next(found for found in tenures(text, tmp_path) if found[1] == first)
    log = record(text, tmp_path).workloads["asks"].log
    assert fates(log, 6, begin - 0.5)["timeout"] > 100
    assert set(fates(log, begin + 0.1, min(39, end) - 0.5)) == {"completed"}


@pytest.mark.parametrize("task", ["web.1", "db.1"])
def test_both_machineries_give_the_same_picoseconds(task: str, tmp_path: Path) -> None:
    text = killed("web.1", *[task] * 9).replace("40s", "34s")
    a, b = (record(text, tmp_path, kind).workloads["asks"].log for kind in (Reference, FastPlane))
    assert np.array_equal(a.fate, b.fate) and np.array_equal(a.finish_ps, b.finish_ps)


# What follows from rows that come and go at given times.

ROWS = """netsim: 1
duration: 20s
warmup: 0s
nodes: {m: {role: manager, count: 3, cores: 4}}
networks: {shop: {}}
services:
  web: {replicas: 1, networks: [shop]}
  db: {replicas: 1, networks: [shop]}
"""


def row(what: What, task: str, *times_s: float) -> Change:
    times = np.array([NEVER_PS if at < 0 else round(at * S) for at in times_s], np.int64)
    return Change(what, task, value=int(what == What.BACKEND_ADD), times_ps=times)


def story(
    service: str, node: str, added: tuple[float, ...], dropped: tuple[float, ...]
) -> tuple[Model, list[Change]]:
    """web.1 on m-1 has ended at 2 s, and ``service``'s new task on ``node`` has its address from 5 s on."""
    scenario = loads(ROWS)
    old = build_model(scenario).tasks["web.1"]
    later = Later(service, f"{service}.1.9", 1, node, scenario.services[service], old.addresses)
    changes = [
        Change(What.SANDBOX_GONE, "web.1", 2 * S),
        row(What.BACKEND_REMOVE, "web.1", *dropped),
        Change(What.TASK_LISTENS, later.name, 5 * S),
        row(What.BACKEND_ADD, later.name, *added),
    ]
    return build_model(scenario, later=[later]), changes


def told(found: list[Change], what: What) -> list[tuple[str, int, tuple[tuple[str, ...], ...], list[float]]]:
    return [
        (c.subject, c.value, c.groups, [-1 if at == NEVER_PS else at / S for at in c.times_ps.tolist()])
        for c in found
        if c.what == what and c.times_ps is not None
    ]  # fmt: skip


def test_who_heard_of_the_end_in_time_sees_nothing_of_it() -> None:
    model, changes = story("db", "m-2", (5.5, 5.2, 6), (2, 3, 4.9))
    assert list(given_again(model, changes, 0)) == changes


def test_an_older_row_leads_to_its_node_until_it_goes() -> None:
    """m-3 hears of the new task of db at 6 s, of web's end at 8 s: between them what it sends for db goes to m-1."""
    model, changes = story("db", "m-2", (5.5, 5.2, 6), (2, 3, 8))
    found = list(given_again(model, changes, 0))
    assert told(found, What.HOLDER) == [
        ("db.1.9", Holder.NOBODY, (), [-1, -1, 5]),
        ("db.1.9", Holder.TASK, (("db.1.9",),), [-1, -1, 8]),
    ]
    assert told(found, What.BACKEND_ADD) == told(changes, What.BACKEND_ADD)


def test_on_the_same_node_the_old_row_leads_to_the_new_task() -> None:
    model, changes = story("db", "m-1", (5.2, 5.5, 6), (2, 3, 8))
    assert told(list(given_again(model, changes, 0)), What.HOLDER) == [
        ("web.1", Holder.STRANGER, (), [-1, -1, 5]),
    ]


@pytest.mark.parametrize("node", ["m-1", "m-2"])
def test_a_list_has_an_address_of_one_service_once(node: str) -> None:
    """The new task of web gets its own place when the old row goes; until then what goes to the old one's place is served on the
    same node, and lost on another."""
    model, changes = story("web", node, (5.5, 5.2, 6), (2, 3, 8))
    found = list(given_again(model, changes, 0))
    places = told([change for change in found if change.network == "shop"], What.BACKEND_ADD)
    assert [times for *_, times in places] == [[5.5, 5.2, 8]]
    holders = told(found, What.HOLDER)
    assert holders == ([("web.1", Holder.TASK, (("web.1.9",),), [-1, -1, 5])] if node == "m-1" else [])


def test_who_keeps_what_dns_said_asks_for_the_address_when_the_row_has_gone() -> None:
    """And gets to whoever has it now, wherever that is: from 6 s on m-3 knows the new task's row."""
    text = ROWS + (
        "containers: {a: {node: m-3, networks: [shop]}}\n"
        "load: {kept: {from: a, to: tasks.web, arrivals: {constant: 1/s}, dns: {cache: true}}}\n"
    )
    scenario = loads(text.replace("shop: {}", "shop: {attachable: true}"))
    _, changes = story("db", "m-2", (5.5, 5.2, 6), (2, 3, 4))
    old = build_model(scenario).tasks["web.1"].addresses
    model = build_model(scenario, later=[Later("db", "db.1.9", 1, "m-2", scenario.services["db"], old)])
    assert told(list(given_again(model, changes, 0)), What.HOLDER) == [
        ("web.1", Holder.STRANGER, (), [5.5, 5.2, 6]),
    ]
