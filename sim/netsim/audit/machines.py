"""Machines that several nodes share: what they promise together, and what goes when one of them fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from netsim.audit.limit import Limit, rule
from netsim.model.entities import Model

GBIT = 1e9


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
def shared_card(model: Model) -> Iterator[Limit]:
    """What the nodes on a machine can send together against its card (Gbit/s). More is usual, and a risk where all send
    at once to other machines."""
    for name, spec in model.scenario.hypervisors.items():
        if spec.nic is None:
            continue
        guests = [node for node in model.nodes.values() if node.machine == name and node.shared]
        cards, most = sum(node.nic.rate for node in guests) / GBIT, spec.nic.rate / GBIT
        help = "a faster card, or fewer nodes on the machine" if cards > most else None
        yield Limit("hypervisor.card", name, round(cards, 3), round(most, 3), ("hypervisors", name, "nic"), False,
                    f"Gbit/s of {len(guests)} virtual cards: {cards / most:.3g} to 1", help, near=1.0)  # fmt: skip


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
