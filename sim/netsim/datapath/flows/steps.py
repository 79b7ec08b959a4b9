"""What a connection does to the tables on its way: it begins, is balanced and translated, is used, ends."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.conntrack import early_victim, enter, has_room, leave, want_scan
from netsim.datapath.flows.keys import PORT, find, mix, port_key, put, tuple_key
from netsim.datapath.flows.layout import (
    ADD,
    BA_DROPS,
    BA_KEY,
    BA_NEXT,
    BA_NODEST,
    BA_PERSIST_PS,
    BA_REUSE,
    BA_SERVICE,
    BA_TARGET,
    CLOSED,
    DELAYED,
    FINE,
    FULL,
    FW_ACTIVE,
    FW_AT,
    FW_BALANCER,
    FW_CLIENT,
    FW_DEST,
    FW_DUE,
    FW_HELD,
    FW_NAT,
    FW_OWNED,
    FW_PORT,
    FW_SET,
    FW_SOURCE,
    FW_SPACE,
    FW_STATE,
    FW_TEMPLATE,
    FW_USES,
    LOST,
    NAMESPACES,
    NEW,
    NO_PORT,
    NO_TUPLE,
    NOBODY,
    NS_EVICTS,
    OPEN,
    PE_DEST,
    PE_DUE,
    PE_NEXT,
    PE_WEIGHT,
    PE_WHAT,
    PORT_FREE,
    REST,
    SENT,
    SYN,
    T_AT,
    T_BROKEN,
    T_CLIENT_PS,
    T_CURSOR_MASK,
    T_CURSORS,
    T_DELAYED,
    T_DRAWS,
    T_EARLY,
    T_FREE,
    T_FULL,
    T_INFO,
    T_LEFT,
    T_NEXT,
    T_OLD,
    T_PORTS,
    T_REUSED,
    T_SCAN,
    T_SNAT,
    T_TICK,
    T_TIMES,
    TP_CONTROLS,
    UNTIMED,
    WEIGHT,
)
from netsim.datapath.flows.scan import scan, tick
from netsim.datapath.flows.templates import due_templates, hold, remember, template_of
from netsim.datapath.flows.timers import (
    answered,
    closed,
    drop_early,
    due_flows,
    forget,
    give_back,
    link,
    lose,
    no_destination,
    refused,
    reset,
    unlink,
    when_next,
)
from netsim.datapath.ipvs.dispatch import schedule
from netsim.datapath.ipvs.layout import (
    AVAILABLE,
    DE_FLAGS,
    DE_INACTIVE,
    DE_LOWER,
    DE_UPPER,
    DE_WEIGHT,
    DE_WHO,
    FL_NOW,
    FL_RANDOM,
    FL_RANDOM_2,
    FL_SOURCE,
    FL_SOURCE_PORT,
    FL_TARGET,
)
from netsim.datapath.ipvs.service import add, bind, change, remove, unbind
from netsim.datapath.nat import choose_port

__all__ = ["answered", "begin", "choose", "end", "later", "pass_tables", "refused", "reset", "use"]

#: Packets of a client that IPVS counts by the end of a handshake, and for a request on an open connection.
SHAKEN, ASKED = 2, 2


@inner
def expire(T, now):
    """All that was due until now happens, in order."""
    T[T_AT] = now
    while T[T_NEXT] <= now:
        look = min(T[T_SCAN], T[T_TICK])
        if look > now:
            due_flows(T, now)
        else:
            due_flows(T, look)
            if T[T_SCAN] == look:
                scan(T)
            if T[T_TICK] == look:
                tick(T)
        when_next(T)
    T[T_AT] = now


@inner
def _row(T):
    row = T[T_FREE]
    T[T_FREE] = T[row]
    T[T_LEFT] -= 1
    return row


@inner
def _usable(T, row, now):
    """Whether a client may take the port of a flow: it has left the client's TIME_WAIT, or never was in it."""
    if T[row + FW_OWNED] == PORT_FREE:
        return True
    return T[row + FW_STATE] == CLOSED and T[row + FW_DUE] - now <= T[T_TIMES + CLOSED] - T[T_CLIENT_PS]


@inner
def _port(T, client, at, now, first, ports):
    """A client's next port towards somebody: ports of one parity in turn, then of the other; 0 if all are taken
    (__inet_hash_connect in net/ipv4/inet_hashtables.c)."""
    cursor = T[T_CURSORS] + (client & T[T_CURSOR_MASK])
    start = mix(client, 0) % ports + T[cursor]
    for parity in range(2):
        for i in range(0, ports - parity, 2):
            port = first + ((start + i) % ports & ~1) + parity
            if port >= first + ports:
                continue
            row = find(T, port_key(client, at, port), PORT, client, at, port)
            if row < 0 or _usable(T, row, now):
                T[cursor] += i + 2
                T[T_OLD] = row
                return port
    return 0


