"""Links in trouble, nodes without power, tasks that end: the compiled twin of netsim.engine.faults."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

from netsim.compiled import inner
from netsim.engine.fast.layout import *
from netsim.engine.fast.links import link, link_of, settle_link
from netsim.engine.fast.memory import at, came, dropped
from netsim.engine.fast.ops import *
from netsim.engine.fast.plane import free_unit, untold, visit_row
from netsim.engine.fast.recovery import thinned
from netsim.engine.keys import fold_compiled


@inner
def route_of(M, u):
    return M[B_ROUTE] + M[M[B_UNIT_] + u * W_UNIT + U_ROUTE] * W_ROUTE


@inner
def sender_of(M, u):
    """The node whose card a unit has just left, or -1."""
    at = M[M[B_UNIT_] + u * W_UNIT + U_AT]
    if at == 0:
        return -1
    v = visit_row(M, route_of(M, u), at - 1)
    return M[M[B_LINK] + link_of(M, u, v) * W_LINK + L_NODE] if M[v + V_CONTEXT] == LINK else -1


@inner
def origin_of(M, u):
    """The node whose card a unit on its way to a port left last, through whatever switches and cards of hypervisors, or -1."""
    r = route_of(M, u)
    for place in range(M[M[B_UNIT_] + u * W_UNIT + U_AT] - 1, -1, -1):
        v = visit_row(M, r, place)
        if M[v + V_CONTEXT] == SOFTIRQ:
            return -1
        if M[v + V_CONTEXT] == LINK:
            k = M[B_LINK] + link_of(M, u, v) * W_LINK
            if not M[k + L_PORT] and M[k + L_NODE] >= 0:
                return M[k + L_NODE]
    return -1


@inner
def elsewhere(M, u):
    """Whether a unit that a client outside sent stands before the first node and the entry's virtual address is not there
    (H_ENTRY_HOLDER: 0 without one, -1 if nobody has it, else the node's number + 1)."""
    o, r = M[B_UNIT_] + u * W_UNIT, route_of(M, u)
    kind = M[o + U_KIND]
    if kind in (UK_DATA, UK_ACK):
        if M[M[B_T] + M[o + U_A] * W_T + T_BACK] != (kind == UK_ACK):
            return False
    elif kind not in (UK_SYN, UK_PUT):
        return False
    k = M[B_LINK] + link_of(M, u, visit_row(M, r, M[o + U_AT])) * W_LINK
    if not M[k + L_PORT] or M[k + L_NODE] < 0 or M[k + L_NODE] == M[H_ENTRY_HOLDER] - 1:
        return False
    for place in range(M[o + U_AT]):
        v = visit_row(M, r, place)
        if M[v + V_CONTEXT] == SOFTIRQ:
            return False
        if M[v + V_CONTEXT] == LINK and not M[M[B_LINK] + link_of(M, u, v) * W_LINK + L_PORT]:
            return False
    return True


@inner
def turned_away(M, u):
    """What became of such a unit: whoever has the address answers what is no SYN with RST, which is there half a round trip
    later (`netsim.engine.transfer.Transfer._turned_away`). False: it is lost."""
    o = M[B_UNIT_] + u * W_UNIT
    if M[o + U_KIND] in (UK_SYN, UK_PUT) or M[H_ENTRY_HOLDER] < 0:
        untold(M, u)
        return False
    k = M[B_T] + M[o + U_A] * W_T
    when = M[H_NOW] + M[M[B_CONN] + M[k + T_CONN] * W_CONN + O_SRTT] // 2 + 1
    at(M, when, TIMEOUT, fold_compiled(M[k + T_KEY], TAG_RESET, M[o + U_C]), OP_END, M[k + T_X], F_RESET, 0)
    free_unit(M, u)
    return True


@inner
def passes(M, u):
    """Whether a transmitter takes a unit at all."""
    o = M[B_UNIT_] + u * W_UNIT
    r = route_of(M, u)
    k = M[B_LINK] + link_of(M, u, visit_row(M, r, M[o + U_AT])) * W_LINK
    if M[k + L_CUT]:
        return False
    if M[k + L_APART]:
        before = origin_of(M, u)
        if before >= 0:
            here = M[M[B_NODE] + M[k + L_NODE] * W_NODE + N_GROUP]
            there = M[M[B_NODE] + before * W_NODE + N_GROUP]
            if here >= 0 and there >= 0 and here != there:
                return False
    return True


@inner
def troubled_link(M, HIST, u, visit):
    """A unit's first packet reaches a transmitter while some link is in trouble. Whether anything goes on."""
    if not passes(M, u):
        refuse(M, u)
        untold(M, u)
        return False
    M[H_LOST] = 0
    goes_on = link(M, HIST, u, visit, True)
    if M[H_GONE] > 0:
        thinned(M, u, H_GONE)
    if M[H_LOST] > 0:
        if goes_on:
            thinned(M, u, H_LOST)
        else:
            untold(M, u)
    return goes_on


@inner
def refuse(M, u):
    """A unit came to a transmitter that does not take it."""
    M[H_VISITS] += 1
    v = visit_row(M, route_of(M, u), M[M[B_UNIT_] + u * W_UNIT + U_AT])
    where = link_of(M, u, v)
    s = M[M[B_LINK] + where * W_LINK + L_STATION]
    came(M, s)
    settle_link(M, where, M[H_NOW])
    dropped(M, s, M[H_NOW])


@inner
def stands_in(M, u, node):
    """Whether a unit on its way is in a node or in its card."""
    r, at = route_of(M, u), M[M[B_UNIT_] + u * W_UNIT + U_AT]
    if at == M[r + RO_VISITS]:
        if at == 0:
            return False
        v = visit_row(M, r, at - 1)
        if M[v + V_CONTEXT] == LINK:
            return M[M[B_LINK] + link_of(M, u, v) * W_LINK + L_NODE] == node
        return M[v + V_WHERE] == node
    v = visit_row(M, r, at)
    if M[v + V_CONTEXT] == SOFTIRQ:
        return M[v + V_WHERE] == node
    k = M[B_LINK] + link_of(M, u, v) * W_LINK
    if not M[k + L_PORT]:
        return M[k + L_NODE] == node
    return sender_of(M, u) == node
