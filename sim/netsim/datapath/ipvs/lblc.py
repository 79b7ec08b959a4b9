"""Locality-based least connections (net/netfilter/ipvs/ip_vs_lblc.c): a cache of the server for each target address.

Table: 1,024 buckets, then rows of (next, address, destination, last used); cell A is the first free row. A row that
was not used for a day counts as collected, as by the kernel's timer (which looks every half hour). When rows are
short, the one that was not used for the longest time is given back: targets are virtual addresses, which are few.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.ipvs.hashing import hash_32
from netsim.datapath.ipvs.layout import (
    AVAILABLE,
    DE_FLAGS,
    DE_WEIGHT,
    FL_NOW,
    FL_TARGET,
    SV_A,
    SV_CELLS,
    SV_TABLE,
)
from netsim.datapath.ipvs.lists import has_idler, least_loaded

BITS = 10
BUCKETS = 1 << BITS
NEXT, ADDRESS, DEST, USED, W_ROW = range(5)
ROWS = 256
CELLS = BUCKETS + ROWS * W_ROW
EXPIRATION_PS = 86_400 * 10**12  # net.ipv4.vs.lblc_expiration


@inner
def start(M, s):
    """An empty cache."""
    table = M[s + SV_TABLE]
    for bucket in range(BUCKETS):
        M[table + bucket] = -1
    M[s + SV_A] = table + BUCKETS
    row = table + BUCKETS
    while row < table + M[s + SV_CELLS]:
        M[row + NEXT] = row + W_ROW if row + W_ROW < table + M[s + SV_CELLS] else -1
        row += W_ROW


@inner
def _find(M, s, address):
    row = M[M[s + SV_TABLE] + hash_32(address, BITS)]
    while row >= 0 and M[row + ADDRESS] != address:
        row = M[row + NEXT]
    return row


@inner
def _oldest(M, s):
    """Give back the row that was not used for the longest time."""
    table, old, where = M[s + SV_TABLE], -1, -1
    for bucket in range(BUCKETS):
        before, row = table + bucket, M[table + bucket]
        while row >= 0:
            if old < 0 or M[row + USED] < M[old + USED]:
                old, where = row, before
            before, row = row + NEXT, M[row + NEXT]
    M[where] = M[old + NEXT]
    M[old + NEXT] = -1
    M[s + SV_A] = old


@inner
def schedule(M, s, f):
    """The cached server, unless it is gone or loaded while another is idle; then the least loaded one (wlc)."""
    row = _find(M, s, M[f + FL_TARGET])
    if row >= 0 and M[f + FL_NOW] - M[row + USED] < EXPIRATION_PS:
        M[row + USED] = M[f + FL_NOW]
        d = M[row + DEST]
        if M[d + DE_FLAGS] & AVAILABLE and M[d + DE_WEIGHT] > 0 and not has_idler(M, s, d):
            return d
    d = least_loaded(M, s)
    if d < 0:
        return -1
    if row < 0:
        if M[s + SV_A] < 0:
            _oldest(M, s)
        row = M[s + SV_A]
        M[s + SV_A] = M[row + NEXT]
        bucket = M[s + SV_TABLE] + hash_32(M[f + FL_TARGET], BITS)
        M[row + NEXT] = M[bucket]
        M[row + ADDRESS] = M[f + FL_TARGET]
        M[bucket] = row
    M[row + DEST] = d
    M[row + USED] = M[f + FL_NOW]
    return d
