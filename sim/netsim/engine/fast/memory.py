"""Basic moves in the engine's memory: heap of events, stack of operations, queues, meters. Compiled."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from netsim.engine.fast.layout import (
    B_EV,
    B_Q,
    B_SLICE,
    B_STATION,
    B_TODO,
    H_DUR,
    H_EVENTS,
    H_EVFREE,
    H_QFREE,
    H_QLEFT,
    H_SLICE,
    H_SLICES,
    H_TODO,
    S_ARRIVED,
    S_BUSY,
    S_DROPPED,
    S_DROPS,
    S_WAIT,
    S_WAITS,
    W_EV,
    W_Q,
    W_STATION,
    W_TODO,
)
from netsim.engine.jit import entry, inner


@inner
def todo(M, op, a, b, c):
    """Do this next: before everything that was put here earlier."""
    o = M[B_TODO] + M[H_TODO] * W_TODO
    M[o] = op
    M[o + 1] = a
    M[o + 2] = b
    M[o + 3] = c
    M[H_TODO] += 1


@entry
def at(M, HT, HK, HI, time, phase, key, op, a, b, c):
    """Queue an event by (time, phase, key)."""
    e = M[H_EVFREE]
    o = M[B_EV] + e * W_EV
    M[H_EVFREE] = M[o + 4]
    M[o] = op
    M[o + 1] = a
    M[o + 2] = b
    M[o + 3] = c
    k = (np.uint64(phase) << np.uint64(62)) | np.uint64(key)
    i = M[H_EVENTS]
    M[H_EVENTS] = i + 1
    while i > 0:
        p = (i - 1) >> 2
        if HT[p] < time or (HT[p] == time and HK[p] <= k):
            break
        HT[i] = HT[p]
        HK[i] = HK[p]
        HI[i] = HI[p]
        i = p
    HT[i] = time
    HK[i] = k
    HI[i] = e


@inner
def pop(M, HT, HK, HI):
    """Take the first event: its row. The heap has four children per node."""
    e = HI[0]
    n = M[H_EVENTS] - 1
    M[H_EVENTS] = n
    if n > 0:
        time, k, last = HT[n], HK[n], HI[n]
        i = 0
        while True:
            child = 4 * i + 1
            if child >= n:
                break
            best = child
            for j in range(child + 1, min(child + 4, n)):
                if HT[j] < HT[best] or (HT[j] == HT[best] and HK[j] < HK[best]):
                    best = j
            if HT[best] > time or (HT[best] == time and HK[best] >= k):
                break
            HT[i] = HT[best]
            HK[i] = HK[best]
            HI[i] = HI[best]
            i = best
        HT[i] = time
        HK[i] = k
        HI[i] = last
    o = M[B_EV] + e * W_EV
    M[o + 4] = M[H_EVFREE]
    M[H_EVFREE] = e
    return o


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


@entry
def busy(M, s, start, end):
    """A server of station ``s`` was busy from start to end."""
    start = max(start, 0)
    end = min(end, M[H_DUR])
    if end <= start:
        return
    M[M[B_STATION] + s * W_STATION + S_BUSY] += end - start
    width = M[H_SLICE]
    o = M[B_SLICE] + s * M[H_SLICES]
    first, last = start // width, (end - 1) // width
    if first == last:
        M[o + first] += end - start
        return
    for k in range(first, last + 1):
        M[o + k] += min(end, (k + 1) * width) - max(start, k * width)


@inner
def bucket(value):
    """The bucket of the log-bucketed histogram (netsim.engine.histogram)."""
    if value < 128:
        return value
    bits, rest = 0, value
    while rest >= 65536:
        rest >>= 16
        bits += 16
    while rest > 0:
        rest >>= 1
        bits += 1
    shift = bits - 8
    return (shift << 7) + (value >> shift)


@inner
def waited(M, HIST, s, arrived, wait):
    """Somebody who arrived then waited that long."""
    if 0 <= arrived < M[H_DUR]:
        o = M[B_STATION] + s * W_STATION
        M[o + S_WAITS] += 1
        M[o + S_WAIT] += wait
        HIST[s, bucket(wait)] += 1


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
