"""Flows in the order in which they fall due: each state has one time-out, so its list is in order by itself."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.conntrack import assure, leave
from netsim.datapath.flows.keys import port_key, remove, tuple_key
from netsim.datapath.flows.layout import (
    CLOSED,
    FW_ACTIVE,
    FW_AT,
    FW_CLIENT,
    FW_DEST,
    FW_DUE,
    FW_NAT,
    FW_NEXT,
    FW_OWNED,
    FW_PORT,
    FW_PREV,
    FW_SPACE,
    FW_STATE,
    LOST,
    OPEN,
    SYN,
    T_FREE,
    T_IDLED,
    T_LEFT,
    T_SYN_HEAD,
    T_SYN_PS,
    UNTIMED,
)
from netsim.datapath.ipvs.service import unbind


@inner
def link(T, row, state, now):
    """A flow enters a state, or its time-out begins anew."""
    T[row + FW_STATE] = state
    T[row + FW_DUE] = now + T[T_SYN_PS + state]
    head = T_SYN_HEAD + 2 * state
    before = T[head + 1]
    T[row + FW_PREV] = before
    T[row + FW_NEXT] = -1
    if before >= 0:
        T[before + FW_NEXT] = row
    else:
        T[head] = row
    T[head + 1] = row


@inner
def unlink(T, row):
    """Out of the list of its state."""
    state = T[row + FW_STATE]
    if state >= UNTIMED:
        return
    head = T_SYN_HEAD + 2 * state
    before, after = T[row + FW_PREV], T[row + FW_NEXT]
    if before >= 0:
        T[before + FW_NEXT] = after
    else:
        T[head] = after
    if after >= 0:
        T[after + FW_PREV] = before
    else:
        T[head + 1] = before


@inner
def expire(T, now):
    """What is due goes."""
    while T[T_SYN_HEAD] >= 0 and T[T[T_SYN_HEAD] + FW_DUE] <= now:
        forget(T, T[T_SYN_HEAD])
    while T[T_SYN_HEAD + 2 * OPEN] >= 0 and T[T[T_SYN_HEAD + 2 * OPEN] + FW_DUE] <= now:
        T[T_IDLED] += 1
        lose(T, T[T_SYN_HEAD + 2 * OPEN])
    while T[T_SYN_HEAD + 2 * CLOSED] >= 0 and T[T[T_SYN_HEAD + 2 * CLOSED] + FW_DUE] <= now:
        forget(T, T[T_SYN_HEAD + 2 * CLOSED])


@inner
def no_destination(T, row):
    """Its IPVS entry goes."""
    if T[row + FW_DEST] >= 0:
        unbind(T, T[row + FW_DEST], T[row + FW_ACTIVE])
        T[row + FW_DEST] = -1


@inner
def no_tuple(T, row):
    """Its translated source is free again."""
    if T[row + FW_NAT]:
        remove(T, tuple_key(T[row + FW_SPACE], T[row + FW_NAT]), row)
        T[row + FW_NAT] = 0


@inner
def lose(T, row):
    """The IPVS entry of an open connection goes, and with it the sandbox's conntrack entry and tuple
    (ip_vs_conn_expire, ip_vs_conn_drop_conntrack); both ends do not know."""
    unlink(T, row)
    no_destination(T, row)
    no_tuple(T, row)
    leave(T, row, 0, True)
    T[row + FW_STATE] = LOST


@inner
def forget(T, row):
    """All entries of a flow go; its row, too, when its connection is closed."""
    state = T[row + FW_STATE]
    unlink(T, row)
    no_destination(T, row)
    no_tuple(T, row)
    leave(T, row, 1 if state == SYN else 0, False)
    T[row + FW_STATE] = LOST
    if not T[row + FW_OWNED]:
        free(T, row)


@inner
def free(T, row):
    """The row of a flow without entries is free."""
    if T[row + FW_PORT]:
        remove(T, port_key(T[row + FW_CLIENT], T[row + FW_AT], T[row + FW_PORT]), row)
        T[row + FW_PORT] = 0
    T[row] = T[T_FREE]
    T[T_FREE] = row
    T[T_LEFT] += 1


@inner
def answered(T, row, now):
    """A connection is open: its entries are assured, IPVS's lives as long as it is used."""
    if T[row + FW_STATE] != SYN:
        return
    unlink(T, row)
    assure(T, row)
    if T[row + FW_DEST] >= 0:
        link(T, row, OPEN, now)
    else:
        T[row + FW_STATE] = UNTIMED
