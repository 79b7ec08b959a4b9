"""Transmitters: the compiled twin of netsim.engine.links, and of what netsim.engine.machine does there."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

import numpy as np

from netsim.compiled import inner
from netsim.datapath import shaping
from netsim.datapath.gro import turn_place
from netsim.datapath.qdisc import queue_place
from netsim.datapath.stage import lane as plain_lane
from netsim.engine.fast.layout import *
from netsim.engine.fast.memory import append, busy, came, dropped, pop_front, waited
from netsim.engine.fast.ops import *
from netsim.engine.fast.plane import onward, spend
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
def link_of(M, u, v):
    """The transmitter that a unit takes at a visit: one, or that of its flow among several side by side."""
    first = M[v + V_WHERE]
    if M[v + V_LANES] == 1:
        return first
    place = lane(M[M[B_UNIT_] + u * W_UNIT + U_FLOW], M[M[B_LINK] + first * W_LINK + L_LANES])
    return first + M[M[B_LINK] + (first + place) * W_LINK + L_LANE]


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
def alternate(M, o, k, until, one):
    """A unit that leaves a transmitter by then takes turns with the flows that have something there."""
    first, flows = M[B_TURN] + (M[k + L_TURNS] - 1) * W_TURN, 0
    M[first + turn_place(M[o + U_FLOW])] = until
    for turn in range(first, first + W_TURN):
        flows += M[turn] > M[H_NOW]
    flows = min(flows, M[k + L_ALTERNATE])
    M[o + U_TURNS] = max(M[o + U_TURNS], ((one * flows) << TURN_BITS) + flows)


@inner
def front_at(M, k):
    """When a unit of a flow with nothing at this settled transmitter is served, if that is later than now."""
    if M[k + L_FAIR] == 0 or M[k + L_NEWEST] == 0:
        return M[k + L_FREE]
    q, left = M[k + L_HEAD], M[H_CARD] - 1
    while q >= 0 and left > 0:
        q = M[M[B_Q] + q * W_Q + 3]
        left -= 1
    taken = M[M[B_Q] + q * W_Q] if q >= 0 else M[k + L_FREE]
    return min(M[k + L_FREE], max(taken, M[k + L_AHEAD]))


@inner
def go_ahead(M, HIST, k, start, service):
    """A unit of a flow with nothing there is served before what waits. That is not moved; what comes later is."""
    s = M[k + L_STATION]
    busy(M, s, M[k + L_FREE], M[k + L_FREE] + service)
    waited(M, HIST, s, M[H_NOW], start - M[H_NOW])
    M[k + L_AHEAD] = start + service
    M[k + L_FREE] += service
    M[M[B_STATION] + s * W_STATION + S_SERVED] += 1


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
    start, fair = max(now, M[k + L_FREE]), 0
    one = service if packets == 1 else max(1, service // packets)
    if limits & LIMIT_FAIR:
        fair = M[B_FAIR] + M[k + L_FAIR] - 1 + queue_place(M[o + U_FLOW], M[k + L_QUEUES])
        front = front_at(M, k)
    if fair > 0 and M[fair] <= now < front < M[k + L_FREE]:
        start = front
        finish = max(start + service, M[o + U_LAST] + one)
        go_ahead(M, HIST, k, start, service)
    else:
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
    if fair > 0:
        M[fair] = finish
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
    if limits & LIMIT_TURNS and M[o + U_PACKETS] > 1:
        alternate(M, o, k, finish, held + one)
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
