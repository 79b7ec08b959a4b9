"""Least connections (net/netfilter/ipvs/ip_vs_lc.c)."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.ipvs.layout import DE_NEXT, SV_HEAD
from netsim.datapath.ipvs.lists import eligible, overhead


@inner
def schedule(M, s, f):
    """The eligible destination with the smallest overhead, the first of equals."""
    best, load = -1, 0
    d = M[s + SV_HEAD]
    while d >= 0:
        if eligible(M, d):
            mine = overhead(M, d)
            if best < 0 or mine < load:
                best, load = d, mine
        d = M[d + DE_NEXT]
    return best
