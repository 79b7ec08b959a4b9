"""Bridge networks: the default one, user-defined ones, and what docker_gwbridge has in common with them.

The functions give the stages that the driver contributes to a path, in order. ``new`` is true for the first
packet of a connection, which conntrack does not know yet.
"""

from __future__ import annotations

#: MTU of a bridge unless the network says otherwise (bytes); the engine does not look at the card's.
DEFAULT_MTU = 1500

Stages = tuple[str, ...]


def conntrack(new: bool) -> str:
    """The conntrack stage of a packet."""
    return "conntrack.new" if new else "conntrack.hit"


def local() -> Stages:
    """From one container to another on the same bridge."""
    return ("veth", "bridge", "veth")


def egress(new: bool) -> Stages:
    """From a container out through the bridge: masqueraded, then routed to the card."""
    return ("veth", "bridge", conntrack(new), "nat.snat", "ip.forward")


def egress_reply() -> Stages:
    """The answer from outside, back to the container."""
    return ("conntrack.hit", "nat.snat", "ip.forward", "bridge", "veth")


def publish(new: bool) -> Stages:
    """From the card to a container that publishes a port on this node (host mode)."""
    return (conntrack(new), "nat.dnat", "ip.forward", "bridge", "veth")


def publish_reply() -> Stages:
    """The container's answer on the way to the card."""
    return ("veth", "bridge", "conntrack.hit", "nat.dnat", "ip.forward")
