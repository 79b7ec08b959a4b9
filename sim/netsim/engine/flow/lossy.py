"""Streams of datagrams: what of them is lost where, and what is left for the stations behind.

Nobody sends a lost datagram again, so a full station passes what it can and the rest is gone, where requests would queue up: a transmitter or a
receive queue that is asked for u > 1 loses 1 - 1/u and has a full buffer before it; a task's receive buffer loses what
`netsim.engine.flow.buffers` says. What is behind them has that much less to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from netsim.datapath.udp import has_to_fit, holds, truesize_bytes
from netsim.engine.flow.buffers import buffered
from netsim.engine.flow.probe import Demand, Probe
from netsim.engine.flow.queues import MOST, NONE, Wait, shortest_queue
from netsim.engine.flow.standing import part_bytes
from netsim.engine.record import FATES
from netsim.model.entities import Model, Task
from netsim.picoseconds import PS_PER_S
from netsim.scenario.schema import Scenario

if TYPE_CHECKING:
    from netsim.engine.flow.solve import State

FATE = {
    "workers": FATES.index("buffer_full"), "nic_rx": FATES.index("ring_full"), "nic_tx": FATES.index("queue_full"),
    "switch": FATES.index("queue_full"),
}  # fmt: skip
#: Squared coefficient of variation of the gaps between arrivals, by kind.
EVEN = {"constant": 0.0, "poisson": 1.0}


class Streams:
    """All streams of a scenario, and what stands in their way."""

    def __init__(self, scenario: Scenario, model: Model, probes: Mapping[str, Probe]) -> None:
        self.scenario = scenario
        self.probes = {
            name: found for name, found in probes.items() if scenario.load[name].datagram is not None
        }
        self.tasks = {f"{task.name}/workers": task for task in model.tasks.values()}
        self.nodes, self.services = model.nodes, model.services
        met = {name for probe in self.probes.values() for name in (*probe.order, *probe.demands)}
        others = {name for key, probe in probes.items() if key not in self.probes for name in probe.demands}
        #: Receive buffers that hold nothing but datagrams.
        self.pools = {
            name: self._room(name, task) for name, task in self.tasks.items() if name in met - others
        }
        #: Transmitters and receive queues on the way.
        self.links = {
            name for probe in self.probes.values() for name in probe.order if name not in self.tasks
        }

    def __bool__(self) -> bool:
        return bool(self.probes)

    def _room(self, pool: str, task: Task) -> int:
        """How many datagrams wait for a task's workers at the most: those of its own node and of others take different buffers."""
        kernel, wanted = task.node.profile.kernel, task.spec.work.receive_buffer
        size = int(kernel["rmem_default"]) if wanted is None else wanted
        each = total = 0.0
        for name, probe in self.probes.items():
            if pool in probe.demands:
                load, weight = self.scenario.load[name], probe.demands[pool].visits
                senders = [sender.node.name for sender in self.services.get(load.from_, ())] or [load.from_]
                away = sum(node != task.node.name for node in senders) / len(senders)
                for share, by_card in ((away, True), (1 - away, False)):
                    each += weight * share * truesize_bytes(load.datagram or 0, by_card)
                total += weight
        return holds(size, max(1, round(each / total)) if total else 1, int(has_to_fit(kernel["version"])))

    def own_s(self, pool: str, demand: Demand) -> float:
        """Thread time of a datagram at its receiver (s)."""
        spec = self.tasks[pool].spec
        if spec.calls or not demand.visits:
            return spec.work.cpu.mean / PS_PER_S
        return max(0.0, demand.seconds / demand.visits - spec.work.wait.mean / PS_PER_S)

    def reached(self, name: str, lost: Mapping[str, float]) -> dict[str, float]:
        """Of a stream, what share of its visits each station still has. Tasks that have come meanwhile get what is left in the mean."""
        probe = self.probes[name]
        left = np.ones(len(probe.parts))
        found: dict[str, float] = {}
        for station in probe.order:
            passes = probe.passes[station]
            many = float(passes.sum())
            found[station] = float(passes @ left) / many if many else 1.0
            if lost.get(station) and station in self.links:
                left = left * (1 - lost[station]) ** passes
        return dict.fromkeys(probe.demands, float(left.mean())) | found

    def totals(self, found: dict[str, Demand], rates: Mapping[str, float], lost: Mapping[str, float]) -> None:
        """What all streams ask of the stations, onto what others do, where these shares are lost."""
        for name, probe in self.probes.items():
            shares = self.reached(name, lost)
            for station, demand in probe.demands.items():
                found[station] = found[station].plus(demand.times(rates[name] * shares[station]))
            for station, demand in probe.demands.items():
                if station in self.tasks:
                    gone = demand.visits * (1 - shares[station] * (1 - lost.get(station, 0.0)))
                    cores = found[self.tasks[station].node.cpu_station]
                    own_s = self.own_s(station, demand)
                    share = min(1.0, rates[name] * gone * own_s / cores.seconds) if cores.seconds else 0.0
                    found[self.tasks[station].node.cpu_station] = cores.times(1 - share)

    def full(self, name: str, total: Demand, state: State) -> None:
        """A transmitter or receive queue on the way of datagrams that is asked for more than it can do."""
        if name not in self.links or not total.visits:
            return
        room_s = self._holds(name) * total.seconds / total.visits
        state.asked[name] = total.seconds, room_s
        if total.seconds > MOST:
            state.lost[name] = 1 - MOST / total.seconds
            state.busy[name] = MOST  # what it cannot do is lost, and no backlog
            state.waits[name] = Wait(0.0, room_s, 0.0, room_s)

    def filled(self, state: State, behind_s: dict[str, float], seconds: float) -> State:
        """The state of so long a time (s) in which buffers fill and empty: until one is full nothing is lost. ``behind_s``: what stands in
        them at its begin, and then at its end."""
        if not any(asked > 1 or behind_s.get(name) for name, (asked, _) in state.asked.items()):
            return state  # the same one for all such times
        lost, waits = dict(state.lost), dict(state.waits)
        for name, (asked, room_s) in state.asked.items():
            before, grows = behind_s.get(name, 0.0), asked - 1
            if grows <= 0 and not before:
                continue
            after = min(room_s, max(0.0, before + grows * seconds))
            takes = min(seconds, (room_s - before) / grows) if grows > 0 else min(seconds, before / -grows)
            mean = ((before + after) / 2 * takes + after * (seconds - takes)) / seconds
            if name in lost:
                lost[name] *= 1 - takes / seconds
            waits[name] = Wait(0.0, mean, 0.0, mean)
            behind_s[name] = after
        return replace(state, lost=lost, waits=waits)

    def grown_s(self, before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
        """By stream, how much longer its datagrams stand in the buffers of its way after a time than before it (s)."""
        return {
            workload: sum(
                float(probe.passes[name].mean()) * (after.get(name, 0.0) - before.get(name, 0.0))
                for name in probe.order if name in after
            )
            for workload, probe in self.probes.items()
        }  # fmt: skip

    def _holds(self, name: str) -> float:
        """How many datagrams the buffer before a transmitter or a receive queue holds."""
        ring = next(
            (n.nic.ring for n in self.nodes.values() if name.startswith((f"{n.name}/", f"switch/{n.name}"))),
            1024,
        )
        fabric = self.scenario.fabric
        size = None
        if name.startswith("switch/"):
            size = fabric.buffer if fabric.alpha is None else part_bytes(fabric.buffer, fabric.alpha, 1)
        wire = [
            probe.wire_bytes[name] / probe.demands[name].visits
            for probe in self.probes.values()
            if name in probe.wire_bytes
        ]
        return size / max(wire) if size and wire else float(ring)

    def pool(self, name: str, total: Demand, hold_s: float, state: State) -> None:
        """The receive buffer of a task whose workers are held so long by each datagram."""
        task, rate, gaps, sockets = self.tasks[name], 0.0, 0.0, 0.0
        for workload, probe in self.probes.items():
            if name in probe.demands:
                arrivals = self.scenario.load[workload].arrivals
                each = state.rates[workload] * probe.demands[name].visits
                cv2 = EVEN.get(arrivals.kind, arrivals.cv**2) if arrivals is not None else 1.0
                rate, gaps = rate + each, gaps + each * cv2
                sockets += self.scenario.load[workload].flows * probe.demands[name].visits
        work = task.spec.work
        rest = max(0.0, hold_s - (work.cpu.mean + work.wait.mean) / PS_PER_S)
        # Gaps of several streams together vary as their mean by rate (Whitt, The queueing network analyzer, Bell System Technical Journal 62, 1983).
        found = buffered(
            float(f"{total.visits:.3g}"), round(gaps / rate, 2) if rate else 1.0, work.cpu, work.wait, float(f"{rest:.3g}"),
            work.workers, self.pools[name], max(1, round(sockets)),
        )  # fmt: skip
        state.buffers[name] = found
        if found.lost:
            state.lost[name] = found.lost
        state.busy[name] = min(MOST, total.visits * (1 - found.lost) * hold_s / work.workers)
        state.waits[name] = Wait(0.0, float(found.waits_s.mean()))

    def own_wait(self, pool: str, total: Demand, cores: Demand, count: int, cpu: Wait) -> float:
        """What share of the wait for a node's cores a pool's thread has: not behind itself, and behind no more others of its pool than
        there are, which leave that many cores fewer to what else the node does."""
        workers = self.tasks[pool].spec.work.workers
        if workers > count or not cpu.others:
            return 1.0
        own = min(cores.seconds, total.visits * self.own_s(pool, total))
        left = max(1, round(count - own * (workers - 1) / workers))
        found = shortest_queue(left, min(MOST, (cores.seconds - own) / left)) if cores.seconds > own else NONE
        return min(1.0, found.mean_s / cpu.others)

    def socket_s(self, name: str) -> float:
        """Thread time of a datagram at its sender (s)."""
        probe = self.probes[name]
        whole = sum(demand.seconds for station, demand in probe.demands.items() if station.endswith("/cpu"))
        theirs = sum(
            demand.visits * self.own_s(s, demand) for s, demand in probe.demands.items() if s in self.tasks
        )
        return max(0.0, whole - theirs)
