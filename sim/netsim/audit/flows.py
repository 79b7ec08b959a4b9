"""Tables of connections at the scenario's load: tracked connections, ports of translated ones, ports of clients.

A closed connection stays in each for the time-outs of ``data/conntrack.yaml``, so what a table holds is its rate of new
connections times that (Little's law). Beyond it some connections fail and others do not: a risk, not a thing that
cannot work. Rates of users are what they would ask if answers took no time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netsim.audit.limit import Limit, rule
from netsim.datapath.kernel_settings import entry_bytes, settings, timeouts_ps
from netsim.model.entities import Model
from netsim.picoseconds import PS_PER_S
from netsim.scenario.calls import asked_of, party_of, spec_of
from netsim.scenario.problems import PathTuple
from netsim.scenario.schema_load import Load
from netsim.scenario.schema_work import Connection

OUTSIDE = "outside"
#: Ports from which the kernel chooses for a source port of 1024 or more (nf_nat_core.c, nf_nat_l4proto_unique_tuple).
TRANSLATED_PORTS = 65_536 - 1_024
#: A load of chance can ask for a little less than its mean: only what is so far over its limit surely meets it.
SURELY = 1.1


@dataclass(frozen=True, slots=True)
class Opening:
    """Connections that one party opens to another: ``per_s`` new ones (1/s), ``kept`` that stay. ``clients``: how many
    addresses they come from."""

    source: str
    to: str
    per_s: float
    kept: int
    clients: int
    path: PathTuple


def openings(model: Model) -> list[Opening]:
    """Of all workloads and of the calls that follow from them."""
    scenario = model.scenario
    asked: dict[str, float] = {}
    found = []
    for name, load in scenario.load.items():
        if load.bulk is not None:
            continue
        rate = rate_per_s(load)
        clients = scenario.outside.clients if load.from_ == OUTSIDE else len(_tasks(model, load.from_))
        if load.datagram is not None:  # a socket is one flow for as long as it sends
            clients = max(1, min(clients, load.flows))
            found.append(Opening(load.from_, load.to, 0.0, load.flows, clients, ("load", name)))
        else:
            found.append(_opening(load.from_, load.to, rate, load.connection, clients, 1, ("load", name)))
        for party, times in asked_of(scenario, load.to, load.from_).items():
            asked[party] = asked.get(party, 0.0) + rate * times
    for name, rate in asked.items():
        spec = spec_of(scenario, name)
        room = "services" if name in scenario.services else "containers"
        for k, call in enumerate(spec.calls if spec is not None else ()):
            path: PathTuple = (room, name, "calls", k)
            count = len(_tasks(model, name))
            found.append(_opening(name, call.to, rate * call.count, call.connection, count, count, path))
    return found


def rate_per_s(load: Load) -> float:
    """The most requests a second that a workload sends."""
    if load.arrivals is not None:
        return max(rate for _, rate in load.arrivals.points)
    pause_s = load.think.mean / PS_PER_S
    return (load.users or 0) / pause_s if pause_s > 0 else 0.0


def _opening(
    source: str, to: str, rate: float, connection: Connection, clients: int, pools: int, path: PathTuple
) -> Opening:
    per_s = rate / connection.requests if connection.requests is not None else 0.0
    kept = 0 if connection.kind == "new" else connection.pool * pools
    return Opening(source, to, per_s, kept, max(1, clients), path)


def _tasks(model: Model, party: str) -> list[str]:
    return [task.name for task in model.services[party]] if party in model.services else [party]


def entries(model: Model) -> list[str]:
    """The nodes by which connections from outside come, each with its even share of them."""
    nodes = [name for name in model.entry_nodes() if name in model.nodes]
    return nodes[:1] if model.outside.entry.chooses == "first" else nodes


def meshed(model: Model, source: str, to: str) -> str | None:
    """The service that connections from outside reach through the mesh; None if they go another way."""
    if source != OUTSIDE:
        return None
    party, port = party_of(model.scenario, to), to.partition(":")[2]
    for one in model.ports:
        if one.party == party and one.mode == "ingress" and port in ("", str(one.published)):
            return one.party if one.party in model.services else None
    return None


def used_up(model: Model) -> Limit | None:
    """The first table that the load fills within the run, or rest that is too long in it: requests fail for it that no
    queue explains."""
    scenario, times = model.scenario, timeouts_ps()
    span_ps = scenario.duration + scenario.warmup_ps
    for one, held in ((tracked, "time_wait"), (translated, "time_wait"), (client_ports, "client_time_wait")):
        share = min(1.0, span_ps / times[held])  # what a shorter run fills of it
        for limit in one(model):
            if limit.most is not None and limit.used * share > SURELY * limit.most:
                return limit
    rests = resting(model) if span_ps > times["idle"] else ()
    return next((limit for limit in rests if limit.most is not None and limit.used > limit.most), None)


@rule
def tracked(model: Model) -> Iterator[Limit]:
    """The mesh's sandbox of an entry node tracks every connection that enters there, as any namespace up to
    nf_conntrack_max."""
    doors = entries(model)
    mine = [o for o in openings(model) if meshed(model, o.source, o.to)]
    if not mine or not doors:
        return
    held_s = timeouts_ps()["time_wait"] / PS_PER_S
    used = sum(o.per_s * held_s + o.kept for o in mine) / len(doors)
    node = min(doors, key=lambda name: model.nodes[name].profile.kernel["nf_conntrack_max"])
    most = model.nodes[node].profile.kernel["nf_conntrack_max"]
    biggest = max(mine, key=lambda o: o.per_s * held_s + o.kept)
    mebibytes = used * entry_bytes() / 2**20
    help = (
        "a larger nf_conntrack_max, more entry nodes, or connections that are kept" if used > most else None
    )
    yield Limit("conntrack", node, round(used), round(most), biggest.path, False,
                f"entries: new connections from outside stay for {held_s:g} s, and take {mebibytes:.3g} MiB", help)  # fmt: skip


@rule
def translated(model: Model) -> Iterator[Limit]:
    """An entry node gives each connection a source port of its own towards the task that serves it."""
    doors = entries(model)
    held_s = timeouts_ps()["time_wait"] / PS_PER_S
    for opening in openings(model):
        service = meshed(model, opening.source, opening.to)
        if service is None or not doors or not model.services[service] or opening.per_s == 0:
            continue
        used = opening.per_s * held_s / len(doors) / len(model.services[service])
        help = (
            "more entry nodes, more tasks, or connections that are kept" if used > TRANSLATED_PORTS else None
        )
        yield Limit("snat-ports", f"{doors[0]} to a task of {service}", round(used), TRANSLATED_PORTS, opening.path, False,
                    f"source ports: each is taken for {held_s:g} s", help)  # fmt: skip


@rule
def client_ports(model: Model) -> Iterator[Limit]:
    """A client's port towards one address is taken until TIME_WAIT is over."""
    held_s = timeouts_ps()["client_time_wait"] / PS_PER_S
    for opening in openings(model):
        if opening.per_s == 0:
            continue
        kernel = settings()
        if opening.source != OUTSIDE:
            first = _tasks(model, opening.source)[:1]
            kernel = (
                model.tasks[first[0]].node.profile.kernel if first and first[0] in model.tasks else kernel
            )
        most = round(kernel["ip_local_port_last"] - kernel["ip_local_port_first"] + 1)
        used = opening.per_s * held_s / opening.clients
        help = "more clients, or connections that are kept" if used > most else None
        yield Limit("client-ports", f"{opening.source} to {opening.to}", round(used), most, opening.path, False,
                    f"ports of one client: each is taken for {held_s:g} s", help)  # fmt: skip


