"""What the language has and no engine can run yet: told, never ignored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from netsim.scenario.problems import PathTuple
from netsim.scenario.schema import Scenario
from netsim.scenario.schema_service import Container, Service
from netsim.scenario.schema_work import LOCALHOST, TASKS

#: Words of a service that an update under load may not change: the data planes make ports and ways at the start.
FIXED_WORDS = ("autoscale", "calls", "endpoint_mode", "ipvs", "mode", "ports")

Finding = tuple[PathTuple, str, str | None]
_KNOWN_KEYS = ("node.role", "node.hostname", "node.labels.")


def unsupported(scenario: Scenario) -> Iterator[Finding]:
    """Way, what was found, help."""
    if scenario.load:
        yield from _under_load(scenario)
    yield from _past_the_mesh(scenario)
    yield from _services(scenario)
    for name, container in scenario.containers.items():
        if container.image.run is not None:
            yield ("containers", name, "image", "run"), "a container that ends by itself", "make it a service"
        for i, port in enumerate(container.ports):
            if port.protocol == "sctp":
                yield (
                    ("containers", name, "ports", i, "protocol"),
                    port.protocol,
                    "tcp and udp can be simulated",
                )
    yield from _datagrams(scenario)
    for name, load in scenario.load.items():
        if load.to in scenario.node_names():
            help = "a node answers nothing by itself: load a container on it, with networks: [host] for its own namespace"
            yield ("load", name, "to"), "a node as target", help


def _under_load(scenario: Scenario) -> Iterator[Finding]:
    """What the data planes cannot take up of faults and operations."""
    for i, operation in enumerate(scenario.operations):
        for changed, words in (operation.update or {}).items():
            for word in sorted(set(words) & set(FIXED_WORDS)):
                path: PathTuple = ("operations", i, "update", changed, word)
                yield path, f"an update of {word} together with load", "leave out load"
    yield from _cut_off(scenario)
    if scenario.changes:
        yield from beside_changes(scenario)


def beside_changes(scenario: Scenario) -> Iterator[Finding]:
    """What the data planes cannot have while a control plane changes anything."""
    for name, load in scenario.load.items():
        if load.from_ in scenario.services and _scaled(scenario, load.from_):
            found = f"load from {load.from_}, whose replicas change"
            yield ("load", name, "from"), found, "load from outside, or from a service that is not scaled"
    if not scenario.only_rewires:
        yield from _at_their_nodes(scenario)
    for name, load in scenario.load.items():
        party, _, port = load.to.partition(":")
        service = scenario.services.get(party)
        hosted = service is not None and any(
            p.mode == "host" and port in ("", str(p.published)) for p in service.ports
        )
        local = party == LOCALHOST and any(
            p.mode == "host" for s in scenario.services.values() for p in s.ports
        )
        if load.from_ in scenario.node_names() and (hosted or local):
            found = f"{load.to} in mode host, asked by a node beside faults or operations"
            yield ("load", name, "to"), found, "ask from outside, or publish with mode: ingress"


def _scaled(scenario: Scenario, service: str) -> bool:
    """Whether the number of a service's tasks changes: what they send then is not said by the rate of all together."""
    spec = scenario.services[service]
    updates = [
        words for o in scenario.operations for name, words in (o.update or {}).items() if name == service
    ]
    said = any(service in (o.scale or {}) for o in scenario.operations) or any(
        "replicas" in w for w in updates
    )
    return said or spec.autoscale is not None


def _datagrams(scenario: Scenario) -> Iterator[Finding]:
    """What streams of datagrams cannot meet yet: two protocols that enter a port by different ways."""
    for name, load in scenario.load.items():
        if load.datagram is None:
            continue
        party, _, port = load.to.partition(":")
        services: dict[str, Service | Container] = {**scenario.services, **scenario.containers}
        ports = services[party].ports if party in services else ()
        modes = {p.mode for p in ports if port in ("", str(p.published))}
        if len(modes) > 1:
            yield (
                ("load", name, "to"),
                f"datagrams to {load.to}, published in mode ingress and in mode host",
                "publish it in one mode",
            )


