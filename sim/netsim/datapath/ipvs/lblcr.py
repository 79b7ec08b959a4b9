"""Locality-based least connections with replication (net/netfilter/ipvs/ip_vs_lblcr.c): for each target address a
set of servers, which grows when its best one is loaded and shrinks when it has not changed for a day.

Table: 1,024 buckets, then rows of (next, address, last used, newest element, elements, last changed), then elements
of (next, destination). Cells: A the first free row, B the first free element.
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
    OVERLOADED,
    SV_A,
    SV_B,
    SV_CELLS,
    SV_TABLE,
)
from netsim.datapath.ipvs.lists import has_idler, least_loaded, overhead

BITS = 10
BUCKETS = 1 << BITS
NEXT, ADDRESS, USED, FIRST, SIZE, MODIFIED, W_ROW = range(7)
DEST, W_ELEMENT = 1, 2
ROWS = 16
EXPIRATION_PS = 86_400 * 10**12  # net.ipv4.vs.lblcr_expiration


def cells(most: int) -> int:
    """Cells of the table of a service that never has more than ``most`` destinations."""
    return BUCKETS + ROWS * (W_ROW + most * W_ELEMENT)


@inner
def start(M, s):
    """No sets."""
    table = M[s + SV_TABLE]
    for bucket in range(BUCKETS):
        M[table + bucket] = -1
    elements = table + BUCKETS + ROWS * W_ROW
    _chain(M, table + BUCKETS, elements, W_ROW)
    _chain(M, elements, table + M[s + SV_CELLS], W_ELEMENT)
    M[s + SV_A] = table + BUCKETS
    M[s + SV_B] = elements


@inner
def _chain(M, first, end, width):
    row = first
    while row < end:
        M[row + NEXT] = row + width if row + width < end else -1
        row += width


@inner
def _find(M, s, address):
    row = M[M[s + SV_TABLE] + hash_32(address, BITS)]
    while row >= 0 and M[row + ADDRESS] != address:
        row = M[row + NEXT]
    return row


@inner
def _least(M, row):
    """The least loaded available server of a set; -1 without any."""
    best, load = -1, 0
    e = M[row + FIRST]
    while e >= 0:
        d = M[e + DEST]
        if not M[d + DE_FLAGS] & OVERLOADED and M[d + DE_FLAGS] & AVAILABLE:
            mine = overhead(M, d)
            if best < 0:
                if M[d + DE_WEIGHT] > 0:
                    best, load = d, mine
            elif load * M[d + DE_WEIGHT] > mine * M[best + DE_WEIGHT]:
                best, load = d, mine
        e = M[e + NEXT]
    return best


@inner
def _most(M, row):
    """The most loaded server of a set; -1 without any of weight above 0."""
    worst, load = -1, 0
    e = M[row + FIRST]
    while e >= 0:
        d = M[e + DEST]
        if M[d + DE_WEIGHT] > 0:
            mine = overhead(M, d)
            if worst < 0 or load * M[d + DE_WEIGHT] < mine * M[worst + DE_WEIGHT]:
                worst, load = d, mine
        e = M[e + NEXT]
    return worst


@inner
def _insert(M, s, row, d, now):
    e = M[row + FIRST]
    while e >= 0:
        if M[e + DEST] == d:
            return
        e = M[e + NEXT]
    e = M[s + SV_B]
    if e < 0:
        return
    M[s + SV_B] = M[e + NEXT]
    M[e + NEXT] = M[row + FIRST]
    M[e + DEST] = d
    M[row + FIRST] = e
    M[row + SIZE] += 1
    M[row + MODIFIED] = now


@inner
def _erase(M, s, row, d, now):
    before, e = row + FIRST, M[row + FIRST]
    while e >= 0 and M[e + DEST] != d:
        before, e = e + NEXT, M[e + NEXT]
    if e >= 0:
        M[before] = M[e + NEXT]
        M[e + NEXT] = M[s + SV_B]
        M[s + SV_B] = e
        M[row + SIZE] -= 1
        M[row + MODIFIED] = now


@inner
def _new_row(M, s, address, now):
    """A set for an address; -1 when there are no rows left (then nothing is remembered)."""
    row = M[s + SV_A]
    if row >= 0:
        bucket = M[s + SV_TABLE] + hash_32(address, BITS)
        M[s + SV_A] = M[row + NEXT]
        M[row + NEXT] = M[bucket]
        M[row + ADDRESS] = address
        M[row + FIRST] = -1
        M[row + SIZE] = 0
        M[row + MODIFIED] = now
        M[bucket] = row
    return row


@inner
def schedule(M, s, f):
    """The least loaded server of the target's set; the least loaded of all joins it when that one is loaded."""
    now = M[f + FL_NOW]
    row = _find(M, s, M[f + FL_TARGET])
    if row >= 0 and now - M[row + USED] < EXPIRATION_PS:
        M[row + USED] = now
        d = _least(M, row)
        if M[row + SIZE] > 1 and now - M[row + MODIFIED] > EXPIRATION_PS:
            worst = _most(M, row)
            if worst >= 0:
                _erase(M, s, row, worst, now)
        if d >= 0 and not has_idler(M, s, d):
            return d
    elif row >= 0:  # collected after a day without use
        while M[row + FIRST] >= 0:
            _erase(M, s, row, M[M[row + FIRST] + DEST], now)
    d = least_loaded(M, s)
    if d < 0:
        return -1
    if row < 0:
        row = _new_row(M, s, M[f + FL_TARGET], now)
    if row >= 0:
        M[row + USED] = now
        _insert(M, s, row, d, now)
    return d
