"""Who is meant by a target, and who is asked how often by the calls that a request leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsim.scenario.schema_work import LOCALHOST, TASKS

if TYPE_CHECKING:
    from netsim.scenario.schema import Scenario
    from netsim.scenario.schema_service import Container, Service


def party_of(scenario: Scenario, target: str, source: str = "") -> str:
    """The service or container that a target means: ``web``, ``web:8080``, ``tasks.web`` and the task ``web.1`` all mean
    web, and ``localhost:8080`` who publishes the port at the node ``source``: a container there, or a service in the mesh; the
    first without either. Any other name is given back without its port."""
    name, _, port = target.partition(":")
    if name == LOCALHOST:
        found = publishers(scenario, port)
        here = [
            one for one in found if one in scenario.containers and scenario.containers[one].node == source
        ]
        return next(iter([*here, *(one for one in found if one in scenario.services), *found]), name)
    short = name.removeprefix(TASKS)
    if name not in scenario.services and short in scenario.services:
        return short
    service, dot, slot = name.rpartition(".")
    return service if dot and slot.isdigit() and service in scenario.services else name


def publishers(scenario: Scenario, port: str) -> list[str]:
    """The services and containers that publish a port by its number; of containers there may be one on each node."""
    specs: dict[str, Service | Container] = {**scenario.services, **scenario.containers}
    return [name for name, spec in specs.items() if any(str(one.published) == port for one in spec.ports)]


def spec_of(scenario: Scenario, party: str) -> Service | Container | None:
    """What the scenario says of a service or container; None for anything else."""
    return scenario.services.get(party) or scenario.containers.get(party)


def asked_of(scenario: Scenario, target: str, source: str = "") -> dict[str, float]:
    """How many requests each service and container gets for one request of ``source`` to ``target``, by calls of calls; callers stand
    before whom they call. Empty if the target is neither. Calls in a circle are an error of the scenario."""
    order: list[str] = []
    seen: set[str] = set()

    def visit(party: str) -> None:
        spec = spec_of(scenario, party)
        if spec is None or party in seen:
            return
        seen.add(party)
        for call in spec.calls:
            visit(party_of(scenario, call.to))
        order.append(party)

    first = party_of(scenario, target, source)
    visit(first)
    found = dict.fromkeys(reversed(order), 0.0)
    for party in found:
        found[party] += party == first
        spec = spec_of(scenario, party)
        for call in spec.calls if spec is not None else ():
            called = party_of(scenario, call.to)
            if called in found:
                found[called] += call.count * found[party]
    return found
