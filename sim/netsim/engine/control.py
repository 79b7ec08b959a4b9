"""Control traffic between nodes: what the way of a message is, and how long it would take now."""

from __future__ import annotations

from collections.abc import Callable

from netsim.datapath.stage import Context, Path
from netsim.datapath.walk import TCP_BYTES, Walk
from netsim.engine.border import Message
from netsim.engine.kernel import Key
from netsim.engine.keys import Tag, fold, name_key
from netsim.engine.links import PS_BITS
from netsim.engine.route import MIN_FRAME_BYTES, Route
from netsim.engine.routes import sent_by_kernel, taken_by_kernel
from netsim.engine.wiring import Wiring
from netsim.model.entities import Model


class ControlRoutes:
    """Routes of messages from host to host, made once and kept.

    A message goes over a TCP connection that its two daemons keep open. Its stages on the hosts run in softirq, as
    those of acknowledgements do: daemons have no threads in the model.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._routes: dict[tuple[str, str], Route] = {}

    def route(self, src: str, dst: str) -> Route:
        """Raises ``KeyError`` for a node that does not exist, ``ValueError`` for a way to itself."""
        found = self._routes.get((src, dst))
        if found is None:
            source, target = self.model.nodes[src], self.model.nodes[dst]
            if source is target:
                raise ValueError(f"expected two nodes, got {src} twice")
            walk = Walk(self.model).send(source, "nic.xmit").hop(source, target)
            mtu = min(source.nic.mtu, target.nic.mtu)
            path: Path = walk.receive(target, "nic.rx").deliver(target).path(mtu - TCP_BYTES)
            found = self._routes[src, dst] = Route(taken_by_kernel(sent_by_kernel(path)))
        return found

    def ways(self, src: str, dst: str) -> HostWays:
        """Both directions of a connection between two nodes."""
        return HostWays(self.route(src, dst), self.route(dst, src))


class HostWays:
    """What `netsim.engine.routes.Ways` is to a client's connection, for one between two daemons."""

    def __init__(self, there: Route, back: Route) -> None:
        self.syn = self.request = self.reply_ack = there
        self.syn_ack = self.reply = self.request_ack = back


def flow_of(src: str, dst: str) -> int:
    """The flow hash of a connection between two daemons, which picks the receive queue."""
    return name_key(f"{src}>{dst}") & 0x7FFFFFFF


def message_key(message: Message) -> Key:
    """The key of a message."""
    return fold(name_key(message.src), Tag.MESSAGE, message.number)


def path_delay(
    route: Route,
    size_bytes: int,
    now_ps: int,
    wiring: Wiring,
    free_at: Callable[[str, Context], int],
    stretched: Callable[[str, int], int],
) -> int | None:
    """Picoseconds until the last byte of a message is there, by what waits before it; None if it cannot get there.

    ``free_at(name, context)``: when a transmitter, or softirq on the core of a node that the flow comes to, has done
    what it has; ``stretched(node, cost)``: processor time where some is stolen.
    """
    src, dst = route.visits[0].node, route.visits[-1].node
    if not wiring.reaches(src, dst):
        return None
    packets, flow = route.packets(size_bytes), flow_of(src, dst)
    first = last = now_ps
    for visit in route.visits:
        cost = sum(ps for _, ps in visit.costs(size_bytes, packets))
        if visit.context == Context.DELAY:
            first, last = first + cost, last + cost
        elif visit.context == Context.SOFTIRQ:
            first = last = max(last, free_at(visit.node, Context.SOFTIRQ)) + stretched(visit.node, cost)
        else:
            station = visit.station_of(flow)
            wire = max(size_bytes + packets * visit.overhead_bytes, MIN_FRAME_BYTES * packets)
            rate = wiring.rate_bps(station)
            service = max(1, wire * PS_BITS // rate) if rate else 1
            one = max(1, service // packets)
            start = max(first, free_at(station, Context.LINK))
            late = wiring.delay_ps(station)
            first, last = start + one + late, max(start + service, last + one) + late
    return last - now_ps
