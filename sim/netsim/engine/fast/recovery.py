"""Losses of a transfer: how its sender hears of them, and its timer. The other half of the compiled twin of
netsim.engine.transfer."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.congestion import steps
from netsim.datapath.congestion.layout import CC_NEWEST, CC_SRTT, CC_STAMP
from netsim.engine.fast.layout import *
from netsim.engine.fast.memory import append, at, pop_front, todo
from netsim.engine.fast.ops import *
from netsim.engine.fast.tcp import flow_cell, grow, mss_of, pump, rto, send_unit
from netsim.engine.keys import fold_compiled
from netsim.engine.recovery import MOST_LOSSES


@inner
def acked(M, t, size, sent, rtt, again):
    """An acknowledgement is there; ``rtt``: -1 if it says nothing of the round trip."""
    grow(M, t, size, sent, rtt, again)
    o, f = M[B_T] + t * W_T, flow_cell(M, t)
    M[o + T_FLYING] -= size
    M[o + T_HEARD] = M[H_NOW]
    M[o + T_BACKOFF] = 0
    while M[o + T_PENDING] >= 0:
        if M[M[B_Q] + M[o + T_PENDING] * W_Q + 2] > M[f + CC_NEWEST]:
            break
        found(M, t)
    pump(M, t, False)
    if M[o + T_PENDING] >= 0 and not M[M[B_CONN] + M[o + T_CONN] * W_CONN + O_CLOSED]:
        arm(M, t)


@inner
def found(M, t):
    """The sender knows of its first loss: that is on its way no more."""
    o, mss = M[B_T] + t * W_T, mss_of(M, t)
    q = pop_front(M, o + T_PENDING)
    size, code, sent = M[q], M[q + 1], M[q + 2]
    M[o + T_FLYING] -= size
    steps.lost(M, flow_cell(M, t), -(-size // mss), -(-M[o + T_FLYING] // mss), sent, code & 63 > 1)
    append(M, o + T_LOST, o + T_LOST_TAIL, size, code, 0)


@inner
def ack_lost(M, t, size, code, sent):
    """An acknowledgement was dropped: the next one makes it good, one round trip later."""
    o = M[B_T] + t * W_T
    when = M[H_NOW] + M[M[B_CONN] + M[o + T_CONN] * W_CONN + O_SRTT]
    at(
        M,
        when,
        TIMEOUT,
        fold_compiled(M[o + T_KEY], TAG_LATE_ACK, code >> 6),
        OP_ACKED,
        t,
        2 * size + (code & 63 > 0),
        sent,
    )


@inner
def data_lost(M, t, size, code, sent):
    """A unit was dropped. Whether TCP gives up."""
    o = M[B_T] + t * W_T
    if M[M[B_CONN] + M[o + T_CONN] * W_CONN + O_CLOSED]:
        return False
    if M[o + T_BACKOFF] >= M[H_RETRIES2]:
        return True
    if code & 63 == MOST_LOSSES:
        M[o + T_COUNT] += 1
        code = M[o + T_COUNT] * 64
    append(M, o + T_PENDING, o + T_PENDING_TAIL, size, code + 1, sent)
    M[o + T_HOLES] += size
    arm(M, t)
    return False


@inner
def thinned(M, u, cell):
    """A unit has lost so many packets as stand in a cell: a unit of their own from here on."""
    o = M[B_UNIT_] + u * W_UNIT
    t, size = M[o + U_A], M[cell] * M[M[B_ROUTE] + M[o + U_ROUTE] * W_ROUTE + RO_MSS]
    k = M[B_T] + t * W_T
    M[cell] = 0
    M[k + T_COUNT] += 1
    sent = M[o + U_SENT] + (1 if cell == H_GONE else 0)
    if data_lost(M, t, size, M[k + T_COUNT] * 64 + (M[o + U_C] & 63), sent):
        todo(M, OP_END, M[k + T_X], unheard(M, t), 0)


@inner
def due(M, t):
    """When the retransmission timer fires: some time after the first loss that the sender does not know of was sent, or after
    a probe."""
    o = M[B_T] + t * W_T
    q = M[B_Q] + M[o + T_PENDING] * W_Q
    return max(M[q + 2], M[o + T_PROBED]) + rto(M, M[flow_cell(M, t) + CC_SRTT], M[o + T_BACKOFF])


@inner
def probe_due(M, t):
    """When a tail loss probe is sent; NEVER: none."""
    o = M[B_T] + t * W_T
    packets = -(-M[o + T_FLYING] // mss_of(M, t))
    return steps.probe_due(
        M, flow_cell(M, t), M[o + T_HEARD], packets, M[o + T_PROBED], M[H_TLP], M[H_RTO_MIN]
    )


@inner
def arm(M, t):
    """See that the timer fires no later than the probe or the retransmission is due."""
    o = M[B_T] + t * W_T
    when = max(M[H_NOW] + 1, min(due(M, t), probe_due(M, t)))
    if when >= M[o + T_ARMED]:
        return
    M[o + T_ARMED] = when
    M[o + T_TIMERS] += 1
    key = fold_compiled(M[o + T_KEY], TAG_RETRY, M[o + T_TIMERS])
    at(M, when, TIMEOUT, key, OP_RTO, t, M[o + T_TIMERS], 0)


@inner
def probe(M, t):
    """One packet of what was lost first is sent again, whatever the window: its acknowledgement tells of all that was lost
    before it."""
    o = M[B_T] + t * W_T
    q = M[B_Q] + M[o + T_PENDING] * W_Q
    packet = min(M[q], mss_of(M, t))
    if packet < M[q]:
        M[q] -= packet
    else:
        pop_front(M, o + T_PENDING)
    M[o + T_COUNT] += 1
    M[o + T_HOLES] -= packet
    send_unit(M, t, packet, M[o + T_COUNT], 0)
    M[o + T_PROBED] = M[flow_cell(M, t) + CC_STAMP]
    if M[o + T_PENDING] >= 0:
        arm(M, t)


@inner
def timer(M, t, number):
    """The timer of this number: a probe, or all that was lost is known, and sent again from a window of one packet."""
    o = M[B_T] + t * W_T
    if number != M[o + T_TIMERS]:
        return
    M[o + T_ARMED] = NEVER
    if M[M[B_CONN] + M[o + T_CONN] * W_CONN + O_CLOSED] or M[o + T_PENDING] < 0:
        return
    when = probe_due(M, t)
    if min(due(M, t), when) > M[H_NOW]:
        arm(M, t)
        return
    if when < NEVER:
        probe(M, t)
        return
    M[o + T_BACKOFF] += 1
    steps.timed_out(M, flow_cell(M, t))
    while M[o + T_PENDING] >= 0:
        found(M, t)
    pump(M, t, False)


@inner
def unheard(M, t):
    """The fate of what TCP gives up: its packets were too large, or nobody knows."""
    return F_MTU if M[M[B_CONN] + M[M[B_T] + t * W_T + T_CONN] * W_CONN + O_LARGE] else F_TIMEOUT
