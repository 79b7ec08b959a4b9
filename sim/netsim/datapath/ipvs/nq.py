"""Never queue (net/netfilter/ipvs/ip_vs_nq.c)."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.ipvs.layout import DE_ACTIVE, DE_NEXT, DE_WEIGHT, SV_HEAD
from netsim.datapath.ipvs.lists import eligible


@inner
def schedule(M, s, f):
    """The first one without active connections; else the smallest (active + 1) per weight."""
    best, load = -1, 0
    d = M[s + SV_HEAD]
    while d >= 0:
        if eligible(M, d):
            mine = M[d + DE_ACTIVE] + 1
            if mine == 1:
                return d
            if best < 0 or load * M[d + DE_WEIGHT] > mine * M[best + DE_WEIGHT]:
                best, load = d, mine
        d = M[d + DE_NEXT]
    return best
