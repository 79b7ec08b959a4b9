"""The better of two at random (net/netfilter/ipvs/ip_vs_twos.c; Mitzenmacher, IEEE TPDS 12(10), 2001).

The random weights run from 0 to the sum of all, both included, so that the first of the list is favoured a little.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.ipvs.layout import DE_NEXT, DE_WEIGHT, FL_RANDOM, FL_RANDOM_2, SV_HEAD
from netsim.datapath.ipvs.lists import eligible, overhead


@inner
def _pick(M, s, weight):
    """The destination in whose part of the sum of weights this weight lies."""
    d = M[s + SV_HEAD]
    while d >= 0:
        if eligible(M, d):
            weight -= M[d + DE_WEIGHT]
            if weight <= 0:
                return d
        d = M[d + DE_NEXT]
    return -1


@inner
def schedule(M, s, f):
    """Of two draws the one with the smaller overhead per weight, the first of equals."""
    total = 0
    d = M[s + SV_HEAD]
    while d >= 0:
        if eligible(M, d):
            total += M[d + DE_WEIGHT]
        d = M[d + DE_NEXT]
    if total == 0:
        return -1
    one = _pick(M, s, M[f + FL_RANDOM] % (total + 1))
    two = _pick(M, s, M[f + FL_RANDOM_2] % (total + 1))
    if M[two + DE_WEIGHT] * overhead(M, one) > M[one + DE_WEIGHT] * overhead(M, two):
        return two
    return one
