"""The network as plain numbers: groups of nodes, their links, and the networks that span them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from netsim.report.answer import group_of
from netsim.report.chart import Chart
from netsim.results.result import Result
from netsim.results.setup import rate_text

#: Up to this many nodes of a group are drawn one by one; more are counted by how busy they are.
MOST_SINGLE = 24
#: Bands of utilisation: upper end (share), name.
BANDS = (
    (0.3, "below 30 %"),
    (0.5, "30 to 50 %"),
    (0.7, "50 to 70 %"),
    (0.9, "70 to 90 %"),
    (2.0, "90 % and more"),
)


@dataclass(frozen=True, slots=True)
class Machine:
    """A node: how busy its cores and its link are (0 to 1), and the number of its band from 0."""

    name: str
    cpu: float
    link: float
    band: int


@dataclass(frozen=True, slots=True)
class Group:
    """A node group. ``machines`` are drawn; where there are too many, ``bands`` counts them by how busy they are.

    ``busiest`` by cores, ``link``: the greatest use of a link in either direction (0 to 1), at ``link_node``.
    """

    name: str
    what: str
    count: int
    machines: Sequence[Machine]
    bands: Sequence[tuple[int, str, int]]
    busiest: Machine | None
    link: float
    link_node: str
    link_band: int
    networks: Sequence[str]
    services: Sequence[tuple[str, int]]


def band(share: float) -> int:
    """The number of the band that holds the share."""
    return next(k for k, (end, _) in enumerate(BANDS) if share < end or k == len(BANDS) - 1)


def groups(result: Result) -> list[Group]:
    """The groups of nodes in the order of the scenario."""
    members: dict[str, list[Machine]] = {}
    for name, found in result.data["nodes"].items():
        of = group_of(result, name)
        cpu = found["cpu"]["value"] or 0.0
        link = max(found["nic_tx"]["value"] or 0.0, found["nic_rx"]["value"] or 0.0)
        members.setdefault(of["group"] if of else name, []).append(Machine(name, cpu, link, band(cpu)))
    placed = _services(result)
    setup = result.data.get("setup", {})
    specs = {spec["group"]: spec for spec in setup.get("nodes", [])}
    return [
        _group(name, machines, specs.get(name), placed.get(name, {}), networks(result))
        for name, machines in members.items()
    ]


def _group(
    name: str,
    machines: list[Machine],
    spec: dict[str, Any] | None,
    placed: dict[str, int],
    nets: list[dict[str, Any]],
) -> Group:
    what = ""
    if spec is not None:
        cores = f"{spec['cores']} core{'' if spec['cores'] == 1 else 's'}"
        what = f"{spec['role']}, {cores}, {rate_text(spec['nic_bps'])}, MTU {spec['mtu']}"
    many = len(machines) > MOST_SINGLE
    counted = (
        [(k, text, sum(m.band == k for m in machines)) for k, (_, text) in enumerate(BANDS)] if many else []
    )
    linked = max(machines, key=lambda m: m.link)
    return Group(
        name, what, len(machines), [] if many else machines, [b for b in counted if b[2]],
        max(machines, key=lambda m: m.cpu), linked.link, linked.name, band(linked.link),
        [net["name"] for net in nets if name in net["groups"]], sorted(placed.items()),
    )  # fmt: skip


def _services(result: Result) -> dict[str, dict[str, int]]:
    """Tasks by group and service: each task has a worker pool on its node."""
    found: dict[str, dict[str, int]] = {}
    services = {service["name"] for service in result.data.get("setup", {}).get("services", [])}
    for name, station in result.stations_all.items():
        if station["kind"] != "workers":
            continue
        task = name.removesuffix("/workers")
        party = task.rpartition(".")[0] if task.rpartition(".")[0] in services else task
        of = group_of(result, station["node"])
        counts = found.setdefault(of["group"] if of else station["node"], {})
        counts[party] = counts.get(party, 0) + 1
    return found


def networks(result: Result) -> list[dict[str, Any]]:
    """The networks that anything is on."""
    return [net for net in result.data.get("setup", {}).get("networks", []) if net["parties"]]


def topology_chart(result: Result) -> Chart:
    """Groups and their links."""
    found = groups(result)
    rows = [
        (g.name, g.what, g.count, None if g.busiest is None else g.busiest.cpu * 100, g.link * 100, g.link_node,
         ", ".join(g.networks), ", ".join(f"{n} × {name}" for name, n in g.services))
        for g in found
    ]  # fmt: skip
    columns = (
        "group",
        "machine",
        "nodes",
        "busiest cores (%)",
        "busiest link (%)",
        "which",
        "networks",
        "tasks",
    )
    if not found:
        return Chart("The network", "There are no nodes.", columns, rows)
    worst = max(found, key=lambda g: g.link)
    nodes = sum(g.count for g in found)
    reading = (
        f"{nodes} node{'' if nodes == 1 else 's'} in {len(found)} group{'' if len(found) == 1 else 's'} on one switch, "
        f"{len(networks(result)) or 'no'} networks in use; the busiest link is that of {worst.link_node} "
        f"({worst.link * 100:.3g} %)."
    )
    return Chart("The network", reading, columns, rows)
