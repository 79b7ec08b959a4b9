"""Maglev hashing (net/netfilter/ipvs/ip_vs_mh.c; Eisenbud et al., Maglev, NSDI 2016).

A table of a prime size; in turns, as many as its weight, each destination takes its next preferred free cell.
Weights are the last ones above 0, so that a drained destination keeps its cells.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.ipvs.hashing import MASK_32, hsiphash
from netsim.datapath.ipvs.layout import (
    BY_PORT,
    DE_ADDRESS,
    DE_LAST_WEIGHT,
    DE_NEXT,
    DE_OFFSET,
    DE_PORT,
    DE_SKIP,
    DE_TURNS,
    FALLBACK,
    FL_SOURCE,
    FL_SOURCE_PORT,
    SV_FLAGS,
    SV_HEAD,
    SV_TABLE,
)
from netsim.datapath.ipvs.lists import eligible, greatest, greatest_common_divisor

CELLS = 4093  # CONFIG_IP_VS_MH_TAB_INDEX=12, the default
BITS = 6  # half of that index: weights are shifted to this many bits
KEY_1, KEY_2 = 2654435761, 2654446892


@inner
def _hash(address, port, offset, key):
    return hsiphash((offset + port + address) & MASK_32, key)


@inner
def start(M, s):
    """Fill the table."""
    table = M[s + SV_TABLE]
    for cell in range(CELLS):
        M[table + cell] = -1
    divisor = greatest_common_divisor(M, s, DE_LAST_WEIGHT)
    if divisor < 1:
        return
    _prepare(M, s, divisor)
    filled = 0
    while True:
        d = M[s + SV_HEAD]
        while d >= 0:
            for _ in range(M[d + DE_TURNS]):
                while M[table + M[d + DE_OFFSET]] >= 0:
                    M[d + DE_OFFSET] = (M[d + DE_OFFSET] + M[d + DE_SKIP]) % CELLS
                M[table + M[d + DE_OFFSET]] = d
                filled += 1
                if filled == CELLS:
                    return
            d = M[d + DE_NEXT]


@inner
def _prepare(M, s, divisor):
    """Where each destination begins, how far it steps, and how often it takes a cell in a round."""
    bits, most = 0, greatest(M, s, DE_LAST_WEIGHT) // divisor
    while most >> bits:
        bits += 1
    shift = max(0, bits - BITS)
    d = M[s + SV_HEAD]
    while d >= 0:
        M[d + DE_OFFSET] = _hash(M[d + DE_ADDRESS], M[d + DE_PORT], 0, KEY_1) % CELLS
        M[d + DE_SKIP] = _hash(M[d + DE_ADDRESS], M[d + DE_PORT], 0, KEY_2) % (CELLS - 1) + 1
        turns = (M[d + DE_LAST_WEIGHT] // divisor) >> shift
        M[d + DE_TURNS] = max(turns, min(1, M[d + DE_LAST_WEIGHT]))
        d = M[d + DE_NEXT]


@inner
def changed(M, s, d, what):
    """Fill it anew."""
    start(M, s)


@inner
def schedule(M, s, f):
    """The cell of the source; with fallback other cells until somebody is available, else nobody."""
    table, address = M[s + SV_TABLE], M[f + FL_SOURCE]
    port = M[f + FL_SOURCE_PORT] if M[s + SV_FLAGS] & BY_PORT else 0
    first = _hash(address, port, 0, KEY_1) % CELLS
    d = M[table + first]
    if d < 0 or eligible(M, d):
        return d
    if M[s + SV_FLAGS] & FALLBACK:
        for offset in range(CELLS):
            d = M[table + _hash(address, port, (offset + first) % CELLS, KEY_1) % CELLS]
            if d < 0:
                return -1
            if eligible(M, d):
                return d
    return -1
