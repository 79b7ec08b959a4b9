"""What a path is made of: stages, each with its cost and the place where it runs.

A stage's time is ``fixed + per_packet * packets + per_byte * payload bytes``. Stages that run in the
same place one after the other are merged into one visit by the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Context(IntEnum):
    """Where a stage's time is spent, and so what it queues for."""

    DELAY = 0  # nothing contends: propagation, moderation, a sleeping core's wake-up
    THREAD = 1  # the core of the thread that sends or receives, in its class
    SOFTIRQ = 2  # the IRQ core of the NIC queue that received the packet, before any thread
    LINK = 3  # a transmitter: NIC.tx or a switch port; costs wire bytes / rate


def lane(flow: int, lanes: int) -> int:
    """Which of ``lanes`` a flow takes, by its hash (ECMP, RFC 2992). Other bits than those that choose a receive queue."""
    return (flow >> 16) % lanes


def backlog_of(flow: int, cores: int) -> int:
    """To which of ``cores`` a flow is handed on by its hash (RPS). Again other bits."""
    return (flow >> 8) % cores


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """A transmitter: None means no limit. ``baseline_bps`` is what it sends without burst credit, of which it begins
    with ``credit_bytes``; ``packets_per_s`` counts wire packets."""

    rate_bps: int | None
    buffer_bytes: int | None = None
    ring_packets: int | None = None
    baseline_bps: int | None = None
    credit_bytes: int = 0
    packets_per_s: int | None = None
    cable: int = 0  # of a bond, from 1
    queues: int = 0  # in which flows take turns (netsim.datapath.qdisc); 0: they do not


@dataclass(frozen=True, slots=True)
class PathStage:
    """One stage of one path.

    ``station`` is what the stage queues at: ``worker-1/eth0.tx``, ``switch/worker-1`` for links,
    ``worker-1/cpu`` for THREAD and SOFTIRQ (the engine picks the core), ``None`` for DELAY.
    """

    stage: str
    node: str
    context: Context
    station: str | None
    fixed_ps: int = 0
    per_packet_ps: int = 0
    per_byte_fs: int = 0  # femtoseconds per payload byte
    bytes_added: int = 0  # bytes per wire packet that this stage puts on (or, negative, takes off)
    chooses: bool = False  # a balancer picks the back end here, for the first packet of a connection, or looks up a datagram's
    #: TCP payload of the largest packet that a card takes, or that goes over a link as it is; None: any.
    most_bytes: int | None = None
    lanes: int = 1  # of LINK: so many transmitters side by side, STATION1 on; a flow keeps to one
    per_core_ppt: int = 0  # of SOFTIRQ: what it costs beside others (netsim.datapath.crowd)
    chain_ps: int = 0
    poll_ps: int = 0  # of a card's receive work: its interrupt, when it raises one
    held_ps: int = 0  # of a sender: what the end of a write costs more that TCP cuts in two
    fragments: int = 1  # of LINK: into so many a larger packet has been cut
    steered: int = 0  # of SOFTIRQ: it runs on the core of the flow, in whose backlog a unit is one skb (1) or one for each packet (2)
    over_bytes: int = -1  # it costs nothing for units of at most so many bytes, whose packets need not be cut

    @property
    def crowded(self) -> bool:
        """Whether what it costs depends on what is going on beside it."""
        return bool(self.per_core_ppt or self.chain_ps)


@dataclass(frozen=True, slots=True)
class Path:
    """The way of one message between two endpoints, in order.

    ``mss_bytes``: TCP payload per wire packet; ``frame_overhead_bytes``: every byte of a full frame
    on the first wire that is not TCP payload (preamble and gap included), before ``bytes_added``.
    ``pieces``: wire packets that the receiver's kernel handles together; 0: as many as were sent as one unit.
    ``queue_bytes``: what a flow may have in its own host's queues (``tcp_limit_output_bytes``); 0: nothing holds it back there.
    """

    stages: tuple[PathStage, ...]
    mss_bytes: int
    pieces: int = 0
    queue_bytes: int = 0
