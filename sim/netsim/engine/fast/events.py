"""The queue of events by (time, phase, key): a wheel of sorted buckets for what is near, a heap for the rest.

A bucket of the wheel is some power of two of picosecond wide, about the mean time between two events, so that it holds one
event or two; bits say which buckets hold any. The wheel spans `NEAR` buckets from the present one. Events beyond it,
and those that find a long row in their bucket, wait in a heap with four children a node; the first of both is next, so the
order is exact whatever the width. (Calendar queue: Brown, CACM 31 (10), 1988; here without overflow years.)
A bucket's row is sorted by time alone: who of one picosecond is first is found when it comes (netsim.engine.fast.ties).
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

import numpy as np

from netsim.compiled import inner, lowest_bit, within
from netsim.engine.fast.heap import rise, sink
from netsim.engine.fast.layout import *
from netsim.engine.fast.ties import gather, join, take_tied, tied, untie

WALK = 8  # how far an event looks for its place in a bucket's row
TUNE = 4096  # events between two looks at the width
WIDEST = 50


@inner
def order(phase, key):
    """Phase and key (62 bits) in one number that is compared with its sign."""
    return ((phase - 2) << 62) + key


@within
def queue(M, time, k, op, a, b, c):
    """Queue an event; ``k``: its phase and key as `order` makes it of them."""
    e = M[H_EVFREE]
    o = M[B_EV] + e * W_EV
    M[H_EVFREE] = M[o + EV_NEXT]
    M[H_EVLEFT] -= 1
    M[o] = op
    M[o + 1] = a
    M[o + 2] = b
    M[o + 3] = c
    M[o + EV_TIME] = time
    M[o + EV_ORDER] = k
    place(M, e, o)


@inner
def place(M, e, o):
    """Put an event whose row is filled into the wheel or the heap."""
    time, k = M[o + EV_TIME], M[o + EV_ORDER]
    M[o + EV_WHERE] = WHEEL
    if not turn_in(M, e, o, time, k):
        M[o + EV_WHERE] = HEAP
        rise(M, time, k, e)


@inner
def turn_in(M, e, o, time, k):
    """Into the wheel, if it spans that time and the bucket's row is short. Whether it was taken."""
    if time <= M[H_TIE_TIME]:
        return time == M[H_TIE_TIME] and join(M, e, o, k)
    bucket = time >> M[H_SHIFT]
    if np.uint64(bucket - (M[H_NOW] >> M[H_SHIFT])) >= np.uint64(NEAR):
        return False
    slot = bucket & (NEAR - 1)
    head, w = M[B_NEAR] + slot, M[B_BITS] + (slot >> 6)
    word, bit = M[w], np.int64(1) << (slot & 63)
    if (word & bit) == 0:
        M[w] = word | bit
        M[H_BITS] |= np.int64(1) << (slot >> 6)
        M[head] = e
        M[o + EV_NEXT] = -1
        return True
    f = M[head]
    p = M[B_EV] + f * W_EV
    if time <= M[p + EV_TIME]:
        M[o + EV_NEXT] = f
        M[head] = e
        return True
    for _ in range(WALK):
        f = M[p + EV_NEXT]
        q = M[B_EV] + f * W_EV
        if f < 0 or time <= M[q + EV_TIME]:
            M[o + EV_NEXT] = f
            M[p + EV_NEXT] = e
            return True
        p = q
    return False


@inner
def in_wheel(M):
    """The wheel's first event; -1 if it is empty."""
    bits = M[H_BITS]
    if bits == 0:
        return np.int64(-1)
    slot = (M[H_NOW] >> M[H_SHIFT]) & (NEAR - 1)
    word = slot >> 6
    rest = np.uint64(M[M[B_BITS] + word]) >> np.uint64(slot & 63)
    if rest != 0:
        return M[M[B_NEAR] + slot + lowest_bit(np.int64(rest))]
    above = bits & ~((np.int64(2) << word) - 1)
    if above == 0:
        above = bits
    word = lowest_bit(above)
    return M[M[B_NEAR] + (word << 6) + lowest_bit(M[M[B_BITS] + word])]


@inner
def tie(M, e):
    """Several events of one time begin the wheel's first bucket, of which this is one: the first of them."""
    o = M[B_EV] + e * W_EV
    bucket_begins(M, o, gather(M, e))
    return tied(M)


@inner
def bucket_begins(M, o, e):
    """The bucket of this event's time begins with ``e`` now."""
    slot = (M[o + EV_TIME] >> M[H_SHIFT]) & (NEAR - 1)
    M[M[B_NEAR] + slot] = e
    if e < 0:
        w = M[B_BITS] + (slot >> 6)
        M[w] &= ~(np.int64(1) << (slot & 63))
        if M[w] == 0:
            M[H_BITS] &= ~(np.int64(1) << (slot >> 6))


@inner
def first(M):
    """The first event of all; -1 if there is none."""
    e = tied(M)
    if e < 0:
        e = in_wheel(M)
        if e >= 0:
            f = M[M[B_EV] + e * W_EV + EV_NEXT]
            if f >= 0 and M[M[B_EV] + f * W_EV + EV_TIME] == M[M[B_EV] + e * W_EV + EV_TIME]:
                e = tie(M, e)
    if M[H_EVENTS] == 0:
        return e
    h = M[B_HEAP]
    if e < 0:
        return M[h + 2]
    o = M[B_EV] + e * W_EV
    if M[h] < M[o + EV_TIME] or (M[h] == M[o + EV_TIME] and M[h + 1] < M[o + EV_ORDER]):
        return M[h + 2]
    return e


@within
def take(M, e):
    """Take an event that is the first: where its row stands, readable until the next one is queued."""
    o = M[B_EV] + e * W_EV
    if M[o + EV_WHERE] == WHEEL:
        bucket_begins(M, o, M[o + EV_NEXT])
    elif M[o + EV_WHERE] == TIE:
        take_tied(M)
    else:
        n = M[H_EVENTS] - 1
        M[H_EVENTS] = n
        if n > 0:
            p = M[B_HEAP] + n * W_HEAP
            sink(M, n, M[p], M[p + 1], M[p + 2])
    M[o + EV_WHERE] = NOWHERE
    M[o + EV_NEXT] = M[H_EVFREE]
    M[H_EVFREE] = e
    M[H_EVLEFT] += 1
    return o


@inner
def tune(M):
    """Make buckets about as wide as the mean time between the events since the last look."""
    gap = (M[H_NOW] - M[H_TUNED]) // TUNE
    M[H_TUNED] = M[H_NOW]
    M[H_TUNE] = TUNE
    shift = 0
    while gap > 0 and shift < WIDEST:
        gap >>= 1
        shift += 1
    if abs(shift - M[H_SHIFT]) < 2:
        return
    chain = untie(M, np.int64(-1))
    for word in range(NEAR >> 6):
        w = M[B_BITS] + word
        while M[w] != 0:
            slot = lowest_bit(M[w])
            M[w] &= M[w] - 1
            e = M[M[B_NEAR] + (word << 6) + slot]
            while e >= 0:
                o = M[B_EV] + e * W_EV
                following = M[o + EV_NEXT]
                M[o + EV_NEXT] = chain
                chain, e = e, following
    M[H_BITS] = 0
    M[H_SHIFT] = shift
    while chain >= 0:
        o = M[B_EV] + chain * W_EV
        following = M[o + EV_NEXT]
        place(M, chain, o)
        chain = following
