"""Single points of failure: what takes something with it when it goes."""

from __future__ import annotations

from collections.abc import Iterator

from netsim.audit.limit import Limit, rule
from netsim.model.entities import Model


@rule
def quorum(model: Model) -> Iterator[Limit]:
    """More than half of the managers have to be there, so one or two can lose none."""
    managers = [node for node in model.nodes.values() if node.role == "manager"]
    if not managers:
        return
    spare = (len(managers) - 1) // 2
    if spare == 0:
        detail = "without it nothing is scheduled or repaired" if len(managers) == 1 else "both are needed"
        path = ("nodes", managers[0].group)
        yield Limit(
            "single-point.managers",
            "the swarm",
            len(managers),
            None,
            path,
            False,
            detail,
            "have 3 or 5 managers",
        )


@rule
def store_quorum(model: Model) -> Iterator[Limit]:
    """A key-value store commits with more than half of its nodes."""
    nodes = model.scenario.store_nodes()
    if nodes and (len(nodes) - 1) // 2 == 0:
        yield Limit("single-point.store", "the store", len(nodes), None, ("cluster_store", "nodes"), False,
                    "without it nothing can join or leave an overlay", "have 3 or 5 nodes of it")  # fmt: skip


@rule
def lone_services(model: Model) -> Iterator[Limit]:
    """A service with one task, or with all tasks on one node."""
    for name, tasks in model.services.items():
        nodes = {task.node.name for task in tasks}
        if tasks and len(nodes) == 1 and len(model.nodes) > 1:
            detail = "one task" if len(tasks) == 1 else f"all {len(tasks)} tasks on {next(iter(nodes))}"
            yield Limit("single-point.service", name, len(nodes), None, ("services", name), False, detail)


@rule
def one_entry(model: Model) -> Iterator[Limit]:
    """Traffic from outside by way of one node."""
    entries = model.entry_nodes()
    if len(entries) == 1 and len(model.nodes) > 1 and model.ports:
        yield Limit("single-point.entry", entries[0], 1, None, ("outside", "entry", "nodes"), False,
                    "all traffic from outside enters here")  # fmt: skip


@rule
def one_switch(model: Model) -> Iterator[Limit]:
    """One switch joins all nodes."""
    leaves = model.fabric.leaf_spine
    if leaves is not None and leaves.spines == 1:
        yield Limit("single-point.switch", "spine", 1, None, ("fabric", "leaf_spine", "spines"), False,
                    "joins all racks")  # fmt: skip
    if len(model.nodes) > 1 and leaves is None and model.fabric.wan is None:
        detail = f"joins all {len(model.nodes)} nodes"
        yield Limit("single-point.switch", "switch", 1, None, ("fabric",), False, detail)
