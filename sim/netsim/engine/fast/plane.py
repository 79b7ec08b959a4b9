"""Units on their way over the stations: the compiled twin of netsim.engine.machine and unit. Transmitters: netsim.engine.fast.links;
receive queues: netsim.engine.fast.rings."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

from netsim.compiled import at_address, inner
from netsim.datapath.crowd import crowded
from netsim.datapath.flows.layout import ND_COUNT
from netsim.engine.fast.layout import *
from netsim.engine.fast.memory import (
    at,
    drop_connection,
    drop_exchange,
    drop_transfer,
)
from netsim.engine.fast.ops import *
from netsim.engine.keys import fold_compiled


@inner
def new_unit(M, route, payload, key, flow, kind, a, b, c, split):
    """A unit that stands before its first visit."""
    u = M[H_UFREE]
    o = M[B_UNIT_] + u * W_UNIT
    M[H_UFREE] = M[o + U_ROUTE]
    M[H_ULEFT] -= 1
    M[o + U_ROUTE] = route
    M[o + U_AT] = 0
    M[o + U_PAYLOAD] = payload
    mss = M[M[B_ROUTE] + route * W_ROUTE + RO_MSS]
    M[o + U_PACKETS] = 1 if payload <= mss else -(-payload // mss)
    M[o + U_KEY] = key
    M[o + U_FLOW] = flow
    M[o + U_LAST] = M[H_NOW]
    M[o + U_ACCOUNTED] = M[H_NOW]
    M[o + U_KIND] = kind
    M[o + U_A] = a
    M[o + U_B] = b
    M[o + U_C] = c
    M[o + U_SPLIT] = split
    M[o + U_TURNS] = 0
    M[o + U_SKBS] = 1
    if kind <= UK_REFUSED:
        M[M[B_X] + a * W_X + X_REFS] += 1
    elif kind <= UK_ACK:
        M[M[B_T] + a * W_T + T_REFS] += 1
    elif kind == UK_RESET:
        M[M[B_CONN] + a * W_CONN + O_REFS] += 1
    if split:
        p = M[B_USPLIT] + u * W_SPLIT
        for k in range(p, p + NS):
            M[k] = 0
    return u


@inner
def datagram(M, stream, number):
    """A stream sends a datagram, and will send the next one."""
    d = M[B_STREAM] + stream * W_STREAM
    key = fold_compiled(M[d + DG_KEY], TAG_DATAGRAM, number)
    following = M[H_NOW] + M[d + DG_GAP]
    if following < M[d + DG_UNTIL]:
        at(M, following, ARRIVAL, key, OP_DATAGRAM, stream, number + 1, 0)
    M[d + DG_SENT] += 1
    u = new_unit(M, M[d + DG_ROUTE], M[d + DG_BYTES], key, number, UK_DATAGRAM, stream, 0, 0, 0)
    onward(M, u, M[H_NOW])


@inner
def free_unit(M, u):
    """It is there, or lost, and what follows from that is known."""
    o = M[B_UNIT_] + u * W_UNIT
    if M[o + U_KIND] <= UK_REFUSED:
        drop_exchange(M, M[o + U_A])
    elif M[o + U_KIND] <= UK_ACK:
        drop_transfer(M, M[o + U_A])
    elif M[o + U_KIND] == UK_RESET:
        drop_connection(M, M[o + U_A])
    M[M[B_UNIT_] + u * W_UNIT + U_ROUTE] = M[H_UFREE]
    M[H_UFREE] = u
    M[H_ULEFT] += 1


@inner
def untold(M, u):
    """A unit is lost where nobody lacked room for it: of a datagram that is known."""
    o = M[B_UNIT_] + u * W_UNIT
    if M[o + U_KIND] == UK_PUT:
        M[o + U_C] = BY_NOBODY


@inner
def spend(M, u, part, until):
    """A unit whose time is split spends it on this part, up to then."""
    o = M[B_UNIT_] + u * W_UNIT
    if M[o + U_SPLIT] and until > M[o + U_ACCOUNTED]:
        M[M[B_USPLIT] + u * W_SPLIT + part] += until - M[o + U_ACCOUNTED]
        M[o + U_ACCOUNTED] = until


@inner
def stage_cost(M, g, payload, packets):
    o = M[B_STAGE] + g * W_STAGE
    if payload <= M[o + SG_OVER]:
        return 0
    return M[o + SG_FIXED] + M[o + SG_PACKET] * packets + M[o + SG_BYTE] * payload // 1000


@inner
def visit_row(M, r, step):
    """The visit that is a route's step: routes share their visits."""
    return M[B_VISIT] + M[r + W_ROUTE + step] * W_VISIT


