"""Weighted overflow (net/netfilter/ipvs/ip_vs_ovf.c)."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.ipvs.layout import DE_ACTIVE, DE_NEXT, DE_WEIGHT, SV_HEAD
from netsim.datapath.ipvs.lists import eligible


@inner
def schedule(M, s, f):
    """The greatest weight among those with no more active connections than weight, the first of equals."""
    best = -1
    d = M[s + SV_HEAD]
    while d >= 0:
        fits = eligible(M, d) and M[d + DE_ACTIVE] <= M[d + DE_WEIGHT]
        if fits and (best < 0 or M[d + DE_WEIGHT] > M[best + DE_WEIGHT]):
            best = d
        d = M[d + DE_NEXT]
    return best
