"""Requests with all their attempts, their time-outs, and what follows from their end: the compiled twin of
netsim.engine.exchange."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

import numpy as np

from netsim.compiled import inner
from netsim.engine.fast.exchange import client_of, draw, forsaken, new_exchange
from netsim.engine.fast.layout import *
from netsim.engine.fast.memory import append, at, drop_exchange, give_back, row, todo
from netsim.engine.fast.ops import *
from netsim.engine.fast.slots import acquire, leave_slot
from netsim.engine.fast.span import take
from netsim.engine.fast.tcp import close
from netsim.engine.keys import fold_compiled, name_key
from netsim.engine.streams import _uniform

BACKOFF = name_key("backoff")
THINK = name_key("think")


@inner
def request_row(M, client, key, parent, call, copy, wl, user, index):
    r = row(M, H_RFREE, H_RLEFT, B_R, W_R)
    if parent >= 0:
        M[M[B_X] + parent * W_X + X_REFS] += 1
    p = M[B_RSPLIT] + r * W_SPLIT
    for k in range(p, p + NS):
        M[k] = 0
    o, now = M[B_R] + r * W_R, M[H_NOW]
    M[o + R_CLIENT] = client
    M[o + R_KEY] = key
    M[o + R_PARENT] = parent
    M[o + R_CALL] = call
    M[o + R_COPY] = copy
    M[o + R_WL] = wl
    M[o + R_USER] = user
    M[o + R_INDEX] = index
    M[o + R_AT] = now
    M[o + R_START] = now
    M[o + R_TRIES] = 0
    M[o + R_LIFE] = M[M[B_CLIENT] + client * W_CLIENT + K_DEAD]
    M[o + R_COUNTED] = 0
    return r


@inner
def new_request(M, client, key, parent, call, copy, wl, user, index):
    r = request_row(M, client, key, parent, call, copy, wl, user, index)
    todo(M, OP_ATTEMPT, r, 0, 0)
    return r


@inner
def attempt(M, r):
    o = M[B_R] + r * W_R
    M[o + R_TRIES] += 1
    c = M[B_CLIENT] + M[o + R_CLIENT] * W_CLIENT
    key = fold_compiled(M[o + R_KEY], TAG_ATTEMPT, M[o + R_TRIES])
    x = new_exchange(M, r, M[o + R_CLIENT], key)
    if M[c + K_TIMEOUT] >= 0:
        e = M[B_X] + x * W_X
        M[e + X_TIMED] = 1
        M[e + X_DUE] = M[H_NOW] + M[c + K_TIMEOUT]
        M[e + X_DUE_KEY] = fold_compiled(key, TAG_TIMEOUT, 0)
        time_out_at(M, M[c + K_FIFO], x)
    acquire(M, M[o + R_CLIENT], x)


@inner
def time_out_at(M, fifo, x):
    """Append to the time-outs of this duration (sorted, for those of the same picosecond)."""
    f, e = M[B_FIFO] + fifo * W_FIFO, M[B_X] + x * W_X
    due, key = M[e + X_DUE], M[e + X_DUE_KEY]
    before, after = M[f + F_TAIL], -1
    while before >= 0:
        b = M[B_X] + before * W_X
        if M[b + X_DUE] < due or M[b + X_DUE_KEY] <= key:
            break
        before, after = M[b + X_BEFORE], before
    M[e + X_BEFORE] = before
    M[e + X_AFTER] = after
    if after >= 0:
        M[M[B_X] + after * W_X + X_BEFORE] = x
    else:
        M[f + F_TAIL] = x
    if before >= 0:
        M[M[B_X] + before * W_X + X_AFTER] = x
        return
    M[f + F_HEAD] = x
    look_at(M, fifo)


@inner
def look_at(M, fifo):
    """See that an event comes no later than the first time-out."""
    f = M[B_FIFO] + fifo * W_FIFO
    x = M[f + F_HEAD]
    if x < 0:
        return
    due, key = M[M[B_X] + x * W_X + X_DUE], M[M[B_X] + x * W_X + X_DUE_KEY]
    if due < M[f + F_TIME] or (due == M[f + F_TIME] and key < M[f + F_KEY]):
        M[f + F_TIME] = due
        M[f + F_KEY] = key
        at(M, due, TIMEOUT, key, OP_TIMEOUT, fifo, due, key)


@inner
def forget_time_out(M, fifo, x):
    f, e = M[B_FIFO] + fifo * W_FIFO, M[B_X] + x * W_X
    before, after = M[e + X_BEFORE], M[e + X_AFTER]
    if before >= 0:
        M[M[B_X] + before * W_X + X_AFTER] = after
    else:
        M[f + F_HEAD] = after
    if after >= 0:
        M[M[B_X] + after * W_X + X_BEFORE] = before
    else:
        M[f + F_TAIL] = before


@inner
def message_ended(M, x, time):
    """A control message is there, or lost (NEVER): written down for Python."""
    e = M[B_X] + x * W_X
    M[e + X_OVER] = 1
    append(M, H_MSG, H_MSG_TAIL, M[e + X_NUMBER], time, 0)
    if M[e + X_WATCHED]:
        M[H_WATCH] = 1
    close(M, M[e + X_CONN])
    drop_exchange(M, x)


@inner
def end(M, x, fate, answered):
    """The client stops waiting; ``answered``: since the whole answer is there, whatever it says."""
    e = M[B_X] + x * W_X
    if M[e + X_OVER]:
        return
    if M[e + X_CLIENT] < 0:
        message_ended(M, x, NEVER)
        return
    M[e + X_OVER] = 1
    if M[e + X_TIMED]:
        forget_time_out(M, M[M[B_CLIENT] + client_of(M, x) * W_CLIENT + K_FIFO], x)
    todo(M, OP_OWNER_ENDED, x, fate, 0)
    if M[e + X_SLOT] >= 0:
        leave_slot(M, x, answered)
    drop_exchange(M, x)


@inner
def owner_ended(M, D, x, fate):
    """An attempt ended: the request with it, or one more attempt."""
    r = M[M[B_X] + x * W_X + X_R]
    o, now, p = M[B_R] + r * W_R, M[H_NOW], M[B_RSPLIT] + r * W_SPLIT
    c = M[B_CLIENT] + M[o + R_CLIENT] * W_CLIENT
    if fate == F_COMPLETED:
        q, total = M[B_XSPLIT] + x * W_SPLIT, 0
        for k in range(NS):
            M[p + k] += M[q + k]
            total += M[q + k]
        M[p + P_Q_OTHER] += now - M[o + R_AT] - total
        M[o + R_AT] = now
        finished(M, D, r, fate)
        return
    M[p + P_RETRY] += now - M[o + R_AT]
    M[o + R_AT] = now
    if M[o + R_TRIES] > M[c + K_RETRIES]:
        finished(M, D, r, fate)
        return
    wait = M[c + K_BACKOFF] << min(M[o + R_TRIES] - 1, 20)
    jitter = D[M[c + K_JITTER]]
    if jitter != 0.0 and wait:
        stream = fold_compiled(M[o + R_KEY] ^ M[H_BASE] ^ BACKOFF, TAG_DRAW, M[o + R_TRIES])
        wait = np.int64(np.rint(wait * (1 - jitter * _uniform(np.uint64(stream), np.uint64(0)))))
    if wait <= 0:
        todo(M, OP_RETRY, r, 0, 0)
    else:
        at(
            M,
            now + wait,
            TIMEOUT,
            fold_compiled(M[o + R_KEY], TAG_RETRY, M[o + R_TRIES]),
            OP_RETRY,
            r,
            0,
            0,
        )


@inner
def finished(M, D, r, fate):
    """A request ended with all its attempts: who called goes on, or a user thinks."""
    o, now = M[B_R] + r * W_R, M[H_NOW]
    if M[o + R_PARENT] >= 0:
        called_ended(M, r, fate)
    else:
        w = M[B_WL] + M[o + R_WL] * W_WL
        if fate == F_COMPLETED and 0 <= now < M[H_DUR]:
            M[w + WL_COMPLETED] += 1
            M[w + WL_GOODPUT] += M[w + WL_RESPONSE]
        if M[o + R_COUNTED]:
            M[H_OPEN] -= 1
            write_down(M, r, fate)
        if M[o + R_USER] >= 0:
            think(M, D, M[o + R_WL], M[o + R_USER], M[o + R_INDEX] + 1, 0)
    give_back(M, H_RFREE, H_RLEFT, B_R, W_R, r)


@inner
def write_down(M, r, fate):
    """A measured request ended: its row for the statistics."""
    o, e = M[B_R] + r * W_R, M[B_ENDED] + M[H_ENDED] * (W_ENDED + NS)
    M[H_ENDED] += 1
    M[e + E_WL] = M[o + R_WL]
    M[e + E_SERIAL] = M[o + R_SERIAL]
    M[e + E_START] = M[o + R_START]
    M[e + E_FINISH] = M[H_NOW]
    M[e + E_FATE] = fate
    M[e + E_TRIES] = M[o + R_TRIES]
    M[e + E_BYTES] = M[M[B_WL] + M[o + R_WL] * W_WL + WL_RESPONSE] if fate == F_COMPLETED else 0
    p = M[B_RSPLIT] + r * W_SPLIT
    for k in range(NS):
        M[e + W_ENDED + k] = M[p + k]


@inner
def called_ended(M, r, fate):
    """A call ended: who made it goes on."""
    o = M[B_R] + r * W_R
    x = M[o + R_PARENT]
    called_next(M, x, r, fate)
    drop_exchange(M, x)


@inner
def called_next(M, x, r, fate):
    o = M[B_R] + r * W_R
    e = M[B_X] + x * W_X
    if forsaken(M, x):
        return
    if fate != F_COMPLETED:
        M[e + X_SFATE] = fate
    if M[M[B_CLIENT] + M[o + R_CLIENT] * W_CLIENT + K_PARALLEL]:
        M[e + X_LEFT] -= 1
        if M[e + X_LEFT] == 0:
            take(M, x, M[B_RSPLIT] + r * W_SPLIT, P_Q_OTHER)
            todo(M, OP_NEXT_CALLS, x, 0, 0)
        return
    take(M, x, M[B_RSPLIT] + r * W_SPLIT, P_Q_OTHER)
    if fate != F_COMPLETED:
        todo(M, OP_BACK, x, 0, 0)
    elif M[o + R_COPY] + 1 < M[M[B_CLIENT] + M[o + R_CLIENT] * W_CLIENT + K_COUNT]:
        todo(M, OP_CALL, x, M[o + R_CALL], M[o + R_COPY] + 1)
    else:
        todo(M, OP_NEXT_CALLS, x, 0, 0)


@inner
def think(M, D, wl, user, index, more):
    w = M[B_WL] + wl * W_WL
    key = fold_compiled(M[w + WL_KEY], TAG_USER, user)
    pause = draw(M, D, M[w + WL_THINK_KIND], M[w + WL_THINK], key, THINK, index)
    when = max(M[H_NOW], M[w + WL_BEGIN]) + pause + more
    if when < M[w + WL_END]:
        at(M, when, ARRIVAL, fold_compiled(key, TAG_ARRIVAL, index), OP_USER_ASK, wl, user, index)
