"""Destination hashing (net/netfilter/ipvs/ip_vs_dh.c): 256 buckets, filled from the list in turn."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.ipvs.hashing import hash_32
from netsim.datapath.ipvs.layout import AVAILABLE, DE_FLAGS, DE_NEXT, FL_TARGET, SV_HEAD, SV_TABLE
from netsim.datapath.ipvs.lists import eligible

BITS = 8
CELLS = 1 << BITS


@inner
def start(M, s):
    """Fill the buckets."""
    d = M[s + SV_HEAD]
    for bucket in range(CELLS):
        M[M[s + SV_TABLE] + bucket] = d
        if d >= 0:
            d = M[d + DE_NEXT]
            if d < 0:
                d = M[s + SV_HEAD]


@inner
def changed(M, s, d, what):
    """Fill them anew."""
    start(M, s)


@inner
def schedule(M, s, f):
    """The bucket of the target's address; nobody else, if that one is not available."""
    d = M[M[s + SV_TABLE] + hash_32(M[f + FL_TARGET], BITS)]
    if d >= 0 and eligible(M, d) and M[d + DE_FLAGS] & AVAILABLE:
        return d
    return -1
