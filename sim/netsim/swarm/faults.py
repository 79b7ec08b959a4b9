"""Faults: what breaks, and how it is mended. One function for each verb, found through `VERBS`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING

import numpy as np
import simpy

from netsim.model.fabric import racks
from netsim.scenario.schema_events import Fault
from netsim.swarm.bonds import Bonds
from netsim.swarm.clock import Mark
from netsim.swarm.health import check_of
from netsim.swarm.power import Power
from netsim.swarm.store import TaskRow
from netsim.swarm.targets import RANDOM, nodes_of, task_of
from netsim.swarm.ways import RECEIVES, SENDS

if TYPE_CHECKING:
    from netsim.swarm.world import Swarm

Steps = Generator[simpy.Event, object, None]
#: A fault's verb: it begins, waits for its end, mends.
Verb = Callable[["Faults", Fault], Steps]
FLAP_TIMES, FLAP_PERIOD_PS = 5, 2 * 10**12


class Faults:
    """Makes the scenario's faults happen at their times."""

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm
        self.env = swarm.env
        self.ways = swarm.ways
        self.power = Power(swarm)
        self.bonds = Bonds(swarm)
        for fault in swarm.scenario.faults:
            self.env.process(self._at(fault))

    def _at(self, fault: Fault) -> Steps:
        yield self.env.timeout(max(0, fault.at - self.env.now))
        yield from VERBS[fault.verb](self, fault)

    def lasts(self, fault: Fault) -> Steps:
        """Wait for the fault's end; without ``for`` that is never."""
        yield self.env.timeout(fault.for_) if fault.for_ is not None else self.env.event()

    def mark(self, text: str, struck: Iterable[int] = (), tasks: Iterable[TaskRow] = ()) -> Mark:
        """Starts the failover clock of a fault that takes nodes away or ends tasks."""
        swarm, nodes = self.swarm, frozenset(struck)
        ended = tuple(tasks)
        hit = {t.service for name in swarm.services for t in swarm.running(name) if t.node in nodes}
        hit |= {task.service for task in ended}
        led = swarm.raft.leader in nodes
        swarm.log("fault", text)
        return swarm.clock.begin(Mark(text, self.env.now, nodes, ended, tuple(sorted(hit)), led))

    def nodes(self, fault: Fault) -> list[int]:
        """The nodes that the fault is aimed at now: one, or all with a label like ``rack=a``. Nobody fits: the timeline
        says so."""
        target = getattr(fault, fault.verb)
        found = nodes_of(self.swarm, target)
        if not found:
            self.swarm.log("no target", f"{fault.verb} {target}")
        return found

    def text(self, fault: Fault) -> str:
        """``crash worker-3``; a target that is chosen at run time is named as it was written."""
        target = getattr(fault, fault.verb)
        if isinstance(target, str):
            return f"{fault.verb} {target}"
        return fault.verb


def _gone(faults: Faults, fault: Fault, off: Callable[[int], None], on: Callable[[int], None]) -> Steps:
    """Nodes that are gone for the fault's time, all at once."""
    nodes = faults.nodes(fault)
    if not nodes:
        return
    faults.mark(faults.text(fault), nodes)
    for node in nodes:
        off(node)
    if fault.verb != "reboot" or fault.for_ is not None:
        yield from faults.lasts(fault)
    for node in nodes:
        on(node)


def _crash(faults: Faults, fault: Fault) -> Steps:
    def back(node: int) -> None:
        faults.env.process(faults.power.on(node))

    yield from _gone(faults, fault, faults.power.off, back)


def _kill_daemon(faults: Faults, fault: Fault) -> Steps:
    yield from _gone(faults, fault, faults.power.daemon_off, faults.power.daemon_on)


def _set_cables(faults: Faults, nodes: list[int], up: bool, one_way: bool) -> None:
    faults.ways.sends[nodes] = up
    if not one_way:
        faults.ways.receives[nodes] = up
    faults.swarm.rewired()


def _cut(faults: Faults, fault: Fault) -> Steps:
    nodes = faults.nodes(fault)
    if not nodes:
        return
    if fault.cable is not None:
        nodes = [node for node in nodes if node in faults.bonds.bonds]
        faults.mark(f"{faults.text(fault)} cable {fault.cable}")
        for node in nodes:
            faults.bonds.plug(node, fault.cable, False)
        yield from faults.lasts(fault)
        for node in nodes:
            faults.bonds.plug(node, fault.cable, True)
        return
    yield from _unplugged(faults, fault, nodes)


