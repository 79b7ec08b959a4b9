"""Round robin, the only scheduler that Docker configures (net/netfilter/ipvs/ip_vs_rr.c).

Cell A: the destination chosen last; -1, the head of the list, at the beginning.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.ipvs.layout import DE_NEXT, DE_PREV, REMOVED, SV_A
from netsim.datapath.ipvs.lists import eligible, following


@inner
def start(M, s):
    """A service begins at the head of its list."""
    M[s + SV_A] = -1


@inner
def changed(M, s, d, what):
    """When the one chosen last goes, the one before it takes its place."""
    if what == REMOVED and M[s + SV_A] == d:
        M[s + SV_A] = M[d + DE_PREV]


@inner
def schedule(M, s, f):
    """The next eligible destination after the last one, wrapping once."""
    last = M[s + SV_A]
    d = last
    for _ in range(2):
        d = following(M, s, d)
        while d >= 0:
            if eligible(M, d):
                M[s + SV_A] = d
                return d
            if d == last:
                return -1
            d = M[d + DE_NEXT]
        if last < 0:  # all of the list has been seen
            return -1
    return -1
