"""Flows of bulk transfers: the compiled twin of netsim.engine.sources.Bulk and of a transfer's reading thread."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

from netsim.compiled import inner
from netsim.engine.fast.cores import start_work
from netsim.engine.fast.exchange import alive, new_exchange, server_of, thread_of
from netsim.engine.fast.layout import *
from netsim.engine.fast.memory import append, at, drop_exchange, give_back, pop_front, todo
from netsim.engine.fast.messages import begin_transfer, reaches_peer
from netsim.engine.fast.ops import *
from netsim.engine.fast.plane import free_unit
from netsim.engine.fast.requests import request_row, write_down
from netsim.engine.fast.slots import new_slot, spare_thread
from netsim.engine.fast.span import take
from netsim.engine.fast.tcp import close, data_read, end_cost, pieces_of, ways_of
from netsim.engine.keys import fold_compiled


@inner
def queue_flow(M, wl, flow, when):
    """A flow starts then."""
    key = fold_compiled(M[M[B_WL] + wl * W_WL + WL_KEY], TAG_FLOW, flow)
    at(M, when, ARRIVAL, key, OP_FLOW, wl, flow, 0)


@inner
def begin_flow(M, wl, flow):
    """A flow starts. Its request, -1 if its source is gone."""
    w = M[B_WL] + wl * W_WL
    client = M[M[B_LIST] + M[w + WL_SOURCES] + flow % M[w + WL_CLIENTS]]
    if M[M[B_CLIENT] + client * W_CLIENT + K_DEAD] & 1:
        return -1
    key = fold_compiled(M[w + WL_KEY], TAG_FLOW, flow)
    r = request_row(M, client, key, -1, 0, 0, wl, -1, flow)
    M[M[B_R] + r * W_R + R_TRIES] = 1
    x = new_exchange(M, r, client, key)
    e = M[B_X] + x * W_X
    M[e + X_KIND] = wl + 1
    M[e + X_BYTES] = M[w + WL_BULK] // M[w + WL_FLOWS]
    if flow < M[w + WL_BULK] % M[w + WL_FLOWS]:
        M[e + X_BYTES] += 1
    todo(M, OP_WITH_SLOT, x, new_slot(M, client, flow + 1), 0)
    return r


@inner
def is_flow(M, x):
    """Whether an exchange is a bulk flow."""
    return M[M[B_X] + x * W_X + X_KIND] > 0


@inner
def send_flow(M, x):
    """The connection is open: a thread of the receiver accepts it and reads."""
    if not alive(M, x):
        return
    e = M[B_X] + x * W_X
    k, server = M[B_CONN] + M[e + X_CONN] * W_CONN, server_of(M, x)
    t = begin_transfer(M, x, 0, M[e + X_BYTES], TAG_REQUEST, TK_BULK)
    o = M[B_T] + t * W_T
    M[o + T_THREAD] = thread_of(M, x)
    if M[o + T_THREAD] >= 0:
        M[o + T_WRITE] = M[M[B_WL] + (M[e + X_KIND] - 1) * W_WL + WL_WRITE]
    if server >= 0:
        if not M[k + O_ACCEPTED]:
            M[k + O_ACCEPTED] = 1
            M[M[B_SERVER] + server * W_SERVER + V_WAITING] -= 1
        M[o + T_READER] = spare_thread(M, server)


@inner
def is_flow_unit(M, u):
    """Whether a unit carries bytes of a bulk flow."""
    o = M[B_UNIT_] + u * W_UNIT
    return M[o + U_KIND] == UK_DATA and M[M[B_T] + M[o + U_A] * W_T + T_KIND] == TK_BULK


@inner
def flow_arrived(M, u):
    """A unit of a flow is at its receiver's node."""
    o = M[B_UNIT_] + u * W_UNIT
    t, size, code, sent = M[o + U_A], M[o + U_B], M[o + U_C], M[o + U_SENT]
    if reaches_peer(M, t, size, code, sent):
        k = M[B_T] + t * W_T
        e = M[B_X] + M[k + T_X] * W_X
        M[k + T_ARRIVED] += size
        if 0 <= M[H_NOW] < M[H_DUR]:
            M[M[B_WL] + (M[e + X_KIND] - 1) * W_WL + WL_GOODPUT] += size
        if M[k + T_ARRIVED] >= M[k + T_SIZE] and not M[e + X_OVER]:
            p, q = M[B_RSPLIT] + M[e + X_R] * W_SPLIT, M[B_USPLIT] + u * W_SPLIT
            for part in range(NS):
                M[p + part] = M[q + part]  # the last one to be read: its way is the flow's
        if M[k + T_READER] < 0:
            was_read(M, t, size, code, sent)
        else:
            append(M, k + T_HEAD, k + T_TAIL, size + (M[o + U_SKBS] << READ_BITS), code, sent)
            if M[k + T_HEAD] == M[k + T_TAIL]:
                read_next(M, t, False)
    free_unit(M, u)


