"""The routing mesh: from any node's published port, through the node's ingress sandbox, to a task anywhere.

The sandbox has a leg on docker_gwbridge and one on the ingress overlay. The task's own namespace redirects
the published to the target port. Answers come back through the same node.
"""

from __future__ import annotations

from netsim.drivers.base import Stages, conntrack
from netsim.drivers.overlay import Overlay
from netsim.scenario.schema_network import Network


class Ingress(Overlay):
    """The overlay of the mesh: an overlay with a door on every node."""

    name = "ingress"

    def door(self, network: Network, new: bool) -> Stages:
        """From the entry node's card to IPVS's choice and out of the sandbox again."""
        to_sandbox = (conntrack(new), "nat.dnat", "ip.forward", "bridge", "veth")
        return (*to_sandbox, *self.choose(network, new))

    def door_reply(self, network: Network) -> Stages:
        """From the ingress overlay through the sandbox to the entry node's IP stack, on the way back."""
        return (*self.undo(network), "veth", "bridge", "conntrack.hit", "nat.dnat", "ip.forward")

    def to_task(self, new: bool) -> Stages:
        """In the task's namespace: published port to target port."""
        return (conntrack(new), "nat.redirect")

    def from_task(self) -> Stages:
        """In the task's namespace, on the way back."""
        return ("conntrack.hit", "nat.redirect")
