"""Containers that join and leave networks while the clock runs: what `docker network connect` and `disconnect` refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsim.drivers.gateway import gateway_network
from netsim.scenario.problems import PathTuple
from netsim.scenario.schema_attach import gateway_priority

if TYPE_CHECKING:
    from netsim.drivers.check import DriverFacts


def check_members(facts: DriverFacts) -> None:
    """One problem for each operation that Docker would refuse at its time."""
    scenario, add = facts.finder.scenario, facts.finder.add
    joined = {name: set(spec.networks) for name, spec in scenario.containers.items()}
    for i, operation in sorted(enumerate(scenario.operations), key=lambda pair: pair[1].at):
        for name, network in (operation.connect or operation.disconnect or {}).items():
            path: PathTuple = ("operations", i, operation.verb, name)
            spec, driver = scenario.networks.get(network), facts.driver(network)
            if name not in joined or spec is None or driver is None:
                continue  # told where names are checked
            here = network in joined[name]
            moved = _moves_the_door(facts, name, joined[name], network, operation.connect is not None)
            if moved:
                help = f"call it from a service, or give {moved[0]} a higher gw_priority"
                found = f"{operation.verb} that moves the ports of {name} from {moved[0]} to {moved[1]}"
                add(path, "UNSUPPORTED", "what can be simulated", found, help)
            if operation.disconnect is not None:
                joined[name].discard(network)
                if not here:
                    add(path, "NOT_CONNECTED", f"a network that {name} is on then", network)
                continue
            joined[name].add(network)
            alone = joined[name] & {"host", "none"}
            if here:
                add(path, "ALREADY_CONNECTED", f"a network that {name} is not on then", network)
            elif alone:
                add(path, "NETWORK_ALONE", f"{min(alone)} as the only network", f"{network}, too")
            elif spec.ingress:
                add(path, "NETWORK_SCOPE", "a network that is not the swarm's ingress", network)
            elif driver.scope == "swarm" and scenario.cluster_store is None and not spec.attachable:
                help = f"set networks.{network}.attachable: true"
                add(path, "NOT_ATTACHABLE", "an attachable network", network, help)


def _moves_the_door(
    facts: DriverFacts, name: str, joined: set[str], network: str, joins: bool
) -> tuple[str, str] | None:
    """Under load, the networks of a container's default route before and after, if they differ and the outside asks it: its
    published ports move with that route (``updateExternalConnectivity`` in daemon/libnetwork), but ways are made before the
    clock starts."""
    scenario = facts.finder.scenario
    asked = any(
        load.from_ == "outside" and load.to.partition(":")[0] == name for load in scenario.load.values()
    )
    if not scenario.load or not (asked or scenario.containers[name].ports):
        return None
    before, after = (
        _gateway(facts, joined),
        _gateway(facts, joined | {network} if joins else joined - {network}),
    )
    return None if before == after else (before, after)


def _gateway(facts: DriverFacts, networks: set[str]) -> str:
    known = [name for name in networks if facts.driver(name) is not None]
    found = gateway_network((name, facts.networks[name], gateway_priority(name)) for name in known)
    return found or "no network"