@inner
def begin(T, client, at, source, balancer, first, ports, now):
    """A client opens a connection: its flow, or NO_PORT.

    ``client`` and ``at``: numbers of who asks and whom, between whom ports are unique. ``balancer``: the IPVS
    service that will choose, or -1. ``first`` and ``ports``: the client's ephemeral ports.
    """
    expire(T, now)
    port = _port(T, client, at, now, first, ports)
    if port == 0:
        T[T_PORTS] += 1
        return NO_PORT
    key = port_key(client, at, port)
    old = T[T_OLD]
    row = _row(T)
    T[row + FW_STATE] = NEW
    T[row + FW_OWNED] = 1
    T[row + FW_CLIENT] = client
    T[row + FW_AT] = at
    T[row + FW_SOURCE] = source
    T[row + FW_BALANCER] = balancer
    T[row + FW_DEST] = -1
    T[row + FW_ACTIVE] = 0
    T[row + FW_SPACE] = 0
    T[row + FW_NAT] = 0
    T[row + FW_HELD] = 0
    T[row + FW_TEMPLATE] = -1
    T[row + FW_USES] = 0
    if old >= 0:
        _reuse(T, row, old)
    T[row + FW_PORT] = port
    put(T, key, row)
    return row


@inner
def changes(T, b, now):
    """Changes of a balancer's list whose time has come."""
    row = T[b + BA_NEXT]
    while row >= 0 and T[row + PE_DUE] <= now:
        T[b + BA_NEXT] = T[row + PE_NEXT]
        d, what, weight, s = T[row + PE_DEST], T[row + PE_WHAT], T[row + PE_WEIGHT], T[b + BA_SERVICE]
        there = T[d + DE_FLAGS] & AVAILABLE
        if what == ADD:
            if not there:
                add(T, s, d, weight, T[d + DE_UPPER], T[d + DE_LOWER])
        elif there:
            if what == WEIGHT:
                change(T, s, d, weight, T[d + DE_UPPER], T[d + DE_LOWER])
            else:
                remove(T, s, d)
        give_back(T, row)
        row = T[b + BA_NEXT]


@inner
def _reuse(T, row, old):
    """A SYN meets the entry of an earlier connection with the same port, which is in TIME_WAIT.

    conn_reuse_mode 0: the same back end, unless its weight is 0 and expire_nodest_conn is set; 1: scheduled afresh
    (ip_vs_in, is_new_conn_expected in net/netfilter/ipvs/ip_vs_core.c). Conntrack's entry is replaced.
    """
    d, b = T[old + FW_DEST], T[row + FW_BALANCER]
    T[T_REUSED] += 1
    if d >= 0 and b >= 0:
        changes(T, b, T[T_AT])
        if T[b + BA_REUSE]:
            T[row + FW_ACTIVE] = DELAYED if T[b + BA_DROPS] else 0
        elif T[d + DE_FLAGS] & AVAILABLE and (T[d + DE_WEIGHT] > 0 or not T[b + BA_NODEST]):
            T[row + FW_DEST] = d
            T[row + FW_ACTIVE] = 1
            bind(T, d, 1)
            template = T[old + FW_TEMPLATE]
            if template >= 0:
                T[row + FW_TEMPLATE] = template
                T[template + TP_CONTROLS] += 1
        if T[row + FW_DEST] < 0:
            # The old entry goes at the next tick of the kernel's clock and is counted until then (ip_vs_conn_expire_now).
            T[d + DE_INACTIVE] += 1
            T[row + FW_USES] = d
    forget(T, old)


@inner
def _gone(T, row):
    """The entry that was met is not counted any more."""
    if T[row + FW_USES]:
        unbind(T, T[row + FW_USES], 0)
        T[row + FW_USES] = 0


@inner
def later(T, b, d, what, weight, due):
    """A change of a balancer's list at a time to come."""
    row = _row(T)
    T[row + PE_DUE] = due
    T[row + PE_WHAT] = what
    T[row + PE_DEST] = d
    T[row + PE_WEIGHT] = weight
    before = b + BA_NEXT
    while T[before] >= 0 and T[T[before] + PE_DUE] <= due:
        before = T[before] + PE_NEXT
    T[row + PE_NEXT] = T[before]
    T[before] = row


