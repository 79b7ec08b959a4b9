"""Ways between nodes that are alike: made once stage by stage, then filled in with the names of other nodes.

A swarm of hundreds of nodes has ten thousands of triples (source, entry, target), but its nodes come in groups with one
profile and one card: what differs from way to way is whose links and cores are used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from netsim.datapath.stage import Context
from netsim.engine.netstate import Passed
from netsim.engine.route import Route, Visit
from netsim.engine.routes import Ways
from netsim.model.entities import OUTSIDE, Node, card_station
from netsim.model.fabric import BACKPLANE, DOWN, UP, WAN, port, rack_of, site_of

if TYPE_CHECKING:
    from netsim.engine.fast.build import Builder

Nodes = Sequence[str | None]
#: What stands in V_WHERE: the same everywhere, a node's number, its card or the port to it, a port of its rack or site, or
#: the card of its hypervisor or the port to that.
FIXED, NODE, CARD, PORT, RACK_UP, RACK_DOWN, SITE_WAN, HOST_CARD, HOST_PORT = range(9)
ROUTES = ("syn", "syn_ack", "request", "reply", "request_ack", "reply_ack")


@dataclass(frozen=True, slots=True)
class OpenVisit:
    """A visit whose place is left open: ``role`` says at which of the way's nodes it is."""

    context: int
    kind: int
    role: int
    lanes: int
    rest: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OpenRoute:
    """A route whose places are left open."""

    visits: tuple[OpenVisit, ...]
    mss_bytes: int
    send: tuple[int, int]
    recv: tuple[int, int]
    pieces: int
    queue_bytes: int


@dataclass(frozen=True, slots=True)
class Pattern:
    """All routes of a way, and at which of its nodes connections are tracked."""

    routes: tuple[OpenRoute, ...]
    tracked: tuple[tuple[int, str], ...]
    snat: int


