"""The same numbers by rack, site or zone, and hypervisor: what stands together, fails together and shares its links."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netsim.engine.record import RunRecord
from netsim.model.entities import Model, Node, card_station
from netsim.model.fabric import DOWN, UP, WAN, port, racks, site_of
from netsim.results.stations import StationNumbers
from netsim.stats.intervals import across


def place_rows(
    model: Model, stations: Mapping[str, StationNumbers], records: Sequence[RunRecord]
) -> list[dict[str, Any]]:
    """``places`` of ``result.json``, by kind (the label of racks and sites, or ``hypervisor``) in the order of the nodes.

    ``cpu``: the share of all cores there; ``link``: the busiest of the links that its nodes share towards others, null
    where there is none.
    """
    found = []
    tasks = dict.fromkeys(model.nodes, 0)
    for task in model.tasks.values():
        tasks[task.node.name] += 1
    for kind, name, nodes in _places(model):
        shared = [stations[one] for one in _links(model, kind, name, stations)]
        busiest = max(shared, key=lambda station: station.utilisation.value or 0.0, default=None)
        found.append(
            {
                "kind": kind,
                "name": name,
                "nodes": [node.name for node in nodes],
                "tasks": sum(tasks[node.name] for node in nodes),
                "cpu": across(_cores(nodes, record) for record in records).within(0, 1).to_dict(),
                "link": None if busiest is None else {"station": busiest.name, **busiest.utilisation.to_dict()},
            }
        )  # fmt: skip
    return found


def _places(model: Model) -> Iterator[tuple[str, str, list[Node]]]:
    found: dict[tuple[str, str], list[Node]] = {}
    wan = model.fabric.wan
    for node in model.nodes.values():
        if wan is not None:
            found.setdefault((wan.label, site_of(model, node)), []).append(node)
    if model.fabric.leaf_spine is not None:
        found |= {(model.fabric.leaf_spine.label, rack): nodes for rack, nodes in racks(model).items()}
    for node in model.nodes.values():
        if node.shared:
            found.setdefault(("hypervisor", node.machine), []).append(node)
    for (kind, name), nodes in found.items():
        yield kind, name, nodes


def _links(model: Model, kind: str, name: str, known: Mapping[str, object]) -> list[str]:
    if kind == "hypervisor":
        nic = model.scenario.hypervisors[name].nic
        names = [] if nic is None else [card_station(name, nic), f"switch/{name}"]
    elif model.fabric.wan is not None and kind == model.fabric.wan.label:
        names = [port(name, WAN)]
    else:
        spines = 1 + (model.fabric.leaf_spine.spines if model.fabric.leaf_spine is not None else 0)
        names = [f"{port(name, way)}{spine}" for way in (UP, DOWN) for spine in range(1, spines)]
    return [one for one in names if one in known]


def _cores(nodes: Sequence[Node], record: RunRecord) -> float:
    machines = {node.machine: node.machine_cores for node in nodes}
    busy = sum(
        station.busy_ps
        for station in record.stations.values()
        if station.kind == "cpu" and station.node in machines
    )
    return busy / (record.duration_ps * sum(machines.values()))
