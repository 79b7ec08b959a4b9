"""By which network a container reaches the outside, in Docker's order."""

from __future__ import annotations

from collections.abc import Iterable

from netsim.drivers.registry import GWBRIDGE, driver_of
from netsim.scenario.schema_network import Network


def gateway_network(attachments: Iterable[tuple[str, Network, int]]) -> str | None:
    """The network of the default route, from a container's networks (name, description, gateway priority).

    The first that gives a gateway, by priority, then by name (``Endpoint.Less`` in daemon/libnetwork/sandbox.go;
    internal networks give none). Without one, docker_gwbridge, if a network of it asks for a way out
    (``needDefaultGW`` in default_gateway.go). None: there is no way out.
    """
    found = sorted(attachments, key=lambda item: (-item[2], item[0]))
    for name, network, _ in found:
        if driver_of(name, network).gives_gateway(network):
            return name
    if any(driver_of(name, network).wants_gateway(network) for name, network, _ in found):
        return GWBRIDGE
    return None
