"""What a scenario means: nodes, tasks, networks with their addresses, published ports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netsim.datapath.profile import HostProfile
from netsim.drivers.base import Driver
from netsim.drivers.registry import DEFAULT_BRIDGE, GWBRIDGE, INGRESS, driver_of
from netsim.model.ipam import Pool
from netsim.scenario.schema import Scenario
from netsim.scenario.schema_network import Network
from netsim.scenario.schema_nodes import Fabric, Nic, Outside
from netsim.scenario.schema_service import Container, Service

__all__ = [
    "DEFAULT_BRIDGE",
    "GWBRIDGE",
    "INGRESS",
    "OUTSIDE",
    "Model",
    "NetworkPlan",
    "Node",
    "PublishedPort",
    "Task",
]

OUTSIDE = "outside"


def side_by_side(station: str, count: int) -> tuple[str, ...]:
    """The names of so many transmitters side by side; of one, its own."""
    return (station,) if count == 1 else tuple(f"{station}{k}" for k in range(1, count + 1))


def card_station(machine: str, nic: Nic) -> str:
    """Name of a card's transmit queue."""
    return f"{machine}/{nic.name}.tx"


@dataclass(frozen=True, slots=True)
class Node:
    """One machine of the swarm. ``index`` counts over all nodes, ``group_index`` within the group, both from 0.

    ``machine`` is whose cores it runs on, ``machine_cores`` of them: its own, or those of a hypervisor that it shares.
    ``uplink``: the card of that hypervisor, behind a virtual switch; None: the node's own port stands for it. ``smt``: the
    speed of each of two hardware threads on one core, where its cores are such threads. ``fabric_mtu``: bytes that the
    switches carry; None: any.
    """

    name: str
    index: int
    group: str
    group_index: int
    role: str
    cores: int
    profile: HostProfile
    nic: Nic
    rx_queues: int
    labels: Mapping[str, str]
    machine: str
    machine_cores: int
    uplink: Nic | None = None
    smt: float | None = None
    fabric_mtu: int | None = None

    @property
    def shared(self) -> bool:
        """Whether it runs on a hypervisor, beside other nodes."""
        return self.machine != self.name

    @property
    def rps(self) -> bool:
        """Whether the cores of its receive queues hand skbs on to all cores; with rfs the card has brought them to the right one."""
        return "rps" in self.nic.offloads and "rfs" not in self.nic.offloads and self.cores > 1

    @property
    def tx_station(self) -> str:
        """Name of the card's transmit queue, like ``worker-1/eth0.tx``; of a bond, without the cable's number."""
        return card_station(self.name, self.nic)

    @property
    def takes_bytes(self) -> int:
        """The largest IP packet that gets to it: its card's MTU, or the fabric's if that is less."""
        return self.nic.mtu if self.fabric_mtu is None else min(self.nic.mtu, self.fabric_mtu)

    @property
    def cables(self) -> int:
        """Cables of its card (count)."""
        return 1 if self.nic.bond is None else self.nic.bond.links

    @property
    def tx_stations(self) -> tuple[str, ...]:
        """The transmit queues of all its cables."""
        return side_by_side(self.tx_station, self.cables)

    @property
    def switch_stations(self) -> tuple[str, ...]:
        """The switch ports towards all its cables."""
        return side_by_side(self.switch_station, self.cables)

    @property
    def cpu_station(self) -> str:
        """Name of the cores it runs on taken together, like ``worker-1/cpu``; with other nodes' on a hypervisor."""
        return f"{self.machine}/cpu"

    @property
    def switch_station(self) -> str:
        """Name of the switch port towards this node, like ``switch/worker-1``; of a bond, without the cable's number."""
        return f"switch/{self.name}" if self.nic.bond is None else f"switch/{self.name}/"


@dataclass(slots=True)
class Task:
    """A task of a service, or a standalone container (``service`` None, ``slot`` 0).

    ``networks``: what it attaches to and can be named on. ``addresses``: IPv4 address by network; besides
    those networks it may have one on ``ingress`` and one on ``docker_gwbridge``.
    ``egress``: the bridge by which it reaches the outside, None if there is no way.
    """

    name: str
    service: str | None
    slot: int
    node: Node
    spec: Service | Container
    networks: tuple[str, ...]
    egress: str | None = None
    addresses: dict[str, str] = field(default_factory=dict)

    @property
    def party(self) -> str:
        """The service, or the container's own name: what calls and loads are written for."""
        return self.service or self.name


@dataclass(slots=True)
class NetworkPlan:
    """A network and its addresses.

    ``spec``: what the scenario says of it, or what Docker makes it with. ``subnet`` and ``gateway``: empty
    where endpoints have no addresses (host, none). ``vips``: service -> virtual address. ``balancers``: node ->
    address of the load-balancer sandbox. ``owners``: address -> who has it; where each node gives out addresses
    by itself, ``(node, address)`` is written ``node address``. ``wanted``: how many addresses are asked for, by
    node there, otherwise under the empty name. ``pools``: what is left to give out, by node there, otherwise under the
    empty name.
    """

    name: str
    spec: Network
    subnet: str
    gateway: str = ""
    vips: dict[str, str] = field(default_factory=dict)
    balancers: dict[str, str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    wanted: dict[str, int] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)

    @property
    def driver(self) -> Driver:
        """The driver, which says what can be reached and how."""
        return driver_of(self.name, self.spec)


@dataclass(frozen=True, slots=True)
class PublishedPort:
    """A published port: ``mode`` ingress (every node answers) or host (the nodes with a task answer)."""

    published: int
    target: int
    protocol: str
    mode: str
    party: str


@dataclass(slots=True)
class Model:
    """The scenario with everything decided that is decided before the clock starts.

    ``tasks``: by name, tasks of services and standalone containers; ``services``: tasks by service, in slot
    order; ``containers``: the standalone ones; ``addresses``: networks by name; ``ports``: all published;
    ``mesh``: the network of the routing mesh. ``starved``: tasks that get no address and so never run; they are
    in none of the other tables.
    """

    scenario: Scenario
    fabric: Fabric
    outside: Outside
    nodes: dict[str, Node]
    tasks: dict[str, Task]
    services: dict[str, list[Task]]
    containers: dict[str, Task]
    addresses: dict[str, NetworkPlan]
    ports: tuple[PublishedPort, ...]
    mesh: str = INGRESS
    starved: tuple[str, ...] = ()

    def party_tasks(self, name: str) -> list[Task]:
        """The tasks of a service, or the one container of that name; empty for other names."""
        if name in self.services:
            return self.services[name]
        return [self.containers[name]] if name in self.containers else []

    def ports_of(self, party: str) -> list[PublishedPort]:
        """What a service or container publishes."""
        return [port for port in self.ports if port.party == party]

    def entry_nodes(self) -> tuple[str, ...]:
        """The nodes by which outside traffic may enter, in order; with a virtual address in the order in which VRRP elects
        its holder: by priority, then by the higher address (RFC 5798, 6.4.3)."""
        chosen, vrrp = self.outside.entry.nodes, self.outside.entry.vrrp
        names = tuple(self.nodes) if isinstance(chosen, str) else chosen
        if vrrp is None:
            return names
        return tuple(sorted(names, key=lambda name: (vrrp.usual(name), self.nodes[name].index), reverse=True))
