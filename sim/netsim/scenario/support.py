"""What the language has and no engine can run yet: told, never ignored."""

from __future__ import annotations

from collections.abc import Iterator

from netsim.scenario.problems import PathTuple
from netsim.scenario.schema import Scenario

Finding = tuple[PathTuple, str, str | None]
_KNOWN_KEYS = ("node.role", "node.hostname", "node.labels.")


def unsupported(scenario: Scenario) -> Iterator[Finding]:
    """Way, what was found, help."""
    for word in ("hypervisors", "faults", "operations"):
        if getattr(scenario, word):
            yield (word,), word, f"leave out {word}"
    if scenario.fabric.rate is not None:
        yield ("fabric", "rate"), "a switch that blocks", "leave out rate: the switch never blocks"
    for name, group in scenario.nodes.items():
        if not {"tso", "gro"} <= set(group.nic.offloads):
            yield ("nodes", name, "nic", "offloads"), "a card without tso and gro", "list tso and gro"
    yield from _networks(scenario)
    yield from _services(scenario)
    for name, container in scenario.containers.items():
        path: PathTuple = ("containers", name)
        if container.ports:
            yield (*path, "ports"), "ports of a container", "publish ports of a service"
        for i, network in enumerate(container.networks):
            if network in ("host", "none"):
                yield (*path, "networks", i), f"the network {network}", None
    for name, load in scenario.load.items():
        if load.to in scenario.node_names():
            yield ("load", name, "to"), "a node as target", "load a service or a container"
        if load.from_ in scenario.node_names() and load.to != "outside":
            yield ("load", name, "from"), "a node as source", "load from outside or from a container"


def _networks(scenario: Scenario) -> Iterator[Finding]:
    for name, network in scenario.networks.items():
        path: PathTuple = ("networks", name)
        if network.driver not in ("overlay", "bridge"):
            yield (*path, "driver"), f"the driver {network.driver}", "overlay and bridge can be simulated"
        if network.encrypted:
            yield (*path, "encrypted"), "an encrypted network", None
        if network.ingress:
            yield (*path, "ingress"), "another ingress network", None
        if not network.icc:
            yield (*path, "icc"), "icc: false", None
        for word in ("parent", "mode"):
            if getattr(network, word) is not None:
                yield (*path, word), word, None
        if network.options:
            yield (*path, "options"), "driver options", None


def _services(scenario: Scenario) -> Iterator[Finding]:
    for name, service in scenario.services.items():
        path: PathTuple = ("services", name)
        if service.mode not in ("replicated", "global"):
            yield (*path, "mode"), f"the mode {service.mode}", None
        if service.endpoint_mode != "vip":
            yield (*path, "endpoint_mode"), f"endpoint_mode {service.endpoint_mode}", None
        if service.healthcheck is not None and not service.healthcheck.disable:
            yield (*path, "healthcheck"), "a health check", None
        for i, network in enumerate(service.networks):
            if network == "host":
                yield (*path, "networks", i), "the network host", None
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
