"""What was simulated, in words and numbers, for readers of a result who do not have the scenario."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from netsim.model.entities import Model
from netsim.model.fabric import racks, site_of
from netsim.picoseconds import PS_PER_S
from netsim.scenario.machines import catalogue
from netsim.scenario.schema import Scenario
from netsim.scenario.schema_entry import Entry
from netsim.scenario.schema_load import Arrivals, Load
from netsim.scenario.schema_work import Connection, Distribution
from netsim.scenario.units import format_duration

_RATES = ((10**12, "Tbit/s"), (10**9, "Gbit/s"), (10**6, "Mbit/s"), (10**3, "kbit/s"))
_SIZES = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def setup(scenario: Scenario, model: Model, engine: str) -> dict[str, object]:
    """``setup`` of ``result.json``: times (s), nodes, services and loads, and the assumptions made."""
    return {
        "description": scenario.description,
        "duration_s": scenario.duration / PS_PER_S,
        "warmup_s": scenario.warmup_ps / PS_PER_S,
        "nodes": [_group(scenario, name) for name in scenario.nodes],
        "services": [_service(scenario, model, name) for name in scenario.services],
        "networks": [_network(scenario, model, name) for name in model.addresses],
        "loads": [{"name": name, "text": load_text(load)} for name, load in scenario.load.items()],
        "fabric": fabric_text(model),
        "assumptions": [*assumptions(scenario, model), *_control_traffic(scenario, model, engine)],
    }


def _entry(scenario: Scenario, model: Model) -> str:
    """How traffic from outside enters."""
    entry = scenario.outside.entry
    if entry.vrrp is not None:
        back = "stays where it is" if entry.vrrp.nopreempt else "goes back"
        return (
            f"Traffic from outside comes to one virtual address, which keepalived gives to the first living one of "
            f"{', '.join(model.entry_nodes())} (VRRP version {entry.vrrp.version}, an advertisement every "
            f"{format_duration(entry.vrrp.advert_int)}); when a node of a higher priority returns, it {back}."
        )
    who = f"all {len(model.nodes)} nodes" if entry.nodes == "all" else ", ".join(model.entry_nodes())
    default = " (the default: the scenario says nothing else)" if entry == Entry() else ""
    check = "no health check"
    if entry.check is not None:
        check = (
            f"a health check every {format_duration(entry.check.every)} that gives a node up after "
            f"{entry.check.failures} failures"
        )
    return (
        f"Traffic from outside enters through a load balancer or DNS list in front of {who}, "
        f"which picks {entry.choose} per connection, with {check}{default}."
    )


def assumptions(scenario: Scenario, model: Model) -> list[str]:
    """What the numbers rest on, one sentence each."""
    found = [
        _entry(scenario, model),
        f"Clients outside: {scenario.outside.clients}, {format_duration(scenario.outside.rtt)} of round trip "
        "to the edge of the swarm; their own machines and lines are never busy.",
        _fabric(scenario, model),
    ]
    found += _machines(scenario)
    store = scenario.cluster_store
    if store is not None:
        found.append(f"Overlays are shared by {store.kind} on {len(scenario.store_nodes())} nodes, without swarm mode; engines "
                     "from 23.0 on cannot do this any more. Names and connections that are there need no store.")  # fmt: skip
    found += _profiles(scenario, model)
    found.append(
        f"The first {format_duration(scenario.warmup_ps)} of every replication are warm-up and not counted."
    )
    found.append(
        "Latency is from the start of the first attempt to the last byte, of completed requests only."
    )
    kept = ", ".join(name for name, group in scenario.nodes.items() if group.live_restore)
    if kept and scenario.services:
        found.append(
            f"dockerd of {kept} keeps the containers of services when it starts again: a what-if, since a swarm refuses "
            "nodes with live-restore (MB daemon/config IsSwarmCompatible)."
        )
    sticky = ", ".join(
        name for name, service in scenario.services.items() if service.ipvs.persistence is not None
    )
    if sticky:
        found.append(
            f"Clients of {sticky} stay with their task (persistence): more tasks or nodes help only as far as clients' "
            "addresses spread over them, which neither headroom nor the recommended size knows."
        )
    if not scenario.changes:
        found.append("Nothing fails and nobody changes anything during the run.")
    return found


def _control_traffic(scenario: Scenario, model: Model, engine: str) -> Iterator[str]:
    """What the load and the control plane's messages do to each other."""
    if scenario.load and scenario.services and engine != "flow":
        yield from _gossip(model)
    if not (scenario.load and scenario.changes):
        return
    if engine == "flow":
        yield (
            "The flow engine leaves out what the load and control traffic do to each other: a full network delays no "
            "heartbeat, vote or probe, and image pulls and requests do not slow each other. The fast engine has both."
        )
        return
    yield (
        "Heartbeats, Raft and gossip wait behind the load on links and are lost where these are full, as the links' backlog was "
        "up to 20 ms before, in steps of 10 ms. Image pulls and the load share the link to a node, half each where both want "
        "more; heartbeats and Raft are too small to take anything from the load."
    )


