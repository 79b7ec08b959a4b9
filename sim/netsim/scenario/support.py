"""What the language has and no engine can run yet: told, never ignored."""

from __future__ import annotations

from collections.abc import Iterator

from netsim.scenario.problems import PathTuple
from netsim.scenario.schema import Scenario
from netsim.scenario.schema_service import Container, Service

#: Words of a service that an update under load may not change: the data planes make networks and ports at the start.
FIXED_WORDS = ("autoscale", "calls", "endpoint_mode", "ipvs", "mode", "networks", "ports")

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
            if port.protocol != "tcp":
                yield ("containers", name, "ports", i, "protocol"), port.protocol, "tcp can be simulated"
    for name, load in scenario.load.items():
        if load.to in scenario.node_names():
            yield ("load", name, "to"), "a node as target", "load a service or a container"
        if load.from_ in scenario.node_names() and load.to != "outside":
            yield ("load", name, "from"), "a node as source", "load from outside or from a container"


def _under_load(scenario: Scenario) -> Iterator[Finding]:
    """What the data planes cannot take up of faults and operations."""
    for i, operation in enumerate(scenario.operations):
        for changed, words in (operation.update or {}).items():
            for word in sorted(set(words) & set(FIXED_WORDS)):
                path: PathTuple = ("operations", i, "update", changed, word)
                yield path, f"an update of {word} together with load", "leave out load"
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
    starts, and so is the one of the default route."""
    parties: dict[str, Service | Container] = {**scenario.services, **scenario.containers}
    for i, operation in enumerate(scenario.operations):
        for name in (operation.connect or operation.disconnect or {}).keys() & scenario.containers.keys():
            path: PathTuple = ("operations", i, operation.verb, name)
            networks, container = set(scenario.container_networks(name)), scenario.containers[name]
            if container.ports or any(load.to.partition(":")[0] == name for load in scenario.load.values()):
                yield path, f"{operation.verb} of a container that the outside asks", "call it from a service"
            for other, party in parties.items():
                called = {call.to.partition(":")[0] for call in party.calls}
                calls = {call.to.partition(":")[0] for call in container.calls}
                if (name in called or other in calls) and len(networks & set(party.networks)) > 1:
                    yield (
                        path,
                        f"{operation.verb} of a container that shares two networks with {other}",
                        "leave one",
                    )


def _services(scenario: Scenario) -> Iterator[Finding]:
    for name, service in scenario.services.items():
        path: PathTuple = ("services", name)
        if scenario.load and service.mode not in ("replicated", "global"):
            yield (*path, "mode"), f"the mode {service.mode} under load", None
        if service.autoscale is not None and not scenario.load:
            yield (*path, "autoscale"), "a rule without load to follow", "add load"
        for i, port in enumerate(service.ports):
            if port.protocol != "tcp":
                yield (*path, "ports", i, "protocol"), port.protocol, "tcp can be simulated"
        for i, constraint in enumerate(service.placement.constraints):
            if not constraint.startswith(_KNOWN_KEYS):
                yield (
                    (*path, "placement", "constraints", i),
                    constraint,
                    "node.role, node.hostname, node.labels",
                )
