"""Connections, transfers and the time of exchanges: the compiled twin of netsim.engine.transfer and connection."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

from netsim.compiled import at_address, inner
from netsim.datapath.flows.layout import PORT_FREE
from netsim.datapath.flows.steps import end as end_flow
from netsim.engine.fast.cores import start_work
from netsim.engine.fast.layout import *
from netsim.engine.fast.memory import at, row
from netsim.engine.fast.ops import *
from netsim.engine.fast.plane import new_unit, onward, stage_cost
from netsim.engine.keys import fold_compiled

DECREASE = 0.7


@inner
def fill(M, x, part):
    """Everything not yet accounted for went into ``part``."""
    o = M[B_X] + x * W_X
    now = M[H_NOW]
    if now > M[o + X_AT]:
        M[M[B_XSPLIT] + x * NS + part] += now - M[o + X_AT]
        M[o + X_AT] = now


@inner
def take(M, x, split, rest):
    """The time up to now is what stands at ``split``; what is left is ``rest``."""
    o, p, now = M[B_X] + x * W_X, M[B_XSPLIT] + x * NS, M[H_NOW]
    total = 0
    for k in range(NS):
        ps = M[split + k]
        M[p + k] += ps
        total += ps
    M[p + rest] += now - M[o + X_AT] - total
    M[o + X_AT] = now


@inner
def worked(M, x):
    """A thread's work is done: its stages are in the split already, the rest was waiting for a core."""
    o, now = M[B_X] + x * W_X, M[H_NOW]
    M[M[B_XSPLIT] + x * NS + P_Q_CPU] += now - M[o + X_AT] - M[o + X_PENDING]
    M[o + X_PENDING] = 0
    M[o + X_AT] = now


@inner
def owe(M, x, part, ps):
    """A thread will spend this on the exchange."""
    M[M[B_XSPLIT] + x * NS + part] += ps
    M[M[B_X] + x * W_X + X_PENDING] += ps
    return ps


