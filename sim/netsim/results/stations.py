"""The numbers of stations and nodes, and which station is the bottleneck."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from netsim.datapath.paths import link_specs
from netsim.datapath.processors import threads_give
from netsim.engine.histogram import quantile
from netsim.engine.record import RunRecord, StationRecord
from netsim.model.entities import Model, Node
from netsim.picoseconds import PS_PER_S
from netsim.stats.intervals import MIN_BATCHES, NOTHING, Estimate, across, batch_means
from netsim.stats.quantiles import least_for_value

#: Kind of the stations ``NODE/cpu``: all cores of a node together.
NODE_CPU = "node_cpu"
#: What can be the bottleneck; a core alone is not, its node's cores together are.
LIMITING = (NODE_CPU, "nic_tx", "nic_rx", "switch", "workers")


@dataclass(slots=True)
class StationNumbers:
    """One station over all replications; ``drops`` is their sum (count), ``servers`` its width."""

    name: str
    kind: str
    node: str
    servers: int
    utilisation: Estimate
    wait_mean_s: Estimate
    wait_p99_s: Estimate
    drops: int
    drops_each: list[int] = field(default_factory=list)
    #: The number of each replication by the name of its estimate: ``utilisation``, ``wait_s.mean``.
    samples: dict[str, list[float | None]] = field(default_factory=dict)

    def estimates(self) -> dict[str, Estimate]:
        """Every estimate, by name."""
        return {
            "utilisation": self.utilisation,
            "wait_s.mean": self.wait_mean_s,
            "wait_s.p99": self.wait_p99_s,
        }

    def to_dict(self) -> dict[str, object]:
        """As in ``result.json``."""
        return {
            "kind": self.kind,
            "node": self.node,
            "utilisation": self.utilisation.to_dict(),
            "wait_s": {"mean": self.wait_mean_s.to_dict(), "p99": self.wait_p99_s.to_dict()},
            "drops": self.drops,
        }


@dataclass(slots=True)
class NodeNumbers:
    """One node: shares of its cores and of its card's line rate in each direction (of a bond, of its busiest cable), tasks
    (count)."""

    name: str
    cpu: Estimate
    nic_tx: Estimate
    nic_rx: Estimate
    tasks: int
    conntrack_peak: int

    def to_dict(self) -> dict[str, object]:
        """As in ``result.json``."""
        return {
            "cpu": self.cpu.to_dict(),
            "nic_tx": self.nic_tx.to_dict(),
            "nic_rx": self.nic_rx.to_dict(),
            "tasks": self.tasks,
            "conntrack_peak": self.conntrack_peak,
        }


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """The busiest station, its utilisation, and the share of load that would still fit (1/u - 1)."""

    station: str | None
    utilisation: Estimate
    headroom: Estimate

    def to_dict(self) -> dict[str, object]:
        """As in ``result.json``."""
        return {
            "station": self.station,
            "utilisation": self.utilisation.to_dict(),
            "headroom": self.headroom.to_dict(),
        }


def station_names(model: Model) -> list[str]:
    """Every station that a run of this model has, as expectations may name them."""
    names = list(link_specs(model))
    machines = {node.machine: node.machine_cores for node in model.nodes.values()}
    for name, cores in machines.items():
        names += [f"{name}/cpu", *(f"{name}/cpu{k}" for k in range(cores))]
    for node in model.nodes.values():
        names += [f"{node.name}/{node.nic.name}.rx{q}" for q in range(node.rx_queues)]
        names += [
            f"{node.name}/backlog{k}" for k in range(min(node.cores, node.machine_cores) if node.rps else 0)
        ]
    return names + [f"{task}/workers" for task in model.tasks]


def station_numbers(records: Sequence[RunRecord]) -> dict[str, StationNumbers]:
    """Every station, and ``NODE/cpu`` for all cores of a node together; the busiest first."""
    complete = [{**record.stations, **_cores_together(record)} for record in records]
    names = sorted({name for stations in complete for name in stations})
    found = [_station(name, [stations.get(name) for stations in complete], records) for name in names]
    found.sort(key=lambda station: (-(station.utilisation.value or 0.0), station.name))
    return {station.name: station for station in found}


def _cores_together(record: RunRecord) -> dict[str, StationRecord]:
    together: dict[str, StationRecord] = {}
    for core in record.stations.values():
        if core.kind != "cpu":
            continue
        name = f"{core.node}/cpu"
        if name not in together:
            together[name] = StationRecord(name, NODE_CPU, core.node, 0)
            together[name].busy_by_slice_ps = [0] * len(core.busy_by_slice_ps)
        total = together[name]
        total.servers += core.servers
        total.busy_ps += core.busy_ps
        total.wait_sum_ps += core.wait_sum_ps
        total.waits += core.waits
        total.drops += core.drops
        for index, count in core.wait_histogram.items():
            total.wait_histogram[index] = total.wait_histogram.get(index, 0) + count
        for k, busy_ps in enumerate(core.busy_by_slice_ps):
            total.busy_by_slice_ps[k] += busy_ps
    return together


def _station(
    name: str, parts: Sequence[StationRecord | None], records: Sequence[RunRecord]
) -> StationNumbers:
    known = [part for part in parts if part is not None]
    drops = [part.drops if part is not None else 0 for part in parts]
    waits = [_wait_mean_s(part) if part is not None else None for part in parts]
    shares = [
        _busy_share(part, record.duration_ps) if part is not None else 0.0
        for part, record in zip(parts, records, strict=True)
    ]
    return StationNumbers(
        name=name,
        kind=known[0].kind,
        node=known[0].node,
        servers=known[0].servers,
        utilisation=_utilisation(parts, records, shares),
        wait_mean_s=across(waits).within(0),
        wait_p99_s=_wait_p99(known),
        drops=sum(drops),
        drops_each=drops,
        samples={"utilisation": list(shares), "wait_s.mean": waits},
    )


def _utilisation(
    parts: Sequence[StationRecord | None], records: Sequence[RunRecord], shares: Sequence[float]
) -> Estimate:
    """Busy share of the measured period over all servers; a station that did not exist was idle."""
    if len(parts) == 1 and parts[0] is not None:
        return batch_means(shares[0], _busy_batches(parts[0], records[0])).within(0, 1)
    return across(shares).within(0, 1)


def _busy_share(part: StationRecord, duration_ps: int) -> float:
    return part.busy_ps / (duration_ps * max(part.servers, 1))


def _busy_batches(part: StationRecord, record: RunRecord) -> list[float | None]:
    """Utilisation in 20 equal groups of whole slices; none if there are fewer slices."""
    whole = min(len(part.busy_by_slice_ps), record.duration_ps // max(record.slice_ps, 1))
    size = whole // MIN_BATCHES
    if size == 0:
        return []
    capacity = size * record.slice_ps * max(part.servers, 1)
    return [sum(part.busy_by_slice_ps[k * size : (k + 1) * size]) / capacity for k in range(MIN_BATCHES)]


def _wait_mean_s(part: StationRecord) -> float | None:
    return part.wait_sum_ps / part.waits / PS_PER_S if part.waits else None


def _wait_p99(known: Sequence[StationRecord]) -> Estimate:
    """The 99th percentile of the waiting, where every replication has visits enough to tell it."""
    fewest, least = min((part.waits for part in known if part.waits), default=0), least_for_value(0.99)
    if fewest < least:
        text = f"fewer than {least} visits in a replication do not tell p99"
        return Estimate(reason=text if fewest else NOTHING)
    found = (quantile(part.wait_histogram, 0.99) for part in known)
    return across(None if ps is None else ps / PS_PER_S for ps in found).within(0)


def bottleneck(
    stations: Iterable[StationNumbers], smt: Mapping[str, tuple[int, float]] | None = None
) -> Bottleneck:
    """The busiest of the stations that can limit the load; none while all are idle. ``smt``: by station, how many hardware
    threads it has, and the speed of each of two on one core: what is idle there does less than what is busy."""
    able = [s for s in stations if s.kind in LIMITING and s.utilisation.value]
    if not able:
        return Bottleneck(None, Estimate(), Estimate())
    busiest = min(able, key=lambda station: (-(station.utilisation.value or 0.0), station.name))

    kind = (smt or {}).get(busiest.name, (1, 1.0))

    def headroom(share: float) -> float:
        return threads_give(1, *kind) / threads_give(share, *kind) - 1 if share > 0 else float("inf")

    room = busiest.utilisation.falling(headroom)
    if room.high is not None and room.high == float("inf"):
        room = Estimate(room.value)
    return Bottleneck(busiest.name, busiest.utilisation, room)


def node_numbers(
    model: Model, stations: dict[str, StationNumbers], records: Sequence[RunRecord]
) -> dict[str, NodeNumbers]:
    """Every node, in the order of the scenario."""
    tasks = dict.fromkeys(model.nodes, 0)
    for task in model.tasks.values():
        tasks[task.node.name] += 1

    def utilisation(name: str) -> Estimate:
        found = stations.get(name)
        return found.utilisation if found is not None else Estimate()

    def busiest(names: Sequence[str]) -> Estimate:
        return max((utilisation(name) for name in names), key=lambda found: found.value or 0.0)

    def one(node: Node) -> NodeNumbers:
        peak = max((record.conntrack_peak.get(node.name, 0) for record in records), default=0)
        return NodeNumbers(
            name=node.name,
            cpu=utilisation(node.cpu_station),
            nic_tx=busiest(node.tx_stations),
            nic_rx=busiest(node.switch_stations),
            tasks=tasks[node.name],
            conntrack_peak=peak,
        )

    return {name: one(node) for name, node in model.nodes.items()}
