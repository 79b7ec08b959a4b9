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
    kinds: list[tuple[str, Callable[[Model, Node], str]]] = []
    if model.fabric.leaf_spine is not None:
        kinds.append(("rack", rack_of))
    if model.fabric.wan is not None:
        kinds.append(("site", site_of))
    if spare == 0:
        return  # any one manager is one too many: told of the swarm
    for kind, place_of in kinds:
        for place, count in Counter(place_of(model, node) for node in managers).items():
            detail = f"{count} of {len(managers)} managers, of which {spare} can be lost"
            yield Limit(f"single-point.{kind}-quorum", f"{kind} {place}", count, spare, ("nodes",), False, detail,
                        f"spread the managers over more {kind}s" if count > spare else None, near=1.0)  # fmt: skip
