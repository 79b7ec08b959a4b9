"""Who can be reached from where, and the stages on the way there and back."""

from __future__ import annotations

from dataclasses import dataclass

from netsim.datapath.stage import Context, Path
from netsim.datapath.walk import TCP_BYTES, Walk
from netsim.drivers import bridge, ingress, overlay
from netsim.model.entities import INGRESS, OUTSIDE, Model, Node, Task
from netsim.scenario.problems import nearest

OUTSIDE_MTU = 1500  # the internet's
#: fq_codel's limit, the qdisc in front of the transmit ring (Linux: net/sched/sch_fq_codel.c)
QDISC_PACKETS = 10_240


class ReachError(ValueError):
    """There is no way from there to there."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How a target is reached from a source.

    ``kind``: ingress | host | vip | direct | nat | loopback. ``balancer``: ipvs or None. ``candidates``: who
    may answer, in IPVS's list order (newest first). ``vias``: the nodes to enter by, if the mesh is used.
    ``network``: the network in common, for vip and direct.
    """

    kind: str
    balancer: str | None
    candidates: tuple[str, ...]
    vias: tuple[str, ...] = ()
    network: str | None = None


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
        return Reach("nat", None, (name,))
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
        return Reach("ingress", "ipvs", _newest_first(tasks), model.entry_nodes())
    entries = set(model.entry_nodes())
    return Reach("host", None, tuple(task.name for task in tasks if task.node.name in entries))


def _inside(model: Model, source: Task, name: str) -> Reach:
    tasks = [model.tasks[name]] if name in model.tasks else model.party_tasks(name)
    theirs = set(model.tasks[name].networks) if name in model.tasks else set(_networks_of(model, name))
    shared = [network for network in source.networks if network in theirs]
    if not shared:
        raise ReachError(f"{source.name} and {name} share no network")
    network = shared[0]
    if model.addresses[network].driver == "bridge" and tasks and tasks[0].node.name != source.node.name:
        raise ReachError(
            f"{source.name} and {name} are on different nodes, and {network} is a bridge of one node"
        )
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


def request_path(model: Model, found: Reach, src: str, dst: str, via: str | None, new: bool) -> Path:
    """The way of a message from ``src`` to the chosen ``dst``; ``new``: the first packet of a connection."""
    walk, source, target = Walk(model), _node(model, src), _node(model, dst)
    if found.kind == "ingress":
        assert via is not None and target is not None
        _ingress_request(walk, model.nodes[via], target, new)
    elif found.kind == "loopback":
        assert source is not None
        walk.send(source, "ip.recv").deliver(source)
    elif source is None:
        assert target is not None
        inner = bridge.publish(new) if found.kind == "host" else ()
        walk.from_outside(target).receive(target, "nic.rx", *inner).deliver(target)
    else:
        before = bridge.egress(new) if found.kind == "nat" else ()
        if found.kind == "vip":
            before = (*overlay.to_balancer(), *overlay.balance(new))
        _across(walk, found, source, target, before, ())
    return walk.path(_mss(model, found, _ends(model, source, target, via)))


def reply_path(model: Model, found: Reach, src: str, dst: str, via: str | None) -> Path:
    """The way of the answer from ``dst`` back to ``src``."""
    walk, source, target = Walk(model), _node(model, src), _node(model, dst)
    if found.kind == "ingress":
        assert via is not None and target is not None
        _ingress_reply(walk, model.nodes[via], target)
    elif found.kind == "loopback":
        assert source is not None
        walk.send(source, "ip.recv").deliver(source)
    elif source is None:
        assert target is not None
        inner = bridge.publish_reply() if found.kind == "host" else ()
        walk.send(target, *inner, "nic.xmit").to_outside(target)
    else:
        after = bridge.egress_reply() if found.kind == "nat" else ()
        if found.kind == "vip":
            after = (*overlay.balance_reply(), *overlay.local())
        _across(walk, found, target, source, (), after)
    return walk.path(_mss(model, found, _ends(model, source, target, via)))


