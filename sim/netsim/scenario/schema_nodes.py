"""The machines: node groups, their NICs, the fabric between them and the world outside."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from netsim.scenario.schema_types import (
    Duration,
    Flag,
    LabelValue,
    Mtu,
    Name,
    PositiveDuration,
    PositiveSize,
    Price,
    Rate,
    Strict,
    Subnet,
    Text,
    Value,
    choice,
    or_words,
    whole,
)
from netsim.scenario.units import PS_PER_S, UnitError

GBIT = 10**9
US = 10**6
MS = 10**9

OFFLOADS = (
    "tso",
    "gso",
    "gro",
    "lro",
    "rx-checksum",
    "tx-checksum",
    "udp-tunnel-tso",
    "udp-tunnel-csum-tso",
    "esp-hw",
)


def _as_list(value: Any) -> Any:
    return value if isinstance(value, (list, tuple, dict)) else [value]


class Nic(Strict):
    """The network card of a node."""

    name: Name = Field(default="eth0", description="Name of the interface, used in station names.")
    rate: Rate = Field(default=10 * GBIT, description="Line rate in each direction (bit/s).")
    mtu: Mtu = Field(default=1500, description="Largest IP packet (bytes).")
    rx_queues: Annotated[int, whole(1, 256)] | None = Field(
        default=None, description="Receive queues (count); without it one per core, at most 8."
    )
    ring: Annotated[int, whole(1, 65536)] = Field(
        default=1024, description="Descriptors in each transmit and receive ring (packets)."
    )
    offloads: tuple[Annotated[str, choice(*OFFLOADS)], ...] = Field(
        default=("tso", "gso", "gro", "rx-checksum", "tx-checksum", "udp-tunnel-tso"),
        description="What the card or the kernel does for many packets at once; replaces the default list.",
    )


class NodeGroup(Strict):
    """Machines of one kind. Node names are the group's name and a number: worker-1, worker-2, ..."""

    count: Annotated[int, whole(1, 10_000)] = Field(default=1, description="Machines in the group (count).")
    role: Annotated[str, choice("worker", "manager")] = Field(
        default="worker", description="Role in the swarm."
    )
    cores: Annotated[int, whole(1, 1024)] = Field(default=4, description="CPU cores of each machine (count).")
    profile: Text = Field(
        default="stock", description="Host profile: stock, tuned, or a YAML file relative to the scenario."
    )
    nic: Nic = Field(default=Nic(), description="The network card.")
    labels: dict[Name, Annotated[tuple[LabelValue, ...], BeforeValidator(_as_list)]] = Field(
        default={},
        description="Node labels. A list of values is dealt out over the machines in turn.",
        json_schema_extra={
            "additionalProperties": {
                "anyOf": [
                    {"type": ["string", "integer", "boolean"]},
                    {"type": "array", "items": {"type": ["string", "integer", "boolean"]}, "minItems": 1},
                ]
            }
        },
    )
    live_restore: Flag = Field(
        default=False,
        description="dockerd keeps its containers when it starts again; a swarm refuses such nodes, so for services it is "
        "a what-if.",
    )
    price: Price | None = Field(default=None, description="Price of one machine (money per hour).")

    def label(self, key: str, index: int) -> str | None:
        """The value of a label on the group's machine number ``index`` (from 0)."""
        values = self.labels.get(key, ())
        return values[index % len(values)] if values else None

    def rx_queues(self) -> int:
        """Receive queues of the card, the default resolved (count)."""
        queues: int | None = self.nic.rx_queues
        return min(self.cores, 8) if queues is None else queues


class Hypervisor(Strict):
    """A machine that several nodes share."""

    cores: Annotated[int, whole(1, 4096)] = Field(description="Physical cores (count).")
    nodes: tuple[Text, ...] = Field(
        description="Names of the nodes that run on it; worker-* stands for all that begin so."
    )


def _vlan(value: Any) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if (
        not isinstance(text, str)
        or not text.isascii()
        or not text.isdigit()
        or not 1 <= int(text[:9]) <= 4094
    ):
        raise UnitError("BAD_VALUE", "the number of a VLAN, from 1 to 4094")
    return text


VlanId = Annotated[str, Value(_vlan, {"type": "string", "pattern": "^[1-9][0-9]{0,3}$"})]


class Vlan(Strict):
    """A VLAN of the switch."""

    gateway: Flag = Field(default=True, description="The switch routes it to the outside and to the nodes.")


class LeafSpine(Strict):
    """Racks with a leaf switch each, under spines: connections are spread over the spines by their flow hash (ECMP)."""

    label: Text = Field(default="rack", description="The label by which nodes stand in racks.")
    spines: Annotated[int, whole(1, 64)] = Field(
        default=2, description="Spine switches, each with a link to every leaf (count)."
    )
    uplink: Rate = Field(default=40 * 10**9, description="Rate of each of these links (bit/s).")
    buffer: PositiveSize = Field(
        default=12 * 2**20, description="Buffer of each port between switches (bytes); beyond it, drops."
    )


