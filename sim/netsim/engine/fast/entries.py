"""What Python calls besides the loop: starts, and the books at the end. Each takes the memory as an array."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

from netsim.compiled import entry, pointer
from netsim.engine.fast.kernel import think
from netsim.engine.fast.layout import *
from netsim.engine.fast.loop import queue_arrival
from netsim.engine.fast.memory import busy
from netsim.engine.fast.plane import datagram, settle_link, settle_ring


@entry
def begin_user(memory, D, wl, user):
    """A user of a closed workload thinks before its first request."""
    think(pointer(memory), D, wl, user, 0)


@entry
def begin_arrivals(memory, D, wl):
    """Queue the first request of an open workload."""
    queue_arrival(pointer(memory), D, wl, 0)


@entry
def begin_stream(memory, stream):
    """A stream sends its first datagram."""
    datagram(pointer(memory), stream, 0)


@entry
def close_books(memory, links, rings, servers):
    """Count what has left the stations, and what workers are doing, until now."""
    M = pointer(memory)
    now = M[H_NOW]
    for link in range(links):
        settle_link(M, link, now)
    for ring in range(rings):
        settle_ring(M, M[B_RING] + ring * W_RING, now)
    for server in range(servers):
        s = M[B_SERVER] + server * W_SERVER
        for worker in range(M[s + V_WORKERS]):
            z = M[B_POOL] + (M[s + V_POOL] + worker) * W_POOL
            if M[z + P_BUSY]:
                busy(M, M[s + V_STATION], M[z + P_SINCE], now)
