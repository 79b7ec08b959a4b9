"""Overlay networks: a bridge on every node, joined by VXLAN; a load-balancer sandbox on every node.

A VIP is balanced where the client is: its packets go into the node's sandbox, IPVS picks a task and the
source becomes the sandbox, so that the answer comes back through it.
"""

from __future__ import annotations

from netsim.drivers.bridge import Stages, conntrack

#: Bytes that VXLAN adds to a packet: inner Ethernet 14, VXLAN 8, UDP 8, IPv4 20.
ENCAP_BYTES = 50


def mtu(nic_mtu: int, configured: int | None) -> int:
    """Largest IP packet inside the overlay (bytes)."""
    return nic_mtu - ENCAP_BYTES if configured is None else min(configured, nic_mtu - ENCAP_BYTES)


def local() -> Stages:
    """From one container (or sandbox) to another on the same node: never encapsulated."""
    return ("veth", "bridge", "veth")


def leave() -> Stages:
    """From a container to the node's IP stack."""
    return ("veth", "bridge", "vxlan.encap")


def added_bytes(stage: str) -> int:
    """Bytes that a stage of this driver adds to (or takes off) each packet."""
    return {"vxlan.encap": ENCAP_BYTES, "vxlan.decap": -ENCAP_BYTES}.get(stage, 0)


def enter() -> Stages:
    """From the node's IP stack to a container."""
    return ("vxlan.decap", "bridge", "veth")


def to_balancer() -> Stages:
    """From a container to the load-balancer sandbox of its node."""
    return ("veth", "bridge", "veth")


def balance(new: bool) -> Stages:
    """In the sandbox: IPVS picks the task for a new connection, or knows it."""
    return (conntrack(new), "ipvs.new" if new else "ipvs.hit", "nat.snat")


def balance_reply() -> Stages:
    """In the sandbox, on the way back: both rewritings undone."""
    return ("conntrack.hit", "ipvs.hit", "nat.snat")
