"""Connections and transfers: the compiled twin of netsim.engine.transfer and connection."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

from netsim.compiled import at_address, inner
from netsim.datapath.congestion import steps
from netsim.datapath.congestion.layout import (
    CC_FULL,
    CC_HEAD,
    CC_PRIOR,
    CC_PRIOR_AT,
    CC_PRIOR_FIRST,
    CC_READY,
    CC_SRTT,
    CC_TAIL,
    CC_WINDOW,
)
from netsim.datapath.flows.layout import PORT_FREE
from netsim.datapath.flows.steps import end as end_flow
from netsim.datapath.writes import cut_in_two, unit_of_write
from netsim.engine.fast.cores import start_work
from netsim.engine.fast.layout import *
from netsim.engine.fast.memory import append, at, pop_front, row
from netsim.engine.fast.ops import *
from netsim.engine.fast.plane import new_unit, onward, stage_cost
from netsim.engine.fast.smallqueue import throttled, wait
from netsim.engine.keys import fold_compiled

MOST_UNITS = 100  # as in netsim.engine.transfer


@inner
def rto(M, srtt, losses):
    return min(M[H_RTO_MAX], (srtt + M[H_RTO_MIN]) << min(losses, 12))


@inner
def new_transfer(M, conn, back, size, key, kind, x):
    t = row(M, H_TFREE, H_TLEFT, B_T, W_T)
    M[M[B_X] + x * W_X + X_REFS] += 1
    o = M[B_T] + t * W_T
    M[o + T_REFS] = 0
    M[o + T_CONN] = conn
    M[o + T_BACK] = back
    M[o + T_SIZE] = max(1, size)
    M[o + T_KEY] = key
    M[o + T_KIND] = kind
    M[o + T_X] = x
    M[o + T_NEXT] = 0
    M[o + T_FLYING] = 0
    M[o + T_ARRIVED] = 0
    M[o + T_COUNT] = 0
    M[o + T_THREAD] = -1
    M[o + T_SENDING] = 0
    M[o + T_WRITES] = 0
    M[o + T_READER] = -1
    M[o + T_HEAD] = -1
    M[o + T_PENDING] = -1
    M[o + T_LOST] = -1
    M[o + T_HOLES] = 0
    M[o + T_ARMED] = NEVER
    M[o + T_TIMERS] = 0
    M[o + T_HEARD] = -NEVER
    M[o + T_PROBED] = -NEVER
    M[o + T_BACKOFF] = 0
    M[o + T_WAITS] = 0
    M[o + T_WAITED] = 0
    M[o + T_BEGUN] = 0
    M[o + T_WRITE] = 0
    M[o + T_SMALL] = 0
    M[o + T_QUEUED] = 0
    M[o + T_LEAVING] = -1
    M[o + T_STUCK] = 0
    return t


@inner
def begin_windows(M, k, control):
    """A connection is new: its windows in both directions."""
    for way in range(2):
        steps.begin(M, k + (O_BACK if way else O_THERE), control, M[H_IW], M[k + O_HASH] + way)


@inner
def measured(M, k, rtt):
    """The first round trip of a connection, that of the handshake."""
    M[k + O_SRTT] = rtt
    steps.measured(M, k + O_THERE, rtt)
    steps.measured(M, k + O_BACK, rtt)


@inner
def flow_cell(M, t):
    """Where the window of a transfer's direction stands (netsim.datapath.congestion.layout)."""
    o = M[B_T] + t * W_T
    return M[B_CONN] + M[o + T_CONN] * W_CONN + (O_BACK if M[o + T_BACK] else O_THERE)


@inner
def route_row(M, t):
    """The route of a transfer's units."""
    o = M[B_T] + t * W_T
    w = ways_of(M, M[o + T_CONN])
    return M[B_ROUTE] + (M[w + WA_REPLY] if M[o + T_BACK] else M[w + WA_REQUEST]) * W_ROUTE


@inner
def ways_of(M, conn):
    return M[B_WAYS] + M[M[B_CONN] + conn * W_CONN + O_WAYS] * W_WAYS


