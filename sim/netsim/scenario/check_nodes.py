"""Machines: hypervisors, hardware threads, entries, and the key-value store of overlays without swarm mode."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

from netsim.scenario.problems import PathTuple
from netsim.scenario.units import format_duration

if TYPE_CHECKING:
    from netsim.scenario.check import Finder


def check_nodes(finder: Finder) -> None:
    """All problems of machines, of what they share, and of a key-value store on them."""
    _nodes(finder)
    _store(finder)


def _nodes(finder: Finder) -> None:
    scenario = finder.scenario
    names = scenario.node_names()
    managers = any(group.role == "manager" for group in scenario.nodes.values())
    if scenario.services and not managers:
        finder.add(("nodes",), "NO_MANAGER", "at least one node with role: manager", "workers only")
    if len(names) > 20_000:
        finder.add(("nodes",), "OUT_OF_RANGE", "at most 20000 nodes", len(names))
    seen: dict[str, str] = {}
    for hypervisor, spec in scenario.hypervisors.items():
        if hypervisor in names or hypervisor in ("switch", "fabric", "outside"):
            finder.add(
                ("hypervisors", hypervisor),
                "RESERVED_NAME",
                "a name that no node or part of the fabric has",
                hypervisor,
                of_key=True,
            )
        for i, name in enumerate(spec.nodes):
            path = ("hypervisors", hypervisor, "nodes", i)
            meant = fnmatch.filter(names, name) or [name]
            if not finder.reference(path, meant[0], names, "node"):
                continue
            for node in meant:
                if node in seen:
                    finder.add(path, "BAD_VALUE", f"a node not yet on {seen[node]}", node)
                seen.setdefault(node, hypervisor)
    fabric = scenario.fabric
    if fabric.rate is not None and (fabric.leaf_spine is not None or fabric.wan is not None):
        help = "what is between switches has rates of its own: leaf_spine.uplink, wan.rate"
        finder.add(
            ("fabric", "rate"), "BAD_VALUE", "a rate of the one switch", "one beside several switches", help
        )
    for name, group in scenario.nodes.items():
        if group.smt is not None and any(node.rpartition("-")[0] == name for node in seen):
            finder.add(
                ("nodes", name, "smt"), "BAD_VALUE", "no smt of nodes that share a machine's cores", group.smt
            )
        if group.smt is not None and group.cores % 2:
            finder.add(
                ("nodes", name, "cores"),
                "BAD_VALUE",
                "an even number of hardware threads with smt",
                group.cores,
            )


def _store(finder: Finder) -> None:
    """A key-value store excludes swarm mode, as dockerd does: its cluster-store and cluster-advertise are refused by
    docker swarm init and join."""
    scenario, spec = finder.scenario, finder.scenario.cluster_store
    if spec is None:
        return
    names = scenario.node_names()
    why = "dockerd refuses swarm mode beside --cluster-store: write containers, or leave out cluster_store"
    for name in scenario.services:
        finder.add(
            ("services", name), "SWARM_AND_STORE", "no service beside cluster_store", name, why, of_key=True
        )
    for name, group in scenario.nodes.items():
        if group.role == "manager":
            finder.add(
                ("nodes", name, "role"), "SWARM_AND_STORE", "no manager beside cluster_store", "manager", why
            )
    for i, pattern in enumerate(spec.nodes):
        finder.reference(
            ("cluster_store", "nodes", i), (fnmatch.filter(names, pattern) or [pattern])[0], names, "node"
        )
    if spec.ttl <= spec.heartbeat:
        finder.add(
            ("cluster_store", "ttl"),
            "OUT_OF_RANGE",
            "more than the heartbeat, which renews it",
            format_duration(spec.ttl),
        )
    for i, operation in enumerate(scenario.operations):
        if operation.verb not in ("connect", "disconnect"):
            path: PathTuple = ("operations", i, operation.verb)
            finder.add(
                path,
                "SWARM_AND_STORE",
                "connect or disconnect beside cluster_store",
                operation.verb,
                why,
                of_key=True,
            )
    if set(names) <= set(scenario.store_nodes()):
        finder.add(("cluster_store", "nodes"), "BAD_VALUE", "some nodes beside the store", "all nodes")
