"""Source hashing (net/netfilter/ipvs/ip_vs_sh.c): 256 buckets, as many in a row as a destination has weight.

Flags: by port, hash the source port too; fallback, go on with the next bucket when a destination is unavailable.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.ipvs.hashing import hash_32
from netsim.datapath.ipvs.layout import (
    BY_PORT,
    DE_NEXT,
    DE_WEIGHT,
    FALLBACK,
    FL_SOURCE,
    FL_SOURCE_PORT,
    SV_FLAGS,
    SV_HEAD,
    SV_TABLE,
)
from netsim.datapath.ipvs.lists import eligible

BITS = 8
CELLS = 1 << BITS


@inner
def start(M, s):
    """Fill the buckets."""
    d, filled = M[s + SV_HEAD], 0
    for bucket in range(CELLS):
        M[M[s + SV_TABLE] + bucket] = d
        if d >= 0:
            filled += 1
            if filled >= M[d + DE_WEIGHT]:
                filled = 0
                d = M[d + DE_NEXT]
                if d < 0:
                    d = M[s + SV_HEAD]


@inner
def changed(M, s, d, what):
    """Fill them anew."""
    start(M, s)


@inner
def schedule(M, s, f):
    """The bucket of the source; with fallback the next one with somebody available, else nobody."""
    port = M[f + FL_SOURCE_PORT] if M[s + SV_FLAGS] & BY_PORT else 0
    bucket = hash_32(M[f + FL_SOURCE] + port, BITS)
    d = M[M[s + SV_TABLE] + bucket]
    if d < 0 or eligible(M, d):
        return d
    if M[s + SV_FLAGS] & FALLBACK:
        for offset in range(CELLS):
            # The hash is added once more to its own offset, as the kernel does.
            d = M[M[s + SV_TABLE] + ((offset + bucket) % CELLS + bucket) % CELLS]
            if d < 0:
                return -1
            if eligible(M, d):
                return d
    return -1
