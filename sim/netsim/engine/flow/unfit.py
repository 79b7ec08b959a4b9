"""What the flow engine cannot run."""

from __future__ import annotations

from netsim.scenario.schema import Scenario


def unsupported(scenario: Scenario) -> str | None:
    """What of a scenario the flow engine cannot run; None if nothing."""
    if any(service.autoscale is not None for service in scenario.services.values()):
        return "services that scale themselves"
    if scenario.fabric.alpha is not None:
        return "a buffer that ports share"
    for name, group in scenario.nodes.items():
        if group.nic.burst is not None:
            return f"the burst credit of {name}"
        if group.smt is not None:
            return f"the hardware threads of {name}"
        if group.nic.bond is not None:
            return f"the bond of {name}"
    for name, load in scenario.load.items():
        if load.datagram is not None:
            return f"the datagrams of {name}"
    return None
