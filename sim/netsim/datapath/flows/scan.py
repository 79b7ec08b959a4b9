"""What is taken out of tables before its time: by conntrack's garbage collector and by IPVS's drop_entry."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.conntrack import almost_full, leave_one
from netsim.datapath.flows.keys import mix
from netsim.datapath.flows.layout import (
    BA_KEY,
    BA_RANDOM,
    CLOSED,
    FRAGILE,
    FW_BALANCER,
    FW_DEST,
    FW_DUE,
    FW_HELD,
    FW_NEXT,
    FW_SET,
    FW_USES,
    NAMESPACES,
    ND_BEFORE,
    ND_SCAN,
    NEVER,
    NS_NODE,
    NS_SANDBOX,
    OPEN,
    PAUSED,
    RESET,
    STREAM,
    SYN,
    T_DRAWS,
    T_DROPPED,
    T_EARLY,
    T_LISTS,
    T_NODES,
    T_RATES,
    T_SCAN,
    T_TICK,
    T_TIMES,
)
from netsim.datapath.flows.timers import drop_early, forget, lose, no_tuple
from netsim.picoseconds import PS_PER_S

#: Part of its buckets that IPVS looks into each second, drawn with repetition (ip_vs_random_dropentry): an entry is seen
#: with chance 1 - exp(-1/32).
SEEN = int(0.030766766 * (1 << 62))
#: An open connection that lasted for so long without a packet may go (todrop_entry), with at most so many packets.
RESTED_PS, MOST_PACKETS = 60 * PS_PER_S, 8


@inner
def scan(T):
    """The scan that is due, of each node that waits for one; the next one is noted."""
    due, later = T[T_SCAN], NEVER
    node = T[T_NODES]
    while node:
        if T[node + ND_SCAN] <= due:
            for state in (*FRAGILE, CLOSED, RESET):
                _drop_early(T, node, state)
            T[node + ND_SCAN] = NEVER
        later = min(later, T[node + ND_SCAN])
        node = T[node + ND_BEFORE]
    T[T_SCAN] = later


@inner
def _drop_early(T, node, state):
    """Entries of one state in the node's tables that are almost full (gc_worker, gc_worker_can_early_drop)."""
    row = T[T_LISTS + 2 * state]
    while row >= 0:
        after = T[row + FW_NEXT]
        for i in range(NAMESPACES):
            if T[row + FW_HELD] >> i & 1:
                ns = T[T[row + FW_SET] + i]
                if T[ns + NS_NODE] == node and almost_full(T, ns):
                    T[T_EARLY] += 1
                    if state != CLOSED and state != RESET:
                        drop_early(T, row)
                        break
                    leave_one(T, row, i, 0)
                    if T[ns + NS_SANDBOX] or T[row + FW_DEST] < 0:
                        no_tuple(T, row)
        if (state in (CLOSED, RESET)) and T[row + FW_HELD] == 0 and T[row + FW_DEST] < 0:
            forget(T, row)
        row = after


@inner
def tick(T):
    """One second's look of IPVS for entries that it drops at random, where drop_entry is 3
    (ip_vs_random_dropentry in net/netfilter/ipvs/ip_vs_conn.c)."""
    now = T[T_TICK]
    T[T_TICK] += PS_PER_S
    row = T[T_LISTS + 2 * SYN]
    while row >= 0:
        after = T[row + FW_NEXT]
        if _seen(T, row):
            T[T_DROPPED] += 1
            forget(T, row)
        row = after
    row = T[T_LISTS + 2 * OPEN]
    while row >= 0 and T[row + FW_DUE] - T[T_TIMES + OPEN] + RESTED_PS <= now:
        after = T[row + FW_NEXT]
        if _seen(T, row) and _spared_enough(T, T[row + FW_USES]):
            T[T_DROPPED] += 1
            lose(T, row)
        row = after
    row = T[T_LISTS + 2 * PAUSED]
    while row >= 0 and T[row + FW_DUE] - T[T_TIMES + PAUSED] - T[T_TIMES + STREAM] + RESTED_PS <= now:
        after = T[row + FW_NEXT]
        if _seen(T, row) and _spared_enough(T, T[row + FW_USES]):
            T[T_DROPPED] += 1
            forget(T, row)
        row = after


@inner
def _seen(T, row):
    """Whether the look meets an entry."""
    if not T[T[row + FW_BALANCER] + BA_RANDOM]:
        return False
    T[T_DRAWS] += 1
    return mix(T[T_DRAWS], T[T[row + FW_BALANCER] + BA_KEY]) < SEEN


@inner
def _spared_enough(T, packets):
    """One of n entries with n packets goes, n from 1 to 8 (todrop_entry)."""
    if packets < 1 or packets > MOST_PACKETS:
        return False
    T[T_RATES + packets] -= 1
    if T[T_RATES + packets] > 0:
        return False
    T[T_RATES + packets] = packets
    return True
