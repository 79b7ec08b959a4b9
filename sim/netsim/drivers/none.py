"""The network none: a namespace with a loopback interface and nothing else."""

from __future__ import annotations

from netsim.drivers.base import Driver
from netsim.scenario.schema_network import Network


class Nothing(Driver):
    """No way in, no way out."""

    name = "none"
    addressed = False
    named = False

    def barrier(self, network: Network, same_node: bool) -> str | None:
        return "has only a loopback interface"

    def host_barrier(self, network: Network) -> str | None:
        return "has only a loopback interface"
