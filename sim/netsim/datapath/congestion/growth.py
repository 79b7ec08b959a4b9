"""The two ways in which windows grow by acknowledged packets (tcp_slow_start and tcp_cong_avoid_ai in net/ipv4/tcp_cong.c)."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.congestion.layout import CC_COUNT, CC_THRESHOLD, CC_WINDOW


@inner
def slow_start(M, f, packets):
    """One packet more for each acknowledged one, up to the threshold. How many of them are left."""
    window = min(M[f + CC_WINDOW] + packets, M[f + CC_THRESHOLD])
    left = packets - (window - M[f + CC_WINDOW])
    M[f + CC_WINDOW] = window
    return left


@inner
def additive(M, f, per_packet, packets):
    """One packet more for every ``per_packet`` acknowledged ones."""
    if M[f + CC_COUNT] >= per_packet:  # the credit of a time when growth was slower
        M[f + CC_COUNT] = 0
        M[f + CC_WINDOW] += 1
    M[f + CC_COUNT] += packets
    if M[f + CC_COUNT] >= per_packet:
        more = M[f + CC_COUNT] // per_packet
        M[f + CC_COUNT] -= more * per_packet
        M[f + CC_WINDOW] += more
