"""What one request of a workload costs at every station, asked of the idle reference machinery.

Routes, handshakes, windows, calls and draws are then those of the other engines, and not written a third time.
Requests go one after the other with a pause between, so nobody waits for anybody else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from netsim.datapath.tcp import TcpTable, tcp_table
from netsim.engine.flow.watching import (
    Squares,
    again_s,
    by_request,
    in_order,
    place_of,
    ring_cores,
    watch_machine,
    watch_paths,
)
from netsim.engine.machinery import run_out, watch
from netsim.engine.parts import NS, PART
from netsim.engine.record import StationRecord
from netsim.engine.reference import Reference
from netsim.engine.world import World
from netsim.model.entities import Model
from netsim.picoseconds import PS_PER_S
from netsim.scenario.calls import asked_of, publishers
from netsim.scenario.schema import Scenario
from netsim.scenario.schema_load import Arrivals
from netsim.scenario.schema_service import Container, Service
from netsim.scenario.schema_work import LOCALHOST, Connection, Distribution

PROBES = 400
FEW = 20
LEAST_MSS = 1000  # bytes of data in a packet, at the least: windows are reckoned smaller than they are
#: Connections of one pool, over all who keep such a pool, while probing. A pool used in turn meets back ends chosen in
#: turn, so smaller pools would favour some; all are opened before the probe counts.
MOST_CONNECTIONS = 1500
FIRST_GAP_PS = PS_PER_S
LEAST_GAP_PS = 10**9
MOST_GAP_PS = 10 * PS_PER_S
MOST_REST_PS = 20 * PS_PER_S  # between two datagrams of a socket: conntrack forgets a flow after 30 s
#: Most doublings of a window that the probe waits for: from 10 packets to more than any receive window.
MOST_DOUBLINGS = 8
#: Waits that a probe may have seen by accident; the formulas give them anew.
WAITS = tuple(PART[name] for name in PART if name in (
    "queue:cpu", "queue:workers", "queue:nic_tx", "queue:nic_rx", "queue:switch",
))  # fmt: skip


@dataclass(slots=True)
class Demand:
    """One station per request: visits (all, and those that the request itself waits for), seconds of service and
    of service squared. ``short_squares``: sum over the time slices that a service takes of their squares."""

    visits: float = 0.0
    on_path: float = 0.0
    seconds: float = 0.0
    squares: float = 0.0
    short_squares: float = 0.0

    def plus(self, other: Demand) -> Demand:
        """Both together."""
        return Demand(
            self.visits + other.visits, self.on_path + other.on_path, self.seconds + other.seconds, self.squares + other.squares,
            self.short_squares + other.short_squares,
        )  # fmt: skip

    def times(self, factor: float, slower: float = 1.0) -> Demand:
        """So many times the visits, each taking so much longer."""
        return Demand(
            self.visits * factor, self.on_path * factor, self.seconds * factor * slower,
            self.squares * factor * slower**2, self.short_squares * factor * slower**2,
        )  # fmt: skip


@dataclass(slots=True)
class Probe:
    """Requests of one workload on idle machines.

    ``parts``: each request's time by part (ps, columns of `netsim.engine.parts`), without waits for others.
    ``demands``: by station; threads of a node stand under ``NODE/cpu``, softirq under its receive rings.
    ``wire_bytes``: per request, by link. ``passes``: by link (and of datagrams by receive queue and worker pool), how often each request of ``parts`` passes it.
    ``order``: of datagrams, these stations as they are met.
    ``cores``: by receive queue, the core that takes from it. ``again_s``: by cores, how long before a request's visit its last one there
    began (inf: it is the first), at some quantiles; all cores together under "".
    """

    parts: npt.NDArray[np.int64]
    demands: dict[str, Demand]
    wire_bytes: dict[str, float]
    visits: float
    stations: dict[str, StationRecord]
    fates: dict[int, int] = field(default_factory=dict)
    passes: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    cores: dict[str, str] = field(default_factory=dict)
    again_s: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Rested(TcpTable):
    """TCP whose connections rest less than they seem to: a probe sends seldom, so that nobody waits, and would see
    windows that are small again after each rest."""

    of_probe: float = 1.0  # the rest between two requests at the real rate, over that of the probe

    def rest_ps(self, idle_ps: int) -> int:
        """The real rest."""
        return round(idle_ps * self.of_probe)


def connection(spec: Connection, per_client_s: float, clients: int) -> Connection:
    """A pool of ``clients`` as the probe uses it: not too large, and opened anew each time if its connections would
    rest too long at ``per_client_s`` requests per second."""
    if spec.kind != "pool":
        return spec
    rest_s = spec.pool / per_client_s if per_client_s > 0 else 0.0
    if spec.idle is not None and rest_s > spec.idle / PS_PER_S:
        return replace(spec, kind="new", pool=1, requests=1, idle=None)
    return replace(spec, pool=max(1, min(spec.pool, MOST_CONNECTIONS // clients)), idle=None)


def rounds(scenario: Scenario, name: str, per_s: float) -> int:
    """How many requests a connection should have had before the probe counts: until windows hold the largest
    message, but no more than it has by the middle of the run."""
    load = scenario.load[name]
    calls = [call for spec in scenario.services.values() for call in spec.calls]
    calls += [call for spec in scenario.containers.values() for call in spec.calls]
    sizes = [load.request, load.response, *(size for call in calls for size in (call.request, call.response))]
    tcp = tcp_table()
    doublings = math.ceil(math.log2(max(1.0, max(sizes) / (tcp.initial_window_packets * LEAST_MSS))))
    if load.connection.kind != "pool" or load.datagram is not None:
        return 1
    had = per_s * (scenario.warmup_ps + scenario.duration / 2) / PS_PER_S / load.connection.pool
    return max(1, min(1 + doublings, MOST_DOUBLINGS, int(had)))


def probing(scenario: Scenario, name: str, gap_ps: int, count: int, warm: bool, per_s: float) -> Scenario:
    """The scenario with this workload alone, one request every ``gap_ps``; ``warm``: once all connections of the
    pools are open and their windows have grown."""
    load = scenario.load[name]
    arrivals = Arrivals("constant", ((0, PS_PER_S / gap_ps),))
    changed = load.model_copy(
        update={
            "arrivals": arrivals, "users": None, "start": 0, "retries": load.retries.model_copy(update={"max": 0}),
            "connection": connection(load.connection, per_s, 1),
        }
    )  # fmt: skip
    services = {key: _level(spec, _replicas(spec, scenario)) for key, spec in scenario.services.items()}
    containers = {key: _level(spec, 1) for key, spec in scenario.containers.items()}
    first = changed.connection.pool if changed.connection.kind == "pool" else 0
    if load.datagram is not None:  # sockets, whose flows nobody forgets between two turns
        first = max(1, min(load.flows, MOST_CONNECTIONS, MOST_REST_PS // gap_ps))
        changed = changed.model_copy(update={"flows": first})
    there = parties(scenario, name)
    for spec, clients in [(s, _replicas(s, scenario)) for key, s in services.items() if key in there] + [
        (c, 1) for key, c in containers.items() if key in there
    ]:
        pools = [call.connection.pool for call in spec.calls if call.connection.kind == "pool"]
        first = max([first, *(pool * clients for pool in pools)])
    if warm and first:
        count = -(-count // first) * first  # pools are used in turn: whole turns
    return scenario.model_copy(
        update={
            "load": {name: changed}, "services": services, "containers": containers, "faults": (), "operations": (),
            "warmup": (first * rounds(scenario, name, per_s) + 20 if warm else 0) * gap_ps, "duration": count * gap_ps,
        }
    )  # fmt: skip


def _replicas(spec: Service, scenario: Scenario) -> int:
    """At least one, for a service that runs on every node as many as there are nodes."""
    if spec.mode == "global":
        return sum(group.count for group in scenario.nodes.values())
    return max(1, spec.replicas)


Spec = TypeVar("Spec", Service, Container)


def _level(spec: Spec, clients: int) -> Spec:
    """Work of always its mean, without a processor limit: the demands are then exact means, and spread and limit are put on top by
    formula."""
    work = spec.work.model_copy(
        update={
            "cpu": Distribution("constant", spec.work.cpu.mean), "wait": Distribution("constant", spec.work.wait.mean),
            "busy": 0,
        }
    )  # fmt: skip
    calls = tuple(
        call.model_copy(update={"connection": connection(call.connection, 0.0, clients)})
        for call in spec.calls
    )
    limits = spec.resources.limits.model_copy(update={"cpus": None})
    resources = spec.resources.model_copy(update={"limits": limits})
    return spec.model_copy(update={"work": work, "calls": calls, "resources": resources})


def parties(scenario: Scenario, name: str) -> set[str]:
    """The services and containers that requests of a workload come from or lead to."""
    load = scenario.load[name]
    name, _, port = load.to.partition(":")
    targets = publishers(scenario, port) if name == LOCALHOST else [load.to]
    return {*asked_of(scenario, load.from_), *(party for to in targets for party in asked_of(scenario, to))}


def narrowed(model: Model, scenario: Scenario, *names: str, later: Iterable[str] = ()) -> Model:
    """The model with the tasks of these workloads alone, where they are, as ``scenario`` has them: the rest of a large
    swarm costs nothing then. Tasks in ``later`` stay as they are: an update may have changed them."""
    there = {party for name in names for party in parties(scenario, name)}
    kept = frozenset(later)
    specs: dict[str, Service | Container] = {**scenario.services, **scenario.containers}
    there |= {key for key, spec in specs.items() if spec.work.busy}  # they compute beside all others
    tasks = {
        key: task if key in kept else replace(task, spec=specs[task.party])
        for key, task in model.tasks.items()
        if task.party in there
    }
    services = {
        party: [tasks[task.name] for task in found]
        for party, found in model.services.items()
        if party in there
    }
    containers = {key: tasks[key] for key in model.containers if key in tasks}
    return replace(model, scenario=scenario, tasks=tasks, services=services, containers=containers)


def probe(
    scenario: Scenario, model: Model, name: str, seed: int, replication: int, rate_per_s: float,
    stop: Callable[[], bool] | None = None,
) -> Probe:  # fmt: skip
    """Ask the idle machinery. Raises ``InterruptedError`` if ``stop()`` says so."""
    gap = FIRST_GAP_PS
    first = probing(scenario, name, gap, FEW, False, rate_per_s)
    _, parts = _run(first, model, name, seed, replication, 1.0, stop)
    longest = int(parts.sum(axis=1).max()) if len(parts) else 0
    real = min(PS_PER_S / rate_per_s, MOST_GAP_PS) if rate_per_s > 0 else MOST_GAP_PS
    gap = min(max(4 * longest, LEAST_GAP_PS, round(real)), MOST_GAP_PS)
    second = probing(scenario, name, gap, PROBES, True, rate_per_s)
    return _run(second, model, name, seed, replication, real / gap, stop)[0]


def _run(
    scenario: Scenario,
    model: Model,
    name: str,
    seed: int,
    replication: int,
    rest: float,
    stop: Callable[[], bool] | None,
) -> tuple[Probe, npt.NDArray[np.int64]]:
    world = World(scenario, narrowed(model, scenario, name), seed, replication, keep_requests=True)
    world.tcp = Rested(**asdict(world.tcp), of_probe=rest)
    machine = world.machine
    squares, times = watch_machine(machine), watch_paths(machine)
    record = run_out(Reference(world, watch(None, stop)))
    if not record.complete:
        raise InterruptedError
    log = record.workloads[name].log
    count = max(1, len(log.start_ps))
    done = [k for k in range(len(log.start_ps)) if log.fate[k] == 0]
    parts = np.zeros((len(done), NS), np.int64)
    for row, k in enumerate(done):
        for part, ps in log.split[k].items():
            parts[row, PART[part]] = ps
    parts[:, WAITS] = 0
    fates = {int(f): int(n) for f, n in zip(*np.unique(log.fate, return_counts=True), strict=True)}
    places = {node: place_of(machine, node) for node in machine.cpus}
    met = {name: len(when) for name, when in times.items()}
    demands = _demands(record.stations, squares, met, count, places)
    wire = {s.name: s.bytes_sent / count for s in record.stations.values() if s.bytes_sent}
    share = count / (count + scenario.warmup_ps * count / scenario.duration)
    stations, order = list(machine.links), list[str]()
    if scenario.load[name].datagram is not None:
        times |= {pool: meter.came for pool, meter in squares.items() if meter.came}
        stations = [station for station in times if not station.endswith("/cpu")]
        order = in_order({station: times[station] for station in stations}, log.start_ps)
    found = Probe(
        parts, demands, wire, record.visits * share / count, record.stations, fates,
        by_request(times, stations, log.start_ps, done), ring_cores(machine), again_s(times, log.start_ps), order,
    )  # fmt: skip
    return found, parts


def _demands(
    stations: dict[str, StationRecord],
    squares: dict[str, Squares],
    met: dict[str, int],
    count: int,
    places: dict[str, str],
) -> dict[str, Demand]:
    found: dict[str, Demand] = {}
    softirq: dict[str, list[float]] = {}
    for name, station in stations.items():
        if station.kind == "nic_rx" and station.waits:
            seconds, square = station.busy_ps / PS_PER_S, squares[name].squares
            found[name] = Demand(station.waits / count, 0.0, seconds / count, square / count)
            total = softirq.setdefault(station.node, [0.0, 0.0])
            total[0] += seconds
            total[1] += square
    for name, station in stations.items():
        if station.kind == "nic_rx" and name in found:
            found[name].on_path = met.get(name, 0) / count
        elif station.kind == "cpu":
            cores = found.setdefault(f"{station.node}/cpu", Demand())
            cores.visits += station.waits / count
            cores.seconds += station.busy_ps / PS_PER_S / count
            cores.squares += squares[name].squares / count
            cores.short_squares += squares[name].short / count
        elif station.kind != "nic_rx" and station.waits:
            found[name] = Demand(
                station.waits / count, met.get(name, station.waits if station.kind == "workers" else 0) / count,
                station.busy_ps / PS_PER_S / count, squares[name].squares / count,
            )  # fmt: skip
    for node, (seconds, square) in softirq.items():
        cpu = found[f"{places[node]}/cpu"]
        cpu.seconds -= seconds / count
        cpu.squares -= square / count
        cpu.short_squares -= square / count
    for key in [key for key in found if key.endswith("/cpu")]:
        found[key].on_path = met.get(key, 0) / count
        if not found[key].visits:
            del found[key]
    return found
