"""Persistent services: a client's network stays with its destination (ip_vs_sched_persist in net/netfilter/ipvs/ip_vs_core.c).

A template remembers the destination. It lives for the service's time after its last new connection; if connections that
it holds are open then, for another minute, and so on (ip_vs_conn_expire), and from then on a new connection gives
it a minute only, since that is its time-out now.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.flows.chain import put_behind, take_out
from netsim.datapath.flows.keys import CLIENT, client_key, find, put, remove
from netsim.datapath.flows.layout import (
    BA_MASK,
    BA_PERSIST_PS,
    BA_QUIESCENT,
    BA_TEMPLATES,
    FW_AT,
    FW_BALANCER,
    FW_CLIENT,
    FW_DEST,
    FW_DUE,
    FW_HELD,
    FW_NAT,
    FW_PORT,
    FW_PREV,
    FW_STATE,
    FW_TEMPLATE,
    STALE,
    TEMPLATE,
    TP_CONTROLS,
    TP_SINCE,
    TP_TIME_PS,
)
from netsim.datapath.flows.timers import give_back
from netsim.datapath.ipvs.layout import AVAILABLE, DE_FLAGS, DE_PERSISTENT, DE_WEIGHT

AGAIN_PS = 60_000_000_000_000


@inner
def _link(T, b, row, due):
    """Into the balancer's list, behind what falls due before."""
    T[row + FW_DUE] = due
    before = T[b + BA_TEMPLATES + 1]
    while before >= 0 and T[before + FW_DUE] > due:
        before = T[before + FW_PREV]
    put_behind(T, b + BA_TEMPLATES, before, row)


@inner
def due_templates(T, b, now):
    """Those whose time is over go, if they hold nobody; the others are looked at a minute later."""
    row = T[b + BA_TEMPLATES]
    while row >= 0 and T[row + FW_DUE] <= now:
        take_out(T, b + BA_TEMPLATES, row)
        held_until = now + 1 if T[row + TP_CONTROLS] else T[row + TP_SINCE]
        due = T[row + FW_DUE]
        while due <= now and due < held_until:
            due += AGAIN_PS
            T[row + TP_TIME_PS] = AGAIN_PS
        if due <= now:
            _drop(T, row)
        else:
            _link(T, b, row, due)
        row = T[b + BA_TEMPLATES]


@inner
def drop_all(T, templates):
    """Those of a list go, with what connections know of them."""
    row = T[templates]
    while row >= 0:
        take_out(T, templates, row)
        _drop(T, row)
        row = T[templates]


@inner
def _drop(T, row):
    _stale(T, row)
    T[T[row + FW_DEST] + DE_PERSISTENT] -= 1
    give_back(T, row)


@inner
def _stale(T, row):
    """It is not found any more."""
    if T[row + FW_STATE] == TEMPLATE:
        remove(T, client_key(T[row + FW_BALANCER], T[row + FW_CLIENT]), row)
        T[row + FW_STATE] = STALE


@inner
def template_of(T, b, source):
    """The template of a client, or -1. One whose destination was removed, or has weight 0 where
    expire_quiescent_template is set, is found no more (ip_vs_check_template)."""
    network = source & T[b + BA_MASK]
    row = find(T, client_key(b, network), CLIENT, network, b, 0)
    if row >= 0:
        d = T[row + FW_DEST]
        if not T[d + DE_FLAGS] & AVAILABLE or (T[b + BA_QUIESCENT] and T[d + DE_WEIGHT] == 0):
            _stale(T, row)
            return -1
    return row


@inner
def remember(T, row, b, source, d, now):
    """A client's network stays with a destination from now on, in an unused row."""
    network = source & T[b + BA_MASK]
    T[row + FW_STATE] = TEMPLATE
    T[row + FW_CLIENT] = network
    T[row + FW_AT] = b
    T[row + FW_BALANCER] = b
    T[row + FW_DEST] = d
    T[row + FW_PORT] = 0
    T[row + FW_NAT] = 0
    T[row + FW_HELD] = 0
    T[row + TP_CONTROLS] = 0
    T[row + TP_SINCE] = now
    T[row + TP_TIME_PS] = T[b + BA_PERSIST_PS]
    T[d + DE_PERSISTENT] += 1
    put(T, client_key(b, network), row)
    _link(T, b, row, now + T[b + BA_PERSIST_PS])


@inner
def hold(T, template, row, now):
    """A template takes a connection, and its time begins anew."""
    b = T[template + FW_BALANCER]
    T[template + TP_CONTROLS] += 1
    T[row + FW_TEMPLATE] = template
    take_out(T, b + BA_TEMPLATES, template)
    _link(T, b, template, now + T[template + TP_TIME_PS])
