"""What no single value shows: names that must exist, things that exclude each other, sums that must fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import IPv4Network, collapse_addresses
from pkgutil import resolve_name
from typing import Protocol

from netsim.scenario.check_entry import check_entry
from netsim.scenario.check_events import check_events
from netsim.scenario.check_load import check_load
from netsim.scenario.check_nodes import check_nodes
from netsim.scenario.expectations import BASELINE, ExpectError, parse_expectation
from netsim.scenario.problems import PathTuple, Problem, show, show_path, suggest
from netsim.scenario.schema import Scenario
from netsim.scenario.schema_service import Container, Service
from netsim.scenario.schema_work import TASKS
from netsim.scenario.support import unsupported
from netsim.scenario.yaml_marks import Node

BUILT_IN_NETWORKS = ("bridge", "host", "none")
RESERVED_NETWORKS = (*BUILT_IN_NETWORKS, "ingress", "docker_gwbridge")


#: Who knows about network drivers. A later room, so it is named here and imported when a scenario is checked.
NETWORK_FACTS = "netsim.drivers.check:DriverFacts"


class NetworkFacts(Protocol):
    """What the drivers say of the scenario's networks, by name."""

    def check(self) -> None:
        """Add all problems of networks and attachments."""

    def named(self, network: str) -> bool:
        """Whether endpoints on it can be called."""
        ...

    def exposed(self, network: str) -> bool:
        """Whether the outside reaches endpoints on it without a published port."""
        ...


class Finder:
    """Collects problems and finds their places."""

    def __init__(self, scenario: Scenario, tree: Node) -> None:
        self.scenario = scenario
        self.tree = tree
        self.problems: list[Problem] = []
        self.facts: NetworkFacts = resolve_name(NETWORK_FACTS)(self)

    def add(
        self,
        path: PathTuple,
        code: str,
        expected: str,
        found: object = None,
        help: str | None = None,
        *,
        of_key: bool = False,
    ) -> None:
        """One problem at ``path``; ``found`` is shown as the user wrote it."""
        file, line, col = self.tree.place(path, of_key=of_key)
        self.problems.append(Problem(file, line, col, code, show_path(path), expected, show(found), help))

    def reference(self, path: PathTuple, name: str, valid: Iterable[str], what: str) -> bool:
        """Whether ``name`` is one of ``valid``; a problem if not."""
        names = list(valid)
        if name in names:
            return True
        self.add(
            path, f"UNKNOWN_{what.upper()}", f"the name of a {what}", name, suggest(name, names, f"{what}s")
        )
        return False


def check(scenario: Scenario, tree: Node) -> list[Problem]:
    """All problems of a scenario whose single values are valid."""
    finder = Finder(scenario, tree)
    _budget(finder)
    check_nodes(finder)
    check_entry(finder)
    _networks(finder)
    finder.facts.check()
    _members(finder)
    _ports(finder)
    _calls(finder)
    check_load(finder)
    check_events(finder)
    _expectations(finder)
    for path, what, help in unsupported(scenario):
        finder.add(path, "UNSUPPORTED", "what can be simulated", what, help)
    return finder.problems


def _budget(finder: Finder) -> None:
    """A budget belongs to a precision."""
    scenario = finder.scenario
    for word in ("max_replications", "max_time"):
        if getattr(scenario, word) is not None and scenario.precision is None:
            help = "write precision: 5%, or replications: for a fixed number"
            finder.add((word,), "MISSING", "the key precision beside it", "nothing", help, of_key=True)
    most = scenario.max_replications
    if scenario.precision is not None and most is not None and most < scenario.replications:
        expected = f"at least the {scenario.replications} replications of the first round"
        finder.add(("max_replications",), "OUT_OF_RANGE", expected, most)