@rule
def resting(model: Model) -> Iterator[Limit]:
    """IPVS forgets a connection that rests for too long; its next request is answered with a reset."""
    most_s = timeouts_ps()["idle"] / PS_PER_S
    for name, load in model.scenario.load.items():
        connection, party = load.connection, party_of(model.scenario, load.to, load.from_)
        rate = rate_per_s(load)
        if connection.kind == "new" or load.bulk is not None or rate == 0 or not _balanced(model, load):
            continue
        rests_s = connection.pool / rate
        if connection.idle is not None and connection.idle < most_s * PS_PER_S:
            rests_s = min(rests_s, connection.idle / PS_PER_S)
        help = (
            "clients that close connections before (idle: 10min), TCP keep-alives, endpoint_mode: dnsrr or "
            "ports in mode host"
        )
        yield Limit("ipvs-idle", f"{load.from_} to {party}", round(rests_s, 1), most_s, ("load", name), False,
                    "seconds that a kept connection rests", help if rests_s > most_s else None)  # fmt: skip


@rule
def same_first_back_ends(model: Model) -> Iterator[Limit]:
    """Each entry node has a round-robin pointer of its own, and all begin at the same back end: kept connections that are
    few for each entry meet the first tasks of the list on every one of them."""
    doors = len(entries(model))
    for name, load in model.scenario.load.items():
        service = meshed(model, load.from_, load.to)
        if service is None or load.bulk is not None or load.connection.kind == "new" or doors < 2:
            continue
        tasks = len(model.services[service])
        spec = model.scenario.services[service]
        if spec.ipvs.scheduler not in ("rr", "wrr") or tasks < 2 or load.connection.requests is not None:
            continue
        met = min(tasks, -(-load.connection.pool // doors))
        if met < tasks:
            yield Limit("balance.first-tasks", f"{service} by {name}", tasks, met, ("load", name), False,
                        f"tasks, of which {load.connection.pool} kept connections by {doors} entries meet the first",
                        "more kept connections, some that end (requests: 100), or fewer entries")  # fmt: skip


def _balanced(model: Model, load: Load) -> bool:
    """Whether IPVS stands between the two ends."""
    spec = model.scenario.services.get(load.to.partition(":")[0])
    if spec is None:
        return False
    if load.from_ == OUTSIDE:
        return meshed(model, OUTSIDE, load.to) is not None
    return spec.endpoint_mode == "vip"
