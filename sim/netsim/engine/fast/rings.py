"""Receive queues: units in a card's ring until softirq takes them off. The compiled twin of netsim.engine.rings and of what
netsim.engine.machine does there; netsim.engine.fast.plane has the way between stations."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath import stage
from netsim.datapath.gro import merged, turn_place
from netsim.engine.fast.cores import core_row, softirq, stretched
from netsim.engine.fast.layout import *
from netsim.engine.fast.memory import append, busy, came, dropped, pop_front, waited
from netsim.engine.fast.ops import *
from netsim.engine.fast.plane import crowded_cost, onward, spend, spend_stages, visit_cost

backlog_of = inner(stage.backlog_of)


@inner
def beside(M, node, core):
    """Note how many of a node's other cores do receive work now."""
    n, count = M[B_NODE] + node * W_NODE, 0
    first, rings = M[n + N_RING], M[n + N_RINGS]
    if rings > M[n + N_QUEUES]:  # the backlogs are those of all cores
        first += M[n + N_QUEUES]
    for ring in range(first, first + min(rings, M[n + N_CORES])):
        other = M[M[B_RING] + ring * W_RING + G_CORE]
        count += other != core and M[core_row(M, node, other) + C_SOFT] > M[H_NOW]
    M[H_OTHERS] = count


@inner
def settle_ring(M, g, now):
    s = M[B_STATION] + M[g + G_STATION] * W_STATION
    while M[g + G_HEAD] >= 0 and M[M[B_Q] + M[g + G_HEAD] * W_Q] <= now:
        q = pop_front(M, g + G_HEAD)
        M[g + G_PACKETS] -= M[q + 1]
        M[s + S_SERVED] += 1


@inner
def steered(M, o, node, core):
    """The core that receives a unit of this row at a card with RFS: that of a thread which has the connection for itself,
    or the ring's own."""
    if UK_DATA <= M[o + U_KIND] <= UK_ACK:
        t = M[B_T] + M[o + U_A] * W_T
        for th in (M[t + T_READER], M[t + T_THREAD]):
            if th >= 0 and M[t + T_KIND] == TK_BULK:
                q = M[B_TH] + th * W_TH
                if M[q + TH_NODE] == node and M[q + TH_CORE] >= 0:
                    return M[q + TH_CORE]
    return core


@inner
def interrupt(M, g, node, core, poll):
    """What the interrupt costs that a unit raises: none while the core takes what came before off the ring (NAPI polls),
    nor before the last one's time is over."""
    now = M[H_NOW]
    if M[core_row(M, node, core) + C_SOFT] > now or now < M[g + G_RAISED] + M[g + G_MODERATION]:
        return 0
    M[g + G_RAISED] = now
    return poll


@inner
def flows_next(M, g, flow):
    """How many flows, this one among them, have some of the packets that the next poll takes."""
    found, left, q = 1 << turn_place(flow), M[H_POLLED], M[g + G_HEAD]
    while q >= 0 and left > 0:
        o = M[B_Q] + q * W_Q
        found |= 1 << M[o + 2]
        left -= M[o + 1]
        q = M[o + 3]
    count = 0
    while found != 0:
        found &= found - 1
        count += 1
    return count


@inner
def apart(M, o, v, g, core):
    """What a unit costs more whose packets come in several skbs, since others' come between them: the rest of the stack for
    each, and an interrupt where the queue is quiet."""
    each = M[v + V_AGAIN]
    if not M[v + V_STEERED]:
        M[o + U_SKBS] = 1
        if each > 0 and M[v + V_POLL] > 0 and M[o + U_TURNS] > 0:
            behind = max(0, M[core + C_SOFT] - M[H_NOW])
            flows = 1
            if behind > 0:
                flows = M[o + U_TURNS] & ((1 << TURN_BITS) - 1)
                if flows > 1:
                    flows = min(flows, flows_next(M, g, M[o + U_FLOW]))
            else:
                each += M[v + V_POLL]
            window = max(M[g + G_MODERATION], behind)
            one = merged(M[H_POLLED], M[o + U_TURNS] >> TURN_BITS, window, flows)
            M[o + U_SKBS] = -(-M[o + U_PACKETS] // one)
    return (M[o + U_SKBS] - 1) * each


@inner
def receive(M, HIST, u, v):
    """A unit reaches softirq on its receive queue's core, at the visit of this row. Whether the ring took it."""
    o = M[B_UNIT_] + u * W_UNIT
    now, packets, payload = M[H_NOW], M[o + U_PACKETS], M[o + U_PAYLOAD]
    taken = packets
    spend(M, u, P_WIRE, now)
    node = M[v + V_WHERE]
    n = M[B_NODE] + node * W_NODE
    g = M[B_RING] + (M[n + N_RING] + M[o + U_FLOW] % M[n + N_QUEUES]) * W_RING
    if M[v + V_STEERED]:
        g = M[B_RING] + (M[n + N_RING] + M[n + N_QUEUES] + backlog_of(M[o + U_FLOW], M[n + N_CORES])) * W_RING
        taken = 1 if M[v + V_STEERED] == 1 else packets
    s = M[g + G_STATION]
    came(M, s)
    settle_ring(M, g, now)
    if payload > M[v + V_MOST]:  # its packets are larger than the card takes
        if M[o + U_KIND] == UK_DATA:
            M[M[B_CONN] + M[M[B_T] + M[o + U_A] * W_T + T_CONN] * W_CONN + O_LARGE] = 1
        dropped(M, s, now)
        return False
    if M[g + G_PACKETS] > 0 and M[g + G_PACKETS] + taken > M[g + G_SIZE]:
        dropped(M, s, now)
        return False
    cost = visit_cost(M, v, payload, packets)
    least, core = 1 if cost == 0 else 0, M[g + G_CORE]
    if M[n + N_RFS]:
        core = steered(M, o, node, core)
    least += apart(M, o, v, g, core_row(M, node, core))
    if M[v + V_POLL] > 0:
        least += interrupt(M, g, node, core, M[v + V_POLL])
    if M[v + V_CROWDED]:
        beside(M, node, core)
        cost = crowded_cost(M, v, payload, packets, least)
    else:
        cost += least
    cost = stretched(M, node, cost)
    start = softirq(M, node, core, cost)
    append(M, g + G_HEAD, g + G_TAIL, start + cost, taken, turn_place(M[o + U_FLOW]))
    M[g + G_PACKETS] += taken
    busy(M, s, start, start + cost)
    waited(M, HIST, s, now, start - now)
    spend(M, u, P_Q_RX, start)
    if M[o + U_SPLIT]:
        spend_stages(M, u, v, start, least)
        spend(M, u, P_Q_CPU, start + cost)  # what others took of the core's time
    else:
        spend(M, u, 0, start + cost)
    M[o + U_LAST] = start + cost
    M[o + U_AT] += 1
    onward(M, u, start + cost)
    return True
