"""A client's places for connections and their threads: the compiled twin of netsim.engine.client's pools."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

from netsim.compiled import inner
from netsim.engine.fast.cores import new_thread
from netsim.engine.fast.exchange import client_of
from netsim.engine.fast.layout import *
from netsim.engine.fast.memory import append, drop_connection, drop_exchange, pop_front, row, todo
from netsim.engine.fast.ops import *
from netsim.engine.fast.tcp import close
from netsim.engine.keys import fold_compiled


@inner
def acquire(M, client, x):
    c = M[B_CLIENT] + client * W_CLIENT
    pooled, full = M[c + K_POOLED], M[c + K_MADE] >= M[c + K_LIMIT]
    if pooled and full and M[c + K_FREE] < 0:
        M[M[B_X] + x * W_X + X_REFS] += 1
        append(M, c + K_WAIT, c + K_WAIT_TAIL, x, 0, 0)
        return
    if M[c + K_FREE] >= 0 and (full or not pooled):
        slot = M[c + K_FREE]
        M[c + K_FREE] = M[M[B_SLOT] + slot * W_SLOT + SL_NEXT]
        todo(M, OP_WITH_SLOT, x, slot, 0)
        return
    M[c + K_MADE] += 1
    todo(M, OP_WITH_SLOT, x, new_slot(M, client, M[c + K_MADE]), 0)


@inner
def client_thread(M, client):
    """A thread for a connection that the client opens; -1 for the outside."""
    c = M[B_CLIENT] + client * W_CLIENT
    if not M[c + K_HAS_THREAD]:
        return -1
    if M[c + K_SERVER] >= 0:
        return spare_thread(M, M[c + K_SERVER])
    n = M[B_NODE] + M[c + K_NODE] * W_NODE
    M[n + N_SPARE] += 1
    return new_thread(M, fold_compiled(M[n + N_KEY], TAG_SPARE, M[n + N_SPARE]), M[c + K_NODE], -1, -1)


@inner
def spare_thread(M, server):
    s = M[B_SERVER] + server * W_SERVER
    M[s + V_SPARE] += 1
    key = fold_compiled(M[s + V_KEY], TAG_SPARE, M[s + V_SPARE])
    return new_thread(M, key, M[s + V_NODE], M[s + V_QUOTA], server)


@inner
def new_slot(M, client, number):
    slot = row(M, H_SLFREE, H_SLLEFT, B_SLOT, W_SLOT)
    o = M[B_SLOT] + slot * W_SLOT
    M[o + SL_NUMBER] = number
    M[o + SL_CONN] = -1
    M[o + SL_THREAD] = client_thread(M, client)
    M[o + SL_NEXT] = -1
    return slot


@inner
def leave_slot(M, x, answered):
    """The place goes to the next one, with or without its connection; one given up leaves its thread to it."""
    e = M[B_X] + x * W_X
    slot = M[e + X_SLOT]
    s = M[B_SLOT] + slot * W_SLOT
    conn = M[s + SL_CONN]
    keep = answered and conn >= 0 and not M[M[B_CONN] + conn * W_CONN + O_CLOSED]
    client = client_of(M, x)
    if conn >= 0:
        M[M[B_CONN] + conn * W_CONN + O_X] = -1
    if not keep and (conn >= 0 or M[e + X_LOOKING]):
        if conn >= 0:
            close(M, conn)
        M[e + X_LEFT_SLOT] = slot
        slot = new_slot(M, client, M[s + SL_NUMBER])
        keep = False
    todo(M, OP_RELEASE_SLOT, client, slot, keep)


@inner
def release_slot(M, client, slot, keep):
    c, s = M[B_CLIENT] + client * W_CLIENT, M[B_SLOT] + slot * W_SLOT
    conn = M[s + SL_CONN]
    if conn >= 0:
        k = M[B_CONN] + conn * W_CONN
        M[k + O_SERVED] += 1
        M[k + O_STAGE] = STAGE_IDLE
        if (
            not keep
            or not M[c + K_POOLED]
            or M[k + O_PEER] != PEER_ALIVE
            or (M[c + K_REQUESTS] >= 0 and M[k + O_SERVED] >= M[c + K_REQUESTS])
        ):
            close(M, conn)
            drop_connection(M, conn)
            M[s + SL_CONN] = -1
    while M[c + K_WAIT] >= 0:
        x = M[pop_front(M, c + K_WAIT)]
        over = M[M[B_X] + x * W_X + X_OVER]
        if not over:
            todo(M, OP_WITH_SLOT, x, slot, 0)
        drop_exchange(M, x)
        if not over:
            return
    M[s + SL_NEXT] = -1
    if M[c + K_FREE] < 0:
        M[c + K_FREE] = slot
    else:
        M[M[B_SLOT] + M[c + K_FREE_TAIL] * W_SLOT + SL_NEXT] = slot
    M[c + K_FREE_TAIL] = slot
