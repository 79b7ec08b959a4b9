"""What the flow engine cannot run."""

from __future__ import annotations

from netsim.datapath.qdisc import FAIR
from netsim.scenario.schema import Scenario
from netsim.scenario.schema_service import Container, Service


def unsupported(scenario: Scenario) -> str | None:
    """What of a scenario the flow engine cannot run; None if nothing."""
    scaled = [name for name, service in scenario.services.items() if service.autoscale is not None]
    large = [name for name, load in scenario.load.items() if load.bulk is not None]
    if scaled and large:
        return f"the bulk transfer {large[0]} beside {scaled[0]}, which scales itself"
    for name, group in scenario.nodes.items():
        if group.nic.burst is not None:
            return f"the burst credit of {name}"
        if group.nic.qdisc in FAIR:
            return f"the flows that take turns at the card of {name}"
        if group.smt is not None and large:
            return f"the bulk transfer {large[0]} beside the hardware threads of {name}"
    specs: dict[str, Service | Container] = {**scenario.services, **scenario.containers}
    for name, spec in specs.items():
        if spec.work.busy and spec.resources.limits.cpus is not None:
            return f"the threads of {name} that always compute within a processor limit"
        if spec.work.busy and large:
            return f"the threads of {name} that always compute beside the bulk transfer {large[0]}"
    if scenario.changes:
        bonds = [name for name, group in scenario.nodes.items() if group.nic.bond is not None]
        if large and bonds:
            return (
                f"the bulk transfer {large[0]} over the bond of {bonds[0]} together with faults or operations"
            )
        for name, service in scenario.services.items():
            if any(call.dns.cache for call in service.calls):
                return f"the DNS answers that {name} keeps together with faults or operations"
    return None
