"""The machines: node groups, their NICs, the fabric between them and the world outside."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from netsim.picoseconds import PS_PER_S
from netsim.scenario.problems import suggest
from netsim.scenario.schema_entry import Entry
from netsim.scenario.schema_types import (
    SIZE_PATTERN,
    Duration,
    Flag,
    LabelValue,
    Mtu,
    Name,
    PerSecond,
    PositiveDuration,
    PositiveSize,
    Price,
    Rate,
    Strict,
    Subnet,
    Text,
    Value,
    choice,
    number,
    whole,
)
from netsim.scenario.units import UnitError, parse_size

GBIT = 10**9
US = 10**6
#: Counted in millionths of a byte, this fits 64 bits.
MOST_CREDIT = 4 * 2**40
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
    "rfs",
    "rps",
)


def _as_list(value: Any) -> Any:
    return value if isinstance(value, (list, tuple, dict)) else [value]


def _machine(value: Any) -> str:
    from netsim.scenario.machines import catalogue

    names = catalogue()
    if not isinstance(value, str) or value not in names:
        raise UnitError(
            "BAD_VALUE", "the name of a machine", help=suggest(value, names) or "docs/machines.md lists them"
        )
    return value


def _credit(value: Any) -> int:
    size = parse_size(value)
    if size > MOST_CREDIT:
        raise UnitError("OUT_OF_RANGE", "a credit of at most 4TiB")
    return size


class Burst(Strict):
    """Burst credit, as clouds give it: the line rate while it lasts, the baseline after it."""

    baseline: Rate = Field(description="What always passes, and the pace at which credit comes back (bit/s).")
    credit: Annotated[int, Value(_credit, {"type": "string", "pattern": SIZE_PATTERN})] = Field(
        description="Bytes that pass at the line rate before the baseline holds, full at the start."
    )


class Bond(Strict):
    """Several cables that are one card (Linux bonding)."""

    links: Annotated[int, whole(2, 8)] = Field(
        default=2, description="Cables (count), each with the card's rate."
    )
    mode: Annotated[str, choice("balance", "active-backup")] = Field(
        default="balance",
        description="balance: each connection keeps to one cable by its hash (802.3ad, balance-xor); "
        "active-backup: one cable, another when it fails.",
    )
    miimon: PositiveDuration = Field(
        default=100 * MS,
        description="Time between two looks at the cables; until then, what goes over a dead one is lost.",
    )


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
        description="What the card or the kernel does for many packets at once, rfs (packets are received on the core that reads "
        "them) and rps (the core of a receive queue hands packets on to all cores, by their flow); replaces the default list.",
    )
    qdisc: Annotated[str, choice("pfifo_fast", "fq_codel")] = Field(
        default="pfifo_fast",
        description="How flows share the transmit queue: in the order of arrival, or by turns (net.core.default_qdisc; "
        "systemd sets fq_codel).",
    )
    bond: Bond | None = Field(default=None, description="Several cables; without it, one.")
    burst: Burst | None = Field(
        default=None, description="Burst credit of each direction; without it, the line rate always holds."
    )
    pps: PerSecond | None = Field(
        default=None, description="Most packets per second in each direction (1/s); without it, any number."
    )


def _or_one_value(schema: dict[str, Any]) -> None:
    """A label may be one value as well as a list."""
    values = schema["patternProperties"]
    for name, many in values.items():
        values[name] = {"anyOf": [many["items"], {**many, "minItems": 1}]}


class NodeGroup(Strict):
    """Machines of one kind. Node names are the group's name and a number: worker-1, worker-2, ..."""

    count: Annotated[int, whole(1, 10_000)] = Field(default=1, description="Machines in the group (count).")
    machine: Annotated[str, Value(_machine, {"type": "string", "minLength": 1})] | None = Field(
        default=None, description="Name of a machine, whose cores, card and price it has; docs/machines.md."
    )
    role: Annotated[str, choice("worker", "manager")] = Field(
        default="worker", description="Role in the swarm."
    )
    cores: Annotated[int, whole(1, 1024)] = Field(default=4, description="CPU cores of each machine (count).")
    sockets: Annotated[int, whole(1, 8)] = Field(
        default=1, description="Sockets (count); the card is on one, and copies on the others cost more."
    )
    smt: Annotated[float, number(0.5, 1)] | None = Field(
        default=None,
        description="cores are hardware threads, two on a core: the speed of each while both work (1); usual is 0.6.",
    )
    profile: Text = Field(
        default="stock", description="Host profile: stock, tuned, or a YAML file relative to the scenario."
    )
    nic: Nic = Field(default=Nic(), description="The network card.")
    labels: dict[Name, Annotated[tuple[LabelValue, ...], BeforeValidator(_as_list)]] = Field(
        default={},
        description="Node labels. A list of values is dealt out over the machines in turn.",
        json_schema_extra=_or_one_value,
    )
    live_restore: Flag = Field(
        default=False,
        description="dockerd keeps its containers when it starts again; a swarm refuses such nodes, so for services it is "
        "a what-if.",
    )
    price: Price | None = Field(default=None, description="Price of one machine (money per hour).")

    @classmethod
    def short_form(cls, value: Any) -> Any:
        """With what its machine's facts say, where it says nothing itself."""
        from netsim.scenario.machines import catalogue, filled

        name = value.get("machine") if isinstance(value, dict) else None
        facts = catalogue().get(name) if isinstance(name, str) else None
        return value if facts is None else filled(value, facts)

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
    nic: Nic | None = Field(
        default=None,
        description="Its card, which the nodes share behind a virtual switch; without it, each has a port of its own.",
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
    between: dict[Text, PositiveDuration] = Field(
        default={},
        description="One way between two named sites, as east/west, where that differs from latency.",
    )
    rate: Rate = Field(description="Rate of each site's line to the others (bit/s).")
    buffer: PositiveSize = Field(
        default=12 * 2**20, description="Buffer before each line (bytes); beyond it, drops."
    )

    def one_way(self, a: str, b: str) -> int:
        """Between two sites (ps); 0 within one."""
        if a == b:
            return 0
        return self.between.get(f"{a}/{b}", self.between.get(f"{b}/{a}", self.latency))


class Fabric(Strict):
    """The switch that connects the nodes, or switches in racks and sites."""

    latency: Duration = Field(default=1 * US, description="Time through the switch without queueing.")
    rate: Rate | None = Field(
        default=None,
        description="What one switch forwards at most, all ports together (bit/s); without it, it never blocks.",
    )
    buffer: PositiveSize = Field(
        default=12 * 2**20, description="Buffer of each port (bytes); beyond it, drops."
    )
    mtu: Mtu | None = Field(
        default=None,
        description="Largest IP packet that it carries (bytes), which nobody is told; without it, any.",
    )
    alpha: Annotated[float, number(0.01, 100)] | None = Field(
        default=None,
        description="The ports of a switch share one buffer: each may queue up to alpha times what is free of it (1).",
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


class Outside(Strict):
    """The world outside the swarm."""

    clients: Annotated[int, whole(1, 10_000_000)] = Field(
        default=1000, description="Client machines, each with an address (count)."
    )
    rtt: Duration = Field(default=20 * MS, description="Round trip between a client and the swarm's edge.")
    entry: Entry = Field(default=Entry(), description="The load balancer or DNS list in front of the swarm.")


class ClusterStore(Strict):
    """An external key-value store that engines share overlays by, without swarm mode (engines up to 20.10)."""

    kind: Annotated[str, choice("consul", "etcd", "zookeeper")] = Field(description="Which store.")
    nodes: tuple[Text, ...] = Field(
        description="Names of the nodes that it runs on, best 3 or 5; store-* stands for all that begin so."
    )
    heartbeat: PositiveDuration = Field(
        default=20 * PS_PER_S,
        description="Time between two registrations of an engine (discovery.heartbeat).",
    )
    ttl: PositiveDuration = Field(
        default=60 * PS_PER_S,
        description="How long a registration lives (discovery.ttl); ZooKeeper goes by its session instead.",
    )


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
