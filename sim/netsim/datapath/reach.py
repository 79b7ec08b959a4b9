"""Who can be reached from where, and how."""

from __future__ import annotations

from dataclasses import dataclass

from netsim.model.entities import OUTSIDE, Model, Task
from netsim.scenario.problems import nearest

#: The network of processes on the nodes themselves.
HOST = "host"


class ReachError(ValueError):
    """There is no way from there to there."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How a target is reached from a source.

    ``kind``: ingress | host | vip | direct | nat | loopback. ``balancer``: ipvs or None. ``candidates``: who
    may answer, in IPVS's list order (newest first). ``vias``: the nodes to enter by, if the mesh is used.
    ``network``: the network whose driver says what is on the way: the one in common (vip, direct), the mesh's
    (ingress), the one of the published port (host) or of the default route (nat); ``host`` between nodes.
    """

    kind: str
    balancer: str | None
    candidates: tuple[str, ...]
    vias: tuple[str, ...] = ()
    network: str = HOST


def reach(model: Model, src: str, target: str) -> Reach:
    """How ``target`` (``web:8080``, ``db``, ``db.1``, a container, a node, ``outside``) is reached from
    ``src`` (``outside``, a task, a container or a node). Raises `ReachError`."""
    name, _, port = target.partition(":")
    if src == OUTSIDE:
        return _from_outside(model, name, port)
    if src in model.nodes:
        if name == OUTSIDE or name in model.nodes:
            return Reach("loopback" if name == src else "direct", None, (name,))
        _exists(model, name)
        raise ReachError(f"from a node to {target} is not simulated: start at outside or at a container")
    if src not in model.tasks:
        raise ReachError(_unknown(model, src))
    source = model.tasks[src]
    if name == OUTSIDE or name in model.nodes:
        if source.egress is None:
            raise ReachError(f"{src} has only internal networks, so there is no way to {name}")
        return Reach("nat", None, (name,), (), source.egress)
    _exists(model, name)
    if name == src:
        return Reach("loopback", None, (src,))
    return _inside(model, source, name)


def _from_outside(model: Model, name: str, port: str) -> Reach:
    if name in model.nodes:
        return Reach("direct", None, (name,))
    if name == OUTSIDE:
        raise ReachError("from outside to outside there is nothing of the swarm")
    _exists(model, name)
    published = model.ports_of(name)
    found = next((p for p in published if not port or str(p.published) == port), None)
    if found is None:
        known = ", ".join(f"{name}:{p.published}" for p in published)
        raise ReachError(f"{name} publishes {known or 'no port'}, so it cannot be reached from outside so")
    tasks = model.party_tasks(name)
    if found.mode == "ingress":
        return Reach("ingress", "ipvs", _newest_first(tasks), model.entry_nodes(), model.mesh)
    entries = set(model.entry_nodes())
    here = [task for task in tasks if task.node.name in entries]
    egress = next((task.egress for task in tasks if task.egress), HOST)
    return Reach("host", None, tuple(task.name for task in here), (), egress)


def _inside(model: Model, source: Task, name: str) -> Reach:
    tasks = [model.tasks[name]] if name in model.tasks else model.party_tasks(name)
    theirs = set(model.tasks[name].networks) if name in model.tasks else set(_networks_of(model, name))
    shared = [network for network in source.networks if network in theirs]
    if not shared:
        raise ReachError(f"{source.name} and {name} share no network")
    network = shared[0]
    plan = model.addresses[network]
    if tasks:
        same = tasks[0].node.name == source.node.name
        why = plan.driver.barrier(plan.spec, same)
        if why is not None:
            where = "one node" if same else "different nodes"
            raise ReachError(f"{source.name} and {name} are on {where}, and {network} {why}")
    if name in model.services:
        return Reach("vip", "ipvs", _newest_first(tasks), (), network)
    return Reach("direct", None, (name,), (), network)


def _networks_of(model: Model, service: str) -> tuple[str, ...]:
    return model.scenario.services[service].networks


def _newest_first(tasks: list[Task]) -> tuple[str, ...]:
    """IPVS adds each back end at the head of its list (list_add_rcu in ip_vs_ctl.c)."""
    return tuple(task.name for task in reversed(tasks))


def _exists(model: Model, name: str) -> None:
    if name not in model.services and name not in model.tasks and name not in model.nodes:
        raise ReachError(_unknown(model, name))


def _unknown(model: Model, name: str) -> str:
    names = [OUTSIDE, *model.services, *model.tasks, *model.nodes]
    close = nearest(name, names)
    return f"{name} is no task, service, container or node" + (f"; did you mean {close}?" if close else "")