@inner
def mss_of(M, t):
    o = M[B_T] + t * W_T
    w = ways_of(M, M[o + T_CONN])
    route = M[w + WA_REPLY] if M[o + T_BACK] else M[w + WA_REQUEST]
    return M[M[B_ROUTE] + route * W_ROUTE + RO_MSS]


@inner
def pieces_of(M, t):
    """Wire packets that a transfer's receiver handles together where that cannot merge them; 0: it can."""
    o = M[B_T] + t * W_T
    if M[o + T_READER] < 0:
        return 0
    w = ways_of(M, M[o + T_CONN])
    return M[M[B_ROUTE] + (M[w + WA_REPLY] if M[o + T_BACK] else M[w + WA_REQUEST]) * W_ROUTE + RO_PIECES]


@inner
def start_transfer(M, t):
    """Slow start after idle, then what the window allows."""
    o = M[B_T] + t * W_T
    k = M[B_CONN] + M[o + T_CONN] * W_CONN
    f = flow_cell(M, t)
    now = M[H_NOW]
    steps.rested(M, f, now, now - M[k + O_LAST], rto(M, M[f + CC_SRTT], 0), M[H_IW])
    M[k + O_LAST] = now
    mss = mss_of(M, t)
    if M[o + T_SIZE] > M[H_UNIT] // mss * mss:
        M[o + T_SMALL] = M[route_row(M, t) + RO_QUEUE]
    pump(M, t, True)


