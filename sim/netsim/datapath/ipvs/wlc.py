"""Weighted least connections (net/netfilter/ipvs/ip_vs_wlc.c)."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.ipvs.lists import least_loaded


@inner
def schedule(M, s, f):
    """The smallest overhead per weight, the first of equals."""
    return least_loaded(M, s)
