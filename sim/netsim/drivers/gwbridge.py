"""docker_gwbridge: the way to the outside for what has only overlay networks, and the way into the mesh.

Its stages are those of any bridge; what is its own is who gets attached to it.
"""

from __future__ import annotations

from collections.abc import Iterable

NAME = "docker_gwbridge"
SUBNET = "172.18.0.0/16"
#: The ingress sandbox takes the first address after the gateway on every node.
SANDBOX_ADDRESS = "172.18.0.2"


def gateway_network(networks: Iterable[tuple[str, str, bool]]) -> str | None:
    """The network by which a container reaches the outside, from its networks (name, driver, internal).

    A bridge that is not internal gives a gateway (the first by name); otherwise a container with an overlay
    that is not internal is attached to docker_gwbridge; otherwise there is no way out (None).
    """
    open_networks = [(name, driver) for name, driver, internal in networks if not internal]
    bridges = sorted(name for name, driver in open_networks if driver == "bridge")
    if bridges:
        return bridges[0]
    return NAME if open_networks else None
