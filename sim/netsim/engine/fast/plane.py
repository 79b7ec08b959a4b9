"""Units on their way over the stations, and transmitters: the compiled twin of netsim.engine.machine, unit and links. Receive queues:
netsim.engine.fast.rings."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

import numpy as np

from netsim.compiled import at_address, inner
from netsim.datapath import shaping
from netsim.datapath.crowd import crowded
from netsim.datapath.flows.layout import ND_COUNT
from netsim.datapath.stage import lane as plain_lane
from netsim.engine.fast.layout import *
from netsim.engine.fast.memory import (
    append,
    at,
    busy,
    came,
    drop_connection,
    drop_exchange,
    drop_transfer,
    dropped,
    pop_front,
    waited,
)
from netsim.engine.fast.ops import *
from netsim.engine.fast.smallqueue import leaves
from netsim.engine.keys import fold_compiled
from netsim.engine.route import FRAGMENT_BYTES
from netsim.engine.streams import _uniform

PS_BITS = 8 * 10**12
lane = inner(plain_lane)
credit_now, spend_credit, takes = inner(shaping.credit_now), inner(shaping.spend), inner(shaping.takes)
fitting = inner(shaping.fitting)
LOSS_UNIT = 1.0 / (1 << 52)
MIN_FRAME = 84


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
def link_of(M, u, v):
    """The transmitter that a unit takes at a visit: one, or that of its flow among several side by side."""
    first = M[v + V_WHERE]
    if M[v + V_LANES] == 1:
        return first
    place = lane(M[M[B_UNIT_] + u * W_UNIT + U_FLOW], M[M[B_LINK] + first * W_LINK + L_LANES])
    return first + M[M[B_LINK] + (first + place) * W_LINK + L_LANE]


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


@inner
def settle_link(M, link, now):
    """Count what has left a transmitter by now."""
    o = M[B_LINK] + link * W_LINK
    if M[o + L_NEWEST] == 0:
        return
    served, left = 0, M[o + L_BYTES]
    while M[o + L_HEAD] >= 0 and M[M[B_Q] + M[o + L_HEAD] * W_Q] <= now:
        q = pop_front(M, o + L_HEAD)
        M[o + L_BYTES] -= M[q + 1]
        M[o + L_PACKETS] -= M[q + 2]
        served += 1
    if M[o + L_FREE] <= now:  # it leaves last
        M[o + L_BYTES] = 0
        M[o + L_PACKETS] = 0
        M[o + L_NEWEST] = 0
        served += 1
    M[M[B_STATION] + M[o + L_STATION] * W_STATION + S_SERVED] += served
    if M[o + L_LIMITS] & LIMIT_SHARED:
        M[M[B_SHARED] + M[o + L_SHARED] * W_SHARED + SB_USED] += M[o + L_BYTES] - left


@inner
def memory_takes(M, o, now, wire):
    """Whether the buffer that a settled port shares takes a unit. The other ports are settled only if it may not."""
    b, queue = M[B_SHARED] + M[o + L_SHARED] * W_SHARED, M[o + L_BYTES]
    if takes(queue, wire, M[b + SB_USED], M[b + SB_SIZE], M[b + SB_ALPHA]):
        return True
    first = M[B_LIST] + M[b + SB_FIRST]
    for place in range(first, first + M[b + SB_LINKS]):
        settle_link(M, M[place], now)
    return takes(queue, wire, M[b + SB_USED], M[b + SB_SIZE], M[b + SB_ALPHA])


@inner
def wait_for_credit(M, k, start, wire):
    """Picoseconds that a unit waits for burst credit, which is then used."""
    credit, since = credit_now(M[k + L_CREDIT], M[k + L_SINCE], start, M[k + L_BASE], M[k + L_MOST])
    credit, since, wait = spend_credit(credit, since, wire, M[k + L_BASE])
    if wait > 0 and M[k + L_OUT] == NEVER:
        M[k + L_OUT] = start
    M[k + L_CREDIT] = credit
    M[k + L_SINCE] = since
    return wait


@inner
def pieces_of(M, o, v):
    """Frames on a link for each wire packet of a unit."""
    return M[v + V_FRAGMENTS] if M[o + U_PAYLOAD] > M[v + V_MOST] else 1


@inner
def lost_packets(M, u, k, pieces):
    """How many of a unit's wire packets the wire behind the transmitter of this row loses: those of which a frame is lost."""
    o = M[B_UNIT_] + u * W_UNIT
    if M[k + L_LOSS] == 0:
        return 0
    key, chance, lost = (
        fold_compiled(M[o + U_KEY] ^ M[H_BASE], TAG_LOSS, M[o + U_AT]),
        M[k + L_LOSS] * LOSS_UNIT,
        0,
    )
    for packet in range(M[o + U_PACKETS]):
        for piece in range(packet * pieces, (packet + 1) * pieces):
            if _uniform(np.uint64(key), np.uint64(piece)) < chance:
                lost += 1
                break
    return lost


