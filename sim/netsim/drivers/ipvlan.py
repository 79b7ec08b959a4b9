"""ipvlan: containers share the card's MAC address and are told apart by their IP addresses.

``l2`` switches, ``l3`` routes (no broadcast, no multicast), ``l3s`` routes through the node's netfilter, so
conntrack sees the packets. A flag after the mode, like ``l2-private``, says how containers of one node reach
each other: ``bridge`` (the default), ``private`` (never) or ``vepa`` (by way of the switch).
"""

from __future__ import annotations

from netsim.drivers.base import Stages, conntrack
from netsim.drivers.parent import OnParent
from netsim.scenario.schema_network import Network

_MODES = ("l2", "l3", "l3s")


class Ipvlan(OnParent):
    """An IP address for each container."""

    name = "ipvlan"
    modes = (*_MODES, *(f"{mode}-{flag}" for mode in _MODES for flag in ("private", "vepa")))

    def barrier(self, network: Network, same_node: bool) -> str | None:
        if same_node and (network.mode or "").endswith("-private"):
            return "is private: its containers on one node never reach each other"
        return super().barrier(network, same_node)

    def hairpin(self, network: Network) -> bool:
        return (network.mode or "").endswith("-vepa")

    def inner(self, network: Network) -> Stages:
        mode = (network.mode or "l2").partition("-")[0]
        if mode == "l2":
            return ("ipvlan",)
        return ("ipvlan", "ipvlan.route") if mode == "l3" else ("ipvlan", "ipvlan.route", conntrack(False))
