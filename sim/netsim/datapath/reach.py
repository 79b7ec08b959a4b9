"""Who can be reached from where, and how."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from netsim.drivers.gateway import name_order
from netsim.model.entities import OUTSIDE, Model, NetworkPlan, PublishedPort, Task
from netsim.scenario.problems import nearest
from netsim.scenario.schema_attach import gateway_priority
from netsim.scenario.schema_work import LOCALHOST, TASKS

#: The network of processes on the nodes themselves.
HOST = "host"


class ReachError(ValueError):
    """There is no way from there to there."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How a target is reached from a source.

    ``kind``: ingress | host | vip | direct | nat | routed | node | own | proxy | loopback. ``balancer``: ipvs or None.
    ``candidates``: who may answer, in IPVS's list order (newest first). ``vias``: the nodes to enter by, if the
    mesh is used. ``network``: the network whose driver says what is on the way: the one in common (vip, direct),
    the mesh's (ingress, and vip from a node), the one of the published port (host, own, proxy), of the bridge that is
    asked from its node (node), or of the default route (nat, routed); ``host`` between nodes. ``by``: the network, if
    one was asked for.
    """

    kind: str
    balancer: str | None
    candidates: tuple[str, ...]
    vias: tuple[str, ...] = ()
    network: str = HOST
    by: str = ""


def party_of(model: Model, name: str) -> str:
    """The service that ``tasks.NAME`` stands for; any other name itself."""
    short = name.removeprefix(TASKS)
    return short if name not in model.services and short in model.services else name


def reach(model: Model, src: str, target: str, by: str | None = None) -> Reach:
    """How ``target`` (``web:8080``, ``db``, ``db.1``, a container, a node, ``outside``) is reached from
    ``src`` (``outside``, a task, a container or a node). ``by``: the network to use, where there are several
    (`netsim.datapath.choices`): one in common, or that of a container's default route. Raises `ReachError`."""
    found = _reach(model, src, target, by)
    return found if by is None else replace(found, by=by)


def _reach(model: Model, src: str, target: str, by: str | None) -> Reach:
    name, _, port = target.partition(":")
    if src == OUTSIDE:
        return _from_outside(model, name, port, by)
    if src in model.nodes:
        return _from_node(model, src, name, port)
    if src not in model.tasks:
        raise ReachError(_unknown(model, src))
    source = model.tasks[src]
    if name == OUTSIDE or name in model.nodes:
        return _to_underlay(model, source, name, by)
    party = party_of(model, name)
    _exists(model, party)
    if name == src:
        return Reach("loopback", None, (src,))
    return _inside(model, source, party, party == name, by)


def _from_outside(model: Model, name: str, port: str, by: str | None = None) -> Reach:
    if name in model.nodes:
        return Reach("direct", None, (name,))
    if name == OUTSIDE:
        raise ReachError("from outside to outside there is nothing of the swarm")
    _exists(model, name)
    tasks = [model.tasks[name]] if name in model.tasks else model.party_tasks(name)
    found = _published(model, name, port)
    if found is not None and found.mode == "ingress":
        return Reach("ingress", "ipvs", _newest_first(tasks), model.entry_nodes(), model.mesh)
    network = _door(model, tasks, by) if found is not None else _exposed(model, tasks)
    if found is None and network is None:
        known = ", ".join(f"{name}:{p.published}" for p in model.ports_of(name))
        raise ReachError(f"{name} publishes {known or 'no port'}, so it cannot be reached from outside so")
    if network is None:
        raise ReachError(f"{name} has no network that carries published ports of its node")
    plan = model.addresses[network]
    # What has an address of the underlay is asked there; a published port is asked at a node.
    entries = set(model.nodes if plan.driver.exposed and network != HOST else model.entry_nodes())
    here = Reach("host", None, tuple(task.name for task in tasks if task.node.name in entries), (), network)
    if not stands_for_node(model, here):
        return here
    # Of the tasks that a node has one after the other, the later ones stand with the first.
    order = {node: i for i, node in enumerate(dict.fromkeys(task.node.name for task in tasks))}
    return replace(
        here, candidates=tuple(sorted(here.candidates, key=lambda name: order[model.tasks[name].node.name]))
    )


def stands_for_node(model: Model, found: Reach) -> bool:
    """Whether a target is asked at an address of its node, whose kernel answers with RST when nobody has the port."""
    publishes = found.network != HOST and model.addresses[found.network].driver.publishes
    return found.kind in ("host", "own", "proxy") and (found.network == HOST or publishes)


def _published(model: Model, party: str, port: str) -> PublishedPort | None:
    return next((p for p in model.ports_of(party) if not port or str(p.published) == port), None)


