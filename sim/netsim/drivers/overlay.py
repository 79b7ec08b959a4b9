"""Overlay networks: a bridge on every node, joined by VXLAN; a load-balancer sandbox on every node.

A VIP is balanced where the client is: its packets go into the node's sandbox, IPVS picks a task and the
source becomes the sandbox, so that the answer comes back through it.
"""

from __future__ import annotations

from netsim.drivers.base import Driver, Stages, conntrack
from netsim.scenario.schema_network import Network

#: Bytes that VXLAN adds to a packet: inner Ethernet 14, VXLAN 8, UDP 8, IPv4 20.
ENCAP_BYTES = 50


class Overlay(Driver):
    """A network over all nodes of the swarm that have an endpoint on it."""

    name = "overlay"
    scope = "swarm"
    for_services = True
    per_node = False
    balanced = True
    words = frozenset({"encrypted", "attachable", "ingress"})
    stage_bytes = {"vxlan.encap": ENCAP_BYTES, "vxlan.decap": -ENCAP_BYTES}

    def wants_gateway(self, network: Network) -> bool:
        return not network.internal

    def mtu(self, network: Network, nic_mtu: int) -> int:
        most = nic_mtu - ENCAP_BYTES
        return most if network.mtu is None else min(network.mtu, most)

    def underlay_mtu(self, network: Network, nic_mtu: int) -> int:
        return self.mtu(network, nic_mtu) + ENCAP_BYTES

    def barrier(self, network: Network, same_node: bool) -> str | None:
        return None

    def local(self, network: Network) -> Stages:
        # Never encapsulated on the same node.
        return ("veth", "bridge", "veth")

    def leave(self, network: Network) -> Stages:
        return ("veth", "bridge", "vxlan.encap")

    def enter(self, network: Network) -> Stages:
        return ("vxlan.decap", "bridge", "veth")

    def balance(self, network: Network, new: bool) -> Stages:
        return (*self.local(network), *self.choose(network, new))

    def balance_reply(self, network: Network) -> Stages:
        return (*self.undo(network), *self.local(network))

    def choose(self, network: Network, new: bool) -> Stages:
        """In the sandbox: IPVS picks the task for a new connection, or knows it."""
        return (conntrack(new), "ipvs.new" if new else "ipvs.hit", "nat.snat")

    def undo(self, network: Network) -> Stages:
        """In the sandbox, on the way back: both rewritings undone."""
        return ("conntrack.hit", "ipvs.hit", "nat.snat")
