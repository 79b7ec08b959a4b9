"""Flows in the order in which they fall due: each state has one time-out, so its list is in order by itself."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.conntrack import assure, leave
from netsim.datapath.flows.chain import put_behind, take_out
from netsim.datapath.flows.keys import port_key, remove, tuple_key
from netsim.datapath.flows.layout import (
    CLOSED,
    FRAGILE,
    FW_ACTIVE,
    FW_AT,
    FW_CLIENT,
    FW_DEST,
    FW_DUE,
    FW_HELD,
    FW_NAT,
    FW_OWNED,
    FW_PORT,
    FW_SPACE,
    FW_STATE,
    FW_TEMPLATE,
    FW_USES,
    LOST,
    OPEN,
    PAUSED,
    RESET,
    REST,
    SENT,
    STATES,
    STREAM,
    SYN,
    T_AT,
    T_FREE,
    T_IDLED,
    T_LEFT,
    T_LISTS,
    T_NEXT,
    T_SCAN,
    T_TICK,
    T_TIMES,
    TP_CONTROLS,
    TP_SINCE,
    UNTIMED,
)
from netsim.datapath.ipvs.service import turn, unbind


@inner
def link(T, row, state, now):
    """A flow enters a state, or its time-out begins anew."""
    due = now + T[T_TIMES + state]
    T[row + FW_STATE] = state
    T[row + FW_DUE] = due
    head = T_LISTS + 2 * state
    if T[head] < 0:
        T[T_NEXT] = min(T[T_NEXT], due)
    put_behind(T, head, T[head + 1], row)


@inner
def unlink(T, row):
    """Out of the list of its state."""
    state = T[row + FW_STATE]
    if state < STATES:
        take_out(T, T_LISTS + 2 * state, row)


@inner
def due_flows(T, now):
    """What has timed out goes."""
    for state in range(STATES):
        head = T_LISTS + 2 * state
        while T[head] >= 0 and T[T[head] + FW_DUE] <= now:
            row = T[head]
            T[T_AT] = T[row + FW_DUE]
            if state == OPEN:
                T[T_IDLED] += 1
                lose(T, row)
            elif state == SYN:
                unanswered(T, row)
            elif state == STREAM:
                pause(T, row)
            else:
                forget(T, row)
    T[T_AT] = now


@inner
def when_next(T):
    """Note when there is something to do again."""
    found = min(T[T_SCAN], T[T_TICK])
    for state in range(STATES):
        head = T[T_LISTS + 2 * state]
        if head >= 0:
            found = min(found, T[head + FW_DUE])
    T[T_NEXT] = found


@inner
def no_destination(T, row):
    """Its IPVS entry goes."""
    if T[row + FW_DEST] >= 0:
        unbind(T, T[row + FW_DEST], T[row + FW_ACTIVE])
        T[row + FW_DEST] = -1
        template = T[row + FW_TEMPLATE]
        if template >= 0:
            T[template + TP_CONTROLS] -= 1
            T[template + TP_SINCE] = T[T_AT]
            T[row + FW_TEMPLATE] = -1


@inner
def no_tuple(T, row):
    """Its translated source is free again."""
    if T[row + FW_NAT]:
        remove(T, tuple_key(T[row + FW_SPACE], T[row + FW_NAT]), row)
        T[row + FW_NAT] = 0


@inner
def unanswered(T, row):
    """IPVS forgets a SYN (SYN_RECV), and takes the sandbox's entry with it; conntrack elsewhere keeps its own for
    longer (SYN_SENT)."""
    no_destination(T, row)
    no_tuple(T, row)
    leave(T, row, 1, True)
    unlink(T, row)
    if T[row + FW_HELD]:
        link(T, row, REST, T[T_AT])
    else:
        T[row + FW_STATE] = LOST
        forget(T, row)


@inner
def pause(T, row):
    """Conntrack forgets a stream of datagrams that nobody answered; IPVS keeps its entry for longer (udp_timeouts in
    net/netfilter/ipvs/ip_vs_proto_udp.c)."""
    no_tuple(T, row)
    leave(T, row, 1, False)
    unlink(T, row)
    if T[row + FW_DEST] >= 0:
        link(T, row, PAUSED, T[T_AT])
    else:
        T[row + FW_STATE] = LOST
        forget(T, row)


@inner
def drop_early(T, row):
    """A full table drops what is not assured: IPVS's entry of a stream of datagrams stays."""
    if T[row + FW_STATE] == STREAM:
        pause(T, row)
    else:
        forget(T, row)


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
    leave(T, row, 1 if state in FRAGILE else 0, False)
    T[row + FW_STATE] = LOST
    T[row + FW_USES] = 0
    if T[row + FW_OWNED] != 1:
        free(T, row)


@inner
def free(T, row):
    """The row of a flow without entries is free."""
    if T[row + FW_PORT]:
        remove(T, port_key(T[row + FW_CLIENT], T[row + FW_AT], T[row + FW_PORT]), row)
        T[row + FW_PORT] = 0
    give_back(T, row)


@inner
def give_back(T, row):
    """A row that nothing names any more."""
    T[row] = T[T_FREE]
    T[T_FREE] = row
    T[T_LEFT] += 1


@inner
def answered(T, row, now):
    """A connection is open: its entries are assured, IPVS's lives as long as it is used."""
    state = T[row + FW_STATE]
    if state != SYN and state != SENT and state != REST:
        return
    T[T_AT] = now
    unlink(T, row)
    assure(T, row)
    if T[row + FW_DEST] >= 0:
        link(T, row, OPEN, now)
    else:
        T[row + FW_STATE] = UNTIMED


@inner
def refused(T, row, now):
    """A SYN was answered with RST: conntrack forgets what never had another answer (nf_conntrack_tcp_packet), IPVS
    waits in CLOSE."""
    state = T[row + FW_STATE]
    if state != SYN and state != SENT and state != REST:
        return
    T[T_AT] = now
    unlink(T, row)
    no_tuple(T, row)
    leave(T, row, 1, False)
    if T[row + FW_DEST] >= 0:
        inactive(T, row)
        link(T, row, RESET, now)
    else:
        T[row + FW_STATE] = LOST


@inner
def reset(T, row, now):
    """An open connection was answered with RST: all entries wait in CLOSE."""
    state = T[row + FW_STATE]
    if state != OPEN and state != UNTIMED:
        return
    T[T_AT] = now
    unlink(T, row)
    inactive(T, row)
    link(T, row, RESET, now)


@inner
def inactive(T, row):
    """IPVS does not count a connection as active any more."""
    if T[row + FW_DEST] >= 0 and T[row + FW_ACTIVE] == 1:
        T[row + FW_ACTIVE] = 0
        turn(T, T[row + FW_DEST], 0)


@inner
def closed(T, row, now):
    """A connection is closed: its entries wait in TIME_WAIT."""
    unlink(T, row)
    inactive(T, row)
    link(T, row, CLOSED, now)