def _door(model: Model, tasks: list[Task], by: str | None = None) -> str | None:
    """The network by which a port that is published on the node comes in: that of the default route, whose endpoint alone
    is given the ports (``updateExternalConnectivity`` in daemon/libnetwork/sandbox.go)."""
    for task in tasks[:1]:
        gateway = by or task.egress
        if gateway is not None and _publishes(model.addresses[gateway]):
            return gateway
    return _exposed(model, tasks)


def _publishes(plan: NetworkPlan) -> bool:
    return plan.driver.publishes and not plan.spec.internal


def _exposed(model: Model, tasks: list[Task]) -> str | None:
    """The network on which the outside reaches a task without a published port."""
    for name in tasks[0].networks if tasks else ():
        plan = model.addresses[name]
        if plan.driver.exposed and plan.driver.gives_gateway(plan.spec) and _routed(model, plan):
            return name
    return None


def _routed(model: Model, plan: NetworkPlan) -> bool:
    """Whether the switch routes the VLAN that a network stands on."""
    number = plan.driver.vlan(plan.spec)
    vlans = model.fabric.vlans
    return number is None or not vlans or (str(number) in vlans and vlans[str(number)].gateway)


def _all_networks(task: Task) -> Iterable[str]:
    return dict.fromkeys((*task.networks, *((task.egress,) if task.egress else ())))


def _from_node(model: Model, src: str, name: str, port: str) -> Reach:
    if name == OUTSIDE or name in model.nodes:
        return Reach("loopback" if name == src else "direct", None, (name,))
    if name == LOCALHOST:
        return _by_localhost(model, src, port)
    _exists(model, name)
    tasks = [model.tasks[name]] if name in model.tasks else model.party_tasks(name)
    here = [task for task in tasks if task.node.name == src]
    found = _published(model, name, port) if port else None
    if found is not None and found.mode == "ingress":
        return _node_to_mesh(model, tasks)
    if here:
        return _node_to_own(model, src, here) if found is None else _node_to_published(model, here)
    network = _door(model, tasks) if found is not None else _exposed(model, tasks)
    if network is not None:
        return Reach("host", None, tuple(task.name for task in tasks), (), network)
    where = tasks[0].node.name if tasks else "no node"
    known = ", ".join(f"{name}:{p.published}" for p in model.ports_of(name))
    raise ReachError(f"{name} is on {where} and publishes {known or 'no port'}, so {src} cannot reach it so")


def _node_to_mesh(model: Model, tasks: list[Task]) -> Reach:
    """A process on a node asks a port of the mesh at its own node: OUTPUT has the same DNAT as PREROUTING, and
    ``route_localnet`` is set, so 127.0.0.1 does as well (daemon/libnetwork/service_linux.go)."""
    assert model.mesh is not None
    return Reach("vip", "ipvs", _newest_first(tasks), (), model.mesh)


def _node_to_published(model: Model, tasks: list[Task]) -> Reach:
    """A port in host mode, asked at an address of its own node: DNAT in OUTPUT, then the bridge."""
    network, names = _door(model, tasks), tuple(task.name for task in tasks)
    if network == HOST:
        return Reach("loopback", None, names)
    if network is None:
        raise ReachError(f"{names[0]} has no network that carries published ports of its node")
    return Reach("own", None, names, (), network)


def _node_to_own(model: Model, src: str, tasks: list[Task]) -> Reach:
    names = tuple(task.name for task in tasks)
    why = None
    for network in _all_networks(tasks[0]):
        plan = model.addresses[network]
        if network == HOST:
            return Reach("loopback", None, names)
        why = plan.driver.host_barrier(plan.spec) or why
        if plan.driver.publishes and plan.driver.host_barrier(plan.spec) is None:
            return Reach("node", None, names, (), network)
    reason = f"{tasks[0].networks[0]} {why}" if why else "none of its networks has an interface on the node"
    raise ReachError(f"{src} cannot reach {names[0]}: {reason}")


def _by_localhost(model: Model, src: str, port: str) -> Reach:
    """127.0.0.1 on a node: the mesh has its own DNAT for it, and the userland proxy takes what is published in host mode."""
    for published in model.ports:
        if str(published.published) != port:
            continue
        if published.mode == "ingress":
            return _node_to_mesh(model, model.party_tasks(published.party))
        tasks = [task for task in model.party_tasks(published.party) if task.node.name == src]
        network = _door(model, tasks)
        if network == HOST:
            return Reach("loopback", None, tuple(task.name for task in tasks))
        if network is not None and model.addresses[network].driver.publishes:
            return Reach("proxy", None, tuple(task.name for task in tasks), (), network)
    raise ReachError(f"nothing on {src} is published at port {port or '(none given)'}")


