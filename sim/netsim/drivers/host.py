"""The host network: the container uses the node's own stack. No veth, no bridge, no NAT, no address of its own."""

from __future__ import annotations

from netsim.drivers.base import Driver
from netsim.scenario.schema_network import Network


class Host(Driver):
    """Processes of the node, whether in a container or not."""

    name = "host"
    for_services = True
    addressed = False
    named = False
    exposed = True

    def gives_gateway(self, network: Network) -> bool:
        return True

    def mtu(self, network: Network, nic_mtu: int) -> int:
        return nic_mtu

    def underlay_mtu(self, network: Network, nic_mtu: int) -> int:
        return nic_mtu

    def barrier(self, network: Network, same_node: bool) -> str | None:
        return None
