"""The contract of a network driver: what Docker's own drivers and anybody else's answer.

A driver is one object without state. It is asked about a network as the scenario describes it (`Network`) and
answers with facts and with stages, the names of what a packet meets in order. ``new`` is true for the first
packet of a connection, which conntrack does not know yet. ``netsim.testing`` holds every driver to this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from netsim.scenario.problems import PathTuple
from netsim.scenario.schema_network import Network

Stages = tuple[str, ...]

#: What the engine takes where nothing is configured; it does not look at the card (daemon/config/config.go).
DEFAULT_MTU = 1500


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a driver does not accept of a network; ``key`` is the way below the network's name."""

    key: PathTuple
    code: str
    expected: str
    found: object
    help: str | None = None


MTU_OPTION = "com.docker.network.driver.mtu"


def flag(network: Network, key: str, default: bool = False) -> bool:
    """An option that is true or false, however it is written; there without a value it is true."""
    value = network.options.get(key, default)
    return str(value).lower() not in ("false", "0", "no")


def mtu_option(network: Network) -> int | None:
    """The option ``com.docker.network.driver.mtu`` (bytes), if it is given and is a number."""
    text = str(network.options.get(MTU_OPTION, ""))
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def conntrack(new: bool) -> str:
    """The conntrack stage of a packet."""
    return "conntrack.new" if new else "conntrack.hit"


@runtime_checkable
class Driver(Protocol):
    """A kind of network. Defaults are those of a driver that does nothing; built-in ones derive from it."""

    #: The word that a network's ``driver`` names it by.
    name: str
    #: ``swarm``: the engines extend one network over the nodes; ``node``: it is made on each node.
    scope: str = "node"
    #: Whether services may attach to it.
    for_services: bool = False
    #: Whether each node gives out the subnet's addresses by itself (a bridge), or all share them.
    per_node: bool = True
    #: Whether endpoints have addresses at all.
    addressed: bool = True
    #: Whether services get a virtual address and nodes a load balancer.
    balanced: bool = False
    #: Whether the embedded DNS server answers for the names of its endpoints.
    named: bool = True
    #: Whether endpoints stand in the underlay with addresses of its own, so that nothing needs publishing.
    exposed: bool = False
    #: Whether it carries published ports of the node to its endpoints.
    publishes: bool = False
    #: Whether it stands on an interface of the node, its ``parent``.
    on_parent: bool = False
    #: Words of a network that it understands besides driver, subnet, mtu and internal.
    words: frozenset[str] = frozenset()
    #: Keys of ``options`` that it understands.
    options: frozenset[str] = frozenset()
    #: What ``mode`` may say; the first is the default. Empty: it has no modes.
    modes: tuple[str, ...] = ()
    #: Bytes that its stages add to (or take off) each packet.
    stage_bytes: Mapping[str, int] = {}

    def refuses(self, network: Network) -> Iterator[Refusal]:
        """What it does not accept of a network, besides words, options and modes that it does not have."""
        return iter(())

    def gives_gateway(self, network: Network) -> bool:
        """Whether an endpoint gets its default route from this network."""
        return False

    def wants_gateway(self, network: Network) -> bool:
        """Whether an endpoint without a default route is attached to docker_gwbridge because of this network."""
        return False

    def mtu(self, network: Network, nic_mtu: int) -> int:
        """Largest IP packet of an endpoint (bytes), on a node whose card takes ``nic_mtu``."""
        return network.mtu or mtu_option(network) or DEFAULT_MTU

    def tells(self, network: Network) -> bool:
        """Whether a sender's TCP learns that its own node's card takes less than ``underlay_mtu``."""
        return False

    def told_mtu(self, network: Network, nic_mtu: int) -> int:
        """Where senders are told: the largest IP packet of an endpoint (bytes) on a node whose card takes ``nic_mtu``."""
        return nic_mtu - (self.underlay_mtu(network, nic_mtu) - self.mtu(network, nic_mtu))

    def fragments(self, network: Network) -> bool:
        """Whether a sender's kernel cuts into fragments what its own node's card does not take."""
        return False

    def underlay_mtu(self, network: Network, nic_mtu: int) -> int:
        """Largest IP packet (bytes) that it sends on a card that takes ``nic_mtu``; 0 if it sends none."""
        return 0

    def barrier(self, network: Network, same_node: bool) -> str | None:
        """Why two endpoints cannot reach each other; None if they can."""
        return None if same_node else "is a network of one node"

    def vlan(self, network: Network) -> int | None:
        """The VLAN that it stands on, if it stands on one."""
        return None

    def hairpin(self, network: Network) -> bool:
        """Whether endpoints on one node reach each other by way of the switch only."""
        return False

    def host_barrier(self, network: Network) -> str | None:
        """Why an endpoint cannot reach the node that it runs on; None if it can."""
        return None

    def local(self, network: Network) -> Stages:
        """From one endpoint to another on the same node."""
        return ()

    def leave(self, network: Network) -> Stages:
        """From an endpoint to the node's card, towards an endpoint on another node."""
        return ()

    def enter(self, network: Network) -> Stages:
        """From the node's card to an endpoint, from an endpoint on another node."""
        return ()

    def balance(self, network: Network, new: bool) -> Stages:
        """From an endpoint to the choice of a back end on its own node."""
        return ()

    def balance_reply(self, network: Network) -> Stages:
        """From where the back end's answer has arrived to the endpoint that asked."""
        return ()

    def egress(self, network: Network, new: bool) -> Stages:
        """From an endpoint to the card, towards the world outside its networks."""
        return ()

    def egress_reply(self, network: Network) -> Stages:
        """The answer, from the card to the endpoint."""
        return ()

    def publish(self, network: Network, new: bool) -> Stages:
        """From the card to an endpoint that publishes a port on this node, or is exposed."""
        return ()

    def publish_reply(self, network: Network) -> Stages:
        """The endpoint's answer on the way to the card."""
        return ()

    def to_host(self, network: Network, new: bool) -> Stages:
        """From an endpoint to a process on its own node."""
        return ()

    def from_host(self, network: Network, new: bool) -> Stages:
        """From a process on the node to an endpoint there."""
        return ()
