"""Weighted fail-over (net/netfilter/ipvs/ip_vs_fo.c)."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.ipvs.layout import DE_FLAGS, DE_NEXT, DE_WEIGHT, OVERLOADED, SV_HEAD


@inner
def schedule(M, s, f):
    """The greatest weight, the first of equals."""
    best, weight = -1, 0
    d = M[s + SV_HEAD]
    while d >= 0:
        if M[d + DE_WEIGHT] > weight and not M[d + DE_FLAGS] & OVERLOADED:
            best, weight = d, M[d + DE_WEIGHT]
        d = M[d + DE_NEXT]
    return best
