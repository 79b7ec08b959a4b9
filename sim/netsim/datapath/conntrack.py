"""Connection tracking: entries of each network namespace against the host's maximum.

Source: net/netfilter/nf_conntrack_core.c. The maximum is the host's, the count each namespace's own
(``__nf_conntrack_alloc``). A full table first looks for an entry that is not assured in 8 buckets (``early_drop``),
else the packet is dropped ("table full, dropping packet"), and the next scan of the garbage collector takes what is
not assured and what is closing from tables that are 95 % full (``gc_worker``).
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.flows.keys import mix
from netsim.datapath.flows.layout import (
    FW_HELD,
    FW_NEXT,
    FW_SET,
    NAMESPACES,
    ND_COUNT,
    ND_PEAK,
    ND_SCAN,
    NEVER,
    NS_COUNT,
    NS_FRAGILE,
    NS_MAX,
    NS_NODE,
    NS_PEAK,
    NS_SANDBOX,
    REST,
    SENT,
    STREAM,
    SYN,
    T_DRAWS,
    T_LISTS,
    T_NEXT,
    T_SCAN,
    T_SCAN_PS,
)

#: Buckets that early_drop looks into (NF_CT_EVICTION_RANGE).
EVICTION_RANGE = 8
#: How full a table is when the garbage collector drops early, in per cent (nf_conntrack_max95).
ALMOST_FULL = 95


@inner
def has_room(T, ns):
    """Whether a namespace's table takes one more entry."""
    return T[ns + NS_COUNT] < T[ns + NS_MAX]


@inner
def almost_full(T, ns):
    """Whether the garbage collector drops early there."""
    return T[ns + NS_COUNT] >= T[ns + NS_MAX] // 100 * ALMOST_FULL


@inner
def holds(T, row, ns):
    """Whether a flow has an entry in a namespace."""
    found = False
    for i in range(NAMESPACES):
        found |= T[row + FW_HELD] >> i & 1 == 1 and T[T[row + FW_SET] + i] == ns
    return found


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
    for state in (REST, SYN, SENT, STREAM):
        row = T[T_LISTS + 2 * state]
        while row >= 0:
            if holds(T, row, ns):
                return row
            row = T[row + FW_NEXT]
    return -1


@inner
def want_scan(T, ns, now):
    """A packet was dropped: the next scan drops early. Scans come at multiples of their distance."""
    node = T[ns + NS_NODE]
    if T[node + ND_SCAN] == NEVER:
        due = (now // T[T_SCAN_PS] + 1) * T[T_SCAN_PS]
        T[node + ND_SCAN] = due
        T[T_SCAN] = min(T[T_SCAN], due)
        T[T_NEXT] = min(T[T_NEXT], due)


@inner
def enter(T, row):
    """Entries in all namespaces of a flow, not assured yet."""
    held = 0
    for i in range(NAMESPACES):
        ns = T[T[row + FW_SET] + i]
        if ns:
            held |= 1 << i
            T[ns + NS_COUNT] += 1
            T[ns + NS_FRAGILE] += 1
            if T[ns + NS_COUNT] > T[ns + NS_PEAK]:
                T[ns + NS_PEAK] = T[ns + NS_COUNT]
            node = T[ns + NS_NODE]
            T[node + ND_COUNT] += 1
            if T[node + ND_COUNT] > T[node + ND_PEAK]:
                T[node + ND_PEAK] = T[node + ND_COUNT]
    T[row + FW_HELD] = held


@inner
def assure(T, row):
    """There was an answer: a full table does not drop these any more."""
    for i in range(NAMESPACES):
        if T[row + FW_HELD] >> i & 1:
            T[T[T[row + FW_SET] + i] + NS_FRAGILE] -= 1


@inner
def leave_one(T, row, i, fragile):
    """One of the entries goes."""
    ns = T[T[row + FW_SET] + i]
    T[ns + NS_COUNT] -= 1
    T[ns + NS_FRAGILE] -= fragile
    T[T[ns + NS_NODE] + ND_COUNT] -= 1
    T[row + FW_HELD] &= ~(1 << i)


@inner
def leave(T, row, fragile, sandboxes):
    """The entries go; ``sandboxes``: only those beside an IPVS entry, which takes them with it."""
    for i in range(NAMESPACES):
        if T[row + FW_HELD] >> i & 1 and (T[T[T[row + FW_SET] + i] + NS_SANDBOX] or not sandboxes):
            leave_one(T, row, i, fragile)