@inner
def message_cost(M, x, route, size, sending):
    """Thread time of a whole message, owed to the exchange: one pass for each skb."""
    r = M[B_ROUTE] + route * W_ROUTE
    first = M[r + RO_SEND] if sending else M[r + RO_RECV]
    count = M[r + RO_SENDS] if sending else M[r + RO_RECVS]
    unit, mss = M[H_UNIT], M[r + RO_MSS]
    whole, rest = size // unit, size % unit
    total = 0
    for g in range(first, first + count):
        ps = 0
        if whole:
            ps += stage_cost(M, g, unit, max(1, -(-unit // mss))) * whole
        if rest or not whole:
            ps += stage_cost(M, g, rest, max(1, -(-rest // mss)))
        total += owe(M, x, M[M[B_STAGE] + g * W_STAGE + SG_ID], ps)
    return total


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
    return t


@inner
def flow_cell(M, t):
    """Where the window of a transfer's direction stands; threshold and last cut follow."""
    o = M[B_T] + t * W_T
    return M[B_CONN] + M[o + T_CONN] * W_CONN + (O_WINDOW1 if M[o + T_BACK] else O_WINDOW)


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
def start_transfer(M, t):
    """Slow start after idle, then what the window allows."""
    o = M[B_T] + t * W_T
    k = M[B_CONN] + M[o + T_CONN] * W_CONN
    f = flow_cell(M, t)
    now = M[H_NOW]
    idle = now - M[k + O_LAST]
    if idle > M[H_RTO_MIN]:
        w = ways_of(M, M[o + T_CONN])
        least = M[H_IW] * M[M[B_ROUTE] + M[w + WA_REQUEST] * W_ROUTE + RO_MSS]
        wait = rto(M, M[k + O_SRTT], 0)
        while idle > wait and M[f] > least:
            M[f] = M[f] // 2
            idle -= wait
        M[f] = max(M[f], least)
    M[k + O_LAST] = now
    pump(M, t)


@inner
def pump(M, t):
    o = M[B_T] + t * W_T
    k = M[B_CONN] + M[o + T_CONN] * W_CONN
    f = flow_cell(M, t)
    mss = mss_of(M, t)
    limit = M[H_UNIT] // mss * mss
    while M[o + T_NEXT] < M[o + T_SIZE] and not M[k + O_CLOSED] and not M[o + T_SENDING]:
        left = M[o + T_SIZE] - M[o + T_NEXT]
        room = M[f] - M[o + T_FLYING]
        size = min(left, limit)
        if size > room:
            size = room // mss * mss
            if size <= 0:
                if M[o + T_FLYING]:
                    return
                size = min(left, mss)
        M[o + T_NEXT] += size
        M[o + T_FLYING] += size
        M[o + T_COUNT] += 1
        if M[o + T_THREAD] < 0:
            send_unit(M, t, size, M[o + T_COUNT], 0)
        else:
            pay(M, t, size)


@inner
def pay(M, t, size):
    """The sending thread pays for a unit of a large message before it leaves."""
    o = M[B_T] + t * W_T
    M[o + T_SENDING] = 1
    M[o + T_NUMBER] = M[o + T_COUNT]
    w = ways_of(M, M[o + T_CONN])
    r = M[B_ROUTE] + (M[w + WA_REPLY] if M[o + T_BACK] else M[w + WA_REQUEST]) * W_ROUTE
    packets, cost = max(1, -(-size // M[r + RO_MSS])), 0
    for g in range(M[r + RO_SEND], M[r + RO_SEND] + M[r + RO_SENDS]):
        cost += stage_cost(M, g, size, packets)
    start_work(M, M[o + T_THREAD], cost, TH_PAID, t, size)


@inner
def paid(M, t, size):
    """The unit leaves. Whether the connection is closed instead."""
    o = M[B_T] + t * W_T
    M[o + T_SENDING] = 0
    if M[M[B_CONN] + M[o + T_CONN] * W_CONN + O_CLOSED]:
        return True
    send_unit(M, t, size, M[o + T_NUMBER], 0)
    pump(M, t)
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
    onward(M, u, M[H_NOW])


@inner
def grow(M, t, size):
    o, f = M[B_T] + t * W_T, flow_cell(M, t)
    if M[f] < M[f + 1]:
        if 2 * (M[o + T_FLYING] + size) > M[f]:
            M[f] += size
    else:
        M[f] += max(1, mss_of(M, t) * size // M[f])
    M[f] = min(M[f], M[H_WINDOW])


@inner
def data_arrived(M, t, size, number):
    """A unit is there. Whether the whole message is."""
    M[M[B_T] + t * W_T + T_ARRIVED] += size
    return data_read(M, t, size, number)


@inner
def data_read(M, t, size, number):
    """A unit that was there is acknowledged. Whether it was the last one."""
    o = M[B_T] + t * W_T
    if M[o + T_NEXT] < M[o + T_SIZE]:
        conn = M[o + T_CONN]
        w = ways_of(M, conn)
        route = M[w + WA_REPLY_ACK] if M[o + T_BACK] else M[w + WA_REQUEST_ACK]
        key = fold_compiled(M[o + T_KEY], TAG_ACK, number)
        u = new_unit(M, route, 0, key, M[M[B_CONN] + conn * W_CONN + O_HASH], UK_ACK, t, size, number, 0)
        onward(M, u, M[H_NOW])
        return False
    M[o + T_FLYING] -= size
    if M[o + T_ARRIVED] >= M[o + T_SIZE] and M[o + T_HEAD] < 0:
        grow(M, t, size)
        return True
    return False


@inner
def acked(M, t, size):
    M[M[B_T] + t * W_T + T_FLYING] -= size
    grow(M, t, size)
    pump(M, t)


@inner
def ack_lost(M, t, size, number):
    o = M[B_T] + t * W_T
    when = M[H_NOW] + M[M[B_CONN] + M[o + T_CONN] * W_CONN + O_SRTT]
    at(M, when, TIMEOUT, fold_compiled(M[o + T_KEY], TAG_LATE_ACK, number), OP_ACKED, t, size, 0)


@inner
def data_lost(M, t, size, code):
    """A unit was dropped. Whether TCP gives up."""
    o = M[B_T] + t * W_T
    k = M[B_CONN] + M[o + T_CONN] * W_CONN
    if M[k + O_CLOSED]:
        return False
    losses = code & 63
    if losses >= M[H_RETRIES2]:
        return True
    mss, now, srtt, f = mss_of(M, t), M[H_NOW], M[k + O_SRTT], flow_cell(M, t)
    behind = (M[o + T_FLYING] - size) // mss
    fast = losses == 0 and behind >= M[H_DUPACKS]
    wait = srtt if fast else rto(M, srtt, losses)
    if now - M[f + 2] > srtt:
        M[f + 2] = now
        M[f + 1] = max(2 * mss, int(M[f] * DECREASE))
        M[f] = M[f + 1] if fast else mss
    key = fold_compiled(M[o + T_KEY], TAG_RETRY, code)
    at(M, now + max(1, wait), TIMEOUT, key, OP_RETX, t, size, code + 1)
    return False


@inner
def unheard(M, t):
    """The fate of what TCP gives up: its packets were too large, or nobody knows."""
    return F_MTU if M[M[B_CONN] + M[M[B_T] + t * W_T + T_CONN] * W_CONN + O_LARGE] else F_TIMEOUT


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
