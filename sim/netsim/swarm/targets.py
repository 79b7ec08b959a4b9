"""What a fault or an operation is aimed at: a name of a node or a hypervisor, ``leader``, ``random(worker)``,
``random(web)``, ``rack=a``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from netsim.swarm.store import State, TaskRow

if TYPE_CHECKING:
    from netsim.swarm.world import Swarm

RANDOM = re.compile(r"random\((.+)\)")


def nodes_of(swarm: Swarm, target: str) -> list[int]:
    """All nodes on a hypervisor or with a label (``rack=a``), or the one that a target means now."""
    if target in swarm.scenario.hypervisors:
        return [node.index for node in swarm.model.nodes.values() if node.shared and node.machine == target]
    key, equals, value = target.partition("=")
    if equals:
        return [node.index for node in swarm.model.nodes.values() if node.labels.get(key) == value]
    found = node_of(swarm, target)
    return [] if found is None else [found]


def node_of(swarm: Swarm, target: str) -> int | None:
    """The node that a target means now; a task or service means the node of one of its tasks. None: nobody."""
    names, chance = swarm.ways.names, swarm.chance
    if target == "leader":
        return swarm.raft.leader
    match = RANDOM.fullmatch(target)
    if match:
        word = match[1]
        group = [n.index for n in swarm.model.nodes.values() if word in (n.group, n.role)]
        live = [k for k in group if swarm.ways.live[k]]
        if group:
            return chance.pick(target, "target", live) if live else None
        task = task_of(swarm, target)
        return task.node if task is not None else None
    if target in swarm.ways.index:
        return names.index(target)
    task = task_of(swarm, target)
    return task.node if task is not None else None


def task_of(swarm: Swarm, target: str) -> TaskRow | None:
    """The running task that a target means now: ``web.3``, or any one of ``random(web)`` or ``web``."""
    match = RANDOM.fullmatch(target)
    word = match[1] if match else target
    service, _, slot = word.rpartition(".")
    if word in swarm.services:
        running = [t for t in swarm.running(word) if t.state == State.RUNNING]
        running.sort(key=lambda t: t.number)
        return swarm.chance.pick(target, "target", running) if running else None
    if service in swarm.services:
        for task in sorted(swarm.running(service), key=lambda t: -t.number):
            if swarm.label(task) == word or str(task.slot) == slot:
                return task
    return None
