"""Containers that join and leave networks while the clock runs: what `docker network connect` and `disconnect` refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsim.scenario.problems import PathTuple
from netsim.scenario.schema_attach import fixed_address, gateway_priority

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
            if operation.disconnect is not None:
                joined[name].discard(network)
                if not here:
                    add(path, "NOT_CONNECTED", f"a network that {name} is on then", network)
                continue
            joined[name].add(network)
            before = next(n for n in scenario.container_networks(name) if n == network)
            if (fixed_address(before), gateway_priority(before)) != (
                fixed_address(network),
                gateway_priority(network),
            ):
                expected = f"the address and gw_priority that {name} has on {network} at other times"
                add(path, "BAD_VALUE", expected, "others", "the addresses of a run are given out once")
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
