"""Whether every call and every load finds a way, told before the clock starts."""

from __future__ import annotations

from collections.abc import Iterator

from netsim.datapath.reach import ReachError, reach
from netsim.model.entities import Model, Task
from netsim.model.problems import Problems
from netsim.scenario.problems import PathTuple


def check_ways(model: Model, problems: Problems) -> None:
    """One problem for each call or load that has no way.

    Between overlays with virtual addresses there is always a way, so only the rest is looked at.
    """
    for path, source, target in _asked(model):
        for name in _representatives(model, source):
            try:
                reach(model, name, target)
            except ReachError as error:
                problems.add(path, "NO_WAY", f"a way from {source} to {target}", str(error))
                break


def _asked(model: Model) -> Iterator[tuple[PathTuple, str, str]]:
    for name, load in model.scenario.load.items():
        yield ("load", name, "to"), load.from_, load.to
    for room, parties in (("services", model.scenario.services), ("containers", model.scenario.containers)):
        for name, party in parties.items():
            for i, call in enumerate(party.calls):
                if not (_balanced(model, name) and _balanced(model, call.to.partition(":")[0])):
                    yield (room, name, "calls", i, "to"), name, call.to


def _balanced(model: Model, party: str) -> bool:
    """Whether it is a service with a virtual address on overlays alone."""
    spec = model.scenario.services.get(party)
    if spec is None or spec.endpoint_mode != "vip":
        return False
    return all(model.addresses[name].driver.balanced for name in spec.networks)


def _representatives(model: Model, source: str) -> list[str]:
    """One task on each node: what can be reached depends on the node."""
    if source in model.services and _balanced(model, source):
        return [task.name for task in model.services[source][:1]]
    if source in model.services:
        by_node: dict[str, Task] = {}
        for task in model.services[source]:
            by_node.setdefault(task.node.name, task)
        return [task.name for task in by_node.values()]
    return [] if source in model.starved else [source]
