"""The stages between two endpoints, there and back: what the drivers of their networks say, in order."""

from __future__ import annotations

from dataclasses import replace

from netsim.datapath.kernel_settings import tunnels_tell
from netsim.datapath.qdisc import queues
from netsim.datapath.reach import Reach, ReachError, reach
from netsim.datapath.stage import Context, LinkSpec, Path
from netsim.datapath.walk import Walk
from netsim.drivers.ingress import Ingress
from netsim.model.entities import OUTSIDE, Model, NetworkPlan, Node, card_station
from netsim.model.fabric import fabric_ports
from netsim.scenario.schema_nodes import Nic

__all__ = ["Reach", "ReachError", "link_specs", "reach", "reply_path", "request_path"]

OUTSIDE_MTU = 1500  # the internet's
#: fq_codel's limit, the qdisc in front of the transmit ring (Linux: net/sched/sch_fq_codel.c)
QDISC_PACKETS = 10_240


def request_path(
    model: Model, found: Reach, src: str, dst: str, via: str | None, new: bool, udp: bool = False
) -> Path:
    """The way of a message from ``src`` to the chosen ``dst``; ``new``: the first packet of a connection; ``udp``: of a
    datagram."""
    source, target = _node(model, src), _node(model, dst)
    plan = model.addresses[found.network]
    driver, network = plan.driver, plan.spec
    mtu = _mtu(found, plan, source, target, model.nodes[via] if via else None)
    walk = Walk(model, mtu, driver.fragments(network), udp)
    if found.kind == "ingress":
        assert via is not None and target is not None
        _mesh_request(walk, plan, model.nodes[via], target, new)
    elif found.kind == "host":
        _across(walk, source, target, (), driver.publish(network, new))
    elif found.kind == "vip" and isinstance(driver, Ingress):
        assert source is not None and target is not None
        _own_mesh_request(walk, plan, source, target, new)
    elif found.kind in ("vip", "direct"):
        before = driver.balance(network, new) if found.kind == "vip" else ()
        _inside(walk, plan, source, target, before, ())
    elif source is not None and source is target:
        walk.send(source, *_own_node(plan, found.kind, new), "ip.recv").deliver(source)
    else:
        _across(walk, source, target, driver.egress(network, new), ())
    return walk.path(walk.mss_bytes)


def reply_path(model: Model, found: Reach, src: str, dst: str, via: str | None) -> Path:
    """The way of the answer from ``dst`` back to ``src``."""
    source, target = _node(model, src), _node(model, dst)
    plan = model.addresses[found.network]
    driver, network = plan.driver, plan.spec
    mtu = _mtu(found, plan, target, source, model.nodes[via] if via else None)
    walk = Walk(model, mtu, driver.fragments(network))
    if found.kind == "ingress":
        assert via is not None and target is not None
        _mesh_reply(walk, plan, model.nodes[via], target)
    elif found.kind == "host":
        _across(walk, target, source, driver.publish_reply(network), ())
    elif found.kind == "vip" and isinstance(driver, Ingress):
        assert source is not None and target is not None
        _own_mesh_reply(walk, plan, source, target)
    elif found.kind in ("vip", "direct"):
        after = driver.balance_reply(network) if found.kind == "vip" else ()
        _inside(walk, plan, target, source, (), after)
    elif source is not None and source is target:
        walk.send(source, *_own_node_reply(plan, found.kind), "ip.recv").deliver(source)
    else:
        _across(walk, target, source, (), driver.egress_reply(network))
    return walk.path(walk.mss_bytes)


def _own_node(plan: NetworkPlan, kind: str, new: bool) -> tuple[str, ...]:
    """Between a node and an endpoint on it, or inside either: what is between the two sockets."""
    if kind == "loopback":
        return ()
    if kind == "own":
        return _unrouted(plan.driver.publish(plan.spec, new))
    if kind in ("node", "proxy"):
        inner = plan.driver.from_host(plan.spec, new)
        return inner if kind == "node" else ("ip.recv", "proxy", *inner)
    return plan.driver.to_host(plan.spec, new)


def _own_node_reply(plan: NetworkPlan, kind: str) -> tuple[str, ...]:
    """The same on the way back."""
    if kind == "loopback":
        return ()
    if kind == "own":
        return _unrouted(plan.driver.publish_reply(plan.spec))
    if kind in ("node", "proxy"):
        inner = plan.driver.to_host(plan.spec, False)
        return inner if kind == "node" else (*inner, "ip.recv", "proxy")
    return plan.driver.from_host(plan.spec, False)


def _unrouted(stages: tuple[str, ...]) -> tuple[str, ...]:
    """What a node's own process meets: the same rules in OUTPUT, and no forwarding between two interfaces."""
    return tuple(stage for stage in stages if stage != "ip.forward")


def _own_mesh_request(walk: Walk, plan: NetworkPlan, source: Node, target: Node, new: bool) -> None:
    """A process on a node asks the mesh there: the sandbox is passed in the sender's context."""
    driver, network = plan.driver, plan.spec
    assert isinstance(driver, Ingress)
    before, after = _unrouted(driver.door(network, new)), driver.to_task(new)
    if source is target:
        walk.send(source, *before, *driver.local(network), *after, "ip.recv").deliver(target)
    else:
        _across(walk, source, target, (*before, *driver.leave(network)), (*driver.enter(network), *after))


def _own_mesh_reply(walk: Walk, plan: NetworkPlan, source: Node, target: Node) -> None:
    driver, network = plan.driver, plan.spec
    assert isinstance(driver, Ingress)
    before, after = driver.from_task(), _unrouted(driver.door_reply(network))
    if source is target:
        walk.send(target, *before, *driver.local(network), *after, "ip.recv").deliver(source)
    else:
        _across(walk, target, source, (*before, *driver.leave(network)), (*driver.enter(network), *after))