def _networks(finder: Finder) -> None:
    scenario = finder.scenario
    placed: list[tuple[IPv4Network, str]] = []
    for name, network in scenario.networks.items():
        path = ("networks", name)
        if name in RESERVED_NETWORKS:
            help = "Docker makes this network itself"
            finder.add(path, "RESERVED_NAME", "another name for a network", name, help, of_key=True)
        if network.subnet is None:
            continue
        subnet = IPv4Network(network.subnet)
        other = next((known for net, known in placed if net.overlaps(subnet)), None)
        if other is not None:
            finder.add(
                (*path, "subnet"), "SUBNET_OVERLAP", f"a subnet apart from that of {other}", network.subnet
            )
        placed.append((subnet, name))
    _pool(finder)


def _pool(finder: Finder) -> None:
    """Networks without their own subnet get one of the pool's: there must be enough."""
    scenario = finder.scenario
    swarm = scenario.swarm
    without = [n for n, net in scenario.networks.items() if net.driver == "overlay" and net.subnet is None]
    mask = swarm.default_addr_pool_mask_length
    pools = collapse_addresses(IPv4Network(pool) for pool in swarm.default_addr_pool)
    subnets = sum(2 ** max(0, mask - pool.prefixlen) for pool in pools if pool.prefixlen <= mask)
    if len(without) + 1 > subnets:
        finder.add(("swarm", "default_addr_pool"), "SUBNET_SMALL", f"room for {len(without) + 1} subnets of /{mask}",
                   f"room for {subnets}", "ingress takes one of them")  # fmt: skip


def _members(finder: Finder) -> None:
    scenario = finder.scenario
    known = [*scenario.networks, *BUILT_IN_NETWORKS]
    for name, service in scenario.services.items():
        _own_name(finder, "services", name)
        for i, network in enumerate(service.networks):
            if network not in RESERVED_NETWORKS:  # what may not be attached is told by the drivers
                finder.reference(("services", name, "networks", i), network, known, "network")
        _no_repeats(finder, ("services", name, "networks"), service.networks)
        _job(finder, name, service)
        _autoscale(finder, name, service)
    nodes = scenario.node_names()
    for name, container in scenario.containers.items():
        if name in scenario.services:
            finder.add(("containers", name), "NAME_CLASH", "a name that no service has", name, of_key=True)
        _own_name(finder, "containers", name)
        finder.reference(("containers", name, "node"), container.node, nodes, "node")
        for i, network in enumerate(container.networks):
            if network not in RESERVED_NETWORKS:
                finder.reference(("containers", name, "networks", i), network, known, "network")
        _links(finder, name, container)
        _no_repeats(finder, ("containers", name, "networks"), container.networks)


def _own_name(finder: Finder, room: str, name: str) -> None:
    """Loads, faults and traces name services, containers and nodes alike."""
    if name in ("outside", "leader") or name in finder.scenario.node_names():
        own = name in ("outside", "leader")
        expected = "a name that is no word of the language" if own else "a name that no node has"
        finder.add((room, name), "NAME_CLASH", expected, name, of_key=True)


def _links(finder: Finder, name: str, container: Container) -> None:
    """What is linked runs already on the same node, and on docker0 as well if the container is there: the engine refuses others
    (``cannot link to``, daemon/container_operations.go)."""
    scenario = finder.scenario
    others = list(scenario.containers)
    here = [other for other in others if other != name and scenario.containers[other].node == container.node]
    for i, link in enumerate(container.links):
        path: PathTuple = ("containers", name, "links", i)
        if link == name:
            finder.add(path, "BAD_VALUE", "another container", link)
            continue
        if link in others and link not in here:
            expected = f"a container on {container.node}, since links are of one node"
            finder.add(path, "OTHER_NODE", expected, f"{link} on {scenario.containers[link].node}")
            continue
        if not finder.reference(path, link, here, "container"):
            continue
        other = scenario.containers[link]
        mine, theirs = (set(spec.networks or ("bridge",)) for spec in (container, other))
        if name in other.links and others.index(link) > others.index(name):
            finder.add(path, "LINK_CYCLE", f"a container that runs before {name}", link, f"{link} has a link to {name}")  # fmt: skip
        elif not mine & theirs:
            found = f"{link} on {', '.join(sorted(theirs))}"
            finder.add(path, "NO_COMMON_NETWORK", f"a container on a network of {name}", found)


