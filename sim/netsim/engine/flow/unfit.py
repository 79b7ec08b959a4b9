"""What the flow engine cannot run."""

from __future__ import annotations

from netsim.scenario.schema import Scenario


def unsupported(scenario: Scenario) -> str | None:
    """What of a scenario the flow engine cannot run; None if nothing."""
    if any(service.autoscale is not None for service in scenario.services.values()):
        return "services that scale themselves"
    if scenario.hypervisors:
        return "nodes that share a machine"
    if scenario.fabric.leaf_spine is not None or scenario.fabric.wan is not None:
        return "a fabric of several switches"
    if scenario.fabric.alpha is not None:
        return "a buffer that ports share"
    for name, group in scenario.nodes.items():
        if group.nic.burst is not None:
            return f"the burst credit of {name}"
        if group.smt is not None:
            return f"the hardware threads of {name}"
        if group.nic.bond is not None:
            return f"the bond of {name}"
        if "rps" in group.nic.offloads:
            return f"the backlogs of {name}, to which rps hands packets on"
    large = [name for name, load in scenario.load.items() if load.bulk is not None]
    if large and scenario.changes:
        return f"the bulk transfer {large[0]} while the swarm changes"
    for name, load in scenario.load.items():
        if load.datagram is not None:
            return f"the datagrams of {name}"
        if load.from_ != "outside" and scenario.changes and not scenario.only_rewires:
            return f"the load {name} from {load.from_} together with faults or operations"
    limits = {name: spec.resources.limits for name, spec in scenario.services.items()}
    limits |= {name: spec.resources.limits for name, spec in scenario.containers.items()}
    for name, limit in limits.items():
        if limit.cpus is not None:
            return f"the processor limit of {name}"
    return None