def _inside(
    walk: Walk,
    plan: NetworkPlan,
    sender: Node | None,
    receiver: Node | None,
    before: tuple[str, ...],
    after: tuple[str, ...],
) -> None:
    """From one endpoint of a network to another; ``before`` and ``after``: stages that balancing adds."""
    driver, network = plan.driver, plan.spec
    if sender is not None and sender is receiver and not driver.hairpin(network):
        # The veth's backlog is worked off in the sender's context.
        local = driver.local(network)
        walk.send(sender, *before, *local, *after, "ip.recv").deliver(receiver)
    else:
        _across(walk, sender, receiver, (*before, *driver.leave(network)), (*driver.enter(network), *after))


def _across(
    walk: Walk, sender: Node | None, receiver: Node | None, before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    """Over the wire, from a node or the outside (None) to another; ``before`` the sender's card, ``after`` the
    receiver's."""
    if sender is None:
        assert receiver is not None
        walk.from_outside(receiver).receive(receiver, "nic.rx", *after).deliver(receiver)
        return
    walk.send(sender, *before, "nic.xmit")
    if receiver is None:
        walk.to_outside(sender)
    else:
        walk.hop(sender, receiver).receive(receiver, "nic.rx", *after).deliver(receiver)


def _mesh_request(walk: Walk, plan: NetworkPlan, via: Node, target: Node, new: bool) -> None:
    driver, network = plan.driver, plan.spec
    assert isinstance(driver, Ingress)
    walk.from_outside(via)
    walk.run(via, Context.SOFTIRQ, "nic.rx", *driver.door(network, new), ends=via is target)
    if via is target:
        walk.receive(target, *driver.local(network), *driver.to_task(new)).deliver(target)
        return
    walk.run(via, Context.SOFTIRQ, *driver.leave(network), "nic.xmit").hop(via, target)
    walk.receive(target, "nic.rx", *driver.enter(network), *driver.to_task(new)).deliver(target)


def _mesh_reply(walk: Walk, plan: NetworkPlan, via: Node, target: Node) -> None:
    driver, network = plan.driver, plan.spec
    assert isinstance(driver, Ingress)
    back = driver.door_reply(network)
    if via is target:
        walk.send(target, *driver.from_task(), *driver.local(network), *back, "nic.xmit")
    else:
        walk.send(target, *driver.from_task(), *driver.leave(network), "nic.xmit").hop(target, via)
        walk.run(via, Context.SOFTIRQ, "nic.rx", *driver.enter(network), *back, "nic.xmit")
    walk.to_outside(via)


def _node(model: Model, name: str) -> Node | None:
    """The node of an endpoint; None for the outside."""
    if name == OUTSIDE:
        return None
    return model.nodes[name] if name in model.nodes else model.tasks[name].node


def _mtu(
    found: Reach, plan: NetworkPlan, sender: Node | None, receiver: Node | None, via: Node | None
) -> int:
    """The largest packet: both ends of a connection announce theirs, the smaller one counts (RFC 9293, 3.7.1).

    What is routed to the card meets the card's MTU too, and learns of it from its own host (RFC 1191). So does what
    is put into a tunnel that tells its senders: then it is the card of the node where the tunnel begins.
    """
    driver, network = plan.driver, plan.spec
    nodes = [node for node in (sender, receiver, via) if node is not None]
    mtus = [driver.mtu(network, node.nic.mtu) for node in nodes]
    if found.kind in ("nat", "routed", "host"):
        mtus += [node.nic.mtu for node in nodes]
    if via is not None:
        mtus.append(via.nic.mtu)
        sender, receiver = (sender or via), (receiver or via)
    if sender is not None and sender is not receiver and driver.tells(network):
        hears = not driver.fragments(network) or tunnels_tell(sender.profile.kernel["version"])
        mtus += [driver.told_mtu(network, sender.nic.mtu)] if hears else []
    if len(nodes) < (2 if via is None else 3):
        mtus.append(OUTSIDE_MTU)
    return min(mtus)


def link_specs(model: Model) -> dict[str, LinkSpec]:
    """Every LINK station. A cloud's caps hold for each direction of a card by itself."""
    found: dict[str, LinkSpec] = {}
    for node in model.nodes.values():
        for station in node.tx_stations:  # one after the other, as who spreads over them counts on
            found[station] = _sending(node.nic)
        for station in node.switch_stations:
            found[station] = replace(_capped(node.nic), buffer_bytes=model.fabric.buffer)
        for names in (node.tx_stations, node.switch_stations) if node.nic.bond is not None else ():
            found |= {name: replace(found[name], cable=cable) for cable, name in enumerate(names, 1)}
    for name, spec in model.scenario.hypervisors.items():
        if spec.nic is not None:
            found[card_station(name, spec.nic)] = _sending(spec.nic)
            found[f"switch/{name}"] = replace(_capped(spec.nic), buffer_bytes=model.fabric.buffer)
    found |= {name: LinkSpec(rate, buffer) for name, rate, buffer in fabric_ports(model)}
    found[f"switch/{OUTSIDE}"] = LinkSpec(None)
    return found


def _capped(nic: Nic) -> LinkSpec:
    """One direction of one cable."""
    card = LinkSpec(nic.rate, packets_per_s=None if nic.pps is None else round(nic.pps))
    if nic.burst is None:
        return card
    return replace(card, baseline_bps=nic.burst.baseline, credit_bytes=nic.burst.credit)


def _sending(nic: Nic) -> LinkSpec:
    return replace(_capped(nic), ring_packets=nic.ring + QDISC_PACKETS, queues=queues(nic.qdisc))