@inner
def choose(T, row, now):
    """IPVS's choice for a SYN: the number of the destination (DE_WHO), NOBODY or DELAYED. One that comes again meets
    its entry; if that one's destination was removed, it is scheduled afresh."""
    expire(T, now)
    b, d = T[row + FW_BALANCER], T[row + FW_DEST]
    changes(T, b, now)
    if d >= 0:
        if T[d + DE_FLAGS] & AVAILABLE:
            return T[d + DE_WHO]
        if T[row + FW_STATE] == SYN:
            forget(T, row)
        else:
            no_destination(T, row)
    if T[row + FW_ACTIVE] == DELAYED:
        T[row + FW_ACTIVE] = 0
        T[T_DELAYED] += 1
        return DELAYED
    f = T[T_INFO]
    T[T_DRAWS] += 1
    T[f + FL_SOURCE] = T[row + FW_SOURCE]
    T[f + FL_SOURCE_PORT] = T[row + FW_PORT]
    T[f + FL_TARGET] = T[b + BA_TARGET]
    T[f + FL_NOW] = now
    T[f + FL_RANDOM] = mix(T[T_DRAWS], T[b + BA_KEY]) & 0xFFFFFFFF
    T[f + FL_RANDOM_2] = mix(T[T_DRAWS], ~T[b + BA_KEY]) & 0xFFFFFFFF
    d = _persistent(T, row, b, f, now) if T[b + BA_PERSIST_PS] else schedule(T, T[b + BA_SERVICE], f)
    _gone(T, row)
    if d < 0:
        return NOBODY
    T[row + FW_DEST] = d
    T[row + FW_ACTIVE] = 1
    bind(T, d, 1)
    return T[d + DE_WHO]


@inner
def _persistent(T, row, b, f, now):
    """The destination that the client's template remembers; without one it is scheduled, and remembered."""
    source = T[row + FW_SOURCE]
    due_templates(T, b, now)
    template = template_of(T, b, source)
    if template < 0:
        d = schedule(T, T[b + BA_SERVICE], f)
        if d < 0:
            return -1
        template = _row(T)
        remember(T, template, b, source, d, now)
    hold(T, template, row, now)
    return T[template + FW_DEST]


@inner
def pass_tables(T, row, namespaces, space, now):
    """A SYN passes conntrack in the namespaces of a set and gets its source translated: FINE, FULL or NO_TUPLE.
    ``space``: 0 without translation, 1 for the tuples of its IPVS destination, else a number of the tuples' own."""
    expire(T, now)
    state = T[row + FW_STATE]
    if state in (SYN, SENT):  # it comes again and meets its entries
        unlink(T, row)
        link(T, row, state, now)
        return FINE
    if state == REST:
        unlink(T, row)
        leave(T, row, 1, False)
        T[row + FW_STATE] = LOST
    evicts = 0
    for i in range(NAMESPACES):
        ns = T[namespaces + i]
        if ns == 0:
            continue
        evicts |= T[ns + NS_EVICTS]
        if not has_room(T, ns):
            victim = early_victim(T, ns)
            if victim < 0:
                T[T_FULL] += 1
                want_scan(T, ns, now)
                return FULL
            T[T_EARLY] += 1
            drop_early(T, victim)
    if space:
        T[row + FW_SPACE] = T[row + FW_DEST] if space == 1 else space
        port = choose_port(T, T[row + FW_SPACE], T[row + FW_PORT], evicts)
        if port == 0:
            T[T_SNAT] += 1
            return NO_TUPLE
        T[row + FW_NAT] = port
        put(T, tuple_key(T[row + FW_SPACE], port), row)
    T[row + FW_SET] = namespaces
    T[row + FW_USES] = SHAKEN
    enter(T, row)
    link(T, row, SYN if T[row + FW_DEST] >= 0 else SENT, now)
    return FINE


@inner
def use(T, row, now):
    """An open connection is used. False: no IPVS entry knows it any more, and it is answered with RST."""
    expire(T, now)
    state = T[row + FW_STATE]
    if state == LOST:
        T[T_BROKEN] += 1
        return False
    if state != OPEN:
        return True
    changes(T, T[row + FW_BALANCER], now)
    if not T[T[row + FW_DEST] + DE_FLAGS] & AVAILABLE:
        lose(T, row)
        T[T_BROKEN] += 1
        return False
    T[row + FW_USES] += ASKED
    unlink(T, row)
    link(T, row, OPEN, now)
    return True


@inner
def end(T, row, now, owned):
    """A connection is closed: its entries stay for TIME_WAIT; those of an unanswered SYN, or of one that was reset, for
    their own time. ``owned``: 0, or PORT_FREE if the client's port is free at once, since the server closed first."""
    expire(T, now)
    T[row + FW_OWNED] = owned
    state = T[row + FW_STATE]
    if state in (OPEN, UNTIMED):
        closed(T, row, now)
    elif state in (LOST, NEW):
        if state == NEW:
            _gone(T, row)
        forget(T, row)
