"""Bridge networks: user-defined ones, and docker0, the network of containers that name none.

A bridge belongs to one node. Its containers reach each other through it unless ``icc`` is off, the world by
masquerading unless it is internal, and are reached at the ports that they publish.
"""

from __future__ import annotations

from netsim.drivers.base import DEFAULT_MTU, Driver, Stages, conntrack
from netsim.scenario.schema_network import Network

#: A bridge numbers its ports with 10 bits and keeps 0 for itself (Linux: net/bridge/br_private.h).
MAX_PORTS = 1023


class Bridge(Driver):
    """A user-defined bridge."""

    name = "bridge"
    words = frozenset({"icc"})

    def gives_gateway(self, network: Network) -> bool:
        return not network.internal

    def mtu(self, network: Network, nic_mtu: int) -> int:
        return network.mtu or DEFAULT_MTU

    def barrier(self, network: Network, same_node: bool) -> str | None:
        if not same_node:
            return "is a bridge of one node"
        return None if network.icc else "has icc: false, which drops what its containers send each other"

    def local(self, network: Network) -> Stages:
        return ("veth", "bridge", "veth")

    def egress(self, network: Network, new: bool) -> Stages:
        return ("veth", "bridge", conntrack(new), "nat.snat", "ip.forward")

    def egress_reply(self, network: Network) -> Stages:
        return ("conntrack.hit", "nat.snat", "ip.forward", "bridge", "veth")

    def publish(self, network: Network, new: bool) -> Stages:
        return (conntrack(new), "nat.dnat", "ip.forward", "bridge", "veth")

    def publish_reply(self, network: Network) -> Stages:
        return ("veth", "bridge", "conntrack.hit", "nat.dnat", "ip.forward")

    def to_host(self, network: Network, new: bool) -> Stages:
        return ("veth", "bridge", conntrack(new))

    def from_host(self, network: Network, new: bool) -> Stages:
        return (conntrack(new), "bridge", "veth")


class DefaultBridge(Bridge):
    """docker0. Its containers have addresses but no names, except those that legacy links write down."""

    name = "bridge"
    named = False