@inner
def read_next(M, t, awake):
    """One thread reads one unit after the other; the one being read stands first. Of pieces, a thread that is ``awake``
    reads the next one within the same system call, and of a unit that came in several skbs, one that slept is woken for each."""
    o = M[B_T] + t * W_T
    waits = M[M[B_Q] + M[o + T_HEAD] * W_Q]
    size, skbs = waits & ((1 << READ_BITS) - 1), waits >> READ_BITS
    r = M[B_ROUTE] + M[ways_of(M, M[o + T_CONN]) + WA_REQUEST] * W_ROUTE
    cost = end_cost(M, r, M[r + RO_RECV], M[r + RO_RECVS], size, awake and pieces_of(M, t) > 0)
    if skbs > 1 and not awake:
        for g in range(M[r + RO_RECV], M[r + RO_RECV] + M[r + RO_RECVS]):
            cost += (skbs - 1) * M[M[B_STAGE] + g * W_STAGE + SG_FIXED]
    start_work(M, M[o + T_READER], cost, TH_UNIT_READ, t, 0)


@inner
def unit_read(M, t):
    """The reading thread is done with the first unit."""
    head = M[B_T] + t * W_T + T_HEAD
    q = pop_front(M, head)
    was_read(M, t, M[q] & ((1 << READ_BITS) - 1), M[q + 1], M[q + 2])
    if M[head] >= 0:
        read_next(M, t, True)


@inner
def was_read(M, t, size, code, sent):
    if data_read(M, t, size, code, sent):
        x = M[M[B_T] + t * W_T + T_X]
        e = M[B_X] + x * W_X
        if not M[e + X_OVER]:
            take(M, x, M[B_RSPLIT] + M[e + X_R] * W_SPLIT, P_Q_WINDOW)
            end_flow(M, x, F_COMPLETED)


@inner
def end_flow(M, x, fate):
    """A flow is over: its row for the statistics, and its connection closes."""
    e = M[B_X] + x * W_X
    if M[e + X_OVER]:
        return
    M[e + X_OVER] = 1
    r, w = M[e + X_R], M[B_WL] + (M[e + X_KIND] - 1) * W_WL
    if fate == F_COMPLETED and 0 <= M[H_NOW] < M[H_DUR]:
        M[w + WL_COMPLETED] += 1
    if M[M[B_R] + r * W_R + R_COUNTED]:
        p, q = M[B_RSPLIT] + r * W_SPLIT, M[B_XSPLIT] + x * W_SPLIT
        for part in range(NS):
            M[p + part] = M[q + part]
        row = M[B_ENDED] + M[H_ENDED] * (W_ENDED + NS)
        write_down(M, r, fate)
        M[row + E_BYTES] = M[e + X_BYTES] if fate == F_COMPLETED else 0
    give_back(M, H_RFREE, H_RLEFT, B_R, W_R, r)
    slot = M[e + X_SLOT]
    if slot >= 0:
        conn = M[M[B_SLOT] + slot * W_SLOT + SL_CONN]
        if conn >= 0:
            M[M[B_CONN] + conn * W_CONN + O_X] = -1
            close(M, conn)
        M[e + X_LEFT_SLOT] = slot
    drop_exchange(M, x)
