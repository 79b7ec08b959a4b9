"""What every congestion control has in common: when windows grow, when they are cut, and which losses belong together.

``f`` is the offset of one direction of a connection (`netsim.datapath.congestion.layout`). A unit is known by the time at which
it was sent, which no two units of a direction share; its last packets, when they alone are lost, by a picosecond more: the
acknowledgement of those before them tells nothing of them, and that of any later unit does.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.congestion import bbr, dispatch
from netsim.datapath.congestion.bbr_model import (
    BB_DELIVERED,
    BB_DELIVERED_AT,
    BB_FIRST,
    BB_LIMITED,
    BB_RATE,
    RATE_SHIFT,
    TICK_NS,
    units,
)
from netsim.datapath.congestion.dispatch import BBR
from netsim.datapath.congestion.layout import (
    CC_CHANCE,
    CC_CONTROL,
    CC_COUNT,
    CC_CUT,
    CC_FULL,
    CC_HEAD,
    CC_LEAST,
    CC_NEWEST,
    CC_PRIOR,
    CC_PRIOR_AT,
    CC_PRIOR_FIRST,
    CC_READY,
    CC_RECOVERY,
    CC_REPAIRS,
    CC_REPAIRS_NEXT,
    CC_SRTT,
    CC_STAMP,
    CC_THRESHOLD,
    CC_WINDOW,
    INFINITE,
    LOSS,
    NEVER,
    OPEN,
    RECOVERY,
)

TICK_PS = 10**12 // 1024  # a unit holds about this long of sending (sk_pacing_shift, tcp_tso_autosize)
LARGEST = 45  # packets of a unit of 64 KiB
MOST_PACKETS = 48  # the same where segments are shorter: 1,348 B in an overlay over cards of 1400 B; bytes are bounded elsewhere
MOST_UNITS = 64  # of a window


@inner
def begin(M, f, control, packets, chance):
    """A connection is new: its initial window; what its draws are made from."""
    M[f + CC_CONTROL] = control
    M[f + CC_WINDOW] = packets
    M[f + CC_THRESHOLD] = INFINITE
    M[f + CC_COUNT] = 0
    M[f + CC_CUT] = -NEVER
    M[f + CC_FULL] = -NEVER
    M[f + CC_SRTT] = 0
    M[f + CC_STAMP] = -NEVER
    M[f + CC_NEWEST] = -NEVER
    M[f + CC_LEAST] = 0
    M[f + CC_CHANCE] = chance
    M[f + CC_READY] = -NEVER
    M[f + CC_PRIOR] = -1
    M[f + CC_HEAD] = -1
    M[f + CC_RECOVERY] = OPEN
    M[f + CC_REPAIRS] = 0
    M[f + CC_REPAIRS_NEXT] = 0
    dispatch.start(M, f)


@inner
def measured(M, f, rtt):
    """The first round trip, that of the handshake."""
    M[f + CC_SRTT] = max(rtt, 1)
    M[f + CC_LEAST] = max(rtt, 1)


@inner
def unit(M, f):
    """Packets of the units that a window is sent in: a millisecond of it, more over short paths (tcp_tso_autosize and
    tcp_update_pacing_rate), and few enough for a window that is sent at once."""
    if M[f + CC_SRTT] == 0:
        return LARGEST
    packets = units(M, f) if M[f + CC_CONTROL] == BBR else paced(M, f)
    packets += LARGEST >> min((M[f + CC_LEAST] // 1_000_000) >> 9, 60)
    return min(max(packets, 2, M[f + CC_WINDOW] // MOST_UNITS), MOST_PACKETS)


@inner
def paced(M, f):
    """Packets of a millisecond at the rate of pacing (tcp_update_pacing_rate in net/ipv4/tcp_input.c)."""
    if M[f + CC_CONTROL] == BBR:
        return M[f + BB_RATE] * TICK_NS >> RATE_SHIFT
    ratio = 200 if M[f + CC_WINDOW] < M[f + CC_THRESHOLD] // 2 else 120
    return M[f + CC_WINDOW] * ratio * TICK_PS // (100 * max(M[f + CC_SRTT], 1))


@inner
def queue_limit(M, f, size, mss, most):
    """Bytes that a flow may have in its own host's queues when it sends a unit of ``size`` more (tcp_small_queue_check in
    net/ipv4/tcp_output.c): a millisecond of pacing, two such units at the least, ``most`` at the most if nothing paces it."""
    limit = max(2 * size, paced(M, f) * mss)
    return limit if M[f + CC_CONTROL] == BBR else min(limit, most)


@inner
def sent(M, f, now, alone):
    """A unit is sent now, ``alone`` if nothing else is on its way: what it is known by. What has to be kept of it, where
    `keeps` says so, stands in CC_PRIOR and the two cells after it."""
    M[f + CC_STAMP] = max(now, M[f + CC_STAMP] + 2)
    if M[f + CC_CONTROL] == BBR:
        if alone:
            M[f + BB_FIRST] = M[f + CC_STAMP]
            M[f + BB_DELIVERED_AT] = M[f + CC_STAMP]
        M[f + CC_PRIOR] = 2 * M[f + BB_DELIVERED] + (1 if M[f + BB_LIMITED] > 0 else 0)
        M[f + CC_PRIOR_AT] = M[f + BB_DELIVERED_AT]
        M[f + CC_PRIOR_FIRST] = M[f + BB_FIRST]
    return M[f + CC_STAMP]


@inner
def keeps(M, f):
    """Whether something has to be kept of each unit until it is acknowledged."""
    return M[f + CC_CONTROL] == BBR


@inner
def pace(M, f, now, packets):
    """A unit of so many packets leaves: the next one at the rate of pacing."""
    if M[f + CC_CONTROL] == BBR and M[f + BB_RATE] > 0:
        gap = (packets << RATE_SHIFT) * 1000 // M[f + BB_RATE]
        M[f + CC_READY] = max(M[f + CC_READY], now) + gap


@inner
def idle(M, f, flying):
    """There is nothing to send, though the window has room (tcp_rate_check_app_limited)."""
    if M[f + CC_CONTROL] == BBR and flying < M[f + CC_WINDOW]:
        M[f + BB_LIMITED] = max(M[f + BB_DELIVERED] + flying, 1)


@inner
def acked(M, f, now, packets, flying, sent, rtt, again):
    """An acknowledgement of packets that were sent then, ``again`` if they had been lost before; ``flying``: packets on their
    way before it; ``rtt``: -1 if it says nothing of the round trip."""
    M[f + CC_NEWEST] = max(M[f + CC_NEWEST], sent)
    if rtt >= 0:
        srtt = M[f + CC_SRTT]
        M[f + CC_SRTT] = max(srtt + ((rtt - srtt) >> 3), 1) if srtt > 0 else max(rtt, 1)
        if M[f + CC_LEAST] == 0 or rtt < M[f + CC_LEAST]:
            M[f + CC_LEAST] = max(rtt, 1)
        dispatch.sampled(M, f, now, sent, rtt)
    if M[f + CC_RECOVERY] != OPEN:
        repaired(M, f, packets if again else 0, flying - packets)
    if M[f + CC_CONTROL] == BBR:
        bbr.acked(M, f, now, packets, flying, sent, rtt)
        return
    if M[f + CC_RECOVERY] == RECOVERY or sent <= M[f + CC_CUT]:
        return
    # Only a window that was used grows (tcp_is_cwnd_limited in include/net/tcp.h).
    if M[f + CC_WINDOW] < M[f + CC_THRESHOLD]:
        limited = 2 * flying > M[f + CC_WINDOW]
    else:
        limited = M[f + CC_FULL] >= sent
    if limited:
        dispatch.acked(M, f, now, packets)


@inner
def repaired(M, f, packets, flying):
    """Lost packets have come after all. Recovery is over when all that was sent before it has; what was lost of the rest
    begins the next one (tcp_fastretrans_alert: the cumulative acknowledgement reaches high_seq)."""
    old = min(packets, M[f + CC_REPAIRS])
    M[f + CC_REPAIRS] -= old
    M[f + CC_REPAIRS_NEXT] -= min(packets - old, M[f + CC_REPAIRS_NEXT])
    if M[f + CC_REPAIRS] == 0 and M[f + CC_NEWEST] > M[f + CC_CUT]:
        M[f + CC_RECOVERY] = OPEN
        if M[f + CC_CONTROL] == BBR:
            bbr.recovered(M, f)
        if M[f + CC_REPAIRS_NEXT] > 0:
            M[f + CC_REPAIRS] = M[f + CC_REPAIRS_NEXT]
            M[f + CC_REPAIRS_NEXT] = 0
            recover(M, f, flying)


@inner
def lost(M, f, packets, flying, sent, again):
    """Packets sent then are lost, as acknowledgements of newer data or the timer tell, ``again`` if not for the first time;
    ``flying`` are still on their way."""
    if M[f + CC_CONTROL] == BBR:
        bbr.lost(M, f, packets)
    if not again:
        if M[f + CC_RECOVERY] != OPEN and sent > M[f + CC_CUT]:
            M[f + CC_REPAIRS_NEXT] += packets
        else:
            M[f + CC_REPAIRS] += packets
    if M[f + CC_RECOVERY] != OPEN:
        return
    if sent > M[f + CC_CUT] or M[f + CC_CONTROL] == BBR:
        recover(M, f, flying)
    else:  # found by the very acknowledgement that ended the recovery to which it belongs: that goes on
        M[f + CC_RECOVERY] = RECOVERY


@inner
def recover(M, f, flying):
    """The window is cut, once for all that was on its way."""
    M[f + CC_CUT] = M[f + CC_STAMP] + 1
    if M[f + CC_CONTROL] == BBR:
        bbr.recover(M, f, flying)
    else:
        cut(M, f)
        M[f + CC_WINDOW] = M[f + CC_THRESHOLD]
    M[f + CC_RECOVERY] = RECOVERY


@inner
def cut(M, f):
    """The threshold after a loss."""
    M[f + CC_THRESHOLD] = dispatch.lost(M, f)
    M[f + CC_COUNT] = 0


@inner
def probe_due(M, f, heard, packets, probed, least, alone):
    """When a tail loss probe is sent (RFC 8985, 7.2; tcp_schedule_loss_probe): two round trips after something was sent or heard
    last, and ``least`` more, or ``alone`` if one packet is on its way, whose acknowledgement may be delayed. If the retransmission
    timer is earlier, a probe goes out then. NEVER while losses are repaired, and before the last probe (sent at ``probed``) is
    answered: then it is the retransmission timer's turn."""
    if M[f + CC_RECOVERY] != OPEN or probed > M[f + CC_NEWEST] or M[f + CC_SRTT] == 0:
        return NEVER
    return max(M[f + CC_STAMP], heard) + 2 * M[f + CC_SRTT] + (least if packets > 1 else alone)


