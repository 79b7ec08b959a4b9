"""Racks and sites: what their uplinks carry, and what goes when one of them fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from netsim.audit.limit import Limit, rule
from netsim.model.entities import Model, Node
from netsim.model.fabric import rack_of, racks, site_of

GBIT = 1e9


@rule
def oversubscription(model: Model) -> Iterator[Limit]:
    """What the cards of a rack can send against what its uplinks carry (Gbit/s). More is usual, and a risk where all
    send at once to other racks."""
    leaves = model.fabric.leaf_spine
    for rack, nodes in racks(model).items():
        assert leaves is not None
        cards, uplinks = sum(node.nic.rate for node in nodes) / GBIT, leaves.spines * leaves.uplink / GBIT
        detail = f"Gbit/s of {len(nodes)} cards on {leaves.spines} uplinks: {cards / uplinks:.3g} to 1"
        help = "more spines, faster uplinks, or fewer nodes in the rack" if cards > uplinks else None
        yield Limit("oversubscription", f"rack {rack}", round(cards, 3), round(uplinks, 3), ("fabric", "leaf_spine"), False,
                    detail, help, near=1.0)  # fmt: skip


@rule
def quorum_at_one_place(model: Model) -> Iterator[Limit]:
    """Managers in one rack or on one site: with more than the quorum can spare, its failure stops the swarm's control."""
    managers = [node for node in model.nodes.values() if node.role == "manager"]
    spare = (len(managers) - 1) // 2
    if spare == 0:
        return  # any one manager is one too many: told of the swarm
    for kind, place_of in _kinds(model):
        for place, count in Counter(place_of(model, node) for node in managers).items():
            detail = f"{count} of {len(managers)} managers, of which {spare} can be lost"
            yield Limit(f"single-point.{kind}-quorum", f"{kind} {place}", count, spare, ("nodes",), False, detail,
                        f"spread the managers over more {kind}s" if count > spare else None, near=1.0)  # fmt: skip


@rule
def replicas_at_one_place(model: Model) -> Iterator[Limit]:
    """Services whose replicas all stand in one rack or on one site, and go with it."""
    for kind, place_of in _kinds(model):
        if len({place_of(model, node) for node in model.nodes.values()}) < 2:
            continue
        for service, tasks in model.services.items():
            counts = Counter(place_of(model, task.node) for task in tasks)
            place, most = counts.most_common(1)[0] if counts else ("", 0)
            if len(tasks) > 1:
                help = f"spread {service} over {kind}s: a preference, or a constraint that more of them meet"
                yield Limit(f"single-point.{kind}-replicas", f"{service} in {kind} {place}", most, len(tasks) - 1,
                            ("services", service), False, f"{most} of {len(tasks)} replicas in one {kind}",
                            help if most == len(tasks) else None, near=1.0)  # fmt: skip


def _kinds(model: Model) -> list[tuple[str, Callable[[Model, Node], str]]]:
    found: list[tuple[str, Callable[[Model, Node], str]]] = []
    if model.fabric.leaf_spine is not None:
        found.append(("rack", rack_of))
    if model.fabric.wan is not None:
        found.append(("site", site_of))
    return found