def _gossip(model: Model) -> Iterator[str]:
    """What gossip takes of the links."""
    from netsim.swarm.constants import swarm_table
    from netsim.swarm.traffic import steady_bps

    steady = steady_bps(model, swarm_table())
    if not steady.any():
        return
    least, most = (rate_text(float(found)) for found in (steady.min(), steady.max()))
    span = least if least == most else f"{least} to {most}"
    yield (
        f"Gossip takes {span} of each node's card, and of what leads to it, while all is well (probes, and exchanges of "
        "members and tables), and more while something spreads or is copied: the load has so much less, told where that is "
        "a hundredth of a link at least. It is spread evenly over the others, and costs no processor time."
    )


def _machines(scenario: Scenario) -> Iterator[str]:
    """What is taken from the catalogue, and what of it nobody published; what holds cards back."""
    known = catalogue()
    for group, spec in scenario.nodes.items():
        if spec.machine is not None:
            doubtful = sorted(
                {fact.source for fact in known[spec.machine].values() if fact.confidence == "low"}
            )
            rest = f" Of low confidence: {'; '.join(doubtful)}." if doubtful else ""
            yield f"{group} is {spec.machine} as the catalogue of machines has it.{rest}"
        if spec.smt is not None:
            yield (f"The cores of {group} are hardware threads, two on a core, each at {spec.smt:g} of its speed while both work: "
                   f"the second half of them adds {2 * spec.smt - 1:.0%}.")  # fmt: skip
        if spec.sockets > 1:
            yield f"Of {spec.sockets} sockets of {group} one has the card; copies on the others cost more, in the mean of all."
        if spec.nic.burst is not None:
            yield (f"Cards of {group} start with full burst credit, {size_text(spec.nic.burst.credit)} in each direction, "
                   f"which comes back at {rate_text(spec.nic.burst.baseline)}.")  # fmt: skip
    for name, machine in scenario.hypervisors.items():
        if machine.nic is not None:
            yield (f"The nodes on {name} share its card behind a virtual switch; vhost's work is done on the virtual "
                   "cores that send or receive, in their turn.")  # fmt: skip
    if scenario.fabric.alpha is not None:
        yield (f"The ports of a switch share its buffer; each may queue up to {scenario.fabric.alpha:g} times what is free "
               "of it.")  # fmt: skip


def fabric_text(model: Model) -> str:
    """What joins the nodes, in a few words."""
    leaves, wan = model.fabric.leaf_spine, model.fabric.wan
    parts = []
    if leaves is not None:
        spines = "1 spine" if leaves.spines == 1 else f"{leaves.spines} spines"
        parts.append(
            f"{len(racks(model))} racks with a leaf switch each under {spines}, {rate_text(leaves.uplink)} to each"
        )
    if wan is not None:
        sites = {site_of(model, node) for node in model.nodes.values()}
        parts.append(
            f"{len(sites)} sites with {rate_text(wan.rate)} and {format_duration(wan.latency)} to the others"
        )
    return "; ".join(parts) or "One switch"


def _fabric(scenario: Scenario, model: Model) -> str:
    fabric = scenario.fabric
    if fabric.leaf_spine is not None or fabric.wan is not None:
        return (
            f"Nodes are connected by {fabric_text(model)}; {format_duration(fabric.latency)} through each switch, "
            f"{size_text(fabric.buffer)} of buffer per port to a node with tail drop. A connection keeps to one spine, by its hash."
        )
    capacity = "that never blocks" if fabric.rate is None else f"of {rate_text(fabric.rate)}"
    return (
        f"Nodes are connected by one switch {capacity}, {format_duration(fabric.latency)} through it, "
        f"{size_text(fabric.buffer)} of buffer per port with tail drop."
    )


def _group(scenario: Scenario, name: str) -> dict[str, object]:
    spec = scenario.nodes[name]
    more = {"price_per_h": spec.price, "smt": spec.smt}
    return {
        "group": name,
        "count": spec.count,
        "role": spec.role,
        "cores": spec.cores,
        "profile": spec.profile,
        "nic_bps": spec.nic.rate,
        "mtu": spec.nic.mtu,
    } | {key: value for key, value in more.items() if value is not None}


