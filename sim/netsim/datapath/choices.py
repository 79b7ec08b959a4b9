"""By which networks a source can reach a target while containers join and leave networks, and updates give services others.

What decides depends on what is asked for (`Deciding`): a name is answered with the address on the first network of the
source that knows it; a way out is the source's default route; a published port is where its container's default route is.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from netsim.datapath.reach import ReachError, hosted, party_of, reach, shared_networks
from netsim.drivers.gateway import gateway_network
from netsim.model.entities import OUTSIDE, Model
from netsim.scenario.schema_attach import gateway_priority


class Deciding(Enum):
    """What decides by which network a source reaches a target."""

    FIXED = 0  # nothing that changes
    NAME = 1  # where the source's resolver finds the name
    ROUTE = 2  # the source's default route
    PORT = 3  # the target's default route, since its published ports are there


def deciding(model: Model, src: str, target: str) -> Deciding:
    """What decides for this pair."""
    name = target.partition(":")[0]
    if src == OUTSIDE:
        return Deciding.PORT if name in model.containers and model.ports_of(name) else Deciding.FIXED
    if src not in model.tasks or name == src:
        return Deciding.FIXED
    party = party_of(model, name)
    if name == OUTSIDE or name in model.nodes or hosted(model, model.tasks[src], party):
        return Deciding.ROUTE if src in model.containers else Deciding.FIXED
    return Deciding.NAME


def choices(model: Model, src: str, target: str) -> tuple[str, ...]:
    """The networks by which ``src`` reaches ``target`` at some time: of names the one that is looked at first stands first,
    of routes and ports the one that is used from the start. Raises `ReachError` if there is no way at all."""
    first = reach(model, src, target).network
    if not any(o.connect or o.disconnect or o.new_networks() for o in model.scenario.operations):
        return (first,)
    what = deciding(model, src, target)
    if what == Deciding.NAME:
        found: Iterable[str] = shared_networks(
            model, model.tasks[src], party_of(model, target.partition(":")[0])
        )
    elif what == Deciding.ROUTE:
        found = _default_routes(model, src)
    elif what == Deciding.PORT and model.addresses[first].driver.publishes:
        found = (n for n in _default_routes(model, target.partition(":")[0]) if carries_ports(model, n))
    else:
        return (first,)
    return tuple(
        dict.fromkeys((first, *(network for network in found if _leads(model, src, target, network))))
    )


def carries_ports(model: Model, network: str) -> bool:
    """Whether ports that a container publishes are there, if its default route is."""
    plan = model.addresses[network]
    return plan.driver.publishes and not plan.spec.internal


def default_route(model: Model, container: str, networks: Iterable[str]) -> str | None:
    """The network of a container's default route while it is on these."""
    mine = model.tasks[container].networks
    known = (network for network in mine if network in set(networks))  # with what is said of the attachment
    return gateway_network((n, model.addresses[n].spec, gateway_priority(n)) for n in known)


def at_first(model: Model, container: str) -> set[str]:
    """The networks that a container is on when the clock starts."""
    task = model.tasks[container]
    return set(task.spec.networks or task.networks[:1] if task.service is None else task.networks)


def _default_routes(model: Model, container: str) -> list[str]:
    """All that a container has, one after the other."""
    on = at_first(model, container)
    found = [default_route(model, container, on)]
    for operation in sorted(model.scenario.operations, key=lambda o: o.at):
        on |= {network for name, network in (operation.connect or {}).items() if name == container}
        on -= {network for name, network in (operation.disconnect or {}).items() if name == container}
        found.append(default_route(model, container, on))
    return [network for network in dict.fromkeys(found) if network is not None]


def _leads(model: Model, src: str, target: str, network: str) -> bool:
    try:
        return reach(model, src, target, network).network == network
    except ReachError:
        return False