@inner
def visit_cost(M, v, payload, packets):
    """The cost of all its stages; the last one asked for is remembered (a route meets few sizes)."""
    if M[v + V_PAYLOAD] == payload and M[v + V_PACKETS] == packets:
        return M[v + V_COST]
    total = 0
    first = M[v + V_STAGE]
    for g in range(first, first + M[v + V_STAGES]):
        total += stage_cost(M, g, payload, packets)
    M[v + V_PAYLOAD] = payload
    M[v + V_PACKETS] = packets
    M[v + V_COST] = total
    return total


@inner
def crowded_stage(M, node, g, cost):
    """What a stage takes beside what is noted, and with the entries that the node's tables have."""
    n, o = M[B_NODE] + node * W_NODE, M[B_STAGE] + g * W_STAGE
    entries = at_address(M[H_TABLE])[M[n + N_TRACKED] + ND_COUNT]
    return crowded(cost, M[o + SG_CORE], M[H_OTHERS], M[o + SG_CHAIN], entries, M[n + N_BUCKETS])


@inner
def crowded_cost(M, v, payload, packets, least):
    """The cost of a visit of which some stage takes longer beside others."""
    total, first = 0, M[v + V_STAGE]
    for g in range(first, first + M[v + V_STAGES]):
        total += crowded_stage(M, M[v + V_WHERE], g, stage_cost(M, g, payload, packets) + least)
        least = 0
    return total


@inner
def spend_stages(M, u, v, when, least):
    """A visit from ``when`` on, stage by stage; ``least``: what the first one takes more."""
    o = M[B_UNIT_] + u * W_UNIT
    payload, packets, accounted = M[o + U_PAYLOAD], M[o + U_PACKETS], M[o + U_ACCOUNTED]
    split = M[B_USPLIT] + u * W_SPLIT
    g = M[B_STAGE] + M[v + V_STAGE] * W_STAGE
    for _ in range(M[v + V_STAGES]):
        cost = least
        if payload > M[g + SG_OVER]:
            cost += M[g + SG_FIXED] + M[g + SG_PACKET] * packets + M[g + SG_BYTE] * payload // 1000
        least = 0
        if M[v + V_CROWDED]:
            cost = crowded_stage(M, M[v + V_WHERE], (g - M[B_STAGE]) // W_STAGE, cost)
        when += cost
        if when > accounted:
            M[split + M[g + SG_ID]] += when - accounted
            accounted = when
        g += W_STAGE
    M[o + U_ACCOUNTED] = accounted


@inner
def onward(M, u, first_in):
    """From here to the next station: delays need no event."""
    o = M[B_UNIT_] + u * W_UNIT
    r = M[B_ROUTE] + M[o + U_ROUTE] * W_ROUTE
    payload, packets = M[o + U_PAYLOAD], M[o + U_PACKETS]
    while M[o + U_AT] < M[r + RO_VISITS]:
        v = visit_row(M, r, M[o + U_AT])
        context = M[v + V_CONTEXT]
        if context != 0:
            key = fold_compiled(M[o + U_KEY], TAG_VISIT, M[o + U_AT])
            if context == LINK:
                at(M, first_in, ARRIVAL, key, OP_LINK, u, v - M[B_VISIT], 0)
            else:
                at(M, M[o + U_LAST], ARRIVAL, key, OP_SOFTIRQ, u, v - M[B_VISIT], 0)
            return
        cost = visit_cost(M, v, payload, packets)
        least = 1 if cost == 0 else 0
        if M[o + U_SPLIT]:
            spend_stages(M, u, v, first_in, least)
        first_in += cost + least
        M[o + U_LAST] += cost + least
        M[o + U_AT] += 1
    if M[o + U_KIND] == UK_DATAGRAM and M[o + U_LAST] < M[H_UNTIL]:
        M[M[B_STREAM] + M[o + U_A] * W_STREAM + DG_ARRIVED] += 1  # nobody waits for it: no event is needed
        free_unit(M, u)
        return
    key = fold_compiled(M[o + U_KEY], TAG_VISIT, M[o + U_AT])
    at(M, M[o + U_LAST], ARRIVAL, key, OP_ARRIVED, u, 0, 0)
