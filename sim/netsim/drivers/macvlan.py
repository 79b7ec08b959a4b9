"""macvlan: every container has a MAC address of its own on the node's card.

``bridge``: containers of one node reach each other inside the card's driver; ``private``: never; ``vepa``: by way
of the switch, if it sends frames back where they came from; ``passthru``: one container has the card to itself.
"""

from __future__ import annotations

from netsim.drivers.parent import OnParent
from netsim.scenario.schema_network import Network


class Macvlan(OnParent):
    """A MAC address for each container."""

    name = "macvlan"
    modes = ("bridge", "private", "vepa", "passthru")

    def barrier(self, network: Network, same_node: bool) -> str | None:
        mode = network.mode or self.modes[0]
        if same_node and mode == "private":
            return "is private: its containers on one node never reach each other"
        if same_node and mode == "passthru":
            return "is passthru: one container has the parent to itself"
        return super().barrier(network, same_node)

    def hairpin(self, network: Network) -> bool:
        return network.mode == "vepa"