def _to_underlay(model: Model, source: Task, name: str, by: str | None = None) -> Reach:
    """From a container to the outside or to a node: by its default route."""
    gateway = by or source.egress
    if gateway is None and name == source.node.name:
        gateway = _bridge_of(model, source)
    if gateway is None:
        only = "a loopback interface" if "none" in source.networks else "internal networks"
        raise ReachError(f"{source.name} has only {only}, so there is no way to {name}")
    plan = model.addresses[gateway]
    if name == source.node.name:
        why = plan.driver.host_barrier(plan.spec)
        if why is not None:
            raise ReachError(f"{source.name} cannot reach {name}: {gateway} {why}")
        if gateway == HOST:
            return Reach("loopback", None, (name,))
    elif not _routed(model, plan):
        number = plan.driver.vlan(plan.spec)
        raise ReachError(f"{source.name} cannot reach {name}: the switch does not route VLAN {number}")
    nat = name != source.node.name and "nat.snat" in plan.driver.egress(plan.spec, False)
    return Reach("nat" if nat else "routed", None, (name,), (), gateway)


def _bridge_of(model: Model, source: Task) -> str | None:
    """An internal bridge has an address on its node all the same, unless it is isolated: what is dropped is forwarding alone
    (``setupInternalNetworkRules`` in drivers/bridge/internal/iptabler/network.go)."""
    for name in source.networks:
        driver, network = model.addresses[name].driver, model.addresses[name].spec
        if driver.publishes and driver.host_barrier(network) is None:
            return name
    return None


def _to_hosted(model: Model, source: Task, name: str, tasks: list[Task], by: str | None) -> Reach:
    """To a process in a node's own namespace, at an address of its node."""
    if len(tasks) > 1:
        raise ReachError(f"{name} runs on {len(tasks)} nodes, each with an address of its own: name one task")
    (task,) = tasks
    found = _to_underlay(model, source, task.node.name, by)
    return Reach(found.kind, None, (task.name,), (), found.network)


def _inside(model: Model, source: Task, name: str, by_vip: bool, by: str | None) -> Reach:
    """``by_vip``: the virtual address is asked for if there is one, and not the tasks' own."""
    tasks = [model.tasks[name]] if name in model.tasks else model.party_tasks(name)
    if hosted(model, source, name):
        return _to_hosted(model, source, name, tasks, by)
    shared = shared_networks(model, source, name)
    if not shared:
        raise ReachError(f"{source.name} and {name} share no network")
    first: str | None = None
    for network in shared if by is None else [by]:
        plan = model.addresses[network]
        there = [task for task in tasks if network in task.networks]
        able = [task for task in there if _barrier(model, plan, source, task) is None]
        if able or not tasks:
            return _on(model, plan, name, able, by_vip)
        for task in there[:1]:
            first = first or f"{network} {_barrier(model, plan, source, task)}"
    where = "one node" if tasks[0].node is source.node else "different nodes"
    raise ReachError(f"{source.name} and {name} are on {where}, and {first}")


def hosted(model: Model, source: Task, name: str) -> bool:
    """Whether a task or service runs in its node's own namespace, and is asked at an address of its node."""
    tasks = [model.tasks[name]] if name in model.tasks else model.party_tasks(name)
    return bool(tasks) and HOST not in source.networks and _networks_of(model, name) == {HOST}


def shared_networks(model: Model, source: Task, name: str) -> list[str]:
    """The networks that a task and a task or service ever have in common, in the order in which the task's resolver looks for
    the name."""
    known, swarm = model.addresses, model.scenario.cluster_store is None
    theirs = _networks_of(model, name)
    mine = [(n, known[n].spec, gateway_priority(n)) for n in source.networks if n in theirs]
    return name_order(mine, swarm) if len(mine) > 1 else [n for n, _, _ in mine]


def _on(model: Model, plan: NetworkPlan, name: str, tasks: list[Task], by_vip: bool) -> Reach:
    """A service by its virtual address if it has one, everything else at its own."""
    service = model.scenario.services.get(name) if by_vip else None
    if service is not None and plan.driver.balanced and service.endpoint_mode == "vip":
        return Reach("vip", "ipvs", _newest_first(tasks), (), plan.name)
    return Reach("direct", None, tuple(task.name for task in tasks), (), plan.name)


def _barrier(model: Model, plan: NetworkPlan, source: Task, target: Task) -> str | None:
    same = source.node is target.node
    why = plan.driver.barrier(plan.spec, same)
    if why is None and same and plan.driver.hairpin(plan.spec) and not model.fabric.reflective_relay:
        return "needs a switch that sends frames back (fabric: {reflective_relay: true})"
    if why is None and not same and model.fabric.vlans:
        number = plan.driver.vlan(plan.spec)
        if number is not None and str(number) not in model.fabric.vlans:
            return f"stands on VLAN {number}, which the switch does not carry"
    return why


def _networks_of(model: Model, name: str) -> set[str]:
    """Of a task, or of a service as it is from the start and as updates make its tasks."""
    if name in model.tasks:
        return set(model.tasks[name].networks)
    found = {network for task in model.party_tasks(name) for network in task.networks}
    return found | set(model.scenario.services[name].networks if name in model.scenario.services else ())


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
