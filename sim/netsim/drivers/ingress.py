"""The routing mesh: from any node's published port, through the node's ingress sandbox, to a task anywhere.

The sandbox has a leg on docker_gwbridge and one on the ingress overlay. The task's own namespace redirects
the published to the target port. Answers come back through the same node.
"""

from __future__ import annotations

from netsim.drivers.bridge import Stages, conntrack
from netsim.drivers.overlay import balance, balance_reply

NAME = "ingress"


def enter(new: bool) -> Stages:
    """From the entry node's card to IPVS's choice and out of the sandbox again."""
    to_sandbox = (conntrack(new), "nat.dnat", "ip.forward", "bridge", "veth")
    return (*to_sandbox, *balance(new))


def to_task(new: bool) -> Stages:
    """In the task's namespace: published port to target port."""
    return (conntrack(new), "nat.redirect")


def from_task() -> Stages:
    """In the task's namespace, on the way back."""
    return ("conntrack.hit", "nat.redirect")


def leave() -> Stages:
    """From the ingress overlay through the sandbox to the entry node's IP stack, on the way back."""
    return (*balance_reply(), "veth", "bridge", "conntrack.hit", "nat.dnat", "ip.forward")
