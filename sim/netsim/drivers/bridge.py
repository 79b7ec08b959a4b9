"""Bridge networks: user-defined ones, and docker0, the network of containers that name none.

A bridge belongs to one node. Its containers reach each other through it unless ``icc`` is off, the world by
masquerading unless it is internal, and are reached at the ports that they publish.
"""

from __future__ import annotations

from collections.abc import Iterator

from netsim.drivers.base import MTU_OPTION, Driver, Refusal, Stages, conntrack, flag
from netsim.scenario.schema_network import Network

#: A bridge numbers its ports with 10 bits and keeps 0 for itself (Linux: net/bridge/br_private.h).
MAX_PORTS = 1023
ICC = "com.docker.network.bridge.enable_icc"
MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"
GATEWAY_MODE = "com.docker.network.bridge.gateway_mode_ipv4"
GATEWAY_MODES = ("nat", "nat-unprotected", "routed", "isolated")


class Bridge(Driver):
    """A user-defined bridge."""

    name = "bridge"
    publishes = True
    words = frozenset({"icc"})
    options = frozenset({MTU_OPTION, ICC, MASQUERADE, GATEWAY_MODE, "com.docker.network.bridge.name"})

    def refuses(self, network: Network) -> Iterator[Refusal]:
        mode = gateway_mode(network)
        if mode not in GATEWAY_MODES:
            yield Refusal(("options", GATEWAY_MODE), "BAD_VALUE", f"one of {', '.join(GATEWAY_MODES)}", mode)
        if mode == "isolated" and not network.internal:
            yield Refusal(
                ("options", GATEWAY_MODE), "BAD_VALUE", "internal: true with the mode isolated", mode
            )

    def gives_gateway(self, network: Network) -> bool:
        return not network.internal

    def barrier(self, network: Network, same_node: bool) -> str | None:
        if not same_node:
            return "is a bridge of one node"
        open_ = network.icc and flag(network, ICC, True)
        return None if open_ else "has icc: false, which drops what its containers send each other"

    def host_barrier(self, network: Network) -> str | None:
        return "is isolated from its node" if gateway_mode(network) == "isolated" else None

    def local(self, network: Network) -> Stages:
        return ("veth", "bridge", "veth")

    def egress(self, network: Network, new: bool) -> Stages:
        return ("veth", "bridge", conntrack(new), *self._nat(network, "nat.snat"), "ip.forward")

    def egress_reply(self, network: Network) -> Stages:
        return ("conntrack.hit", *self._nat(network, "nat.snat"), "ip.forward", "bridge", "veth")

    def publish(self, network: Network, new: bool) -> Stages:
        return (conntrack(new), *self._nat(network, "nat.dnat"), "ip.forward", "bridge", "veth")

    def publish_reply(self, network: Network) -> Stages:
        return ("veth", "bridge", "conntrack.hit", *self._nat(network, "nat.dnat"), "ip.forward")

    def to_host(self, network: Network, new: bool) -> Stages:
        return ("veth", "bridge", conntrack(new))

    def from_host(self, network: Network, new: bool) -> Stages:
        return (conntrack(new), "bridge", "veth")

    def _nat(self, network: Network, stage: str) -> Stages:
        """The rewriting, unless addresses are routed as they are."""
        if gateway_mode(network) == "routed":
            return ()
        return () if stage == "nat.snat" and not flag(network, MASQUERADE, True) else (stage,)


class DefaultBridge(Bridge):
    """docker0. Its containers have addresses but no names, except those that legacy links write down. A swarm lets services
    attach to it, as it is on every node under one name."""

    for_services = True
    named = False


def gateway_mode(network: Network) -> str:
    """How the bridge passes packets to and from the outside: nat, nat-unprotected, routed or isolated."""
    return str(network.options.get(GATEWAY_MODE, "nat"))
