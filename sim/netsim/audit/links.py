"""Tables and packet sizes of the networks' devices: bridge ports, neighbours, forwarding tables, MTUs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from netsim.audit.limit import Limit, cause, rule
from netsim.drivers.bridge import MAX_PORTS
from netsim.drivers.check import passthru
from netsim.drivers.registry import GWBRIDGE
from netsim.model.entities import Model
from netsim.model.oversize import cut_by_kernels, largest_sent, mtu_help

#: Neighbours of a namespace, as the overlay driver sets gc_thresh3 (drivers/overlay/ostweaks_linux.go).
NEIGHBOURS = 65_536
#: Forwarding entries of a node at which stale ones have been reported (moby#52661).
FDB_ENTRIES = 30_000


def _endpoints(model: Model) -> dict[str, Counter[str]]:
    """Endpoints by network and node; sandboxes are among them."""
    found: dict[str, Counter[str]] = {name: Counter() for name in model.addresses}
    for task in model.tasks.values():
        for name in task.addresses:
            found[name][task.node.name] += 1
    for name, plan in model.addresses.items():
        found[name].update(plan.balancers.keys())
    meshed = model.addresses[model.mesh].balancers
    found[GWBRIDGE].update(meshed.keys())
    return found


@rule
def bridge_ports(model: Model) -> Iterator[Limit]:
    """A bridge has 1023 ports: one for each endpoint, and on an overlay one for the tunnel."""
    for name, nodes in _endpoints(model).items():
        plan = model.addresses[name]
        if nodes and not plan.driver.on_parent:
            node, count = nodes.most_common(1)[0]
            used = count + (plan.driver.scope == "swarm" and len(nodes) > 1)
            help = "spread the tasks over more nodes" if used > MAX_PORTS else None
            yield Limit("bridge-ports", f"{name} on {node}", used, MAX_PORTS, cause(model, name), True,
                        "endpoints of one bridge", help)  # fmt: skip


@rule
def tunnel_tables(model: Model) -> Iterator[Limit]:
    """On every node of an overlay, a neighbour and a forwarding entry for each endpoint elsewhere."""
    everyone = _endpoints(model)
    fdb: Counter[str] = Counter()
    for name, nodes in everyone.items():
        if model.addresses[name].driver.scope != "swarm" or not nodes:
            continue
        total = nodes.total()
        far = {node: total - here for node, here in nodes.items()}
        fdb.update(far)
        node = max(far, key=lambda key: far[key])
        yield Limit("neighbours", f"{name} on {node}", far[node], NEIGHBOURS, cause(model, name), False,
                    "permanent neighbours of the tunnel")  # fmt: skip
    if fdb:
        node, used = fdb.most_common(1)[0]
        yield Limit("fdb", node, used, FDB_ENTRIES, ("networks",), False, "forwarding entries of all tunnels")


@rule
def packet_sizes(model: Model) -> Iterator[Limit]:
    """What a network sends between nodes fits into the cards' MTU."""
    for sent in largest_sent(model):
        detail = "largest packet between nodes (bytes)"
        help = mtu_help(sent) if sent.oversize else None
        yield Limit("mtu", f"{sent.plan.name} on {sent.node.name}", sent.bytes, sent.node.takes_bytes,
                    cause(model, sent.plan.name), True, detail, help, near=1)  # fmt: skip


@rule
def fragments(model: Model) -> Iterator[Limit]:
    """Packets of a tunnel that are not cut by the sender's kernel."""
    for sent in cut_by_kernels(model):
        yield Limit("fragments", f"{sent.plan.name} on {sent.node.name}", sent.bytes, sent.node.nic.mtu,
                    cause(model, sent.plan.name), False, "full packets are cut into fragments (bytes)",
                    mtu_help(sent), near=1)  # fmt: skip


@rule
def one_for_itself(model: Model) -> Iterator[Limit]:
    """A parent in mode passthru takes one endpoint."""
    for name, nodes in _endpoints(model).items():
        if nodes and passthru(model.addresses[name].spec):
            node, used = nodes.most_common(1)[0]
            yield Limit(
                "passthru",
                f"{name} on {node}",
                used,
                1,
                cause(model, name),
                True,
                "endpoints of one parent",
                near=1,
            )
