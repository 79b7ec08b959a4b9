"""Where the time of an exchange went, and what its threads spend on messages: the compiled twin of netsim.engine.span."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

from netsim.compiled import inner
from netsim.engine.fast.layout import *
from netsim.engine.fast.ops import *
from netsim.engine.fast.plane import stage_cost


@inner
def fill(M, x, part):
    """Everything not yet accounted for went into ``part``."""
    o = M[B_X] + x * W_X
    now = M[H_NOW]
    if now > M[o + X_AT]:
        M[M[B_XSPLIT] + x * W_SPLIT + part] += now - M[o + X_AT]
        M[o + X_AT] = now


@inner
def take(M, x, split, rest):
    """The time up to now is what stands at ``split``; what is left is ``rest``."""
    o, p, now = M[B_X] + x * W_X, M[B_XSPLIT] + x * W_SPLIT, M[H_NOW]
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
    M[M[B_XSPLIT] + x * W_SPLIT + P_Q_CPU] += now - M[o + X_AT] - M[o + X_PENDING]
    M[o + X_PENDING] = 0
    M[o + X_AT] = now


@inner
def owe(M, x, part, ps):
    """A thread will spend this on the exchange."""
    M[M[B_XSPLIT] + x * W_SPLIT + part] += ps
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
