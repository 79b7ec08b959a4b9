"""What every congestion control has in common: when windows grow, when they are cut, and which losses belong together.

``f`` is the offset of one direction of a connection (`netsim.datapath.congestion.layout`). A unit is known by the time at which
it was sent, which no two units of a direction share.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.congestion import dispatch
from netsim.datapath.congestion.layout import (
    CC_CONTROL,
    CC_COUNT,
    CC_CUT,
    CC_FULL,
    CC_NEWEST,
    CC_SRTT,
    CC_STAMP,
    CC_THRESHOLD,
    CC_WINDOW,
    INFINITE,
    NEVER,
)


@inner
def begin(M, f, control, packets):
    """A connection is new: its initial window."""
    M[f + CC_CONTROL] = control
    M[f + CC_WINDOW] = packets
    M[f + CC_THRESHOLD] = INFINITE
    M[f + CC_COUNT] = 0
    M[f + CC_CUT] = -NEVER
    M[f + CC_FULL] = -NEVER
    M[f + CC_SRTT] = 0
    M[f + CC_STAMP] = -NEVER
    M[f + CC_NEWEST] = -NEVER
    dispatch.start(M, f)


@inner
def stamp(M, f, now):
    """A unit is sent now: what it is known by."""
    M[f + CC_STAMP] = max(now, M[f + CC_STAMP] + 1)
    return M[f + CC_STAMP]


@inner
def acked(M, f, now, packets, flying, sent, rtt):
    """An acknowledgement of packets that were sent then; ``flying``: packets on their way before it; ``rtt``: -1 if it says
    nothing of the round trip."""
    M[f + CC_NEWEST] = max(M[f + CC_NEWEST], sent)
    if rtt >= 0:
        srtt = M[f + CC_SRTT]
        M[f + CC_SRTT] = srtt + ((rtt - srtt) >> 3) if srtt > 0 else max(rtt, 1)
        dispatch.sampled(M, f, now, sent, rtt)
    if sent <= M[f + CC_CUT]:
        return  # recovery: nothing grows before what was sent after the cut comes back
    # Only a window that was used grows (tcp_is_cwnd_limited in include/net/tcp.h).
    if M[f + CC_WINDOW] < M[f + CC_THRESHOLD]:
        limited = 2 * flying > M[f + CC_WINDOW]
    else:
        limited = M[f + CC_FULL] >= sent
    if limited:
        dispatch.acked(M, f, now, packets)


@inner
def lost(M, f, sent):
    """What was sent then is lost, as acknowledgements of newer data tell: one cut for all that was on its way."""
    if sent > M[f + CC_CUT]:
        M[f + CC_THRESHOLD] = dispatch.lost(M, f)
        M[f + CC_WINDOW] = M[f + CC_THRESHOLD]
        M[f + CC_COUNT] = 0
        M[f + CC_CUT] = M[f + CC_STAMP]


@inner
def timed_out(M, f, sent):
    """The retransmission timer of what was sent then fired: slow start from one packet (tcp_enter_loss)."""
    if sent > M[f + CC_CUT]:
        M[f + CC_THRESHOLD] = dispatch.lost(M, f)
    M[f + CC_WINDOW] = 1
    M[f + CC_COUNT] = 0
    M[f + CC_CUT] = M[f + CC_STAMP]
    dispatch.timed_out(M, f)


@inner
def rested(M, f, now, idle, rto, initial):
    """The sender begins to send after a rest: the window is halved for each time-out of it, down to the initial one
    (tcp_cwnd_restart in net/ipv4/tcp_output.c)."""
    dispatch.rested(M, f, now)
    window = M[f + CC_WINDOW]
    if idle > rto:
        M[f + CC_THRESHOLD] = max(M[f + CC_THRESHOLD], window // 2 + window // 4)
        while idle > rto and window > initial:
            window //= 2
            idle -= rto
        M[f + CC_WINDOW] = max(window, initial)
