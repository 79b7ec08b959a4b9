"""Destinations come, go and change; connections are counted with them (net/netfilter/ipvs/ip_vs_ctl.c, ip_vs_conn.c)."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.ipvs.dispatch import changed
from netsim.datapath.ipvs.layout import (
    ADDED,
    AVAILABLE,
    CHANGED,
    DE_ACTIVE,
    DE_FLAGS,
    DE_INACTIVE,
    DE_LAST_WEIGHT,
    DE_LOWER,
    DE_PERSISTENT,
    DE_UPPER,
    DE_WEIGHT,
    OVERLOADED,
    REMOVED,
)
from netsim.datapath.ipvs.lists import put_first, take_out


@inner
def add(M, s, d, weight, upper, lower):
    """Into the list as the newest. A destination that was removed before keeps its counters (the kernel's trash)."""
    _write(M, d, weight, upper, lower)
    M[d + DE_LAST_WEIGHT] = weight
    M[d + DE_FLAGS] |= AVAILABLE
    put_first(M, s, d)
    changed(M, s, d, ADDED)


@inner
def change(M, s, d, weight, upper, lower):
    """Another weight, other thresholds."""
    _write(M, d, weight, upper, lower)
    if weight:
        M[d + DE_LAST_WEIGHT] = weight
    changed(M, s, d, CHANGED)


@inner
def remove(M, s, d):
    """Out of the list; what is open goes on counting."""
    M[d + DE_FLAGS] &= ~AVAILABLE
    take_out(M, s, d)
    changed(M, s, d, REMOVED)


@inner
def _write(M, d, weight, upper, lower):
    M[d + DE_WEIGHT] = weight
    if upper == 0 or upper > M[d + DE_UPPER]:
        M[d + DE_FLAGS] &= ~OVERLOADED
    M[d + DE_UPPER] = upper
    M[d + DE_LOWER] = lower


@inner
def _connections(M, d):
    return M[d + DE_ACTIVE] + M[d + DE_INACTIVE] + M[d + DE_PERSISTENT]


@inner
def bind(M, d, active):
    """A connection begins."""
    M[d + (DE_ACTIVE if active else DE_INACTIVE)] += 1
    if M[d + DE_UPPER] and _connections(M, d) >= M[d + DE_UPPER]:
        M[d + DE_FLAGS] |= OVERLOADED


@inner
def turn(M, d, active):
    """A connection becomes active, or inactive."""
    M[d + DE_ACTIVE] += 1 if active else -1
    M[d + DE_INACTIVE] -= 1 if active else -1


@inner
def unbind(M, d, active):
    """A connection's entry is over."""
    M[d + (DE_ACTIVE if active else DE_INACTIVE)] -= 1
    if M[d + DE_LOWER]:
        if _connections(M, d) < M[d + DE_LOWER]:
            M[d + DE_FLAGS] &= ~OVERLOADED
    elif M[d + DE_UPPER]:
        if _connections(M, d) * 4 < M[d + DE_UPPER] * 3:
            M[d + DE_FLAGS] &= ~OVERLOADED
    else:
        M[d + DE_FLAGS] &= ~OVERLOADED