@inner
def pump(M, t, writing):
    """Send what is lost and then what is new, as far as the windows allow; ``writing``: new data are not there before the
    thread writes them. Of a sender that had to wait for its window, the next unit is full whatever it writes."""
    o = M[B_T] + t * W_T
    k, f, mss = M[B_CONN] + M[o + T_CONN] * W_CONN, flow_cell(M, t), mss_of(M, t)
    units, held, most = 0, False, 0
    while not M[k + O_CLOSED]:
        window = M[f + CC_WINDOW] * mss
        if M[o + T_LOST] >= 0:
            size = fitting(M, o, M[M[B_Q] + M[o + T_LOST] * W_Q], window, mss)
        elif M[o + T_NEXT] < M[o + T_SIZE] and not M[o + T_SENDING]:
            most = largest(M, o, f, mss)
            if writing:
                held = cut_in_two(M[o + T_NEXT], M[o + T_WRITE], most, mss)
                most = unit_of_write(M[o + T_NEXT], M[o + T_WRITE], most, mss)
            left = min(M[o + T_SIZE] - M[o + T_NEXT], most)
            if pieces_of(M, t) > 0:
                left = min(left, pieces_of(M, t) * mss)
            if M[o + T_FLYING] + left > window:
                M[f + CC_FULL] = M[H_NOW]
            size = fitting(M, o, left, min(window, M[H_WINDOW]), mss)
        else:
            if not M[o + T_SENDING]:
                steps.idle(M, f, -(-M[o + T_FLYING] // mss))
            return
        if size == 0 or (M[o + T_SMALL] > 0 and throttled(M, t, f, size, mss)):
            return
        units += 1
        if M[f + CC_READY] > M[H_NOW] or units > MOST_UNITS:
            wait(M, t, max(M[f + CC_READY], M[H_NOW] + 1))
            return
        steps.pace(M, f, M[H_NOW], -(-size // mss))
        if M[o + T_LOST] >= 0:
            send_again(M, t, size)
            continue
        M[o + T_NEXT] += size
        M[o + T_FLYING] += size
        M[o + T_COUNT] += 1
        if M[o + T_THREAD] < 0:
            send_unit(M, t, size, M[o + T_COUNT], 0)
        else:
            pay(M, t, size, most, held)


@inner
def largest(M, o, f, mss):
    """The largest unit: what TSO takes, or less where the connection is slow and the message more than one unit."""
    whole = M[H_UNIT] // mss * mss
    if M[o + T_SIZE] <= whole:
        return whole
    return min(whole, steps.unit(M, f) * mss)


@inner
def fitting(M, o, size, window, mss):
    """How many bytes of a unit the window takes; one segment, if nothing is on its way."""
    room = window - M[o + T_FLYING]
    if size > room:
        size = min(size, max(room // mss * mss, 0 if M[o + T_FLYING] else mss))
    return size


@inner
def send_again(M, t, size):
    """Send what was lost first once more; a part of it is a unit of its own."""
    o = M[B_T] + t * W_T
    q = M[B_Q] + M[o + T_LOST] * W_Q
    code = M[q + 1]
    if size < M[q]:
        M[q] -= size
        M[o + T_COUNT] += 1
        code = M[o + T_COUNT] * 64 + (code & 63)
    else:
        pop_front(M, o + T_LOST)
    M[o + T_HOLES] -= size
    M[o + T_FLYING] += size
    send_unit(M, t, size, code >> 6, code & 63)


@inner
def end_cost(M, r, first, count, size, goes_on):
    """What a thread at one end of a route does; ``goes_on``: with what it is at already."""
    packets, cost = max(1, -(-size // M[r + RO_MSS])), 0
    for g in range(first, first + count):
        cost += stage_cost(M, g, size, packets)
        if goes_on:
            cost -= M[M[B_STAGE] + g * W_STAGE + SG_FIXED]
    return cost


@inner
def pay(M, t, size, unit, held):
    """The sending thread pays for a unit of a large message before it leaves. ``unit``: bytes of the unit that would begin here; ``held``: it is the
    first of two into which the end of a write is cut. A piece of a unit that the thread is at already costs none of what a unit does."""
    o = M[B_T] + t * W_T
    M[o + T_SENDING] = 1
    M[o + T_NUMBER] = M[o + T_COUNT]
    w = ways_of(M, M[o + T_CONN])
    r = M[B_ROUTE] + (M[w + WA_REPLY] if M[o + T_BACK] else M[w + WA_REQUEST]) * W_ROUTE
    goes_on = pieces_of(M, t) > 0 and M[o + T_BEGUN] > 0
    if not goes_on:
        M[o + T_BEGUN] = unit
    M[o + T_BEGUN] -= size
    cost = end_cost(M, r, M[r + RO_SEND], M[r + RO_SENDS], size, goes_on)
    if held and not goes_on:
        for g in range(M[r + RO_SEND], M[r + RO_SEND] + M[r + RO_SENDS]):
            cost += M[M[B_STAGE] + g * W_STAGE + SG_HELD]
    start_work(M, M[o + T_THREAD], cost, TH_PAID, t, size)


@inner
def paid(M, t, size):
    """The unit leaves. Whether the connection is closed instead."""
    o = M[B_T] + t * W_T
    M[o + T_SENDING] = 0
    if M[M[B_CONN] + M[o + T_CONN] * W_CONN + O_CLOSED]:
        return True
    send_unit(M, t, size, M[o + T_NUMBER], 0)
    pump(M, t, True)
    return False


@inner
def send_unit(M, t, size, number, losses):
    o = M[B_T] + t * W_T
    conn = M[o + T_CONN]
    k = M[B_CONN] + conn * W_CONN
    if M[k + O_CLOSED] or (M[o + T_BACK] and M[k + O_PEER] >= PEER_RESET):
        return
    w = ways_of(M, conn)
    route = M[w + WA_REPLY] if M[o + T_BACK] else M[w + WA_REQUEST]
    key = fold_compiled(M[o + T_KEY], TAG_UNIT, number * 64 + losses)
    u = new_unit(M, route, size, key, M[k + O_HASH], UK_DATA, t, size, number * 64 + losses, 1)
    if M[o + T_SMALL] > 0:
        M[o + T_QUEUED] += size
        M[M[B_UNIT_] + u * W_UNIT + U_SPLIT] = SPLIT_QUEUED
    f = flow_cell(M, t)
    stamp = steps.sent(M, f, M[H_NOW], M[o + T_FLYING] == size)
    M[M[B_UNIT_] + u * W_UNIT + U_SENT] = stamp
    if steps.keeps(M, f):
        append(M, f + CC_HEAD, f + CC_TAIL, stamp, M[f + CC_PRIOR], M[f + CC_PRIOR_AT])
        append(M, f + CC_HEAD, f + CC_TAIL, M[f + CC_PRIOR_FIRST], 0, 0)
    onward(M, u, M[H_NOW])


@inner
def grow(M, t, size, sent, rtt, again):
    """An acknowledgement of what is still counted as on its way."""
    o, f, mss = M[B_T] + t * W_T, flow_cell(M, t), mss_of(M, t)
    if steps.keeps(M, f):
        recall(M, f, sent, rtt)
    steps.acked(M, f, M[H_NOW], -(-size // mss), -(-M[o + T_FLYING] // mss), sent, rtt, again)
    if sent == M[o + T_PROBED] and M[o + T_PENDING] < 0:
        steps.probe_told(M, f, -(-(M[o + T_FLYING] - size) // mss))


@inner
def recall(M, f, sent, rtt):
    """What was kept of a unit that is acknowledged; of those before it, nothing is needed any more."""
    M[f + CC_PRIOR] = -1
    while M[f + CC_HEAD] >= 0 and M[M[B_Q] + M[f + CC_HEAD] * W_Q] <= sent:
        q = pop_front(M, f + CC_HEAD)
        found = M[q] == sent and rtt >= 0
        if found:
            M[f + CC_PRIOR] = M[q + 1]
            M[f + CC_PRIOR_AT] = M[q + 2]
        q = pop_front(M, f + CC_HEAD)
        if found:
            M[f + CC_PRIOR_FIRST] = M[q]


@inner
def data_arrived(M, t, size, code, sent):
    """A unit is there. Whether the whole message is."""
    M[M[B_T] + t * W_T + T_ARRIVED] += size
    return data_read(M, t, size, code, sent)


@inner
def data_read(M, t, size, code, sent):
    """A unit that was there is acknowledged. Whether it was the last one."""
    o = M[B_T] + t * W_T
    if M[o + T_NEXT] < M[o + T_SIZE] or M[o + T_HOLES] > 0:
        conn = M[o + T_CONN]
        w = ways_of(M, conn)
        route = M[w + WA_REPLY_ACK] if M[o + T_BACK] else M[w + WA_REQUEST_ACK]
        key = fold_compiled(M[o + T_KEY], TAG_ACK, code >> 6)
        u = new_unit(M, route, 0, key, M[M[B_CONN] + conn * W_CONN + O_HASH], UK_ACK, t, size, code, 0)
        M[M[B_UNIT_] + u * W_UNIT + U_SENT] = sent
        onward(M, u, M[H_NOW])
        return False
    over = M[o + T_ARRIVED] >= M[o + T_SIZE] and M[o + T_HEAD] < 0
    if over:
        grow(M, t, size, sent, -1, code & 63 > 0)
    M[o + T_FLYING] -= size
    return over


@inner
def close(M, conn):
    k = M[B_CONN] + conn * W_CONN
    if M[k + O_CLOSED]:
        return
    M[k + O_CLOSED] = 1
    if M[k + O_SERVER] >= 0 and not M[k + O_ACCEPTED]:
        M[M[B_SERVER] + M[k + O_SERVER] * W_SERVER + V_WAITING] -= 1
    if M[k + O_FLOW] >= 0:
        first = M[k + O_PEER] == PEER_CLOSING or M[k + O_PEER] == PEER_RESET
        end_flow(at_address(M[H_TABLE]), M[k + O_FLOW], M[H_NOW], PORT_FREE if first else 0)
    t = M[k + O_WRITER]
    if t >= 0 and M[M[B_T] + t * W_T + T_WRITES]:
        key = fold_compiled(M[M[B_T] + t * W_T + T_KEY], TAG_ABORT, 0)
        at(M, M[H_NOW] + M[k + O_SRTT] // 2 + 1, FINISH, key, OP_ABORT, t, 0, 0)
