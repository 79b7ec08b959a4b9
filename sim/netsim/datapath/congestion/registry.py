"""Every congestion control by name, and the state of one direction of a connection for callers in Python."""

# mypy: disable-error-code="no-untyped-call,untyped-decorator"
from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from netsim.compiled import entry, pointer
from netsim.datapath.congestion import steps
from netsim.datapath.congestion.dispatch import BBR, NAMES
from netsim.datapath.congestion.layout import (
    CC_FULL,
    CC_NEWEST,
    CC_PRIOR,
    CC_READY,
    CC_SRTT,
    CC_STAMP,
    CC_WINDOW,
    W_CC,
)


def number(name: str) -> int:
    """A congestion control's number. Raises ``ValueError`` for a name that is not one."""
    return NAMES.index(name)


@entry
def _begin(cells: Any, control: Any, packets: Any, chance: Any) -> None:
    steps.begin(pointer(cells), 0, control, packets, chance)


@entry
def _measured(cells: Any, rtt: Any) -> None:
    steps.measured(pointer(cells), 0, rtt)


@entry
def _unit(cells: Any) -> Any:
    return steps.unit(pointer(cells), 0)


@entry
def _sent(cells: Any, now: Any, alone: Any) -> Any:
    return steps.sent(pointer(cells), 0, now, alone)


@entry
def _pace(cells: Any, now: Any, packets: Any) -> None:
    steps.pace(pointer(cells), 0, now, packets)


@entry
def _idle(cells: Any, flying: Any) -> None:
    steps.idle(pointer(cells), 0, flying)


@entry
def _queue_limit(cells: Any, size: Any, mss: Any, most: Any) -> Any:
    return steps.queue_limit(pointer(cells), 0, size, mss, most)


@entry
def _acked(cells: Any, now: Any, packets: Any, flying: Any, sent: Any, rtt: Any, again: Any) -> None:
    steps.acked(pointer(cells), 0, now, packets, flying, sent, rtt, again)


@entry
def _lost(cells: Any, packets: Any, flying: Any, sent: Any, again: Any) -> None:
    steps.lost(pointer(cells), 0, packets, flying, sent, again)


@entry
def _probe_due(cells: Any, heard: Any, packets: Any, probed: Any, least: Any, alone: Any) -> Any:
    return steps.probe_due(pointer(cells), 0, heard, packets, probed, least, alone)


@entry
def _probe_told(cells: Any, flying: Any) -> None:
    steps.probe_told(pointer(cells), 0, flying)


@entry
def _timed_out(cells: Any) -> None:
    steps.timed_out(pointer(cells), 0)


@entry
def _rested(cells: Any, now: Any, idle: Any, rto: Any, initial: Any) -> None:
    steps.rested(pointer(cells), 0, now, idle, rto, initial)


class Window:
    """One direction of a connection: how many packets may be on their way (`netsim.datapath.congestion.steps`).

    ``control``: a congestion control's number; ``packets``: the initial window; ``chance``: what draws are made from. Times
    in ps.
    """

    __slots__ = ("cells", "kept", "keeps")

    def __init__(self, control: int, packets: int, chance: int = 0) -> None:
        self.cells = np.zeros(W_CC, np.int64)
        _begin(self.cells, control, packets, chance)
        self.keeps = control == BBR
        #: Of units on their way: what they are known by, and three numbers of the control.
        self.kept: deque[tuple[int, int, int, int]] = deque()

    @property
    def packets(self) -> int:
        """The window."""
        return int(self.cells[CC_WINDOW])

    @property
    def srtt_ps(self) -> int:
        """The smoothed round trip."""
        return int(self.cells[CC_SRTT])

    @property
    def newest_ps(self) -> int:
        """When the newest unit that has been acknowledged was sent."""
        return int(self.cells[CC_NEWEST])

    @property
    def stamp_ps(self) -> int:
        """What the unit that was sent last is known by."""
        return int(self.cells[CC_STAMP])

    @property
    def ready_ps(self) -> int:
        """Pacing: the next unit is sent no earlier."""
        return int(self.cells[CC_READY])

    @property
    def unit(self) -> int:
        """Packets of a unit at the most."""
        return int(_unit(self.cells))

    def queue_limit(self, size: int, mss: int, most: int) -> int:
        """Bytes that may be in the sender's own host's queues when a unit of ``size`` follows; ``most``: tcp_limit_output_bytes."""
        return int(_queue_limit(self.cells, size, mss, most))

    def measured(self, rtt_ps: int) -> None:
        """The first round trip, that of the handshake."""
        _measured(self.cells, rtt_ps)

    def full(self, now_ps: int) -> None:
        """The window holds the sender back."""
        self.cells[CC_FULL] = now_ps

    def idle(self, flying: int) -> None:
        """There is nothing to send; so many packets are on their way."""
        _idle(self.cells, flying)

    def sent(self, now_ps: int, alone: bool = False) -> int:
        """A unit is sent, ``alone`` if nothing else is on its way: what it is known by (ps)."""
        stamp = int(_sent(self.cells, now_ps, alone))
        if self.keeps:
            prior, at, first = (int(self.cells[CC_PRIOR + k]) for k in range(3))
            self.kept.append((stamp, prior, at, first))
        return stamp

    def pace(self, now_ps: int, packets: int) -> None:
        """A unit of so many packets leaves."""
        _pace(self.cells, now_ps, packets)

    def acked(
        self, now_ps: int, packets: int, flying: int, sent_ps: int, rtt_ps: int, again: bool = False
    ) -> None:
        """Packets that were sent then are acknowledged, ``again`` after a loss, with ``flying`` on their way before;
        ``rtt_ps``: -1 if not known."""
        if self.keeps:
            self.cells[CC_PRIOR] = -1
            while self.kept and self.kept[0][0] <= sent_ps:
                stamp, *kept = self.kept.popleft()
                if stamp == sent_ps and rtt_ps >= 0:
                    self.cells[CC_PRIOR : CC_PRIOR + 3] = kept
        _acked(self.cells, now_ps, packets, flying, sent_ps, rtt_ps, again)

    def lost(self, packets: int, flying: int, sent_ps: int, again: bool = False) -> None:
        """Packets that were sent then are lost, ``again`` if not for the first time, and ``flying`` still on their way."""
        _lost(self.cells, packets, flying, sent_ps, again)

    def probe_due(self, heard_ps: int, packets: int, probed_ps: int, least_ps: int, alone_ps: int) -> int:
        """When a tail loss probe is sent (ps), with so many packets on their way; `NEVER`: none. ``heard_ps``: of the last
        acknowledgement; ``least_ps``, ``alone_ps``: what is added to two round trips."""
        return int(_probe_due(self.cells, heard_ps, packets, probed_ps, least_ps, alone_ps))

    def probe_told(self, flying: int) -> None:
        """A probe that repaired the only loss is acknowledged, and so many packets are still on their way."""
        _probe_told(self.cells, flying)

    def timed_out(self) -> None:
        """The retransmission timer fired."""
        _timed_out(self.cells)

    def rested(self, now_ps: int, idle_ps: int, rto_ps: int, initial: int) -> None:
        """The sender begins after a rest; ``initial``: packets that are left at the least."""
        _rested(self.cells, now_ps, idle_ps, rto_ps, initial)
