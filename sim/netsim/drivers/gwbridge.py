"""docker_gwbridge: the way to the outside for what has only overlay networks, and the way into the mesh.

It is a bridge with icc off that the engine makes on every node of a swarm.
"""

from __future__ import annotations

from netsim.drivers.bridge import Bridge
from netsim.scenario.schema_network import Network

SUBNET = "172.18.0.0/16"
#: The ingress sandbox takes the first address after the gateway on every node.
SANDBOX = "ingress_sbox"
#: As the engine makes it (daemon/libnetwork/default_gateway_linux.go).
NETWORK = Network(driver="bridge", subnet=SUBNET, icc=False)


class GatewayBridge(Bridge):
    """The bridge that Docker makes itself; nobody attaches to it by name."""

    name = "docker_gwbridge"
    named = False
