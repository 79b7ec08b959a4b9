"""What schedulers share: walking the list, who may be chosen, how loaded somebody is.

Source: net/netfilter/ipvs/ip_vs_ctl.c, include/net/ip_vs.h.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.ipvs.layout import (
    DE_ACTIVE,
    DE_FLAGS,
    DE_INACTIVE,
    DE_NEXT,
    DE_PREV,
    DE_WEIGHT,
    OVERLOADED,
    SV_COUNT,
    SV_HEAD,
)


@inner
def following(M, s, d):
    """The destination after ``d``; the first one after the head (-1); -1 at the end."""
    return M[s + SV_HEAD] if d < 0 else M[d + DE_NEXT]


@inner
def eligible(M, d):
    """Whether new connections may go there."""
    return M[d + DE_WEIGHT] > 0 and not M[d + DE_FLAGS] & OVERLOADED


@inner
def overhead(M, d):
    """ip_vs_dest_conn_overhead: an active connection weighs as much as 256 inactive ones."""
    return (M[d + DE_ACTIVE] << 8) + M[d + DE_INACTIVE]


@inner
def put_first(M, s, d):
    """Into the list, at its head."""
    first = M[s + SV_HEAD]
    M[d + DE_NEXT] = first
    M[d + DE_PREV] = -1
    if first >= 0:
        M[first + DE_PREV] = d
    M[s + SV_HEAD] = d
    M[s + SV_COUNT] += 1


@inner
def take_out(M, s, d):
    """Out of the list; its own links stay as they were."""
    before, after = M[d + DE_PREV], M[d + DE_NEXT]
    if before >= 0:
        M[before + DE_NEXT] = after
    else:
        M[s + SV_HEAD] = after
    if after >= 0:
        M[after + DE_PREV] = before
    M[s + SV_COUNT] -= 1


@inner
def greatest_common_divisor(M, s, column):
    """Of the positive numbers in a column of all destinations; 0 without any."""
    found = 0
    d = M[s + SV_HEAD]
    while d >= 0:
        a, b = M[d + column], found
        if a > 0:
            while b:
                a, b = b, a % b
            found = a
        d = M[d + DE_NEXT]
    return found


@inner
def greatest(M, s, column):
    """The greatest number in a column of all destinations, at least 0."""
    found = 0
    d = M[s + SV_HEAD]
    while d >= 0:
        found = max(found, M[d + column])
        d = M[d + DE_NEXT]
    return found


@inner
def least_loaded(M, s):
    """The eligible destination with the smallest overhead per weight, the first of equals (wlc); -1 without any."""
    best, load = -1, 0
    d = M[s + SV_HEAD]
    while d >= 0:
        if not M[d + DE_FLAGS] & OVERLOADED:
            mine = overhead(M, d)
            if best < 0:
                if M[d + DE_WEIGHT] > 0:
                    best, load = d, mine
            elif load * M[d + DE_WEIGHT] > mine * M[best + DE_WEIGHT]:
                best, load = d, mine
        d = M[d + DE_NEXT]
    return best


@inner
def has_idler(M, s, d):
    """Whether ``d`` has more active connections than weight while another has less than half of its own."""
    if M[d + DE_ACTIVE] <= M[d + DE_WEIGHT]:
        return False
    other = M[s + SV_HEAD]
    while other >= 0:
        if 2 * M[other + DE_ACTIVE] < M[other + DE_WEIGHT]:
            return True
        other = M[other + DE_NEXT]
    return False
