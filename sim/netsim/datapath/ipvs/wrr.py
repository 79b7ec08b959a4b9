"""Weighted round robin (net/netfilter/ipvs/ip_vs_wrr.c).

Cells: A the destination chosen last (-1: head), B the weight that is asked for now, C the greatest weight less
(D - 1), D the step: the greatest common divisor of all weights. The weight asked for falls by the step with every
pass through the list, down to 1.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.ipvs.layout import DE_FLAGS, DE_NEXT, DE_WEIGHT, OVERLOADED, SV_A, SV_B, SV_C, SV_D
from netsim.datapath.ipvs.lists import following, greatest, greatest_common_divisor


@inner
def _measure(M, s):
    M[s + SV_A] = -1
    M[s + SV_D] = max(1, greatest_common_divisor(M, s, DE_WEIGHT))
    M[s + SV_C] = greatest(M, s, DE_WEIGHT) - (M[s + SV_D] - 1)


@inner
def start(M, s):
    """Begin with the greatest weight."""
    _measure(M, s)
    M[s + SV_B] = M[s + SV_C]


@inner
def changed(M, s, d, what):
    """Back to the head; the weight asked for stays on the ladder of the new weights."""
    _measure(M, s)
    if M[s + SV_B] > M[s + SV_C] or M[s + SV_B] == 0:
        M[s + SV_B] = M[s + SV_C]
    elif M[s + SV_D] > 1:
        M[s + SV_B] = M[s + SV_B] // M[s + SV_D] * M[s + SV_D] + 1


@inner
def schedule(M, s, f):
    """The next destination that has at least the weight asked for."""
    last = M[s + SV_A]
    if M[s + SV_C] == 0:
        return -1
    d, stop, last_pass, again = last, -2, False, False
    while True:
        d = following(M, s, d)
        while d >= 0:
            if M[d + DE_WEIGHT] >= M[s + SV_B] and not M[d + DE_FLAGS] & OVERLOADED:
                M[s + SV_A] = d
                return d
            if d == stop:
                M[s + SV_A] = d
                return -1
            d = M[d + DE_NEXT]
        M[s + SV_B] -= M[s + SV_D]
        if M[s + SV_B] <= 0:
            M[s + SV_B] = M[s + SV_C]
            if last_pass or last < 0:
                M[s + SV_A] = -1
                return -1
            again = True
        last_pass = M[s + SV_B] <= M[s + SV_D]
        if last_pass and again and last >= 0:
            stop = last
