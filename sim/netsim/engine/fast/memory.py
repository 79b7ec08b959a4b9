"""Basic moves in the engine's memory: rows, stack of operations, queues, meters. Compiled."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

from netsim.compiled import inner, within
from netsim.datapath.congestion.layout import CC_HEAD
from netsim.engine.fast.events import order, queue
from netsim.engine.fast.layout import *
from netsim.engine.fast.ops import OP_REFUSED, OP_TSTART
from netsim.engine.histogram import BUCKETS
from netsim.engine.histogram import bucket as plain_bucket

bucket = inner(plain_bucket)


@inner
def row(M, free, left, base, width):
    """Take a free row of a table whose first column links the free ones: its number."""
    r = M[free]
    M[free] = M[M[base] + r * width]
    M[left] -= 1
    return r


@inner
def give_back(M, free, left, base, width, r):
    """The row is free again."""
    M[M[base] + r * width] = M[free]
    M[free] = r
    M[left] += 1


@inner
def hold(M, op, a):
    """An operation names a transfer or an exchange: its row stays."""
    if op >= OP_REFUSED:
        M[M[B_X] + a * W_X + X_REFS] += 1
    elif op >= OP_TSTART:
        M[M[B_T] + a * W_T + T_REFS] += 1


@inner
def let_go(M, op, a):
    """The operation is done."""
    if op >= OP_REFUSED:
        drop_exchange(M, a)
    elif op >= OP_TSTART:
        drop_transfer(M, a)


@inner
def drop_exchange(M, x):
    """One name less; the last one frees the exchange, its connection and the place that it was left with."""
    o = M[B_X] + x * W_X
    M[o + X_REFS] -= 1
    if M[o + X_REFS] > 0:
        return
    slot = M[o + X_LEFT_SLOT]
    if slot >= 0:
        s = M[B_SLOT] + slot * W_SLOT
        if M[s + SL_CONN] >= 0:
            drop_connection(M, M[s + SL_CONN])
        if M[s + SL_THREAD] >= 0:
            give_back(M, H_THFREE, H_THLEFT, B_TH, W_TH, M[s + SL_THREAD])
        give_back(M, H_SLFREE, H_SLLEFT, B_SLOT, W_SLOT, slot)
    if M[o + X_CONN] >= 0:
        drop_connection(M, M[o + X_CONN])
    give_back(M, H_XFREE, H_XLEFT, B_X, W_X, x)


@inner
def drop_transfer(M, t):
    """One unit, timer or operation of a transfer less; without any it is over."""
    o = M[B_T] + t * W_T
    M[o + T_REFS] -= 1
    if M[o + T_REFS] == 0:
        drop_exchange(M, M[o + T_X])
        for head in (T_HEAD, T_PENDING, T_LOST, T_LEAVING):
            while M[o + head] >= 0:
                pop_front(M, o + head)
        if M[o + T_READER] >= 0:
            give_back(M, H_THFREE, H_THLEFT, B_TH, W_TH, M[o + T_READER])
        give_back(M, H_TFREE, H_TLEFT, B_T, W_T, t)


@inner
def drop_connection(M, conn):
    """A place or an exchange less that knows it."""
    o = M[B_CONN] + conn * W_CONN
    M[o + O_REFS] -= 1
    if M[o + O_REFS] == 0:
        for f in (o + O_THERE, o + O_BACK):
            while M[f + CC_HEAD] >= 0:
                pop_front(M, f + CC_HEAD)
        give_back(M, H_CFREE, H_CLEFT, B_CONN, W_CONN, conn)


@inner
def todo(M, op, a, b, c):
    """Do this next: before everything that was put here earlier."""
    hold(M, op, a)
    put(M, op, a, b, c)


@inner
def put(M, op, a, b, c):
    """The same for an operation whose rows are held already."""
    o = M[B_TODO] + M[H_TODO] * W_TODO
    M[o] = op
    M[o + 1] = a
    M[o + 2] = b
    M[o + 3] = c
    M[H_TODO] += 1


@within
def at(M, time, phase, key, op, a, b, c):
    """Queue an event by (time, phase, key)."""
    hold(M, op, a)
    queue(M, time, order(phase, key), op, a, b, c)


@inner
def append(M, head, tail, a, b, c):
    """Append three numbers to the queue whose head and tail stand in these cells."""
    q = M[H_QFREE]
    o = M[B_Q] + q * W_Q
    M[H_QFREE] = M[o + 3]
    M[H_QLEFT] -= 1
    M[o] = a
    M[o + 1] = b
    M[o + 2] = c
    M[o + 3] = -1
    if M[head] < 0:
        M[head] = q
    else:
        M[M[B_Q] + M[tail] * W_Q + 3] = q
    M[tail] = q


@inner
def pop_front(M, head):
    """Free the first node of a queue; its place in memory stays readable until the next append."""
    q = M[head]
    o = M[B_Q] + q * W_Q
    M[head] = M[o + 3]
    M[o + 3] = M[H_QFREE]
    M[H_QFREE] = q
    M[H_QLEFT] += 1
    return o


@inner
def busy(M, s, start, end):
    """A server of station ``s`` was busy from start to end."""
    start = max(start, 0)
    end = min(end, M[H_DUR])
    if end <= start:
        return
    M[M[B_STATION] + s * W_STATION + S_BUSY] += end - start
    if start < M[H_SLICE_FROM] or end > M[H_SLICE_TO]:
        busy_elsewhere(M, s, start, end)


@inner
def busy_elsewhere(M, s, start, end):
    """Busy time that is not all in the present slice."""
    M[M[B_STATION] + s * W_STATION + S_SLICED] += end - start
    width = M[H_SLICE]
    o = M[B_SLICE] + s * M[H_SLICES]
    first, last = start // width, (end - 1) // width
    if first == last:
        M[o + first] += end - start
        return
    for k in range(first, last + 1):
        M[o + k] += min(end, (k + 1) * width) - max(start, k * width)


@inner
def fill_slice(M):
    """All other busy time since the last call was in the slice that is the present one still."""
    at = M[B_SLICE] + M[H_SLICE_NOW]
    for o in range(M[B_STATION], M[B_SLICE], W_STATION):
        M[at] += M[o + S_BUSY] - M[o + S_SLICED]
        M[o + S_SLICED] = M[o + S_BUSY]
        at += M[H_SLICES]


@inner
def find_slice(M):
    """Remember in which slice it is now: most of what is counted falls into it, so stations do not look for it."""
    fill_slice(M)
    k = max(M[H_NOW], 0) // M[H_SLICE]
    M[H_SLICE_NOW] = min(k, M[H_SLICES] - 1)
    M[H_SLICE_FROM] = M[H_SLICE_NOW] * M[H_SLICE]
    last = M[H_SLICE_NOW] == M[H_SLICES] - 1  # what follows the measured period is not counted
    M[H_SLICE_TO] = NEVER if last else M[H_SLICE_FROM] + M[H_SLICE]


@inner
def waited(M, HIST, s, arrived, wait):
    """Somebody who arrived then waited that long."""
    if 0 <= arrived < M[H_DUR]:
        o = M[B_STATION] + s * W_STATION
        M[o + S_WAITS] += 1
        if wait > 0:  # who does not wait is counted by what is missing in the histogram
            M[o + S_WAIT] += wait
            HIST[s * BUCKETS + bucket(wait)] += 1


@inner
def dropped(M, s, now):
    """Somebody found no room."""
    o = M[B_STATION] + s * W_STATION
    M[o + S_DROPPED] += 1
    if 0 <= now < M[H_DUR]:
        M[o + S_DROPS] += 1


@inner
def came(M, s):
    """Somebody arrived at a station."""
    M[M[B_STATION] + s * W_STATION + S_ARRIVED] += 1