@inner
def cut_short(M, u, k, over):
    """A port has no room for all packets of a unit: those that find none are taken off it, and stand under H_GONE. Whether
    some find room. ``over``: what each has besides its payload."""
    o = M[B_UNIT_] + u * W_UNIT
    packets, mss = M[o + U_PACKETS], M[M[B_ROUTE] + M[o + U_ROUTE] * W_ROUTE + RO_MSS]
    room = M[k + L_BUFFER] - M[k + L_BYTES]
    fits = fitting(room, mss + over, packets, M[o + U_LAST] - M[H_NOW], M[k + L_RATE])
    if fits == 0:
        return False
    M[H_GONE] = packets - fits
    if fits < packets:
        take_off(M, o, packets - fits, mss)
        came(M, M[k + L_STATION])
        dropped(M, M[k + L_STATION], M[H_NOW])
    return True


@inner
def take_off(M, o, packets, mss):
    """A unit goes on with so many full packets less."""
    M[o + U_PACKETS] -= packets
    M[o + U_PAYLOAD] -= packets * mss
    M[o + U_B] -= packets * mss


@inner
def link(M, HIST, u, visit, troubled):
    """A unit's first packet reaches a transmitter, which is a visit that stands there among all. Whether some packets get
    further. H_GONE: how many found no room, though others did; if some link is ``troubled``, H_LOST: how many of those
    that are left the wire loses."""
    M[H_GONE] = 0
    M[H_VISITS] += 1
    o, v = M[B_UNIT_] + u * W_UNIT, M[B_VISIT] + visit
    now, packets = M[H_NOW], M[o + U_PACKETS]
    where = link_of(M, u, v)
    k = M[B_LINK] + where * W_LINK
    s = M[k + L_STATION]
    came(M, s)
    settle_link(M, where, now)
    pieces = pieces_of(M, o, v)
    each = M[v + V_OVER] + (pieces - 1) * FRAGMENT_BYTES
    wire = max(M[o + U_PAYLOAD] + packets * each, MIN_FRAME * packets)
    limits = M[k + L_LIMITS]
    if limits & LIMIT_SHARED:
        over = not memory_takes(M, k, now, wire)
    else:
        over = M[k + L_BUFFER] >= 0 and M[k + L_BYTES] + wire > M[k + L_BUFFER]
    full = M[k + L_RING] >= 0 and M[k + L_PACKETS] > 0 and M[k + L_PACKETS] + packets > M[k + L_RING]
    if over and packets > 1 and not full and not limits & LIMIT_SHARED and M[o + U_KIND] == UK_DATA:
        over = not cut_short(M, u, k, each)
        packets = M[o + U_PACKETS]
        wire = max(M[o + U_PAYLOAD] + packets * each, MIN_FRAME * packets)
    if over or full:
        dropped(M, s, now)
        return False
    if wire != M[k + L_WIRE]:  # a division takes as long as everything else here, and sizes repeat
        M[k + L_WIRE] = wire
        M[k + L_SERVICE] = max(1, wire * PS_BITS // M[k + L_RATE]) if M[k + L_RATE] > 0 else 1
    service, held = M[k + L_SERVICE], 0
    if limits:
        service = max(service, packets * pieces * M[k + L_PACKET])
    start = max(now, M[k + L_FREE])
    one = service if packets == 1 else max(1, service // packets)
    if limits & LIMIT_CREDIT:
        held = wait_for_credit(M, k, start, wire)
    finish = max(start + held + service, M[o + U_LAST] + one)
    busy(M, s, start, start + held + service)
    waited(M, HIST, s, now, start - now)
    if M[k + L_NEWEST]:
        append(M, k + L_HEAD, k + L_TAIL, M[k + L_FREE], M[k + L_NEWEST_BYTES], M[k + L_NEWEST])
    M[k + L_FREE] = finish
    M[k + L_NEWEST] = packets
    M[k + L_NEWEST_BYTES] = wire
    M[k + L_BYTES] += wire
    M[k + L_PACKETS] += packets
    if limits & LIMIT_SHARED:
        M[M[B_SHARED] + M[k + L_SHARED] * W_SHARED + SB_USED] += wire
    z = M[B_STATION] + s * W_STATION
    if 0 <= start < M[H_DUR]:
        M[z + S_BYTES] += wire
    if M[o + U_SPLIT] == SPLIT_QUEUED:
        leaves(M, u, finish)
    if troubled:
        M[H_LOST] = lost_packets(M, u, k, pieces)
        if M[H_LOST] > 0:
            if M[H_LOST] == packets or M[o + U_KIND] != UK_DATA:
                return False
            take_off(M, o, M[H_LOST], M[M[B_ROUTE] + M[o + U_ROUTE] * W_ROUTE + RO_MSS])
    spend(M, u, M[z + S_LABEL], start)
    first_out = start + held + one
    spend(M, u, M[M[B_STAGE] + M[v + V_STAGE] * W_STAGE + SG_ID], first_out)
    if M[H_TROUBLE]:
        finish += M[k + L_DELAY]
        first_out += M[k + L_DELAY]
        spend(M, u, P_WIRE, first_out)
    M[o + U_LAST] = finish
    M[o + U_AT] += 1
    onward(M, u, first_out)
    return True