def _job(finder: Finder, name: str, service: Service) -> None:
    """Words of jobs belong to jobs, and jobs end."""
    if service.is_job and service.image.run is None:
        finder.add(("services", name), "MISSING", "how long a task of a job runs", "nothing",
                   "say image: {run: 30s}")  # fmt: skip
    if service.max_concurrent and service.mode != "replicated-job":
        finder.add(("services", name, "max_concurrent"), "BAD_VALUE", "max_concurrent with mode: replicated-job",
                   f"max_concurrent with {service.mode}")  # fmt: skip


def _autoscale(finder: Finder, name: str, service: Service) -> None:
    """A rule has room, a target, and the service for itself."""
    rule, path = service.autoscale, ("services", name, "autoscale")
    if rule is None:
        return
    if service.mode != "replicated":
        finder.add(
            path, "BAD_VALUE", "a rule for a replicated service", f"one for a service that is {service.mode}"
        )
    if rule.min > rule.max:
        finder.add((*path, "min"), "BAD_VALUE", f"at most max, which is {rule.max}", str(rule.min))
    elif not rule.min <= service.replicas <= rule.max:
        finder.add(("services", name), "BAD_VALUE", f"replicas from {rule.min} to {rule.max}, as autoscale allows",
                   f"{service.replicas} replicas")  # fmt: skip
    if not rule.target.per_task:
        finder.add((*path, "target"), "BAD_VALUE", "a target above 0", "0")
    for i, operation in enumerate(finder.scenario.operations):
        if name in (operation.scale or {}):
            finder.add(("operations", i, "scale", name), "BAD_VALUE", "a service without autoscale", name,
                       "its rule would scale it back")  # fmt: skip


def _no_repeats(finder: Finder, path: PathTuple, names: tuple[str, ...]) -> None:
    for i, name in enumerate(names):
        if name in names[:i]:
            finder.add((*path, i), "BAD_VALUE", "every network once", name)


def _ports(finder: Finder) -> None:
    """A published port belongs to one service in the mesh; in host mode, to one task of a node."""
    taken: dict[tuple[int, str], tuple[str, str]] = {}
    mesh = {
        port.published
        for s in finder.scenario.services.values()
        for port in s.ports
        if port.mode == "ingress"
    }
    for name, service in finder.scenario.services.items():
        own: set[tuple[int, str]] = set()
        for i, port in enumerate(service.ports):
            if port.published is None:
                continue
            path = ("services", name, "ports", i)
            key = (port.published, port.protocol)
            other, mode = taken.setdefault(key, (name, port.mode))
            # Services with one port in host mode live side by side on different nodes (checkPortConflicts in swarmkit's
            # manager/controlapi/service.go).
            apart = other != name and mode == port.mode == "host"
            if key in own or (other != name and not apart):
                finder.add(path, "PORT_CLASH", "a port that is not published yet", f"{key[0]}/{key[1]}",
                           f"{other} publishes it")  # fmt: skip
            own.add(key)
        if service.endpoint_mode == "dnsrr":
            for i, port in enumerate(service.ports):
                if port.mode == "ingress":
                    finder.add(("services", name, "ports", i), "DNSRR_INGRESS", "ports with mode: host under endpoint_mode dnsrr",
                               "mode ingress", "the mesh balances by a virtual address, and dnsrr has none")  # fmt: skip
    on_node: dict[tuple[str, int, str], str] = {}
    for name, container in finder.scenario.containers.items():
        for i, port in enumerate(container.ports):
            if port.published is None:
                continue
            other = on_node.setdefault((container.node, port.published, port.protocol), name)
            owner = other if other != name else taken.get((port.published, port.protocol), (None,))[0]
            if owner is not None and (other != name or port.published in mesh):
                finder.add(("containers", name, "ports", i), "PORT_CLASH", "a port that is not published yet",
                           f"{port.published}/{port.protocol}", f"{owner} publishes it")  # fmt: skip


