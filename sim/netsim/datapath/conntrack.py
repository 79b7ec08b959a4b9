"""Connection tracking: entries of each network namespace against the host's maximum.

Source: net/netfilter/nf_conntrack_core.c. The maximum is the host's, the count each namespace's own
(``__nf_conntrack_alloc``). A full table first looks for an entry that is not assured in 8 buckets (``early_drop``),
else the packet is dropped ("table full, dropping packet").
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.flows.keys import mix
from netsim.datapath.flows.layout import (
    FW_NEXT,
    FW_NS,
    NAMESPACES,
    ND_COUNT,
    ND_PEAK,
    NS_COUNT,
    NS_FRAGILE,
    NS_MAX,
    NS_NODE,
    NS_PEAK,
    NS_SANDBOX,
    T_DRAWS,
    T_SYN_HEAD,
)

#: Buckets that early_drop looks into (NF_CT_EVICTION_RANGE).
EVICTION_RANGE = 8


@inner
def has_room(T, ns):
    """Whether a namespace's table takes one more entry."""
    return T[ns + NS_COUNT] < T[ns + NS_MAX]


@inner
def early_victim(T, ns):
    """A flow whose entry is not assured and can go, or -1.

    With about one entry in a bucket, 8 buckets hold none with chance (1 - share of such entries) ** 8; of those that
    are there, the oldest goes.
    """
    if T[ns + NS_FRAGILE] <= 0:
        return -1
    T[T_DRAWS] += 1
    others = T[ns + NS_COUNT] - T[ns + NS_FRAGILE]
    none = 1.0
    for _ in range(EVICTION_RANGE):
        none *= others / T[ns + NS_COUNT]
    if mix(T[T_DRAWS], T[ns + NS_COUNT]) < none * (1 << 62):
        return -1
    row = T[T_SYN_HEAD]
    while row >= 0:
        for i in range(NAMESPACES):
            if T[row + FW_NS + i] == ns:
                return row
        row = T[row + FW_NEXT]
    return -1


@inner
def enter(T, row):
    """Entries in all namespaces of a flow, not assured yet."""
    for i in range(NAMESPACES):
        ns = T[row + FW_NS + i]
        if ns:
            T[ns + NS_COUNT] += 1
            T[ns + NS_FRAGILE] += 1
            if T[ns + NS_COUNT] > T[ns + NS_PEAK]:
                T[ns + NS_PEAK] = T[ns + NS_COUNT]
            node = T[ns + NS_NODE]
            T[node + ND_COUNT] += 1
            if T[node + ND_COUNT] > T[node + ND_PEAK]:
                T[node + ND_PEAK] = T[node + ND_COUNT]


@inner
def assure(T, row):
    """There was an answer: a full table does not drop these any more."""
    for i in range(NAMESPACES):
        ns = T[row + FW_NS + i]
        if ns:
            T[ns + NS_FRAGILE] -= 1


@inner
def leave(T, row, fragile, sandboxes):
    """The entries go; ``sandboxes``: only those beside an IPVS entry, which takes them with it."""
    for i in range(NAMESPACES):
        ns = T[row + FW_NS + i]
        if ns and (T[ns + NS_SANDBOX] or not sandboxes):
            T[ns + NS_COUNT] -= 1
            T[ns + NS_FRAGILE] -= fragile
            T[T[ns + NS_NODE] + ND_COUNT] -= 1
            T[row + FW_NS + i] = 0
