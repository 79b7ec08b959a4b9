"""By which network a container reaches the outside, and in which order it looks for names, as Docker orders its endpoints."""

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


def name_order(attachments: Iterable[tuple[str, Network, int]], swarm: bool) -> list[str]:
    """The networks of a container (name, description, gateway priority) in the order in which its resolver asks them for
    a name: that of ``Endpoint.Less`` in daemon/libnetwork/sandbox.go (priority, not internal, with a gateway, name).
    ``swarm``: on a node of a swarm those that the swarm extends over the nodes come first (``ResolveName`` there)."""

    def place(item: tuple[str, Network, int]) -> tuple[bool, int, bool, bool, str]:
        name, network, priority = item
        driver = driver_of(name, network)
        local = swarm and driver.scope != "swarm"
        return local, -priority, network.internal, not driver.gives_gateway(network), name

    return [name for name, _, _ in sorted(attachments, key=place)]