class Wan(Strict):
    """Sites that are joined by a line each."""

    label: Text = Field(default="site", description="The label by which nodes stand in sites.")
    latency: PositiveDuration = Field(description="One way between two sites, besides the switches.")
    rate: Rate = Field(description="Rate of each site's line to the others (bit/s).")
    buffer: PositiveSize = Field(
        default=12 * 2**20, description="Buffer before each line (bytes); beyond it, drops."
    )


class Fabric(Strict):
    """The switch that connects the nodes, or switches in racks and sites."""

    latency: Duration = Field(default=1 * US, description="Time through the switch without queueing.")
    rate: Rate | None = Field(
        default=None, description="Capacity of the switch (bit/s); without it, it never blocks."
    )
    buffer: PositiveSize = Field(
        default=12 * 2**20, description="Buffer of each port (bytes); beyond it, drops."
    )
    vlans: dict[VlanId, Vlan] = Field(
        default={},
        description="VLANs on the nodes' ports, by number; without any the switch carries and routes all.",
    )
    reflective_relay: Flag = Field(
        default=False,
        description="A frame may leave by the port that it came from (802.1Qbg), as vepa needs.",
    )
    leaf_spine: LeafSpine | None = Field(
        default=None, description="Racks and spines; without it, one switch joins the nodes of a site."
    )
    wan: Wan | None = Field(default=None, description="Sites over a WAN; without it, there is one.")


class Check(Strict):
    """The health check by which outside traffic avoids dead nodes."""

    every: PositiveDuration = Field(default=2 * PS_PER_S, description="Time between two checks.")
    failures: Annotated[int, whole(1, 1000)] = Field(
        default=3, description="Checks failed in a row until a node is left out (count)."
    )
    timeout: PositiveDuration = Field(
        default=1 * PS_PER_S, description="A check without answer fails after this."
    )


def _entry_nodes(value: Any) -> str | tuple[str, ...]:
    expected = "all or a list of node names"
    if value == "all":
        return "all"
    if not isinstance(value, list):
        raise UnitError("WRONG_TYPE", expected)
    if not value or not all(isinstance(name, str) for name in value):
        raise UnitError("BAD_VALUE", expected)
    return tuple(value)


def _no_check(value: Any) -> Any:
    return None if value == "none" else value


class Entry(Strict):
    """How outside traffic finds a node: a load balancer or a DNS list in front of the swarm."""

    nodes: Annotated[
        str | tuple[str, ...],
        Value(
            _entry_nodes,
            {"anyOf": [{"enum": ["all"]}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]},
        ),
    ] = Field(default="all", description="The nodes that traffic enters by: all, or a list of names.")
    choose: Annotated[str, choice("round-robin", "random", "source-hash", "first")] = Field(
        default="round-robin", description="How a node is chosen for a connection."
    )
    check: Annotated[Check | None, BeforeValidator(_no_check)] = Field(
        default=Check(),
        description="The health check of the entry, or none.",
        json_schema_extra=or_words("none"),
    )


class Outside(Strict):
    """The world outside the swarm."""

    clients: Annotated[int, whole(1, 10_000_000)] = Field(
        default=1000, description="Client machines, each with an address (count)."
    )
    rtt: Duration = Field(default=20 * MS, description="Round trip between a client and the swarm's edge.")
    entry: Entry = Field(default=Entry(), description="The load balancer or DNS list in front of the swarm.")


class Swarm(Strict):
    """Settings of the swarm, in the words of docker swarm init and update."""

    dispatcher_heartbeat: PositiveDuration = Field(
        default=5 * PS_PER_S, description="Time between two heartbeats of a node."
    )
    task_history_limit: Annotated[int, whole(0, 1000)] = Field(
        default=5, description="Old tasks kept for each slot (count)."
    )
    snapshot_interval: Annotated[int, whole(1, 10_000_000)] = Field(
        default=10_000, description="Raft log entries between two snapshots (count)."
    )
    max_snapshots: Annotated[int, whole(0, 1000)] = Field(
        default=0, description="Old Raft snapshots kept (count)."
    )
    cert_expiry: PositiveDuration = Field(
        default=90 * 86_400 * PS_PER_S, description="Validity of the nodes' certificates."
    )
    autolock: Flag = Field(default=False, description="Managers need a key after a restart.")
    data_path_port: Annotated[int, whole(1024, 49151)] = Field(default=4789, description="UDP port of VXLAN.")
    default_addr_pool: tuple[Subnet, ...] = Field(
        default=("10.0.0.0/8",), description="Where overlay networks get their subnets from."
    )
    default_addr_pool_mask_length: Annotated[int, whole(8, 30)] = Field(
        default=24, description="Mask length of these subnets (bits)."
    )
