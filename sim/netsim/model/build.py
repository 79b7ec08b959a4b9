"""From a scenario to its model: machines, placement, attachments, addresses, published ports."""

from __future__ import annotations

from netsim.drivers.gateway import gateway_network
from netsim.model.addresses import DOCKER0, give_addresses, plan_networks
from netsim.model.entities import DEFAULT_BRIDGE, GWBRIDGE, Model, Node, PublishedPort, Task
from netsim.model.nodes import build_nodes
from netsim.model.placement import Placer
from netsim.model.problems import ModelError, Problems
from netsim.scenario.schema import Scenario

__all__ = ["ModelError", "build_model"]

FIRST_DYNAMIC_PORT = 30000  # swarmkit's portallocator: 30000 to 32767


def build_model(scenario: Scenario) -> Model:
    """Everything that is decided before the clock starts. Raises `ModelError` with all problems."""
    problems = Problems(scenario)
    nodes = build_nodes(scenario, problems)
    problems.raise_if_any()
    services = _tasks(scenario, nodes, problems)
    containers = {
        name: Task(name, None, 0, nodes[spec.node], spec, spec.networks or (DEFAULT_BRIDGE,))
        for name, spec in scenario.containers.items()
    }
    tasks = {task.name: task for found in services.values() for task in found} | containers
    plans = plan_networks(scenario, problems)
    problems.raise_if_any()
    for task in tasks.values():
        task.egress = gateway_of(task, scenario)
    ports = _ports(scenario)
    meshed = {port.party for port in ports if port.mode == "ingress"}
    give_addresses(plans, nodes, tasks.values(), meshed, problems)
    problems.raise_if_any()
    return Model(
        scenario, scenario.fabric, scenario.outside, nodes, tasks, services, containers, plans, ports
    )


def _tasks(scenario: Scenario, nodes: dict[str, Node], problems: Problems) -> dict[str, list[Task]]:
    placer = Placer(nodes.values(), problems)
    found: dict[str, list[Task]] = {}
    for name, spec in scenario.services.items():
        found[name] = [
            Task(f"{name}.{slot}", name, slot, node, spec, spec.networks)
            for slot, node in enumerate(placer.place(name, spec), 1)
        ]
    return found


def gateway_of(task: Task, scenario: Scenario) -> str | None:
    """The bridge by which a task reaches the outside. A service without networks has docker_gwbridge too
    once a port of it is published, and docker0 otherwise."""
    if not task.networks:
        return GWBRIDGE if task.spec.ports else DEFAULT_BRIDGE
    known = scenario.networks
    return gateway_network((name, known.get(name, DOCKER0), 0) for name in task.networks)


def _ports(scenario: Scenario) -> tuple[PublishedPort, ...]:
    taken = {p.published for s in scenario.services.values() for p in s.ports}
    free = (port for port in range(FIRST_DYNAMIC_PORT, 32768) if port not in taken)
    found = []
    for name, service in scenario.services.items():
        for port in service.ports:
            published = next(free) if port.published is None else port.published
            found.append(PublishedPort(published, port.target, port.protocol, port.mode, name))
    return tuple(found)
