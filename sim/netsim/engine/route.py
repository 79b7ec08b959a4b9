"""A path made ready for the machine: thread stages at both ends, visits in between."""

from __future__ import annotations

from collections.abc import Sequence

from netsim.datapath.stage import Context, Path, PathStage, lane

FS_PER_PS = 1000
ANY_SIZE = 1 << 62
#: What each further fragment has again: an IPv4 header (RFC 791) and its own frame (IEEE 802.3, as in netsim.datapath.walk).
FRAGMENT_BYTES = 20 + 38
MIN_FRAME_BYTES = 84  # 64 B frame + preamble 8 + gap 12 (IEEE 802.3)

Cost = list[tuple[str, int]]


def stage_cost_ps(stage: PathStage, payload_bytes: int, packets: int) -> int:
    """Picoseconds of one stage for one skb."""
    if payload_bytes <= stage.over_bytes:
        return 0
    return stage.fixed_ps + stage.per_packet_ps * packets + stage.per_byte_fs * payload_bytes // FS_PER_PS


class Visit:
    """Consecutive stages on one station."""

    __slots__ = (
        "context",
        "station",
        "node",
        "stages",
        "overhead_bytes",
        "chooses",
        "most_bytes",
        "fragments",
        "crowded",
        "poll_ps",
        "steered",
        "stations",
        "_costs",
    )

    def __init__(self, first: PathStage, overhead_bytes: int, mss_bytes: int) -> None:
        self.context = first.context
        self.station = first.station
        lanes = range(1, first.lanes + 1) if first.lanes > 1 else ("",)
        self.stations = tuple(f"{first.station}{number}" for number in lanes)
        self.node = first.node
        self.stages = [first]
        self.overhead_bytes = overhead_bytes  # per wire packet, when it leaves this visit
        self.chooses = first.chooses
        most = first.most_bytes
        #: A unit of more bytes has packets that are too large for the card that it came to; of a link, that have been cut
        #: into so many fragments before it.
        self.most_bytes = ANY_SIZE if most is None or mss_bytes <= most else most
        self.fragments = first.fragments
        self.crowded = first.crowded
        self.poll_ps = first.poll_ps
        self.steered = first.steered
        self._costs: dict[int, Cost] = {}

    @property
    def again_ps(self) -> int:
        """What each further skb of a unit costs here, beside what its wire packets do."""
        return sum(s.fixed_ps for s in self.stages if s.stage != "nic.rx")

    def pieces(self, payload_bytes: int) -> int:
        """Frames on this link for each wire packet of a unit: the last one of a unit counts as the others."""
        return self.fragments if payload_bytes > self.most_bytes else 1

    def costs(self, payload_bytes: int, packets: int) -> Cost:
        """Time by stage, at least 1 ps in all. Kept, since most messages have one of a few sizes."""
        kept = self._costs.get(payload_bytes)
        if kept is None:
            kept = self._costs[payload_bytes] = self._price(payload_bytes, packets)
        return kept

    def _price(self, payload_bytes: int, packets: int) -> Cost:
        found = [(s.stage, stage_cost_ps(s, payload_bytes, packets)) for s in self.stages]
        if not any(ps for _, ps in found):
            found[0] = (found[0][0], 1)
        return found

    def station_of(self, flow: int, used: Sequence[int] | None = None) -> str:
        """The transmitter that a flow with this hash takes; ``used``: the places of those that are, if not all are."""
        if used is None:
            return self.stations[lane(flow, len(self.stations))]
        return self.stations[used[lane(flow, len(used))]]


class Route:
    """The visits of a path. THREAD stages at its two ends belong to the sender's and receiver's threads."""

    __slots__ = ("path", "send", "recv", "visits", "mss_bytes", "enters", "pieces", "queue_bytes")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.mss_bytes = path.mss_bytes
        self.enters = False  # a client outside sends on it, so it goes to where the entry is
        self.queue_bytes = path.queue_bytes
        stages = path.stages
        first, last = 0, len(stages)
        while first < last and stages[first].context == Context.THREAD:
            first += 1
        while last > first and stages[last - 1].context == Context.THREAD:
            last -= 1
        self.send = stages[:first]
        self.recv = stages[last:]
        #: Wire packets of a bulk flow that go on together, 0: a whole unit. Nobody need know where both ends cost nothing.
        self.pieces = (
            path.pieces if all(any(s.per_byte_fs for s in end) for end in (self.send, self.recv)) else 0
        )
        overhead = sum(s.bytes_added for s in self.send)
        self.visits: list[Visit] = []
        for stage in stages[first:last]:
            overhead += stage.bytes_added
            before = self.visits[-1] if self.visits else None
            merge = (
                before is not None
                and stage.context == before.context != Context.LINK
                and stage.context != Context.DELAY
                and stage.node == before.node
                and not stage.steered
            )
            if merge and before is not None:
                before.stages.append(stage)
                before.overhead_bytes = overhead
                before.chooses |= stage.chooses
                before.crowded |= stage.crowded
            else:
                self.visits.append(Visit(stage, overhead, path.mss_bytes))

    def packets(self, payload_bytes: int) -> int:
        """Wire packets of one skb."""
        return max(1, -(-payload_bytes // self.mss_bytes))

    def send_cost(self, payload_bytes: int, goes_on: bool = False) -> Cost:
        """What the sending thread does, by stage; ``goes_on``: with what it is at already."""
        return self._ends(self.send, payload_bytes, goes_on)

    def recv_cost(self, payload_bytes: int, goes_on: bool = False) -> Cost:
        """What the receiving thread does, by stage; ``goes_on``: within the same system call."""
        return self._ends(self.recv, payload_bytes, goes_on)

    def read_again_ps(self) -> int:
        """What the receiving thread pays for each further skb of a unit between which it has slept."""
        return sum(s.fixed_ps for s in self.recv)

    def held_ps(self) -> int:
        """What the sending thread pays more for the end of a write that is cut in two."""
        return sum(s.held_ps for s in self.send)

    def _ends(self, stages: tuple[PathStage, ...], payload_bytes: int, goes_on: bool) -> Cost:
        packets = self.packets(payload_bytes)
        return [
            (s.stage, stage_cost_ps(s, payload_bytes, packets) - (s.fixed_ps if goes_on else 0))
            for s in stages
        ]