@inner
def probe_told(M, f, flying):
    """The acknowledgement of a probe that repaired the only loss: the window is cut all the same (tcp_process_tlp_ack)."""
    if M[f + CC_RECOVERY] == OPEN:
        recover(M, f, flying)


@inner
def timed_out(M, f):
    """The retransmission timer fired: slow start from one packet (tcp_enter_loss)."""
    if M[f + CC_CONTROL] == BBR:
        bbr.timed_out(M, f)
    elif M[f + CC_RECOVERY] == OPEN:
        cut(M, f)
    M[f + CC_WINDOW] = 1
    M[f + CC_COUNT] = 0
    M[f + CC_CUT] = M[f + CC_STAMP] + 1
    M[f + CC_RECOVERY] = LOSS
    M[f + CC_REPAIRS] += M[f + CC_REPAIRS_NEXT]
    M[f + CC_REPAIRS_NEXT] = 0
    dispatch.timed_out(M, f)


@inner
def rested(M, f, now, idle, rto, initial):
    """The sender begins to send after a rest: the window is halved for each time-out of it, down to the initial one
    (tcp_cwnd_restart in net/ipv4/tcp_output.c). Nothing is on its way, so all is acknowledged."""
    if M[f + CC_RECOVERY] != OPEN:
        M[f + CC_RECOVERY] = OPEN
        M[f + CC_REPAIRS] = 0
        M[f + CC_REPAIRS_NEXT] = 0
        if M[f + CC_CONTROL] == BBR:
            bbr.recovered(M, f)
    if M[f + CC_CONTROL] == BBR:
        bbr.rested(M, f, now)
        return
    dispatch.rested(M, f, now)
    window = M[f + CC_WINDOW]
    if idle > rto:
        M[f + CC_THRESHOLD] = max(M[f + CC_THRESHOLD], window // 2 + window // 4)
        while idle > rto and window > initial:
            window //= 2
            idle -= rto
        M[f + CC_WINDOW] = max(window, initial)
