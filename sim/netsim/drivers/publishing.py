"""Published ports that a service's or container's networks do not carry: told, since Docker says nothing or rejects each task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsim.drivers.gateway import gateway_network
from netsim.drivers.registry import DEFAULT_BRIDGE
from netsim.scenario.problems import PathTuple
from netsim.scenario.schema_attach import gateway_priority
from netsim.scenario.schema_network import Port

if TYPE_CHECKING:
    from netsim.drivers.check import DriverFacts

HOST = "host"


def check_publishing(facts: DriverFacts) -> None:
    """One problem for each port that would never be reached where it is published."""
    scenario, add = facts.finder.scenario, facts.finder.add
    for name, service in scenario.services.items():
        for i, port in enumerate(service.ports):
            path: PathTuple = ("services", name, "ports", i)
            if port.mode == "host":
                _carried(facts, path, name, service.networks, port)
            elif HOST in service.networks:
                help = "a container on host joins no other network, so a swarm rejects every task: say mode: host"
                add(path, "HOST_INGRESS", "mode: host for ports of what runs on the network host", "mode ingress", help)  # fmt: skip
    for name, container in scenario.containers.items():
        for i, port in enumerate(container.ports):
            path = ("containers", name, "ports", i)
            if port.mode == "ingress" and "mode" in port.model_fields_set:
                help = "the routing mesh is for services; a container publishes on its node"
                add((*path, "mode"), "BAD_VALUE", "mode: host for a port of a container", "ingress", help)
            _carried(facts, path, name, scenario.container_networks(name), port)


def _carried(facts: DriverFacts, path: PathTuple, name: str, networks: tuple[str, ...], port: Port) -> None:
    """Published on the node: the network of the default route has to carry it (``updateExternalConnectivity`` in
    daemon/libnetwork/sandbox.go); on host, macvlan and ipvlan nothing is rewritten, and Docker drops what is asked for."""
    mine = [(n, facts.networks.get(n)) for n in networks or (DEFAULT_BRIDGE,)]
    known = [(n, spec, gateway_priority(n)) for n, spec in mine if spec is not None and facts.driver(n)]
    if len(known) < len(mine):
        return  # told where names are checked
    door = gateway_network(known)
    driver = facts.driver(door) if door is not None else None
    if driver is not None and driver.publishes:
        return
    if driver is None or not driver.exposed:
        help = f"attach {name} to a network that is not internal"
        facts.finder.add(path, "NOT_CARRIED", "a network that carries published ports", ", ".join(networks), help)  # fmt: skip
    elif port.published not in (None, port.target):
        found = f"{port.published} for the port {port.target}"
        help = f"nothing rewrites ports there, and Docker drops them: publish {port.target}"
        facts.finder.add(path, "NOT_CARRIED", f"the process's own port on the network {door}", found, help)
