"""What the drivers refuse, told as problems of the scenario, and what its other checks have to know of them."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from netsim.drivers.base import MTU_OPTION, Driver, mtu_option
from netsim.drivers.bridge import ICC, MASQUERADE
from netsim.drivers.ipvlan import Ipvlan
from netsim.drivers.macvlan import Macvlan
from netsim.drivers.members import check_members
from netsim.drivers.overlay import DSR
from netsim.drivers.parent import interface
from netsim.drivers.publishing import check_publishing
from netsim.drivers.registry import DEFAULT_BRIDGE, GWBRIDGE, OWN_NETWORKS, driver_of, drivers
from netsim.scenario.check import Finder
from netsim.scenario.problems import PathTuple, suggest
from netsim.scenario.schema_attach import fixed_address
from netsim.scenario.schema_network import Network

#: Options that are true or false; those that Docker takes as true where they are there without a value.
FLAGS = {ICC, MASQUERADE, DSR, "encrypted"}
BARE = {DSR, "encrypted"}
#: Docker's options that are words of a network here, by driver, and how they are written.
AS_WORDS = {
    "parent": "parent: eth0",
    "macvlan_mode": "mode: bridge",
    "ipvlan_mode": "mode: l2",
    "ipvlan_flag": "mode: l2-private",
}
#: Words of a network that are for some drivers only.
_WORDS = ("encrypted", "attachable", "ingress", "parent", "icc")


class DriverFacts:
    """What the checks of a scenario ask about its networks; names that are not there answer no."""

    def __init__(self, finder: Finder) -> None:
        self.finder = finder
        self.networks = {**OWN_NETWORKS, **finder.scenario.networks}
        self.known = drivers()

    def driver(self, name: str) -> Driver | None:
        """The driver of a network."""
        network = self.networks.get(name)
        if network is None or network.driver not in self.known:
            return None
        return driver_of(name, network)

    def named(self, network: str) -> bool:
        """Whether endpoints on it can be called: by name, or by the node's address."""
        driver = self.driver(network)
        return driver is None or driver.named or driver.exposed

    def exposed(self, network: str) -> bool:
        """Whether the outside reaches endpoints on it without a published port."""
        driver = self.driver(network)
        return driver is not None and driver.exposed

    def check(self) -> None:
        """All problems of networks and of the attachments to them."""
        for name, network in self.finder.scenario.networks.items():
            self._network(name, network)
        self._meshes()
        self._parents()
        for path, network_name in self._attachments():
            self._attachment(path, network_name)
        check_members(self)
        check_publishing(self)

    def _network(self, name: str, network: Network) -> None:
        path: PathTuple = ("networks", name)
        add = self.finder.add
        if network.driver not in self.known:
            names = list(self.known)
            add(
                (*path, "driver"),
                "UNKNOWN_DRIVER",
                "a network driver",
                network.driver,
                suggest(network.driver, names, "drivers"),
            )
            return
        if network.driver in ("host", "none"):
            help = f"attach to the network {network.driver}, which is always there"
            add(
                (*path, "driver"),
                "RESERVED_NAME",
                "a driver of which there may be more networks",
                network.driver,
                help,
            )
            return
        driver = driver_of(name, network)
        for word in _WORDS:
            value = getattr(network, word)
            if value != Network.model_fields[word].default and word not in driver.words:
                able = " or ".join(other.name for other in self.known.values() if word in other.words)
                found = f"{word} with the driver {network.driver}"
                add((*path, word), "NOT_FOR_DRIVER", f"{word} on a network of the driver {able}", found)
        if network.mode is not None and network.mode not in driver.modes:
            modes = ", ".join(driver.modes)
            expected = f"one of {modes}" if modes else f"no mode with the driver {network.driver}"
            add((*path, "mode"), "BAD_VALUE", expected, network.mode, suggest(network.mode, driver.modes))
        for key in network.options:
            if key not in driver.options:
                expected = f"an option of the driver {network.driver}"
                add((*path, "options", key), "UNKNOWN_OPTION", expected, key, self._option_help(key, driver))
        if MTU_OPTION in network.options and network.mtu is not None:
            help = "mtu is what containers see; the option of an overlay is what its packets between nodes may have"
            add((*path, "options", MTU_OPTION), "BAD_VALUE", "mtu or the option, not both", "both", help)
        if MTU_OPTION in network.options and not 576 <= (mtu_option(network) or 0) <= 65_535:
            value = network.options[MTU_OPTION]
            add((*path, "options", MTU_OPTION), "BAD_VALUE", "an MTU from 576 to 65535 bytes", value)
        for key in sorted(FLAGS & set(network.options)):
            bare = key in BARE and network.options[key] == ""
            if not bare and str(network.options[key]).lower() not in ("true", "false", "1", "0"):
                add((*path, "options", key), "BAD_VALUE", "true or false", network.options[key])
        if network.ingress and network.driver != "overlay":
            add(
                (*path, "driver"),
                "BAD_VALUE",
                "overlay, as the ingress network spans the swarm",
                network.driver,
            )
        self._overlaps_own(name, network, driver)
        for refusal in driver.refuses(network):
            add((*path, *refusal.key), refusal.code, refusal.expected, refusal.found, refusal.help)

    def _option_help(self, key: str, driver: Driver) -> str | None:
        """What to write instead: the word, the driver that has the option, or the nearest option."""
        if key in AS_WORDS and driver.on_parent:
            return f"write it as a word of the network, like {AS_WORDS[key]}"
        others = [other.name for other in self.known.values() if key in other.options]
        if others:
            return f"it is an option of the driver {' or '.join(others)}"
        return suggest(key, sorted(driver.options), "options")

    def _overlaps_own(self, name: str, network: Network, driver: Driver) -> None:
        """Networks of a node share its address space with docker0, and in a swarm with docker_gwbridge."""
        if driver.scope != "node" or network.subnet is None:
            return
        for own in (DEFAULT_BRIDGE, *((GWBRIDGE,) if self.finder.scenario.cluster_store is None else ())):
            theirs = OWN_NETWORKS[own].subnet
            if theirs is not None and IPv4Network(theirs).overlaps(IPv4Network(network.subnet)):
                expected = f"a subnet apart from {theirs}, which Docker gives to {own}"
                self.finder.add(("networks", name, "subnet"), "SUBNET_OVERLAP", expected, network.subnet)

    def _meshes(self) -> None:
        meshes = [name for name, network in self.finder.scenario.networks.items() if network.ingress]
        for name in meshes[1:]:
            help = f"{meshes[0]} is the swarm's ingress network"
            self.finder.add(("networks", name, "ingress"), "INGRESS_TWICE", "one ingress network", name, help)

    def _parents(self) -> None:
        """A parent is a card of some nodes, carries one kind of interface, and with ipvlan or passthru one network."""
        scenario = self.finder.scenario
        cards = {group.nic.name for group in scenario.nodes.values()}
        users: dict[str, tuple[str, Network]] = {}
        for name, network in scenario.networks.items():
            driver = self.driver(name)
            if driver is None or not driver.on_parent or network.parent is None or interface(network) is None:
                continue
            path: PathTuple = ("networks", name, "parent")
            if interface(network) not in cards:
                self.finder.add(path, "UNKNOWN_INTERFACE", "a card of the nodes", network.parent,
                                suggest(network.parent, sorted(cards), "cards"))  # fmt: skip
            other = users.setdefault(network.parent, (name, network))
            if other[0] == name:
                continue
            # ipvlan's driver refuses any second network (createNetwork in drivers/ipvlan/ipvlan_network.go), macvlan's does not.
            alone = (
                "passthru" in (network.mode, other[1].mode)
                or network.driver == other[1].driver == Ipvlan.name
            )
            if other[1].driver != network.driver or alone:
                what = "a parent without another network" if alone else f"a parent without {other[1].driver}"
                self.finder.add(path, "PARENT_CLASH", what, network.parent, f"{other[0]} stands on it")

    def _attachments(self) -> Iterator[tuple[PathTuple, str]]:
        scenario = self.finder.scenario
        for name, service in scenario.services.items():
            for i, network in enumerate(service.networks):
                yield ("services", name, "networks", i), network
        for name, container in scenario.containers.items():
            for i, network in enumerate(container.networks):
                yield ("containers", name, "networks", i), network
        for i, operation in enumerate(scenario.operations):
            for name, networks in operation.new_networks():
                for j, network in enumerate(networks):
                    yield ("operations", i, "update", name, "networks", j), network
        self._fixed()

    def _attachment(self, path: PathTuple, name: str) -> None:
        network, driver = self.networks.get(name), self.driver(name)
        if network is None or driver is None:
            return
        add, party = self.finder.add, path[1]
        service = path[0] != "containers"
        if name == GWBRIDGE:
            help = "Docker itself attaches what needs a way out"
            add(path, "NETWORK_SCOPE", "a network that is attached by its name", name, help)
        elif network.ingress:
            add(
                path,
                "NETWORK_SCOPE",
                "a network that is not the swarm's ingress",
                name,
                "publish a port instead",
            )
        elif service and not driver.for_services:
            add(
                path,
                "NETWORK_SCOPE",
                "a network that spans the swarm",
                name,
                "services attach to overlay networks",
            )
        elif (
            not service
            and driver.scope == "swarm"
            and self.finder.scenario.cluster_store is None
            and not network.attachable
        ):
            help = f"set networks.{name}.attachable: true"
            add(path, "NOT_ATTACHABLE", "an attachable network", name, help)
        scenario = self.finder.scenario
        if path[0] == "operations":
            mine = dict(scenario.operations[int(path[1])].new_networks())[str(path[3])]
        else:
            mine = (scenario.services if service else scenario.containers)[str(party)].networks
        if not driver.addressed and len(mine) > 1:
            add(path, "NETWORK_ALONE", f"{name} as the only network", f"{len(mine)} networks")
        if service and fixed_address(name) is not None:
            help = "the swarm gives tasks their addresses"
            add(
                (*path[:-1], str(name), "ipv4_address"),
                "STATIC_ADDRESS",
                "a fixed address of a container, not of a service",
                fixed_address(name),
                help,
            )

    def _fixed(self) -> None:
        """Fixed addresses lie in the network's own subnet, and nobody has them yet."""
        taken: dict[tuple[str, str, str], str] = {}
        scenario = self.finder.scenario
        asked: list[tuple[PathTuple, str, str]] = [
            (("containers", party, "networks", str(name)), party, name)
            for party, container in scenario.containers.items()
            for name in container.networks
        ]
        asked += [
            (("operations", i, "connect", party, str(name)), party, name)
            for i, operation in enumerate(scenario.operations)
            for party, name in (operation.connect or {}).items()
            if party in scenario.containers
        ]
        for where_said, party, name in asked:
            address, network = fixed_address(name), scenario.networks.get(name)
            if address is not None:
                container, path = scenario.containers[party], (*where_said, "ipv4_address")
                expected = self._wrong_address(name, network, address)
                if expected is not None:
                    self.finder.add(path, "STATIC_ADDRESS", expected, address)
                    continue
                driver = self.driver(name)
                where = container.node if driver is not None and driver.per_node else ""
                other = taken.setdefault((name, where, address), party)
                if other != party:
                    self.finder.add(
                        path, "STATIC_ADDRESS", "an address that is free", address, f"{other} has it"
                    )

    def _wrong_address(self, name: str, network: Network | None, address: str) -> str | None:
        if network is None or network.subnet is None:
            return f"a network with a subnet of its own instead of {name}"
        subnet, wanted = IPv4Network(network.subnet), IPv4Address(address)
        if wanted not in subnet:
            return f"an address in the subnet {subnet} of {name}"
        first, last = subnet.network_address + 2, subnet.broadcast_address - 1
        if not first <= wanted <= last:
            return f"an address from {first} to {last}, since {subnet.network_address + 1} is the gateway"
        return None


def passthru(network: Network) -> bool:
    """Whether one endpoint has the parent to itself."""
    return network.driver == Macvlan.name and network.mode == "passthru"
