"""What a datagram does to the tables on its way: a socket's flow keeps its destination for as long as it sends.

Source: ip_vs_in in net/netfilter/ipvs/ip_vs_core.c. A packet that is no SYN goes where its entry leads, whatever the weight of
that destination. Where the destination was removed it is dropped, and with expire_nodest_conn (which Docker sets) the entry goes,
so that the next one is balanced anew. Kernels since 5.9 do not wait for that packet: all such entries go a tick of their clock
after the destination.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.flows.layout import (
    BA_LINGERS,
    BA_NODEST,
    FINE,
    FW_BALANCER,
    FW_DEST,
    FW_STATE,
    FW_USES,
    GONE,
    NEW,
    PAUSED,
    STREAM,
    UNKNOWN,
)
from netsim.datapath.flows.steps import changes, expire, pass_tables
from netsim.datapath.flows.timers import forget, inactive, link, unlink
from netsim.datapath.ipvs.layout import AVAILABLE, DE_FLAGS


@inner
def meet(T, row, now):
    """A datagram comes to its entries: FINE if it goes where they lead, GONE if it is dropped since that is gone, UNKNOWN if there
    are none: then it is to be balanced (`steps.choose`), and makes them (`pass_datagram`)."""
    expire(T, now)
    state, b, d = T[row + FW_STATE], T[row + FW_BALANCER], T[row + FW_DEST]
    if state != STREAM and state != PAUSED:
        return UNKNOWN
    if d >= 0:
        changes(T, b, now)
        if not T[d + DE_FLAGS] & AVAILABLE:
            if not T[b + BA_NODEST]:
                return GONE
            forget(T, row)
            return GONE if T[b + BA_LINGERS] else UNKNOWN
    unlink(T, row)
    if state == PAUSED:  # IPVS knows it, conntrack does not
        T[row + FW_STATE] = NEW
        T[row + FW_USES] = 0
        return UNKNOWN
    link(T, row, STREAM, now)
    T[row + FW_USES] += 1
    return FINE


@inner
def pass_datagram(T, row, namespaces, space, now):
    """A datagram without entries in conntrack makes them, as a SYN does (`steps.pass_tables`); for IPVS it is never an active
    connection."""
    met = pass_tables(T, row, namespaces, space, now)
    if met == FINE:
        unlink(T, row)
        inactive(T, row)
        link(T, row, STREAM, now)
        T[row + FW_USES] = 1
    return met
