"""Switches between nodes: racks with a leaf switch each under spines, and sites over a WAN, both by labels of nodes.

Ports towards nodes are ``switch/NODE``. A leaf has ``switch/RACK.upK`` to spine K, and the spine ``switch/RACK.downK``
back; a site has ``switch/SITE.wan`` towards the others. One switch that blocks has ``switch/fabric`` between its ports.
"""

from __future__ import annotations

from collections.abc import Iterator

from netsim.model.entities import Model, Node
from netsim.model.problems import Problems
from netsim.scenario.schema import Scenario

UP, DOWN, WAN = "up", "down", "wan"
#: What all that passes a switch of limited capacity shares: its backplane.
BACKPLANE = "switch/fabric"
THOUSAND = 1000


def port(place: str, kind: str) -> str:
    """The station of a port of a rack or site; of several side by side, without the number at its end."""
    return f"switch/{place}.{kind}"


def rack_of(model: Model, node: Node) -> str:
    """The rack that a node stands in; empty where one switch joins all."""
    spec = model.fabric.leaf_spine
    return node.labels[spec.label] if spec is not None else ""


def site_of(model: Model, node: Node) -> str:
    """The site that a node stands in; empty where there is one."""
    spec = model.fabric.wan
    return node.labels[spec.label] if spec is not None else ""


def racks(model: Model) -> dict[str, list[Node]]:
    """The nodes of each rack; empty where one switch joins all."""
    found: dict[str, list[Node]] = {}
    for node in model.nodes.values() if model.fabric.leaf_spine is not None else ():
        found.setdefault(rack_of(model, node), []).append(node)
    return found


def fabric_ports(model: Model) -> Iterator[tuple[str, int, int]]:
    """Ports between switches, and the backplane of one that blocks: station, rate (bit/s), buffer (bytes)."""
    leaves, wan = model.fabric.leaf_spine, model.fabric.wan
    if model.fabric.rate is not None:
        yield BACKPLANE, model.fabric.rate, model.fabric.buffer
    if leaves is not None:
        for rack in racks(model):
            for kind in (UP, DOWN):
                for spine in range(1, leaves.spines + 1):
                    yield f"{port(rack, kind)}{spine}", leaves.uplink, leaves.buffer
    if wan is not None:
        for site in dict.fromkeys(site_of(model, node) for node in model.nodes.values()):
            yield port(site, WAN), wan.rate, wan.buffer


def shared_buffers(model: Model) -> dict[str, tuple[int, int, list[str]]]:
    """Of each switch whose ports share one buffer: its bytes, alpha (thousandths), and the ports. None without alpha.

    A leaf's memory is the fabric's, a spine's that of the ports between switches. Ports of the WAN stand apart. The card of a
    hypervisor hangs on one switch, that of its first node, wherever its other nodes say that they stand.
    """
    fabric, leaves = model.fabric, model.fabric.leaf_spine
    if fabric.alpha is None:
        return {}
    alpha = round(fabric.alpha * THOUSAND)
    ports: dict[str, list[str]] = {}
    taken: set[str] = set()
    for node in model.nodes.values():
        here = ports.setdefault(rack_of(model, node) or site_of(model, node), [])
        here += [name for name in _ports_to(node) if name not in taken]
        taken.update(here)
    found = {place: (fabric.buffer, alpha, names) for place, names in ports.items()}
    if leaves is not None:
        for rack, (_, _, names) in found.items():
            names += [f"{port(rack, UP)}{spine}" for spine in range(1, leaves.spines + 1)]
        for spine in range(1, leaves.spines + 1):
            down = [f"{port(rack, DOWN)}{spine}" for rack in ports]
            found[f"spine{spine}"] = (leaves.buffer, alpha, down)
    return found


def _ports_to(node: Node) -> tuple[str, ...]:
    """The ports of the fabric that a node stands behind: its own, or its hypervisor's."""
    return node.switch_stations if node.uplink is None else (f"switch/{node.machine}",)


def lane_groups(model: Model) -> Iterator[tuple[str, int, bool]]:
    """Transmitters side by side: their name without the number, how many, and whether connections are spread over all of
    them (otherwise the first takes all)."""
    for node in model.nodes.values():
        if node.nic.bond is not None:
            for station in (node.tx_station, node.switch_station):
                yield station, node.cables, node.nic.bond.mode == "balance"
    if model.fabric.leaf_spine is not None and model.fabric.leaf_spine.spines > 1:
        for rack in racks(model):
            for kind in (UP, DOWN):
                yield port(rack, kind), model.fabric.leaf_spine.spines, True


def check_labels(scenario: Scenario, problems: Problems) -> None:
    """Every node says where it stands, and no rack is on two sites."""
    leaves, wan = scenario.fabric.leaf_spine, scenario.fabric.wan
    for spec in (leaves, wan):
        for group, nodes in scenario.nodes.items():
            if spec is not None and any(nodes.label(spec.label, i) is None for i in range(nodes.count)):
                expected = f"a label {spec.label} for each node, which the fabric goes by"
                problems.add(("nodes", group, "labels"), "MISSING", expected, "none")
    if wan is not None:
        known = scenario.label_values(wan.label)
        for pair in wan.between:
            names = pair.split("/")
            if len(names) != 2 or names[0] == names[1] or not set(names) <= set(known):
                expected = f"two different ones of {', '.join(known)}, like east/west"
                problems.add(("fabric", "wan", "between", pair), "BAD_VALUE", expected, pair)
    if leaves is None or wan is None or problems.found:
        return
    sites: dict[str, str] = {}
    for group, nodes in scenario.nodes.items():
        for i in range(nodes.count):
            rack, site = nodes.label(leaves.label, i) or "", nodes.label(wan.label, i) or ""
            if sites.setdefault(rack, site) != site:
                expected = f"{leaves.label} {rack} on one {wan.label}"
                problems.add(("nodes", group, "labels"), "BAD_VALUE", expected, f"{sites[rack]} and {site}")
                return
