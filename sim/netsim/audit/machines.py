"""Machines that several nodes share: what they promise together, and what goes when one of them fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from netsim.audit.limit import Limit, rule
from netsim.model.entities import Model


@rule
def over_commit(model: Model) -> Iterator[Limit]:
    """Virtual cores of the nodes on a machine against its real ones."""
    for name, spec in model.scenario.hypervisors.items():
        guests = [node for node in model.nodes.values() if node.shared and node.machine == name]
        promised = sum(node.cores for node in guests)
        detail = f"{len(guests)} nodes have {promised} cores together"
        large = [node.name for node in guests if node.cores > spec.cores]
        if large:
            detail += f"; {large[0]} alone has more than the machine and gets {spec.cores}"
        path = ("hypervisors", name, "cores")
        yield Limit("hypervisor.cores", name, promised, spec.cores, path, False, detail, near=1.0)


@rule
def quorum_on_one_machine(model: Model) -> Iterator[Limit]:
    """Managers on one machine: with more than the quorum can spare, its failure stops the swarm's control."""
    managers = [node for node in model.nodes.values() if node.role == "manager"]
    spare = (len(managers) - 1) // 2
    if spare == 0:
        return  # any one manager is one too many: told of the swarm
    for name, count in Counter(node.machine for node in managers if node.shared).items():
        detail = f"{count} of {len(managers)} managers, of which {spare} can be lost"
        path = ("hypervisors", name, "nodes")
        yield Limit("single-point.hypervisor-quorum", name, count, spare, path, False, detail,
                    "spread the managers over machines", near=1.0)  # fmt: skip


@rule
def replicas_on_one_machine(model: Model) -> Iterator[Limit]:
    """Replicas of a service that fail together, because their nodes are on one machine."""
    for service, tasks in model.services.items():
        if len(tasks) < 2 or model.scenario.services[service].mode != "replicated":
            continue
        for name, count in Counter(task.node.machine for task in tasks if task.node.shared).items():
            if count > 1:
                detail = f"{count} of {len(tasks)} replicas"
                yield Limit("single-point.hypervisor-replicas", f"{service} on {name}", count, 1,
                            ("services", service), False, detail,
                            "label the nodes with their machine and spread over it")  # fmt: skip
