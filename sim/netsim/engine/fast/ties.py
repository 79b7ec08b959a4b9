"""Events of one picosecond: sorted when their time comes, all at once.

Sources of one rhythm send at the same time, and which of their events is first is a matter of keys, which are hashes: each
comparison of two would be a coin toss for the processor's branch prediction. Here none is decided upon: an event's place is
the number of those before it, counted in vector instructions. With a few dozen at once that is several times faster than a
heap; beyond `TIES` the heap takes the rest.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

from netsim.compiled import inner
from netsim.engine.fast.heap import rise
from netsim.engine.fast.layout import *

LAST = (1 << 63) - 1  # no order comes after
ORDERS, EVENTS, SORTED, SORTED_EVENTS = 0, TIES + VECTOR, 2 * TIES + VECTOR, 3 * TIES + 2 * VECTOR


@inner
def before(M, o, length, k):
    """How many of so many orders come before ``k``; they are filled up, and counted in whole vectors."""
    count = 0
    for j in range(o, o + (length + VECTOR - 1) // VECTOR * VECTOR):
        count += M[j] < k
    return count


@inner
def fill_up(M, o, length):
    """Behind so many orders, what no order comes after: a vector of it, wherever the count begins."""
    for j in range(o + length, o + length + VECTOR):
        M[j] = LAST


@inner
def gather(M, e):
    """Make the events from ``e`` on that share its time the tied ones, and put those for which there is no room into the
    heap. The first event after them; -1 if none."""
    raw, n = M[B_TIES], 0
    time = M[M[B_EV] + e * W_EV + EV_TIME]
    while e >= 0:
        o = M[B_EV] + e * W_EV
        if M[o + EV_TIME] != time:
            break
        if n < TIES:
            M[raw + ORDERS + n] = M[o + EV_ORDER]
            M[raw + EVENTS + n] = e
            M[o + EV_WHERE] = TIE
            n += 1
        else:
            M[o + EV_WHERE] = HEAP
            rise(M, time, M[o + EV_ORDER], e)
        e = M[o + EV_NEXT]
    M[H_TIE_TIME] = time
    M[H_TIE] = 0
    M[H_TIES] = n
    sort(M, raw, n)
    return e


@inner
def sort(M, raw, n):
    """Put ``n`` events into their order."""
    fill_up(M, raw + ORDERS, n)
    places = 0
    for i in range(n):
        k = M[raw + ORDERS + i]
        place = before(M, raw + ORDERS, n, k)
        places += place
        M[raw + SORTED + place] = k
        M[raw + SORTED_EVENTS + place] = M[raw + EVENTS + i]
    if places != n * (n - 1) // 2:
        sort_equals(M, raw, n)
    fill_up(M, raw + SORTED, n)


@inner
def sort_equals(M, raw, n):
    """The same where some have one order: by insertion."""
    for i in range(n):
        k, j = M[raw + ORDERS + i], i
        while j > 0 and M[raw + SORTED + j - 1] > k:
            M[raw + SORTED + j] = M[raw + SORTED + j - 1]
            M[raw + SORTED_EVENTS + j] = M[raw + SORTED_EVENTS + j - 1]
            j -= 1
        M[raw + SORTED + j] = k
        M[raw + SORTED_EVENTS + j] = M[raw + EVENTS + i]


@inner
def join(M, e, o, k):
    """An event of their time that comes later: in among those that are left. Whether there was room, which those leave who
    were taken."""
    head = M[H_TIE]
    if head == 0:
        return False
    a = M[B_TIES] + SORTED + head
    b = M[B_TIES] + SORTED_EVENTS + head
    n = before(M, a, M[H_TIES] - head, k)
    for j in range(n):
        M[a + j - 1] = M[a + j]
    for j in range(n):
        M[b + j - 1] = M[b + j]
    M[a + n - 1] = k
    M[b + n - 1] = e
    M[H_TIE] = head - 1
    M[o + EV_WHERE] = TIE
    return True


@inner
def tied(M):
    """The first of them; -1 without any."""
    if M[H_TIE] == M[H_TIES]:
        return -1
    return M[M[B_TIES] + SORTED_EVENTS + M[H_TIE]]


@inner
def take_tied(M):
    """The first of them is taken."""
    M[H_TIE] += 1
    if M[H_TIE] == M[H_TIES]:
        M[H_TIE_TIME] = -NEVER


@inner
def untie(M, chain):
    """All that are left, before a chain of events: its new beginning."""
    while M[H_TIE] < M[H_TIES]:
        e = tied(M)
        M[M[B_EV] + e * W_EV + EV_NEXT] = chain
        chain = e
        take_tied(M)
    return chain
