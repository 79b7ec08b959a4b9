"""What a probe watches on the idle reference machinery: squares of busy times, and when a request itself meets each station."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from netsim.datapath.stage import Context, backlog_of
from netsim.engine.machine import Machine
from netsim.engine.meter import Meter
from netsim.picoseconds import PS_PER_S

QUANTILES = 64


class Squares(Meter):
    """Also sums up the squares of busy times (s^2)."""

    __slots__ = ("squares", "short", "quantum_s", "came")

    def __init__(self, old: Meter, quantum_ps: int) -> None:
        super().__init__("", "", "", 1, old.duration_ps, old.slice_ps)
        self.record = old.record
        self.squares = 0.0
        self.short = 0.0
        self.quantum_s = min(quantum_ps / PS_PER_S, 1e6)
        self.came: list[int] = []  # to workers, when

    def waited(self, arrived_ps: int, wait_ps: int) -> None:
        """Somebody who arrived then begins to be served."""
        super().waited(arrived_ps, wait_ps)
        if self.record.kind == "workers" and 0 <= arrived_ps < self.duration_ps:
            self.came.append(arrived_ps)

    def busy(self, start_ps: int, end_ps: int) -> None:
        """One server was busy from start to end."""
        super().busy(start_ps, end_ps)
        if 0 <= start_ps < self.duration_ps:
            seconds = (end_ps - start_ps) / PS_PER_S
            self.squares += seconds * seconds
            whole, rest = divmod(seconds, self.quantum_s)
            self.short += whole * self.quantum_s**2 + rest**2


def watch_machine(machine: Machine) -> dict[str, Squares]:
    """Meters with squares in the place of all others."""
    found: dict[str, Squares] = {}

    def watched(owner: Any, quantum_ps: int = 1 << 60) -> None:
        owner.meter = found[owner.meter.record.name] = Squares(owner.meter, quantum_ps)

    for name, cpu in machine.cpus.items():
        for core in cpu.cores:
            watched(core, cpu.quantum_ps)
        for ring in machine.rings[name]:
            watched(ring)
    for link in machine.links.values():
        watched(link)
    for pool in machine.pools.values():
        watched(pool)
    return found


def place_of(machine: Machine, node: str) -> str:
    """Whose cores a node runs on: its own, or a hypervisor's."""
    return machine.cpus[node].cores[0].meter.record.node


def ring_cores(machine: Machine) -> dict[str, str]:
    """By receive queue, or backlog of a core, the core that takes from it."""
    return {
        ring.meter.record.name: machine.cpus[node].cores[ring.core].meter.record.name
        for node, rings in machine.rings.items()
        for ring in rings
    }


def watch_paths(machine: Machine) -> dict[str, list[int]]:
    """When a request itself meets each station: units and thread work whose time stands in a split."""
    times: dict[str, list[int]] = {}
    send, run = machine.send, machine.run

    def meet(name: str) -> None:
        if 0 <= machine.kernel.now < machine.duration_ps:
            times.setdefault(name, []).append(machine.kernel.now)

    def sending(
        route: Any,
        payload: Any,
        key: Any,
        arrive: Any,
        drop: Any,
        split: Any = None,
        flow: int = 0,
        *rest: Any,
        **more: Any,
    ) -> None:
        if split is not None:
            for visit in route.visits:
                if visit.context == Context.LINK:
                    meet(visit.station_of(flow, machine.lanes.get(visit.station) if machine.lanes else None))
                elif visit.context == Context.SOFTIRQ:
                    rings, queues = machine.rings[visit.node], machine.queues[visit.node]
                    steered = (
                        queues + backlog_of(flow, len(rings) - queues) if visit.steered else flow % queues
                    )
                    meet(rings[steered].meter.record.name)
        send(route, payload, key, arrive, drop, split, flow, *rest, **more)

    def running(thread: Any, node: str, work: Any, done: Any, split: Any) -> None:
        if split is not None and any(ps for _, ps in work):
            meet(f"{place_of(machine, node)}/cpu")
        run(thread, node, work, done, split)

    machine.send = sending  # type: ignore[method-assign, assignment]
    machine.run = running  # type: ignore[method-assign]
    return times


def by_request(
    times: dict[str, list[int]], names: Iterable[str], start_ps: npt.NDArray[np.int64], done: list[int]
) -> dict[str, npt.NDArray[np.int64]]:
    """How often each request passes each of these stations: one comes after the other, so what is met before the next one starts is its own."""
    found = {}
    for name in sorted(times.keys() & set(names)):
        whose = np.searchsorted(start_ps, times[name], side="right") - 1
        found[name] = np.bincount(whose[whose >= 0], minlength=len(start_ps))[done]
    return found


def in_order(times: dict[str, list[int]], start_ps: npt.NDArray[np.int64]) -> list[str]:
    """Stations in the order in which a request meets them."""
    after = {}
    for name, when in times.items():
        at = np.array(when, np.int64)
        whose = np.maximum(np.searchsorted(start_ps, at, side="right") - 1, 0)
        after[name] = float((at - start_ps[whose]).mean())
    return sorted(after, key=lambda name: (after[name], name))


def again_s(
    times: dict[str, list[int]], start_ps: npt.NDArray[np.int64]
) -> dict[str, npt.NDArray[np.float64]]:
    """By cores, how long before a visit of a request (s) its last one there began, inf for its first, at `QUANTILES` quantiles; of all
    cores together under ""."""
    found: dict[str, npt.NDArray[np.float64]] = {}
    for name in sorted(name for name in times if name.endswith("/cpu")):
        at = np.array(times[name], np.float64) / PS_PER_S
        whose = np.searchsorted(start_ps, times[name], side="right")
        found[name] = np.where(np.diff(whose, prepend=-1) == 0, np.diff(at, prepend=-np.inf), np.inf)
    if found:
        found[""] = np.concatenate(list(found.values()))
    return {name: _quantiles(values) for name, values in found.items()}


def _quantiles(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    ordered = np.sort(values)
    return ordered[((np.arange(QUANTILES) + 0.5) / QUANTILES * len(ordered)).astype(np.int64)]