def _unplugged(faults: Faults, fault: Fault, nodes: list[int]) -> Steps:
    """Nodes without their cables for the fault's time."""
    faults.mark(faults.text(fault), nodes)
    _set_cables(faults, nodes, False, fault.one_way)
    yield from faults.lasts(fault)
    _set_cables(faults, nodes, True, fault.one_way)


def _flap(faults: Faults, fault: Fault) -> Steps:
    period = fault.period or FLAP_PERIOD_PS
    times = fault.times or (max(1, fault.for_ // period) if fault.for_ is not None else FLAP_TIMES)
    nodes = faults.nodes(fault)
    if not nodes:
        return
    faults.mark(faults.text(fault), nodes)
    for _ in range(times):
        _set_cables(faults, nodes, False, fault.one_way)
        yield faults.env.timeout(max(1, period // 2))
        _set_cables(faults, nodes, True, fault.one_way)
        yield faults.env.timeout(max(1, period - period // 2))


def _link(faults: Faults, fault: Fault) -> Steps:
    nodes, ways = faults.nodes(fault), faults.ways
    if not nodes:
        return
    faults.mark(faults.text(fault), nodes)
    at = np.ix_([SENDS] if fault.one_way else [SENDS, RECEIVES], nodes)
    before = [found[at].copy() for found in (ways.loss, ways.delay_ps, ways.rate_bps)]
    ways.loss[at] = fault.loss or 0.0
    ways.delay_ps[at] += fault.delay or 0
    if fault.rate is not None:
        ways.rate_bps[at] = fault.rate
    faults.swarm.rewired()
    yield from faults.lasts(fault)
    ways.loss[at], ways.delay_ps[at], ways.rate_bps[at] = before
    faults.swarm.rewired()


def _partition(faults: Faults, fault: Fault) -> Steps:
    groups = [[faults.ways.index[name] for name in group] for group in fault.partition or ()]
    before = faults.ways.group.copy()
    faults.ways.partition(groups)
    # Those struck are the nodes that the majority of managers does not reach.
    lead = faults.swarm.raft.acting
    sides = faults.ways.group
    if lead is None:
        managers = list(faults.swarm.raft.peers)
        counts = {side: sum(sides[m] == side for m in managers) for side in set(sides[managers].tolist())}
        best = max(counts, key=lambda side: counts[side])
        struck = (
            [k for k in range(len(sides)) if sides[k] != best]
            if counts[best] >= faults.swarm.raft.majority
            else []
        )
    else:
        struck = [k for k in range(len(sides)) if sides[k] != sides[lead]]
    faults.mark("partition", struck)
    faults.swarm.rewired()
    yield from faults.lasts(fault)
    faults.ways.group[:] = before
    faults.swarm.rewired()


def _switch_down(faults: Faults, fault: Fault) -> Steps:
    """All switches, or the leaf of a rack, which cuts that off."""
    rack = racks(faults.swarm.model).get(str(fault.switch_down))
    if rack is not None:
        yield from _unplugged(faults, fault, [node.index for node in rack])
        return
    faults.mark("switch_down", range(len(faults.ways.names)))
    faults.ways.switch = False
    faults.swarm.rewired()
    yield from faults.lasts(fault)
    faults.ways.switch = True
    faults.swarm.rewired()


def _kill_task(faults: Faults, fault: Fault) -> Steps:
    target = fault.kill_task or ""
    if target in faults.swarm.alone.found:
        faults.mark(faults.text(fault))
        if not faults.swarm.alone.kill(target):
            faults.swarm.log("no target", faults.text(fault))
        return
    task = task_of(faults.swarm, target)
    if task is None:
        faults.swarm.log("no target", faults.text(fault))
        return
    faults.mark(faults.text(fault), tasks=[task])
    faults.swarm.agents.kill(task)
    yield faults.env.timeout(0)


def _unhealthy(faults: Faults, fault: Fault) -> Steps:
    """Checks of one container fail; it serves on. Found out too late or not at all, nothing has to be replaced."""
    agents, takes = faults.swarm.agents, fault.delay or 0
    task = task_of(faults.swarm, fault.unhealthy or "")
    container = None if task is None or check_of(task.spec) is None else agents.container(task)
    if task is None or container is None:
        faults.swarm.log("no target", faults.text(fault))
        return
    mark = faults.mark(faults.text(fault), tasks=[task])
    agents.checks.falls_ill(container, takes)
    yield from faults.lasts(fault)
    yield from agents.checks.recovers(container, takes)
    if container.alive and not container.unhealthy:
        mark.tasks = mark.counts = ()
        faults.swarm.log("healthy again", faults.swarm.label(task))


def _steal(faults: Faults, fault: Fault) -> Steps:
    share = fault.share if fault.share is not None else 0.5
    nodes = faults.nodes(fault)
    if not nodes:
        return
    faults.mark(faults.text(fault))
    machines = {id(faults.swarm.agents.cores[node]): faults.swarm.agents.cores[node] for node in nodes}
    before = [(cores, cores.cores) for cores in machines.values()]
    for cores, count in before:
        cores.change(count * max(1e-6, 1 - share))
    for node in nodes:
        faults.swarm.journal.steals(node, share)
    yield from faults.lasts(fault)
    for cores, count in before:
        cores.change(count)
    for node in nodes:
        faults.swarm.journal.steals(node, 0)


def _slow_disk(faults: Faults, fault: Fault) -> Steps:
    nodes = faults.nodes(fault)
    if not nodes:
        return
    faults.mark(faults.text(fault))
    raft, usual = faults.swarm.raft, 10.0 if fault.delay is None else 1.0
    raft.slow |= dict.fromkeys(nodes, fault.factor or usual)
    raft.late_ps |= dict.fromkeys(nodes, fault.delay or 0)
    yield from faults.lasts(fault)
    for node in nodes:
        raft.slow.pop(node, None)
        raft.late_ps.pop(node, None)


def _registry_down(faults: Faults, fault: Fault) -> Steps:
    faults.mark("registry_down")
    faults.swarm.agents.registry = False
    yield from faults.lasts(fault)
    faults.swarm.agents.registry = True


def _random(faults: Faults, fault: Fault) -> Steps:
    """Each machine of a group, or each slot of a service, fails by itself: exponential times between and to repair."""
    word = RANDOM.sub(r"\1", fault.random or "")
    if word in faults.swarm.services:
        replicas = max(1, faults.swarm.services[word].replicas)
        yield from _lasting(faults, fault, _kills(faults, fault, word, replicas))
        return
    nodes = [n.index for n in faults.swarm.model.nodes.values() if word in (n.group, n.role, n.name)]
    for node in nodes:
        faults.env.process(_lasting(faults, fault, _fails(faults, fault, node)))
    yield faults.env.timeout(0)


def _lasting(faults: Faults, fault: Fault, steps: Steps) -> Steps:
    until = None if fault.for_ is None else fault.at + fault.for_
    for event in steps:
        if until is not None and faults.env.now >= until:
            return
        yield event


def _fails(faults: Faults, fault: Fault, node: int) -> Steps:
    name, chance = faults.ways.names[node], faults.swarm.chance
    while True:
        yield faults.env.timeout(max(1, round(chance.exponential(name, "mtbf", fault.mtbf or 0))))
        if not faults.ways.on[node]:
            continue
        faults.mark(f"crash {name}", [node])
        faults.power.off(node)
        yield faults.env.timeout(max(1, round(chance.exponential(name, "mttr", fault.mttr or 0))))
        yield from faults.power.on(node)


def _kills(faults: Faults, fault: Fault, service: str, replicas: int) -> Steps:
    chance = faults.swarm.chance
    while True:
        yield faults.env.timeout(
            max(1, round(chance.exponential(service, "mtbf", (fault.mtbf or 0) / replicas)))
        )
        task = task_of(faults.swarm, f"random({service})")
        if task is not None:
            faults.mark(f"kill_task {faults.swarm.label(task)}", tasks=[task])
            faults.swarm.agents.kill(task)


VERBS: dict[str, Verb] = {
    "crash": _crash,
    "reboot": _crash,
    "kill_daemon": _kill_daemon,
    "cut": _cut,
    "flap": _flap,
    "link": _link,
    "partition": _partition,
    "switch_down": _switch_down,
    "kill_task": _kill_task,
    "unhealthy": _unhealthy,
    "steal": _steal,
    "slow_disk": _slow_disk,
    "registry_down": _registry_down,
    "random": _random,
}
