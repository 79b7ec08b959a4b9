"""What macvlan and ipvlan have in common: interfaces of containers on an interface of the node, the parent.

``parent: eth0.50`` is an 802.1Q sub-interface. Without a parent, which only an internal network may leave out,
Docker takes a dummy interface: endpoints then reach only those on their own node. Packets go past the host's
stack, so the host itself is out of reach, and none of its bridges, NAT rules or tables is on the way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from netsim.drivers.base import MTU_OPTION, Driver, Refusal, Stages, mtu_option
from netsim.scenario.schema_network import Network

VLAN_BYTES = 4
_PARENT = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)(?:\.([1-9][0-9]{0,3}))?")


class OnParent(Driver):
    """Containers with addresses of the underlay, on an interface of the node."""

    for_services = True
    per_node = False
    on_parent = True
    exposed = True
    stage_bytes = {"vlan.tag": VLAN_BYTES, "vlan.untag": -VLAN_BYTES}
    options = frozenset({MTU_OPTION})
    words = frozenset({"parent", "mode"})

    def refuses(self, network: Network) -> Iterator[Refusal]:
        parent = network.parent
        if parent is None:
            if not network.internal:
                help = "Docker would make an isolated one on a dummy interface: write internal: true if that is meant"
                yield Refusal(
                    ("parent",), "MISSING", "a parent interface, like eth0 or eth0.50", "nothing", help
                )
            return
        match = _PARENT.fullmatch(parent)
        if match is None or int(match[2] or 1) > 4094:
            yield Refusal(("parent",), "BAD_VALUE", "an interface, like eth0, or eth0.50 for VLAN 50", parent)

    def gives_gateway(self, network: Network) -> bool:
        return not isolated(network)

    def mtu(self, network: Network, nic_mtu: int) -> int:
        return network.mtu or mtu_option(network) or nic_mtu

    def underlay_mtu(self, network: Network, nic_mtu: int) -> int:
        return 0 if isolated(network) else self.mtu(network, nic_mtu)

    def barrier(self, network: Network, same_node: bool) -> str | None:
        if not same_node and isolated(network):
            return "stands on a dummy interface of each node"
        return None

    def host_barrier(self, network: Network) -> str | None:
        return f"is a {self.name} network, whose containers cannot reach the node that they run on"

    def leave(self, network: Network) -> Stages:
        return (*self.inner(network), *(("vlan.tag",) if self.vlan(network) else ()))

    def enter(self, network: Network) -> Stages:
        return (*(("vlan.untag",) if self.vlan(network) else ()), *self.inner(network))

    def vlan(self, network: Network) -> int | None:
        match = _PARENT.fullmatch(network.parent or "")
        return int(match[2]) if match and match[2] and not network.internal else None

    def inner(self, network: Network) -> Stages:
        """Between a container and the parent."""
        return (self.name,)

    def local(self, network: Network) -> Stages:
        return self.inner(network)

    def egress(self, network: Network, new: bool) -> Stages:
        return self.leave(network)

    def egress_reply(self, network: Network) -> Stages:
        return self.enter(network)

    def publish(self, network: Network, new: bool) -> Stages:
        return self.enter(network)

    def publish_reply(self, network: Network) -> Stages:
        return self.leave(network)


def isolated(network: Network) -> bool:
    """Whether it stands on a dummy interface: internal, or without a parent."""
    return network.internal or network.parent is None


def interface(network: Network) -> str | None:
    """The node's card below its parent."""
    match = _PARENT.fullmatch(network.parent or "")
    return match[1] if match else None