def _calls(finder: Finder) -> None:
    scenario = finder.scenario
    parties: dict[str, Service | Container] = {**scenario.services, **scenario.containers}
    edges: dict[str, list[tuple[str, PathTuple]]] = {name: [] for name in parties}
    for name, party in parties.items():
        room = "services" if name in scenario.services else "containers"
        for i, call in enumerate(party.calls):
            path: PathTuple = (room, name, "calls", i, "to")
            target, _, port = call.to.partition(":")
            if port and not (port.isascii() and port.isdigit() and 0 < int(port[:9]) < 65536):
                finder.add(path, "BAD_VALUE", "a port from 1 to 65535 after the colon", call.to)
            short = target.removeprefix(TASKS)
            if target not in parties and short in scenario.services:
                target = short
            elif short != target and short in scenario.containers:
                help = f"names with {TASKS} are those of a service's tasks: call {short}"
                finder.add(path, "UNKNOWN_SERVICE", "the name of a service", target, help)
                continue
            if not finder.reference(path, target, parties, "service"):
                continue
            edges[name].append((target, path))
            shares_network(finder, path, name, target)
    for cycle, path in _cycles(edges):
        finder.add(path, "CALL_CYCLE", "calls without a cycle", " -> ".join(cycle))


def shares_network(finder: Finder, path: PathTuple, source: str, target: str) -> bool:
    """Whether two services or containers have a network in common; a problem if not."""
    scenario = finder.scenario
    parties: dict[str, Service | Container] = {**scenario.services, **scenario.containers}
    known = {name: scenario.container_networks(name) for name in scenario.containers}
    mine = known.get(source) or parties[source].networks
    theirs = known.get(target) or parties[target].networks
    shared = [network for network in mine if network in theirs]
    if source == target or any(finder.facts.named(network) for network in shared):
        return True
    if theirs == ("host",) and not shared:  # asked at an address of its node
        return True
    if shared:
        links = getattr(parties[source], "links", ())
        if target in links:
            return True
        linked = f", or set containers.{source}.links: [{target}]" if source in scenario.containers else ""
        help = f"attach both to a network of your own{linked}"
        finder.add(
            path,
            "NO_NAME",
            f"a network that knows the name {target}",
            f"the default network {shared[0]}",
            help,
        )
        return False
    finder.add(path, "NO_COMMON_NETWORK", f"a network that {source} and {target} share",
               f"{', '.join(mine) or 'no network'} and {', '.join(theirs) or 'no network'}", f"add {target} to a network of {source}")  # fmt: skip
    return False


def _cycles(edges: dict[str, list[tuple[str, PathTuple]]]) -> Iterator[tuple[list[str], PathTuple]]:
    """Each cycle once, with the call that closes it. Depth first, without recursion."""
    done: set[str] = set()
    for root in edges:
        way: list[str] = []
        stack: list[tuple[str, int]] = [(root, 0)]
        while stack:
            name, index = stack.pop()
            if index == 0:
                if name in done:
                    continue
                way.append(name)
            if index < len(edges[name]):
                stack.append((name, index + 1))
                target, path = edges[name][index]
                if target in way:
                    yield [*way[way.index(target) :], target], path
                elif target not in done:
                    stack.append((target, 0))
            else:
                done.add(name)
                way.pop()


def _expectations(finder: Finder) -> None:
    scenario = finder.scenario
    for i, text in enumerate(scenario.expect):
        try:
            parse_expectation(text, scenario.load, scenario.node_names())
        except ExpectError as error:
            _at_column(finder, i, error)


def _at_column(finder: Finder, number: int, error: ExpectError) -> None:
    """The problem points into the text, where the text stands on one line as it is."""
    path: PathTuple = ("expect", number)
    item = finder.tree.child("expect")
    node = item.child(number) if item is not None else None
    before = 0
    if node is not None and isinstance(node.value, dict):
        node, before = node.child("baseline"), len(BASELINE)
        path = (*path, "baseline")
    finder.add(path, error.code, error.expected, error.found, error.help)
    if node is not None and node.quote is not None and error.column > before:
        column = node.col + node.quote + error.column - 1 - before
        finder.problems[-1] = replace(finder.problems[-1], line=node.line, col=column)