class Patterns:
    """The patterns of a run. A shape that has none (None in ``known``) is made stage by stage every time."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.known: dict[object, Pattern | None] = {}
        self.known_where: dict[str | None, tuple[int, ...]] = {}

    def shape(self, nodes: Nodes, network: Sequence[str | bool]) -> object:
        """What two ways have in common when they differ by names only."""
        model = self.builder.world.model
        groups = tuple(model.nodes[n].group if n in model.nodes else n for n in nodes)
        places = [self._stands(model.nodes[n]) if n in model.nodes else (n, n) for n in nodes]
        return (
            *network,
            groups,
            tuple(nodes.index(n) for n in nodes),
            tuple(tuple(kind.index(p) for p in kind) for kind in zip(*places, strict=True)),
            tuple(n in model.nodes and model.nodes[n].uplink is not None for n in nodes),
            self._distances(nodes),
        )

    def _distances(self, nodes: Nodes) -> tuple[int, ...]:
        """Between the sites of the nodes, where pairs of sites differ."""
        model, wan = self.builder.world.model, self.builder.world.model.fabric.wan
        if wan is None or not wan.between:
            return ()
        sites = [site_of(model, model.nodes[n]) for n in nodes if n in model.nodes]
        return tuple(wan.one_way(a, b) for a, b in combinations(sites, 2))

    def _stands(self, node: Node) -> tuple[str, str]:
        """What has to be equal or different for two nodes alike: the rack and site together, and the machine."""
        model = self.builder.world.model
        return f"{rack_of(model, node)} {site_of(model, node)}", node.machine if node.uplink else ""

    def learn(self, shape: object, ways: Ways, nodes: Nodes) -> None:
        """Keep the pattern of a way."""
        places = self._places(nodes)
        routes = [self._open(getattr(ways, name), places) for name in ROUTES]
        met = ways.passed
        tracked = [(nodes.index(node), kind) for node, kind in met.entries if node in nodes]
        snat = -1 if met.snat not in nodes or met.snat is None else nodes.index(met.snat)
        whole = len(tracked) == len(met.entries) and (snat >= 0 or met.snat is None)
        found = tuple(route for route in routes if route is not None)
        self.known[shape] = (
            Pattern(found, tuple(tracked), snat) if whole and len(found) == len(ROUTES) else None
        )

    def _places(self, nodes: Nodes) -> dict[str, tuple[int, int]]:
        """By name of a station or node: what it is of which of the way's nodes."""
        model = self.builder.world.model
        places = {
            name: (FIXED, self.builder.link_index.get(name, -1)) for name in (f"switch/{OUTSIDE}", BACKPLANE)
        }
        places[OUTSIDE] = (FIXED, -1)
        for role, name in enumerate(nodes):
            if name in model.nodes:
                node = model.nodes[name]
                places[name] = (NODE, role)
                places[node.tx_station], places[node.switch_station] = (CARD, role), (PORT, role)
                for kind, (place, _, stations) in enumerate(self._ports(node), RACK_UP):
                    places.setdefault(place, (FIXED, -1))  # time on the wires there
                    places |= dict.fromkeys(stations, (kind, role))
        return places

    def _ports(self, node: Node) -> tuple[tuple[str, int, tuple[str, ...]], ...]:
        """Of the ports of a node's rack up and down, of its site, and of its hypervisor's card and port: the place, the
        first lane's link, and the stations by which a visit may name it."""
        model, links = self.builder.world.model, self.builder.link_index
        found: list[tuple[str, int, tuple[str, ...]]] = []
        for place, kind in (
            (rack_of(model, node), UP),
            (rack_of(model, node), DOWN),
            (site_of(model, node), WAN),
        ):
            names = (port(place, kind), f"{port(place, kind)}1")
            found.append((place, next((links[name] for name in names if name in links), -1), names))
        for name in (
            ("", "")
            if node.uplink is None
            else (card_station(node.machine, node.uplink), f"switch/{node.machine}")
        ):
            found.append((node.machine if name else "", links.get(name, -1), (name,) if name else ()))
        return tuple(found)

    def _open(self, route: Route, places: dict[str, tuple[int, int]]) -> OpenRoute | None:
        visits = []
        for visit in route.visits:
            place = places.get(self._name(visit))
            if place is None:
                return None
            visits.append(
                OpenVisit(
                    int(visit.context), *place, len(visit.stations), self.builder.routes.anywhere(visit)
                )
            )
        rows = self.builder.routes.stage_rows
        return OpenRoute(
            tuple(visits),
            route.mss_bytes,
            rows(route.send),
            rows(route.recv),
            route.pieces,
            route.queue_bytes,
        )

    @staticmethod
    def _name(visit: Visit) -> str:
        return str(visit.station) if visit.context == Context.LINK else visit.node

    def _where(self, name: str | None) -> tuple[int, ...]:
        """What stands in V_WHERE at a node, by kind from NODE on."""
        if name not in self.known_where:
            b, found = self.builder, (-1,) * HOST_PORT
            if name in b.world.model.nodes:
                node = b.world.model.nodes[name]
                own = (
                    b.node_index[name],
                    b.link_index[node.tx_stations[0]],
                    b.link_index[node.switch_stations[0]],
                )
                found = (*own, *(link for _, link, _ in self._ports(node)))
            self.known_where[name] = found
        return self.known_where[name]

    def fill(self, pattern: Pattern, nodes: Nodes) -> tuple[dict[str, int], Passed]:
        """The columns of a way of this pattern between other nodes, and what a SYN meets there."""
        b = self.builder
        where = [self._where(name) for name in nodes]
        rows = []
        for route in pattern.routes:
            visits = tuple(
                (v.context, v.role if v.kind == FIXED else where[v.role][v.kind - 1], v.lanes, *v.rest)
                for v in route.visits
            )
            rows.append(
                b.routes.route_row(
                    visits, route.mss_bytes, route.send, route.recv, route.pieces, route.queue_bytes
                )
            )
        columns = dict(zip((f"WA_{name.upper()}" for name in ROUTES), rows, strict=True))
        entries = tuple((str(nodes[role]), kind) for role, kind in pattern.tracked)
        return columns, Passed(entries, nodes[pattern.snat] if pattern.snat >= 0 else None)
