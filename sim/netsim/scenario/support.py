"""What the language has and no engine can run yet: told, never ignored."""

from __future__ import annotations

from collections.abc import Iterator

from netsim.scenario.problems import PathTuple
from netsim.scenario.schema import Scenario
from netsim.scenario.schema_service import Container, Service
from netsim.scenario.schema_work import TASKS

#: Words of a service that an update under load may not change: the data planes make ports and ways at the start.
FIXED_WORDS = ("autoscale", "calls", "endpoint_mode", "ipvs", "mode", "ports")

Finding = tuple[PathTuple, str, str | None]
_KNOWN_KEYS = ("node.role", "node.hostname", "node.labels.")


def unsupported(scenario: Scenario) -> Iterator[Finding]:
    """Way, what was found, help."""
    if scenario.load:
        yield from _under_load(scenario)
    yield from _past_the_mesh(scenario)
    if scenario.fabric.rate is not None:
        yield ("fabric", "rate"), "a switch that blocks", "leave out rate: the switch never blocks"
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
    yield from _rewired(scenario)
    if not scenario.changes:
        return
    yield from _moving(scenario)
    for name, load in scenario.load.items():
        if load.from_ != "outside":
            yield (
                ("load", name, "from"),
                f"load from {load.from_} together with faults or operations",
                "load from outside",
            )
    for name, service in scenario.services.items():
        if service.endpoint_mode == "dnsrr":
            yield (
                ("services", name, "endpoint_mode"),
                "dnsrr together with load and faults or operations",
                "use vip",
            )
        for i, port in enumerate(service.ports):
            if port.mode == "host":
                yield (
                    ("services", name, "ports", i, "mode"),
                    "host together with load and faults or operations",
                    "use ingress",
                )


def _datagrams(scenario: Scenario) -> Iterator[Finding]:
    """What streams of datagrams cannot meet yet: entries that outlive their back end, and two protocols that enter a port by
    different ways."""
    for name, load in scenario.load.items():
        if load.datagram is None:
            continue
        path: PathTuple = ("load", name, "datagram")
        if scenario.changes:
            yield path, "datagrams together with faults, operations, jobs or autoscale", "leave out datagrams"
        if scenario.outside.entry.vrrp is not None and load.from_ == "outside":
            yield path, "datagrams to a virtual address of the entry", "leave out vrrp"
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


def _moving(scenario: Scenario) -> Iterator[Finding]:
    """What containers that join or leave networks cannot do yet: which network is used is decided before the clock
    starts."""
    parties: dict[str, Service | Container] = {**scenario.services, **scenario.containers}
    for i, operation in enumerate(scenario.operations):
        for name in (operation.connect or operation.disconnect or {}).keys() & scenario.containers.keys():
            path: PathTuple = ("operations", i, operation.verb, name)
            networks, container = set(scenario.container_networks(name)), scenario.containers[name]
            for other, party in parties.items():
                called = {call.to.partition(":")[0] for call in party.calls}
                calls = {call.to.partition(":")[0] for call in container.calls}
                if (name in called or other in calls) and len(networks & set(party.networks)) > 1:
                    yield (
                        path,
                        f"{operation.verb} of a container that shares two networks with {other}",
                        "leave one",
                    )


def _rewired(scenario: Scenario) -> Iterator[Finding]:
    """Updates of networks that change by which network a call goes, which is decided before the clock starts. An update
    that adds a network, or takes one away that no call uses, replaces the tasks and moves no call."""
    parties: dict[str, Service | Container] = {**scenario.services, **scenario.containers}
    now = {name: scenario.services[name].networks for name in scenario.services}
    now |= {name: scenario.container_networks(name) for name in scenario.containers}
    calls = [(name, call.to.partition(":")[0]) for name, party in parties.items() for call in party.calls]
    calls += [(load.from_, load.to.partition(":")[0]) for load in scenario.load.values()]
    calls = [(a, b.removeprefix(TASKS) if b not in now else b) for a, b in calls]
    pairs = [(a, b) for a, b in dict.fromkeys(calls) if a in now and b in now]
    first = {pair: _way(now, *pair) for pair in pairs}
    for _, i, operation in sorted((o.at, i, o) for i, o in enumerate(scenario.operations) if o.update):
        for changed, networks in operation.new_networks():
            if changed not in scenario.services:
                continue
            now[changed] = networks
            path: PathTuple = ("operations", i, "update", changed, "networks")
            for (source, target), before in first.items():
                after = _way(now, source, target)
                if changed in (source, target) and after != before:
                    found = f"{source} calling {target} by {after or 'no network'}, no longer by {before}"
                    yield path, found, f"keep {before}, before what is new"


def _way(networks: dict[str, tuple[str, ...]], source: str, target: str) -> str | None:
    """The network by which one party calls another: the first of its own that they share."""
    return next((name for name in networks[source] if name in networks[target]), None)


def _services(scenario: Scenario) -> Iterator[Finding]:
    for name, service in scenario.services.items():
        path: PathTuple = ("services", name)
        if scenario.load and service.mode not in ("replicated", "global"):
            yield (*path, "mode"), f"the mode {service.mode} under load", None
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
