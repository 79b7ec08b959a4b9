"""Shortest expected delay (net/netfilter/ipvs/ip_vs_sed.c)."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.ipvs.layout import DE_ACTIVE, DE_FLAGS, DE_NEXT, DE_WEIGHT, OVERLOADED, SV_HEAD


@inner
def schedule(M, s, f):
    """The smallest (active + 1) per weight, the first of equals."""
    best, load = -1, 0
    d = M[s + SV_HEAD]
    while d >= 0:
        if not M[d + DE_FLAGS] & OVERLOADED:
            mine = M[d + DE_ACTIVE] + 1
            if best < 0:
                if M[d + DE_WEIGHT] > 0:
                    best, load = d, mine
            elif load * M[d + DE_WEIGHT] > mine * M[best + DE_WEIGHT]:
                best, load = d, mine
        d = M[d + DE_NEXT]
    return best
