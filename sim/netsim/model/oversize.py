"""Packets between nodes that are larger than a card takes.

Docker does not look at the cards when it sets a network's MTU. What is then put around a full packet makes it
too large. If it is so for the sender's own card, a tunnel may tell the sender, whose TCP then sends less, or the kernel
cuts the packet into fragments. If only the receiver's card takes less, nobody is told: full packets vanish there, while small ones pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netsim.datapath.kernel_settings import tunnels_tell
from netsim.model.entities import Model, NetworkPlan, Node
from netsim.model.problems import Problems


@dataclass(frozen=True, slots=True)
class Sent:
    """The largest packet (bytes) that a network sends between nodes, and the node whose card takes least of it.

    Where senders are told or their kernel cuts, this is what the largest card of a sender lets pass."""

    plan: NetworkPlan
    node: Node
    bytes: int

    @property
    def oversize(self) -> bool:
        """Whether the card does not take it."""
        return self.bytes > self.node.takes_bytes


def cut_by_kernels(model: Model) -> Iterator[Sent]:
    """Full packets (bytes) that a sender's kernel cuts into fragments for its own card: of each network, the worst node."""
    for plan, nodes in _senders(model):
        driver, network, found = plan.driver, plan.spec, []
        if not driver.fragments(network):
            continue
        for node in nodes:
            inner, card = driver.mtu(network, node.nic.mtu), node.nic.mtu
            more = driver.underlay_mtu(network, card) - inner
            if driver.tells(network) and tunnels_tell(node.profile.kernel["version"]):
                inner = min(inner, driver.told_mtu(network, card))
            if inner + more > card:
                found.append(Sent(plan, node, inner + more))
        if found:
            yield max(found, key=lambda sent: sent.bytes - sent.node.nic.mtu)


def _senders(model: Model) -> Iterator[tuple[NetworkPlan, list[Node]]]:
    """Networks that have endpoints on more than one node, or whose endpoints stand in the underlay, with their nodes."""
    members: dict[str, dict[str, Node]] = {name: {} for name in model.addresses}
    for task in model.tasks.values():
        for name in task.addresses:
            members[name][task.node.name] = task.node
    for name, nodes in members.items():
        plan = model.addresses[name]
        if name == model.mesh and nodes:
            nodes = model.nodes
        if len(nodes) < 2 and not plan.driver.exposed:
            continue
        yield plan, list(nodes.values())


def largest_sent(model: Model) -> Iterator[Sent]:
    """Of every network that sends packets between nodes."""
    for plan, nodes in _senders(model):
        sizes = [(plan.driver.underlay_mtu(plan.spec, node.nic.mtu), node) for node in nodes]
        if sizes and (plan.driver.tells(plan.spec) or plan.driver.fragments(plan.spec)):
            most = max(min(size, node.nic.mtu) for size, node in sizes)
            sizes = [(most, node) for _, node in sizes]
        sent = [Sent(plan, node, size) for size, node in sizes if size]
        if sent:
            yield max(sent, key=lambda found: found.bytes - found.node.takes_bytes)


def check_sizes(model: Model, problems: Problems) -> None:
    """One problem for each network whose full packets are too large for a card.

    A scenario that was told to `Scenario.tolerate` runs all the same: its packets are dropped at that card.
    """
    for sent in largest_sent(model):
        if sent.oversize and not model.scenario.tolerant:
            name = sent.plan.name
            most = f"packets between nodes of at most {sent.node.takes_bytes} bytes, the MTU of {_whose(sent.node)}"
            own = name in model.scenario.networks
            path = ("networks", name) if own else ("nodes", sent.node.group, "nic", "mtu")
            problems.add(path, "PACKET_TOO_LARGE", most, f"{sent.bytes} bytes", mtu_help(sent))


def _whose(node: Node) -> str:
    return node.name if node.takes_bytes == node.nic.mtu else "the fabric"


def mtu_help(sent: Sent) -> str:
    """The MTU of the network with which its packets fit."""
    driver, network, most = sent.plan.driver, sent.plan.spec, sent.node.takes_bytes
    fits = driver.mtu(network, most) - (sent.bytes - most)
    while driver.underlay_mtu(network.model_copy(update={"mtu": fits}), most) > most:
        fits -= 1
    return f"set networks.{sent.plan.name}.mtu: {fits}"
