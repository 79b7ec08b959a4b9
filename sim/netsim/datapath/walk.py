"""Builds a path stage by stage: what runs in a thread, in softirq, on a link, or just takes time."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile

from netsim.datapath.profile import StageCost
from netsim.datapath.stage import Context, Path, PathStage
from netsim.drivers.registry import stage_bytes
from netsim.model.entities import OUTSIDE, Model, Node, card_station
from netsim.model.fabric import BACKPLANE, DOWN, UP, WAN, port, rack_of, site_of

#: IPv4 header 20, TCP header 20, timestamps 12 (RFC 7323), per wire packet.
TCP_BYTES = 52
#: IPv4 header 20, UDP header 8.
UDP_BYTES = 28
#: Preamble 8, Ethernet header 14, FCS 4, inter-frame gap 12 (IEEE 802.3).
ETHERNET_BYTES = 38
IP_BYTES = 20  # IPv4 header without options (RFC 791)
FS_PER_NS = 10**6
#: Wire packets that go on together where GRO does not merge them: TCP acknowledges every second one (RFC 9293, 3.8.6.3).
UNMERGED = 2
#: What a card needs to cut a unit by itself: its checksums, and with a tunnel header around them its own kind of TSO.
TSO, GRO = {"tso", "tx-checksum"}, {"gro", "rx-checksum"}
WAKE = "core.wake"  # time that passes while a core wakes up, which nothing works off
TUNNELS = ("vxlan.encap", "geneve.encap")
#: Devices that merge what they have taken out of its tunnel, whatever the card does (``gro_cells_receive`` in vxlan_rcv and geneve_rx).
MERGE = ("vxlan.decap", "geneve.decap")
SENDS = {"tcp.send": TCP_BYTES, "udp.send": UDP_BYTES}


class Walk:
    """One path in the making; every method adds stages and returns the walk. ``udp``: of a datagram, which is one packet
    everywhere: nothing is cut or merged."""

    def __init__(self, model: Model, mtu_bytes: int = 0, cuts: bool = False, udp: bool = False) -> None:
        """``mtu_bytes``: the largest packet; ``cuts``: what a tunnel puts on a card that takes less is cut into IP fragments,
        which the other end of the tunnel puts together."""
        self.model = model
        self.udp = udp
        self.header_bytes = UDP_BYTES if udp else TCP_BYTES
        self.mss_bytes = mtu_bytes - self.header_bytes  # payload of a full packet
        self.cuts = cuts
        self.fits = -1  # up to which payload packets stay whole,
        self.fragments = 1  # and into how many the others are cut
        self.sent_mtu = 0  # of the card where they were cut
        self.stages: list[PathStage] = []
        self.cut = False  # from here on every wire packet is an skb of its own
        self.pieces = 0
        self.queue_bytes = 0

    def path(self, mss_bytes: int) -> Path:
        """What was walked."""
        return Path(tuple(self.stages), mss_bytes, self.pieces, self.queue_bytes)

    def run(self, node: Node, context: Context, *names: str, ends: bool = False) -> Walk:
        """Stages on a node's cores, in a thread or in softirq. A new connection's IPVS stage chooses. Behind a virtual
        switch, packets pass vhost next to the card. ``ends``: they are read on this node."""
        last = "nic.rx" if node.uplink is None else "vhost"
        for name in _through_vhost(names) if node.uplink is not None else names:
            if name == WAKE:  # a driver's process in between
                self.pause(node, name)
                continue
            if name == "nic.xmit":
                self._fragment(node, context)
                self._cut_for(node, context)
            cost = self._cost(node, name, ends)
            whole = self.fragments > 1 and node.takes_bytes >= self.sent_mtu
            most = node.takes_bytes - self._headers() if name == "nic.rx" and not whole else None
            crowd = (cost.per_core_ppt, cost.chain_ps) if context == Context.SOFTIRQ else (0, 0)
            self.stages.append(
                PathStage(
                    name, node.name, context, node.cpu_station, cost.fixed_ps, cost.per_packet_ps, cost.per_byte_fs,
                    added_bytes(name), name == "ipvs.new" or (self.udp and name == "ipvs.hit"), most, 1, *crowd, cost.poll_ps, cost.held_ps,
                )
            )  # fmt: skip
            if name == "nic.rx":
                self.cut = not self.udp and (not set(node.nic.offloads) >= GRO or self.fragments > 1)
                self.pieces = UNMERGED if self.cut else 0
                self._reassemble(node, context)
            if name in MERGE:
                self.cut, self.pieces = False, 0
            if name == last and self._receives():
                self._steer(node, context)
        return self

    def _receives(self) -> bool:
        """Whether the stage that was walked last ends a card's receive work."""
        return self.stages[-1].stage != "vhost" or self.stages[-2].stage != "nic.xmit"

    def _steer(self, node: Node, context: Context) -> None:
        """RPS: the core of the receive queue hands skbs on by their flow, after GRO (``netif_receive_skb_list_internal`` in
        net/core/dev.c)."""
        if not node.rps:
            return
        for name in ("rps", "rps.backlog"):
            cost = self._cost(node, name, False)
            self.stages.append(
                PathStage(
                    name, node.name, context, node.cpu_station, cost.fixed_ps, cost.per_packet_ps, cost.per_byte_fs,
                    poll_ps=cost.poll_ps, steered=1 + self.cut if name == "rps.backlog" else 0,
                )
            )  # fmt: skip

    def _fragment(self, node: Node, context: Context) -> None:
        """The kernel cuts what is put into a tunnel and then is larger than the card's MTU: a unit into packets first, since
        no card cuts what has fragments (``ip_finish_output_gso`` in net/ipv4/ip_output.c), then each into fragments whose
        payload is a multiple of 8 bytes (RFC 791)."""
        if not self.cuts or not {stage.stage for stage in self._leg()} & set(TUNNELS):
            return
        headers = self._headers() + ETHERNET_BYTES
        room = (node.nic.mtu - IP_BYTES) // 8 * 8
        if self.mss_bytes + headers <= node.nic.mtu or room <= 0:
            return
        self._segment(node, context)
        self.fits, self.sent_mtu = node.nic.mtu - headers, node.nic.mtu
        self.fragments = -(-(self.mss_bytes + headers - IP_BYTES) // room)
        self._of_fragments(node, context, "ip.fragment")

    def _reassemble(self, node: Node, context: Context) -> None:
        """Fragments are not merged as they are received (``inet_gro_receive``), and put together before the tunnel ends."""
        if self.fragments > 1:
            self._of_fragments(node, context, "ip.reassemble")
            self.fits, self.fragments = -1, 1

    def _of_fragments(self, node: Node, context: Context, name: str) -> None:
        """What each fragment of a packet costs, none for packets that stay whole."""
        cost = node.profile.cost(name)
        self.stages.append(
            PathStage(
                name, node.name, context, node.cpu_station, 0, cost.per_packet_ps * self.fragments, cost.per_byte_fs,
                over_bytes=self.fits,
            )
        )  # fmt: skip

    def _cost(self, node: Node, name: str, ends: bool) -> StageCost:
        """What a stage costs here: for each wire packet where these are skbs of their own, and more where a flow's packets
        are received on another core than they are read on."""
        cost = node.profile.cost(name)
        if self.cut and name not in ("nic.rx", "tcp.recv"):
            cost = replace(cost, fixed_ps=0, per_packet_ps=cost.per_packet_ps + cost.fixed_ps)
        if ends and cost.cross_ppt and node.cores > 1 and "rfs" not in node.nic.offloads:
            share = 1000 + cost.cross_ppt
            cost = replace(
                cost,
                fixed_ps=cost.fixed_ps * share // 1000,
                per_packet_ps=cost.per_packet_ps * share // 1000,
                per_byte_fs=cost.per_byte_fs * share // 1000,
            )
        return cost

    def _cut_for(self, node: Node, context: Context) -> None:
        """The kernel cuts units before a card that cannot: TCP makes large ones whatever it can (Linux from 4.17 on)."""
        names = {stage.stage for stage in self._leg()}
        needs = TSO | ({"udp-tunnel-tso"} if names & set(TUNNELS) else set())
        if self.udp or self.cut or "gso.segment" in names or needs <= set(node.nic.offloads):
            return
        self._segment(node, context)

    def _leg(self) -> list[PathStage]:
        """What was walked on the present node, backwards."""
        return list(takewhile(lambda stage: stage.context != Context.LINK, reversed(self.stages)))

    def _segment(self, node: Node, context: Context) -> None:
        """Units are cut into wire packets, if they are not yet."""
        if self.udp:
            return
        if self.cut or "gso.segment" in {stage.stage for stage in self._leg()}:
            self.cut = True
            return
        cost = node.profile.cost("gso.segment")
        # Of n packets the first one is there already: it is the unit itself.
        self.stages.append(
            PathStage(
                "gso.segment", node.name, context, node.cpu_station, -cost.per_packet_ps, cost.per_packet_ps,
                cost.per_byte_fs,
            )
        )  # fmt: skip
        self.cut = True

    def _headers(self) -> int:
        """Bytes of a packet that stand around TCP's payload here. A card's MTU does not count frames and VLAN tags."""
        added = sum(stage.bytes_added for stage in self.stages if not stage.stage.startswith("vlan."))
        return added - ETHERNET_BYTES

    def send(self, node: Node, *names: str) -> Walk:
        """The sending thread: socket, then the stages that its system call goes through."""
        return self.run(node, Context.THREAD, "udp.send" if self.udp else "tcp.send", *names)

    def receive(self, node: Node, *names: str) -> Walk:
        """Softirq up to the socket."""
        return self.run(node, Context.SOFTIRQ, *names, "ip.recv", ends=True)

    def deliver(self, node: Node) -> Walk:
        """The receiving thread wakes up and reads."""
        self.pause(node, WAKE)
        return self.run(node, Context.THREAD, "udp.recv" if self.udp else "tcp.recv", ends=True)

    def pause(self, node: Node, name: str) -> Walk:
        """Time that passes on a node without anything being used."""
        return self.delay(node.name, name, node.profile.cost(name).fixed_ps)

    def delay(self, where: str, name: str, ps: int, added: int = 0) -> Walk:
        """Time that passes."""
        self.stages.append(PathStage(name, where, Context.DELAY, None, ps, bytes_added=added))
        return self

    def link(self, node: str, name: str, station: str, added: int = 0, lanes: int = 1) -> Walk:
        """A transmitter, or one of several side by side."""
        most = self.fits if self.fragments > 1 else None
        self.stages.append(
            PathStage(
                name, node, Context.LINK, station, bytes_added=added, most_bytes=most, lanes=lanes, fragments=self.fragments
            )
        )  # fmt: skip
        return self

    def depart(self, node: Node) -> Walk:
        """Onto the wire at a node's card."""
        self.pieces = 0  # who takes them off it decides anew
        self._own_queue(node)
        return self.link(node.name, "nic.tx", node.tx_station, ETHERNET_BYTES, node.cables)

    def _own_queue(self, node: Node) -> None:
        """TCP counts what its socket has in the queues of the host that it sends from, as far as its card: through veths, bridges and
        tunnels (since 4.19, "skbuff: preserve sock reference when scrubbing the skb", 9c4c325252c5), but not beyond IP's receive
        work, where skbs forget their socket (``skb_orphan`` in ip_rcv_core, net/ipv4/ip_input.c)."""
        sends = self.stages[0].stage == "tcp.send" and all(
            stage.context == Context.THREAD for stage in self.stages
        )
        if sends and not {stage.stage for stage in self.stages} & {"ip.forward", "ip.recv"}:
            self.queue_bytes = int(node.profile.kernel["tcp_limit_output_bytes"])

    def arrive(self, node: Node) -> Walk:
        """Through the switch port of a node and its card's interrupt."""
        self.link(node.name, "switch", node.switch_station, lanes=node.cables)
        self.delay(node.name, "wire", self.model.fabric.latency)
        self.pause(node, "irq.moderation")
        return self

    def hop(self, source: Node, target: Node) -> Walk:
        """From one node's card to another's."""
        return self.depart(source).between(source, target).arrive(target)

    def between(self, source: Node | None, target: Node | None) -> Walk:
        """From the switch of one node to that of another, or from and to the edge, which stands at the spines."""
        model, fabric = self.model, self.model.fabric
        if source is not None and target is not None and source.uplink and source.machine == target.machine:
            return self  # the virtual switch joins them
        if source is not None and source.uplink is not None:
            self.link(source.machine, "nic.tx", card_station(source.machine, source.uplink))
        if fabric.rate is not None:
            self.link(BACKPLANE.rpartition("/")[2], "switch", BACKPLANE)
        here, there = (None if node is None else rack_of(model, node) for node in (source, target))
        climbs = fabric.leaf_spine is not None and here != there
        if climbs and here is not None:
            self._port(here, UP, fabric.leaf_spine.spines if fabric.leaf_spine else 1)
        if fabric.wan is not None and source is not None and target is not None:
            site = site_of(model, source)
            if site != site_of(model, target):
                self._port(site, WAN, 1).delay(site, "wire", fabric.wan.one_way(site, site_of(model, target)))
        if climbs and there is not None:
            self._port(there, DOWN, fabric.leaf_spine.spines if fabric.leaf_spine else 1)
        if target is not None and target.uplink is not None:
            self.link(target.machine, "switch", f"switch/{target.machine}")
            self.delay(target.machine, "wire", fabric.latency)
        return self

    def _port(self, place: str, kind: str, lanes: int) -> Walk:
        only = "1" if kind != WAN and lanes == 1 else ""
        self.link(f"{place}.{kind}", "switch", f"{port(place, kind)}{only}", lanes=lanes)
        return self.delay(place, "wire", self.model.fabric.latency)

    def from_outside(self, node: Node) -> Walk:
        """From an outside host to a node: half a round trip, then the switch."""
        self.delay(OUTSIDE, OUTSIDE, self.model.outside.rtt // 2, self.header_bytes + ETHERNET_BYTES)
        return self.between(None, node).arrive(node)

    def to_outside(self, node: Node) -> Walk:
        """From a node's card to an outside host."""
        self.depart(node).between(node, None).link(OUTSIDE, "switch", f"switch/{OUTSIDE}")
        self.delay(OUTSIDE, "wire", self.model.fabric.latency)
        return self.delay(OUTSIDE, OUTSIDE, self.model.outside.rtt // 2)


def _through_vhost(names: tuple[str, ...]) -> list[str]:
    return [
        step for name in names for step in ((name, "vhost") if name in ("nic.xmit", "nic.rx") else (name,))
    ]


def added_bytes(stage: str) -> int:
    """Bytes per wire packet that a stage adds (or takes off)."""
    if stage in SENDS:
        return SENDS[stage]
    if stage == "nic.rx":
        return -ETHERNET_BYTES
    return stage_bytes().get(stage, 0)