def _at_their_nodes(scenario: Scenario) -> Iterator[Finding]:
    """Services in the nodes' own namespaces that containers ask at an address of the node: a new task has another one, and no
    name tells which."""
    hosted = {name for name, service in scenario.services.items() if service.networks == ("host",)}
    rooms: tuple[tuple[str, Mapping[str, Service | Container]], ...] = (
        ("services", scenario.services),
        ("containers", scenario.containers),
    )
    asking: list[tuple[PathTuple, Service | Container, str]] = []
    for room, parties in rooms:
        for name, party in parties.items():
            asking += [((room, name, "calls", i, "to"), party, call.to) for i, call in enumerate(party.calls)]
            asking += [
                (("load", load, "to"), party, spec.to)
                for load, spec in scenario.load.items()
                if spec.from_ == name
            ]
    for path, party, target in asking:
        if "host" not in party.networks and target.partition(":")[0].removeprefix(TASKS) in hosted:
            found = f"{target} on the network host, asked by containers beside faults or operations"
            yield path, found, "put it on an overlay network"


def _past_the_mesh(scenario: Scenario) -> Iterator[Finding]:
    """A virtual address leads to the mesh; a port of one node, or an address of the underlay, is not asked at its holder."""
    if scenario.outside.entry.vrrp is None:
        return
    for name, load in scenario.load.items():
        party, _, port = load.to.partition(":")
        service = scenario.services.get(party)
        ports = () if service is None else service.ports
        meshed = any(p.mode == "ingress" and port in ("", str(p.published)) for p in ports)
        if load.from_ == "outside" and not meshed:
            yield (
                ("load", name, "to"),
                "a virtual address for what is not published in the mesh",
                "publish with mode: ingress",
            )


def _cut_off(scenario: Scenario) -> Iterator[Finding]:
    """Updates after which a service shares no network with one that it calls, or that calls it."""
    parties: dict[str, Service | Container] = {**scenario.services, **scenario.containers}
    now = {name: scenario.services[name].networks for name in scenario.services}
    now |= {name: scenario.container_networks(name) for name in scenario.containers}
    calls = [(name, call.to.partition(":")[0]) for name, party in parties.items() for call in party.calls]
    calls += [(load.from_, load.to.partition(":")[0]) for load in scenario.load.values()]
    calls = [(a, b.removeprefix(TASKS) if b not in now else b) for a, b in calls]
    pairs = [(a, b) for a, b in dict.fromkeys(calls) if a in now and b in now]
    pairs = [(a, b) for a, b in pairs if set(now[a]) & set(now[b])]
    for _, i, operation in sorted((o.at, i, o) for i, o in enumerate(scenario.operations) if o.update):
        for changed, networks in operation.new_networks():
            if changed not in scenario.services:
                continue
            now[changed] = networks
            path: PathTuple = ("operations", i, "update", changed, "networks")
            for source, target in pairs:
                if changed in (source, target) and not set(now[source]) & set(now[target]):
                    found = f"{source} calling {target} without a network in common"
                    yield (
                        path,
                        found,
                        "change both in steps: first add the new network, then take away the old one",
                    )


def _services(scenario: Scenario) -> Iterator[Finding]:
    for name, service in scenario.services.items():
        path: PathTuple = ("services", name)
        if service.autoscale is not None and not scenario.load:
            yield (*path, "autoscale"), "a rule without load to follow", "add load"
        for i, port in enumerate(service.ports):
            if port.protocol == "sctp":
                yield (*path, "ports", i, "protocol"), port.protocol, "tcp and udp can be simulated"
        for i, constraint in enumerate(service.placement.constraints):
            if not constraint.startswith(_KNOWN_KEYS):
                yield (
                    (*path, "placement", "constraints", i),
                    constraint,
                    "node.role, node.hostname, node.labels",
                )
