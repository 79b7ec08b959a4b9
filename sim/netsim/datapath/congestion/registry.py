"""Every congestion control by name, and the state of one direction of a connection for callers in Python."""

# mypy: disable-error-code="no-untyped-call,untyped-decorator"
from __future__ import annotations

from typing import Any

import numpy as np

from netsim.compiled import entry, pointer
from netsim.datapath.congestion import steps
from netsim.datapath.congestion.dispatch import NAMES
from netsim.datapath.congestion.layout import CC_FULL, CC_NEWEST, CC_SRTT, CC_WINDOW, W_CC


def number(name: str) -> int:
    """A congestion control's number. Raises ``ValueError`` for a name that is not one."""
    return NAMES.index(name)


@entry
def _begin(cells: Any, control: Any, packets: Any) -> None:
    steps.begin(pointer(cells), 0, control, packets)


@entry
def _stamp(cells: Any, now: Any) -> Any:
    return steps.stamp(pointer(cells), 0, now)


@entry
def _acked(cells: Any, now: Any, packets: Any, flying: Any, sent: Any, rtt: Any) -> None:
    steps.acked(pointer(cells), 0, now, packets, flying, sent, rtt)


@entry
def _lost(cells: Any, sent: Any) -> None:
    steps.lost(pointer(cells), 0, sent)


@entry
def _timed_out(cells: Any, sent: Any) -> None:
    steps.timed_out(pointer(cells), 0, sent)


@entry
def _rested(cells: Any, now: Any, idle: Any, rto: Any, initial: Any) -> None:
    steps.rested(pointer(cells), 0, now, idle, rto, initial)


class Window:
    """One direction of a connection: how many packets may be on their way (`netsim.datapath.congestion.steps`).

    ``control``: a congestion control's number; ``packets``: the initial window. Times in ps.
    """

    __slots__ = ("cells",)

    def __init__(self, control: int, packets: int) -> None:
        self.cells = np.zeros(W_CC, np.int64)
        _begin(self.cells, control, packets)

    @property
    def packets(self) -> int:
        """The window."""
        return int(self.cells[CC_WINDOW])

    @property
    def srtt_ps(self) -> int:
        """The smoothed round trip."""
        return int(self.cells[CC_SRTT])

    @srtt_ps.setter
    def srtt_ps(self, value: int) -> None:
        self.cells[CC_SRTT] = value

    @property
    def newest_ps(self) -> int:
        """When the newest unit that has been acknowledged was sent."""
        return int(self.cells[CC_NEWEST])

    def full(self, now_ps: int) -> None:
        """The window holds the sender back."""
        self.cells[CC_FULL] = now_ps

    def stamp(self, now_ps: int) -> int:
        """A unit is sent: what it is known by (ps)."""
        return int(_stamp(self.cells, now_ps))

    def acked(self, now_ps: int, packets: int, flying: int, sent_ps: int, rtt_ps: int) -> None:
        """Packets that were sent then are acknowledged, with ``flying`` on their way before; ``rtt_ps``: -1 if not known."""
        _acked(self.cells, now_ps, packets, flying, sent_ps, rtt_ps)

    def lost(self, sent_ps: int) -> None:
        """What was sent then is lost, as acknowledgements tell."""
        _lost(self.cells, sent_ps)

    def timed_out(self, sent_ps: int) -> None:
        """The retransmission timer of what was sent then fired."""
        _timed_out(self.cells, sent_ps)

    def rested(self, now_ps: int, idle_ps: int, rto_ps: int, initial: int) -> None:
        """The sender begins after a rest; ``initial``: packets that are left at the least."""
        _rested(self.cells, now_ps, idle_ps, rto_ps, initial)