def _across(
    walk: Walk,
    found: Reach,
    sender: Node | None,
    receiver: Node | None,
    before: tuple[str, ...],
    after: tuple[str, ...],
) -> None:
    """From one end to the other. ``before`` and ``after``: stages that balancing or NAT adds at the client."""
    driver = walk.model.addresses[found.network].driver if found.network else None
    if sender is None:
        assert receiver is not None
        walk.from_outside(receiver).receive(receiver, "nic.rx", *after).deliver(receiver)
    elif receiver is None:
        walk.send(sender, *before, "nic.xmit").to_outside(sender)
    elif sender is receiver:
        # The veth's backlog is worked off in the sender's context.
        local = bridge.local() if driver is not None else ()
        walk.send(sender, *before, *local, *after, "ip.recv").deliver(receiver)
    else:
        leave, enter = (overlay.leave(), overlay.enter()) if driver == "overlay" else ((), ())
        walk.send(sender, *before, *leave, "nic.xmit").hop(sender, receiver)
        walk.receive(receiver, "nic.rx", *enter, *after).deliver(receiver)


def _ingress_request(walk: Walk, via: Node, target: Node, new: bool) -> None:
    walk.from_outside(via).run(via, Context.SOFTIRQ, "nic.rx", *ingress.enter(new))
    if via is target:
        walk.receive(target, *overlay.local(), *ingress.to_task(new)).deliver(target)
        return
    walk.run(via, Context.SOFTIRQ, *overlay.leave(), "nic.xmit").hop(via, target)
    walk.receive(target, "nic.rx", *overlay.enter(), *ingress.to_task(new)).deliver(target)


def _ingress_reply(walk: Walk, via: Node, target: Node) -> None:
    if via is target:
        walk.send(target, *ingress.from_task(), *overlay.local(), *ingress.leave(), "nic.xmit")
    else:
        walk.send(target, *ingress.from_task(), *overlay.leave(), "nic.xmit").hop(target, via)
        walk.run(via, Context.SOFTIRQ, "nic.rx", *overlay.enter(), *ingress.leave(), "nic.xmit")
    walk.to_outside(via)


def _node(model: Model, name: str) -> Node | None:
    """The node of an endpoint; None for the outside."""
    if name == OUTSIDE:
        return None
    return model.nodes[name] if name in model.nodes else model.tasks[name].node


def _ends(model: Model, source: Node | None, target: Node | None, via: str | None) -> list[Node | None]:
    return [source, target, model.nodes[via]] if via else [source, target]


def _mss(model: Model, found: Reach, ends: list[Node | None]) -> int:
    """TCP payload per packet: both ends announce theirs, the smaller one counts (RFC 9293, 3.7.1)."""
    mtus: list[int] = []
    name = INGRESS if found.kind == "ingress" else found.network
    plan = model.addresses[name] if name else None
    for node in ends:
        if node is None:
            mtus.append(OUTSIDE_MTU)
        elif plan is not None and plan.driver == "overlay":
            mtus.append(overlay.mtu(node.nic.mtu, plan.mtu))
        elif plan is not None:
            mtus.append(plan.mtu or bridge.DEFAULT_MTU)
        elif found.kind in ("nat", "host"):
            mtus.append(min(node.nic.mtu, bridge.DEFAULT_MTU))
        else:
            mtus.append(node.nic.mtu)
    return min(mtus) - TCP_BYTES


def link_rates(model: Model) -> dict[str, tuple[int | None, int | None, int | None]]:
    """Every LINK station: rate (bit/s), buffer (bytes), queue (packets); None: no limit."""
    found: dict[str, tuple[int | None, int | None, int | None]] = {}
    for node in model.nodes.values():
        found[node.tx_station] = (node.nic.rate, None, node.nic.ring + QDISC_PACKETS)
        found[node.switch_station] = (node.nic.rate, model.fabric.buffer, None)
    found[f"switch/{OUTSIDE}"] = (None, None, None)
    return found
