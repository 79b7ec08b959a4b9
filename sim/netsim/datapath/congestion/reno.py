"""Reno: one packet more per window, half after a loss (RFC 5681; tcp_reno_* in net/ipv4/tcp_cong.c)."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.congestion.growth import additive, slow_start
from netsim.datapath.congestion.layout import CC_THRESHOLD, CC_WINDOW


@inner
def acked(M, f, packets):
    """Packets were acknowledged while the window held the sender back."""
    if M[f + CC_WINDOW] < M[f + CC_THRESHOLD]:
        packets = slow_start(M, f, packets)
        if packets == 0:
            return
    additive(M, f, M[f + CC_WINDOW], packets)


@inner
def lost(M, f):
    """The threshold after a loss."""
    return max(M[f + CC_WINDOW] // 2, 2)
