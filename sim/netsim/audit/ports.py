"""Published ports: who wants the same one on a node, and which the swarm needs itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from netsim.audit.limit import Limit, rule
from netsim.model.build import FIRST_DYNAMIC_PORT, LAST_DYNAMIC_PORT
from netsim.model.entities import Model, PublishedPort
from netsim.scenario.problems import PathTuple

MAX_PORT = 65_535
#: What the engine listens on besides VXLAN's port: the managers' API, gossip.
OWN = {(2377, "tcp"): "the managers' API", (7946, "tcp"): "gossip", (7946, "udp"): "gossip"}


@rule
def published(model: Model) -> Iterator[Limit]:
    """A port of a node has one owner."""
    owners: dict[tuple[str, int, str], PublishedPort] = {}
    on_node: Counter[str] = Counter()
    for port in model.ports:
        tasks = model.party_tasks(port.party)
        nodes = list(model.nodes) if port.mode == "ingress" else [task.node.name for task in tasks]
        for node in nodes:
            other = owners.setdefault((node, port.published, port.protocol), port)
            on_node[node] += other is port
            if other is not port:
                where = f"{node}:{port.published}/{port.protocol}"
                detail = f"owners: {other.party} and {port.party}"
                path = _path(model, port)
                yield Limit("published-port", where, 2, 1, path, True, detail, "publish another port")
    if on_node:
        node, used = on_node.most_common(1)[0]
        yield Limit(
            "published-ports", node, used, MAX_PORT, _path(model, model.ports[0]), True, "published ports"
        )


@rule
def reserved(model: Model) -> Iterator[Limit]:
    """The swarm's own ports are taken on every node."""
    vxlan = (model.scenario.swarm.data_path_port, "udp")
    own = {**OWN, vxlan: "VXLAN"} if model.scenario.services else {}
    for port in model.ports:
        what = own.get((port.published, port.protocol))
        if what is not None:
            where = f"{port.published}/{port.protocol}"
            yield Limit("reserved-port", where, 2, 1, _path(model, port), True, f"{what} and {port.party}")


@rule
def dynamic(model: Model) -> Iterator[Limit]:
    """Ports that the swarm chooses itself."""
    room = LAST_DYNAMIC_PORT - FIRST_DYNAMIC_PORT + 1
    used = [
        p
        for p in model.ports
        if p.party in model.services and FIRST_DYNAMIC_PORT <= p.published <= LAST_DYNAMIC_PORT
    ]
    if used:
        yield Limit("dynamic-ports", "the swarm", len(used), room, _path(model, used[-1]))


def _path(model: Model, port: PublishedPort) -> PathTuple:
    room = "services" if port.party in model.scenario.services else "containers"
    spec = model.scenario.services.get(port.party) or model.scenario.containers[port.party]
    for i, own in enumerate(spec.ports):
        if own.published == port.published and own.protocol == port.protocol:
            return (room, port.party, "ports", i)
    return (room, port.party, "ports")
