"""Where the demands of a workload are once its requests go to other tasks, or cores and links have become slower.

What a visit of a task costs at its node's cores, rings and links stays; how many visits there are changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from netsim.engine.flow.constants import constants
from netsim.engine.flow.probe import Demand, Probe
from netsim.engine.flow.shares import Cell, Sharing
from netsim.engine.record import StationRecord
from netsim.model.entities import OUTSIDE, Node
from netsim.picoseconds import PS_PER_S


def weights(sharing: Sharing, cell: Cell) -> dict[str, tuple[float, float]]:
    """By node, or machine that nodes share, thread time and messages of one request (in shares of any unit)."""
    found: dict[str, tuple[float, float]] = {}

    def add(place: str, cpu: float, wire: float) -> None:
        before = found.get(place, (0.0, 0.0))
        found[place] = before[0] + cpu, before[1] + wire

    for name, (party, k) in sharing.place.items():
        visits, task = float(cell.visits[party][k]), sharing.model.tasks[name]
        add(task.node.machine, visits * (task.spec.work.cpu.mean / PS_PER_S + constants().own_s), 0.0)
        for place in {task.node.name, task.node.machine}:
            add(place, 0.0, visits)
    for node, k in sharing.nodes.items():
        for place in {node, sharing.model.nodes[node].machine} if cell.entries[k] else ():
            add(place, 0.0, constants().forwarded * float(cell.entries[k]))
    return found


def node_of(name: str, known: Mapping[str, StationRecord]) -> str:
    """The node of a station, or of the cores of one."""
    return name.removesuffix("/cpu") if name.endswith("/cpu") else known[name].node


def moved(
    probe: Probe, known: Mapping[str, StationRecord], sharing: Sharing, first: Cell, now: Cell
) -> Probe:
    """The probe's demands, and bytes on the wire, as the shares are ``now`` and were ``first``."""
    old, new = weights(sharing, first), weights(sharing, now)
    demands: dict[str, Demand] = {}
    sent: dict[str, float] = {}
    kits: dict[str, Demand] = {}
    totals: dict[str, float] = {}
    workers = _workers(probe, sharing, now)
    for name, demand in probe.demands.items():
        node = node_of(name, known)
        if name in workers or (name in known and known[name].kind == "workers"):
            continue
        cpu = name.endswith("/cpu")
        was = old.get(node, (0.0, 0.0))[not cpu]
        factor = new.get(node, (0.0, 0.0))[not cpu] / was if was and node != OUTSIDE else 1.0
        demands[name] = demand.times(factor)
        if name in probe.wire_bytes:
            sent[name] = probe.wire_bytes[name] * factor
        if was:
            key = name.replace(node, "*", 1)
            kits[key] = kits.get(key, Demand()).plus(demand)
            totals[key] = totals.get(key, 0.0) + was
    for node, (cpu_now, wire_now) in new.items():
        for key, kit in kits.items():  # a node that had no part in it before
            name = key.replace("*", node, 1)
            weight = cpu_now if name.endswith("/cpu") else wire_now
            if weight and name not in probe.demands and (name in known or name.endswith("/cpu")):
                demands[name] = kit.times(weight / totals[key])
    for node, used in now.lanes.items():
        _use_lanes(demands, sent, sharing.model.nodes[node], used)
    for name, demand in demands.items():
        slower = _slower(name, node_of(name, known), now)
        if slower != 1:
            demands[name] = demand.times(1.0, slower)
    return replace(probe, demands={**demands, **workers}, wire_bytes={**probe.wire_bytes, **sent})


def _workers(probe: Probe, sharing: Sharing, now: Cell) -> dict[str, Demand]:
    found: dict[str, Demand] = {}
    for party, shares in sharing.parties.items():
        total = Demand()
        for task in shares.names:
            total = total.plus(probe.demands.get(f"{task}/workers", Demand()))
        if total.visits:
            for k, task in enumerate(shares.names):
                visits = float(now.visits[party][k])
                if visits or f"{task}/workers" in probe.demands:
                    found[f"{task}/workers"] = total.times(visits / total.visits)
    return found


def _use_lanes(demands: dict[str, Demand], sent: dict[str, float], node: Node, used: Sequence[int]) -> None:
    """What all cables of a bond carried goes over those that it uses now, evenly, as its flows' hashes do."""
    for stations in (node.tx_stations, node.switch_stations):
        total, wire = Demand(), 0.0
        for name in stations:
            total, wire = total.plus(demands.get(name, Demand())), wire + sent.get(name, 0.0)
        for place, name in enumerate(stations):
            share = 1 / len(used) if place in used else 0.0
            demands[name], sent[name] = total.times(share), wire * share


def _slower(name: str, node: str, now: Cell) -> float:
    if name.endswith("/cpu"):
        return now.slower.get(f"{node}/cpu", 1.0)
    if name.startswith(f"switch/{node}/") or name == f"switch/{node}":
        return now.slower.get(f"{node}/receives", 1.0)
    return now.slower.get(f"{node}/sends", 1.0) if ".tx" in name else 1.0
