"""A heap of events by (time, phase and key) with four children a node: what the wheel and the ties have no room for."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

from netsim.compiled import inner
from netsim.engine.fast.layout import *


@inner
def rise(M, time, k, e):
    """Put an event at the heap's end, and up to where it belongs."""
    heap = M[B_HEAP]
    i = M[H_EVENTS]
    M[H_EVENTS] = i + 1
    while i > 0:
        p = (i - 1) >> 2
        q = heap + p * W_HEAP
        if M[q] < time or (M[q] == time and M[q + 1] <= k):
            break
        o = heap + i * W_HEAP
        M[o] = M[q]
        M[o + 1] = M[q + 1]
        M[o + 2] = M[q + 2]
        i = p
    o = heap + i * W_HEAP
    M[o] = time
    M[o + 1] = k
    M[o + 2] = e


@inner
def sink(M, n, time, k, e):
    """Put an event at the top of a heap of n, and down to where it belongs. The heap has four children per node."""
    heap = M[B_HEAP]
    i = 0
    while True:
        child = 4 * i + 1
        if child >= n:
            break
        q = heap + child * W_HEAP
        best, to, tk = child, M[q], M[q + 1]
        for j in range(child + 1, min(child + 4, n)):
            q += W_HEAP
            if M[q] < to or (M[q] == to and M[q + 1] < tk):
                best, to, tk = j, M[q], M[q + 1]
        if to > time or (to == time and tk >= k):
            break
        o = heap + i * W_HEAP
        M[o] = to
        M[o + 1] = tk
        M[o + 2] = M[heap + best * W_HEAP + 2]
        i = best
    o = heap + i * W_HEAP
    M[o] = time
    M[o + 1] = k
    M[o + 2] = e