def _profiles(scenario: Scenario, model: Model) -> Iterator[str]:
    """One sentence for each host profile as it is written: files in two folders may have one name."""
    groups: dict[str, list[str]] = {}
    for group, spec in scenario.nodes.items():
        groups.setdefault(spec.profile, []).append(group)
    profiles = {node.group: node.profile for node in model.nodes.values()}
    names = Counter(profiles[here[0]].name for here in groups.values())
    for written, here in sorted(groups.items(), key=lambda item: (profiles[item[1][0]].name, item[0])):
        profile = profiles[here[0]]
        name = profile.name if names[profile.name] == 1 else written
        text = f": {profile.description}" if profile.description else ""
        yield (
            f"Stage costs of {', '.join(sorted(here))} come from the host profile {name}{text}. Each value in it "
            "names its source; calibrate it to your machines where microseconds matter."
        )


def _network(scenario: Scenario, model: Model, name: str) -> dict[str, object]:
    """A network with who is on it: services, containers and the node groups that their tasks run on."""
    plan = model.addresses[name]
    on = [task for task in model.tasks.values() if name in task.networks or name in task.addresses]
    return {
        "name": name,
        "driver": plan.spec.driver,
        "subnet": plan.subnet,
        "parties": sorted({task.party for task in on}),
        "groups": [group for group in scenario.nodes if any(task.node.group == group for task in on)],
    }


def _service(scenario: Scenario, model: Model, name: str) -> dict[str, object]:
    spec = scenario.services[name]
    calls = [f"{call.count} x {call.to}" if call.count > 1 else str(call.to) for call in spec.calls]
    return {
        "name": name,
        "tasks": len(model.services.get(name, [])),
        "workers": spec.work.workers,
        "cpu": distribution_text(spec.work.cpu),
        "wait": distribution_text(spec.work.wait),
        "calls": calls,
    }


def load_text(load: Load) -> str:
    """A workload in one sentence."""
    if load.bulk is not None:
        flows = "1 flow" if load.flows == 1 else f"{load.flows} flows"
        what = f"{size_text(load.bulk)} in {flows}, from {format_duration(load.start)} on"
        return f"{load.from_} to {load.to}: {what}"
    if load.datagram is not None and load.arrivals is not None:
        sockets = "1 socket" if load.flows == 1 else f"{load.flows} sockets"
        what = f"datagrams of {size_text(load.datagram)} from {sockets}"
        return f"{load.from_} to {load.to}: {what}; {arrivals_text(load.arrivals)}"
    who = "nothing"
    if load.arrivals is not None:
        who = arrivals_text(load.arrivals)
    elif load.users is not None:
        who = f"{load.users} users thinking {distribution_text(load.think)}"
    sizes = f"{size_text(load.request)} out, {size_text(load.response)} back"
    timeout = f", timeout {format_duration(load.timeout)}" if load.timeout is not None else ", no timeout"
    tries = f", up to {load.retries.max} retries" if load.retries.max else ", no retries"
    return f"{load.from_} to {load.to}: {who}; {sizes}; {connection_text(load.connection)}{timeout}{tries}"


def arrivals_text(arrivals: Arrivals) -> str:
    """``poisson arrivals, 240/s``, or the points of the line."""
    if len(arrivals.points) == 1:
        rates = f"{arrivals.points[0][1]:g}/s"
    else:
        rates = " to ".join(f"{rate:g}/s at {format_duration(at)}" for at, rate in arrivals.points)
    return f"{arrivals.kind} arrivals, {rates}"


def connection_text(connection: Connection) -> str:
    """How connections are used."""
    tls = " with TLS" if connection.tls else ""
    tls += f" under {connection.congestion}" if connection.congestion != "cubic" else ""
    if connection.kind == "new":
        return f"a new connection{tls} per request"
    return f"a pool of {connection.pool} connections{tls}"


def distribution_text(found: Distribution) -> str:
    """``lognormal, mean 4ms``."""
    if found.kind == "constant":
        return format_duration(found.mean)
    if found.kind == "uniform":
        return f"uniform, {format_duration(found.low)} to {format_duration(found.high)}"
    return f"{found.kind}, mean {format_duration(found.mean)}"


def rate_text(bps: float) -> str:
    """A rate with a decimal prefix."""
    return _with_unit(bps, _RATES, "bit/s")


def size_text(size: float) -> str:
    """A size with a binary prefix."""
    return _with_unit(size, _SIZES, "B")


def _with_unit(value: float, units: tuple[tuple[int, str], ...], smallest: str) -> str:
    for factor, unit in units:
        if value >= factor:
            return f"{value / factor:.4g} {unit}"
    return f"{value:g} {smallest}"
