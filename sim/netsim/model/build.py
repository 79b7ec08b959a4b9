"""From a scenario to its model: machines, placement, attachments, addresses, published ports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from netsim.drivers.gateway import gateway_network
from netsim.drivers.registry import DEFAULT_BRIDGE, OWN_NETWORKS
from netsim.model.addresses import AddressPlan, attachments, mesh_network, plan_networks
from netsim.model.datagrams import check_datagrams
from netsim.model.entities import Model, Node, PublishedPort, Task
from netsim.model.nodes import build_nodes
from netsim.model.oversize import check_sizes
from netsim.model.placement import Placer
from netsim.model.problems import ModelError, Problems
from netsim.model.reachable import check_ways
from netsim.scenario.schema import Scenario
from netsim.scenario.schema_attach import gateway_priority
from netsim.scenario.schema_service import Service

__all__ = ["ModelError", "build_model"]

# swarmkit's manager/allocator/portallocator.go
FIRST_DYNAMIC_PORT, LAST_DYNAMIC_PORT = 30000, 32767
# Linux's net.ipv4.ip_local_port_range, from which the engine takes ports of containers
FIRST_EPHEMERAL_PORT = 32768


class Later(NamedTuple):
    """A task that begins while the clock runs: its service, its own name, its slot, the name of its node, the
    service's form at that time, and its addresses by network."""

    service: str
    name: str
    slot: int
    node: str
    spec: Service
    addresses: dict[str, str]


def build_model(scenario: Scenario, audit: bool = False, later: Sequence[Later] = ()) -> Model:
    """Everything that is decided before the clock starts. Raises `ModelError` with all problems.

    In a scenario that was told to `Scenario.tolerate`, tasks for which there is no address are left out, as a
    swarm leaves them pending. ``audit``: so they are, and nothing that is a matter of limits is a problem.
    ``later``: tasks besides those that are placed, each with addresses that others may have had before.
    """
    problems = Problems(scenario)
    nodes = build_nodes(scenario, problems)
    problems.raise_if_any()
    services = _tasks(scenario, nodes, problems)
    for new in later:
        services[new.service].append(
            Task(new.name, new.service, new.slot, nodes[new.node], new.spec, new.spec.networks)
        )
    containers = {
        name: Task(
            name, None, 0, nodes[spec.node], spec, scenario.container_networks(name) or (DEFAULT_BRIDGE,)
        )
        for name, spec in scenario.containers.items()
    }
    tasks = {task.name: task for found in services.values() for task in found} | containers
    plans = plan_networks(scenario, problems)
    problems.raise_if_any()
    ports, mesh = _ports(scenario, problems), mesh_network(scenario)
    meshed = {port.party for port in ports if port.mode == "ingress"}
    gateways: dict[tuple[str, ...], str | None] = {}
    for task in tasks.values():
        key = (*task.networks, mesh) if task.party in meshed else task.spec.networks or task.networks
        if key not in gateways or task.service is None:
            gateways[key] = _gateway(key, scenario)
        task.egress = gateways[key]
    addresses = AddressPlan(
        plans, nodes, meshed, mesh, {new.name: new.addresses for new in later}, scenario.cluster_store is None
    )
    addresses.give(tasks.values())
    if not scenario.tolerant and not audit:
        addresses.tell(problems)
        problems.raise_if_any()
    starved = tuple(name for name in tasks if name in addresses.starved)
    for name in starved:
        task = tasks.pop(name)
        (services[task.service].remove(task) if task.service else containers.pop(name))
    model = Model(
        scenario,
        scenario.fabric,
        scenario.outside,
        nodes,
        tasks,
        services,
        containers,
        plans,
        ports,
        mesh,
        starved,
    )
    check_ways(model, problems)
    check_datagrams(model, problems)
    if not audit:
        check_sizes(model, problems)
    problems.raise_if_any()
    return model


def joined(model: Model, service: str, spec: Service) -> tuple[str, ...]:
    """All networks on which a task of a service in this form has an address: its own, the mesh's if it publishes there, and
    that of its default route."""
    meshed = any(port.mode == "ingress" and port.party == service for port in model.ports)
    named = (*spec.networks, model.mesh) if meshed else spec.networks
    found = attachments(spec.networks, _gateway(named, model.scenario), model.mesh if meshed else None)
    return tuple(name for name, plan in model.addresses.items() if plan.subnet and name in found)


def _tasks(scenario: Scenario, nodes: dict[str, Node], problems: Problems) -> dict[str, list[Task]]:
    placer = Placer(nodes.values(), problems)
    found: dict[str, list[Task]] = {}
    for name, spec in scenario.services.items():
        found[name] = [
            Task(f"{name}.{slot}", name, slot, node, spec, spec.networks)
            for slot, node in enumerate(placer.place(name, spec), 1)
        ]
    return found


def _gateway(networks: tuple[str, ...], scenario: Scenario) -> str | None:
    """The network of the default route. A task that names no network and is not in the mesh is on docker0."""
    if not networks:
        return DEFAULT_BRIDGE
    known = {**OWN_NETWORKS, **scenario.networks}
    return gateway_network((name, known[name], gateway_priority(name)) for name in networks)


def _ports(scenario: Scenario, problems: Problems) -> tuple[PublishedPort, ...]:
    """All published ports. Those of containers are published on their node, whatever the mode says."""
    taken = {p.published for s in scenario.services.values() for p in s.ports}
    free = (port for port in range(FIRST_DYNAMIC_PORT, LAST_DYNAMIC_PORT + 1) if port not in taken)
    found = []
    for name, service in scenario.services.items():
        for i, port in enumerate(service.ports):
            published = next(free, None) if port.published is None else port.published
            if published is None:
                room = LAST_DYNAMIC_PORT - FIRST_DYNAMIC_PORT + 1
                expected = f"a free port from {FIRST_DYNAMIC_PORT} to {LAST_DYNAMIC_PORT}"
                problems.add(("services", name, "ports", i), "PORTS_FULL", expected, f"all {room} taken")
                continue
            found.append(PublishedPort(published, port.target, port.protocol, port.mode, name))
    ephemeral: Counter[str] = Counter()
    for name, container in scenario.containers.items():
        for port in container.ports:
            number = port.published or FIRST_EPHEMERAL_PORT + ephemeral[container.node]
            ephemeral[container.node] += port.published is None
            found.append(PublishedPort(number, port.target, port.protocol, "host", name))
    return tuple(found)
