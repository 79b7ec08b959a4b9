"""Overlay networks: a bridge on every node, joined by VXLAN; a load-balancer sandbox on every node.

A VIP is balanced where the client is: its packets go into the node's sandbox, IPVS picks a task and the
source becomes the sandbox, so that the answer comes back through it. With the option ``dsr`` the source stays
and the answer goes straight to the client. ``encrypted`` puts ESP around the VXLAN packets between nodes.
"""

from __future__ import annotations

from collections.abc import Iterator

from netsim.drivers.base import DEFAULT_MTU, MTU_OPTION, Driver, Refusal, Stages, conntrack, flag, mtu_option
from netsim.scenario.schema_network import Network

#: Bytes that VXLAN adds to a packet: inner Ethernet 14, VXLAN 8, UDP 8, IPv4 20. Geneve without options: the same.
ENCAP_BYTES = 50
#: Bytes that ESP adds: SPI 4, sequence 4, IV 8, pad length 1, next header 1, check value 8; the sum is then padded.
ESP_BYTES = 26
ESP_ALIGNMENT = 4
ENCAPSULATION = "encapsulation"
ENCAPSULATIONS = ("vxlan", "geneve")
DSR = "dsr"


class Overlay(Driver):
    """A network over all nodes of the swarm that have an endpoint on it."""

    name = "overlay"
    scope = "swarm"
    for_services = True
    per_node = False
    balanced = True
    words = frozenset({"encrypted", "attachable", "ingress"})
    options = frozenset({MTU_OPTION, ENCAPSULATION, DSR, "encrypted"})
    stage_bytes = {
        "vxlan.encap": ENCAP_BYTES,
        "vxlan.decap": -ENCAP_BYTES,
        "geneve.encap": ENCAP_BYTES,
        "geneve.decap": -ENCAP_BYTES,
        "esp.encrypt": ESP_BYTES,
        "esp.decrypt": -ESP_BYTES,
    }

    def refuses(self, network: Network) -> Iterator[Refusal]:
        kind = encapsulation(network)
        if kind not in ENCAPSULATIONS:
            yield Refusal(("options", ENCAPSULATION), "BAD_VALUE", " or ".join(ENCAPSULATIONS), kind)
        if network.ingress and network.internal:
            yield Refusal(
                ("internal",), "BAD_VALUE", "an ingress network with a way to the outside", "internal: true"
            )
        if network.ingress and network.attachable:
            yield Refusal(
                ("attachable",), "BAD_VALUE", "an ingress network that is not attachable", "attachable: true"
            )

    def wants_gateway(self, network: Network) -> bool:
        return not network.internal

    def mtu(self, network: Network, nic_mtu: int) -> int:
        """The network's own if it is given. Otherwise that of the underlay, which is taken as 1500 unless the
        option says something else, less what is put around (``maxMTU`` in drivers/overlay/encryption.go)."""
        if network.mtu is not None:
            return network.mtu
        inner = (mtu_option(network) or DEFAULT_MTU) - ENCAP_BYTES
        if not encrypted(network):
            return inner
        inner -= ESP_BYTES
        return inner - inner % ESP_ALIGNMENT

    def tells(self, network: Network) -> bool:
        """``skb_tunnel_check_pmtu`` (Linux from 5.9 on: net/ipv4/ip_tunnel_core.c), seen with VXLAN in docs/validation.md."""
        return True

    def told_mtu(self, network: Network, nic_mtu: int) -> int:
        """Of an encrypted overlay, too, VXLAN knows the card's MTU alone: its packets get the mark that leads them to ESP after
        it has looked for their route (mangle's OUTPUT, ``programMangle`` in drivers/overlay/encryption.go)."""
        return nic_mtu - ENCAP_BYTES

    def fragments(self, network: Network) -> bool:
        """DF is not set on outer packets (``df unset`` is VXLAN's default), seen in docs/validation.md: older kernels cut what
        they do not tell of, and ESP makes packets larger than what was told."""
        return True

    def underlay_mtu(self, network: Network, nic_mtu: int) -> int:
        inner = self.mtu(network, nic_mtu)
        if not encrypted(network):
            return inner + ENCAP_BYTES
        # What ESP encrypts and pads is the inner frame with VXLAN and UDP headers and ESP's own two last bytes.
        padded = -(-(inner + ENCAP_BYTES - 20 + 2) // ESP_ALIGNMENT) * ESP_ALIGNMENT
        return padded + ESP_BYTES - 2 + 20

    def barrier(self, network: Network, same_node: bool) -> str | None:
        return None

    def local(self, network: Network) -> Stages:
        # Never encapsulated nor encrypted on the same node.
        return ("veth", "bridge", "veth")

    def leave(self, network: Network) -> Stages:
        esp = ("gso.segment", "esp.encrypt") if encrypted(network) else ()
        return ("veth", "bridge", f"{encapsulation(network)}.encap", *esp)

    def enter(self, network: Network) -> Stages:
        esp = ("esp.decrypt",) if encrypted(network) else ()
        return (*esp, f"{encapsulation(network)}.decap", "bridge", "veth")

    def balance(self, network: Network, new: bool) -> Stages:
        return (*self.local(network), *self.choose(network, new))

    def balance_reply(self, network: Network) -> Stages:
        return () if flag(network, DSR) else (*self.undo(network), *self.local(network))

    def choose(self, network: Network, new: bool) -> Stages:
        """In the sandbox: IPVS picks the task for a new connection, or knows it."""
        ipvs = "ipvs.new" if new else "ipvs.hit"
        return (conntrack(new), ipvs) if flag(network, DSR) else (conntrack(new), ipvs, "nat.snat")

    def undo(self, network: Network) -> Stages:
        """In the sandbox, on the way back: both rewritings undone."""
        return ("conntrack.hit", "ipvs.hit", "nat.snat")


def encrypted(network: Network) -> bool:
    """Whether packets between nodes are encrypted, by the word or by Docker's option."""
    return network.encrypted or flag(network, "encrypted")


def encapsulation(network: Network) -> str:
    """What is put around packets between nodes."""
    return str(network.options.get(ENCAPSULATION, "vxlan"))
