"""A request takes a connection that is open, or opens one: where it enters, and by which ways."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

import numpy as np

from netsim.compiled import at_address, inner
from netsim.datapath.flows.names import count_offered, offered_place
from netsim.datapath.flows.steps import begin, use
from netsim.datapath.flows.steps import end as end_flow
from netsim.engine.fast.exchange import client_of
from netsim.engine.fast.layout import *
from netsim.engine.fast.lookup import look_up, name_known, raced
from netsim.engine.fast.memory import at, drop_connection, row, todo
from netsim.engine.fast.ops import *
from netsim.engine.fast.requests import end
from netsim.engine.fast.span import fill, worked
from netsim.engine.fast.tcp import begin_windows, close
from netsim.engine.keys import fold_compiled
from netsim.engine.streams import _uniform

REFUSAL_PS = 50_000_000  # as in netsim.engine.exchange


@inner
def entry_node(M, nodes, n, client_number, advance):
    """Which of the n nodes in the list at ``nodes`` a connection enters by: its place, -1 if all are out."""
    if M[H_OUT] == 0:
        return chosen_entry(M, n, client_number, advance)
    inside = 0
    for i in range(nodes, nodes + n):
        inside += 1 - M[M[B_NODE] + M[M[B_LIST] + i] * W_NODE + N_OUT]
    if inside == 0:
        return -1
    turn = chosen_entry(M, inside, client_number, advance)
    for i in range(n):
        turn -= 1 - M[M[B_NODE] + M[M[B_LIST] + nodes + i] * W_NODE + N_OUT]
        if turn < 0:
            return i
    return -1


@inner
def entry_port(M, by, client_number, advance):
    """Which of the tasks with a port of their own nodes a connection goes to: its place, -1 if all are out."""
    nodes, n, b = M[by + K_ENTRIES], M[by + K_CANDS], M[by + K_NAMES]
    if b < 0:
        return entry_node(M, nodes, n, client_number, advance)
    T = at_address(M[H_TABLE])
    inside, listed = 0, count_offered(T, b, n, M[H_NOW])
    for i in range(listed):
        inside += not_out(M, nodes, offered_place(T, b, n, i))
    if inside == 0:
        return -1
    turn = chosen_entry(M, inside, client_number, advance)
    for i in range(listed):
        place = offered_place(T, b, n, i)
        turn -= not_out(M, nodes, place)
        if turn < 0:
            return place
    return -1


@inner
def not_out(M, nodes, place):
    """1 if the entry uses a node in a list, else 0."""
    return 1 - M[M[B_NODE] + M[M[B_LIST] + nodes + place] * W_NODE + N_OUT]


@inner
def chosen_entry(M, n, client_number, advance):
    """The entry's choice among n."""
    kind, key = M[H_ENTRY_KIND], np.uint64(M[H_ENTRY_KEY])
    if kind == 0:
        turn = M[H_ENTRY_TURN]
        if advance:
            M[H_ENTRY_TURN] = turn + 1
        return turn % n
    if kind == 1:
        draws = M[H_ENTRY_DRAWS] + 1
        if advance:
            M[H_ENTRY_DRAWS] = draws
        return np.int64(_uniform(key, np.uint64(draws)) * n)
    if kind == 2:
        return np.int64(_uniform(key, np.uint64((1 << 40) + client_number)) * n)
    return 0


@inner
def need(M, client, via, cand):
    """The ways to a candidate by one of a client's rows, or -1: they have to be made first."""
    c = M[B_CLIENT] + client * W_CLIENT
    found = M[M[B_WAYMAP] + M[c + K_WAYS] + via * M[c + K_CANDS] + cand]
    if found < 0:
        M[H_NEED_CLIENT] = client
        M[H_NEED_VIA] = via
        M[H_NEED_CAND] = cand
    return found


@inner
def with_slot(M, x, slot):
    """There is a place for a connection. False: ways have to be made, then again."""
    e, now, client = M[B_X] + x * W_X, M[H_NOW], client_of(M, x)
    c, s = M[B_CLIENT] + client * W_CLIENT, M[B_SLOT] + slot * W_SLOT
    M[e + X_SLOT] = slot
    fill(M, x, P_Q_CONN)
    conn = M[s + SL_CONN]
    if conn >= 0 and M[c + K_IDLE] >= 0 and now - M[M[B_CONN] + conn * W_CONN + O_LAST] > M[c + K_IDLE]:
        close(M, conn)
    if conn >= 0 and M[M[B_CONN] + conn * W_CONN + O_CLOSED]:
        drop_connection(M, conn)
        M[s + SL_CONN] = -1
        conn = -1
    if conn >= 0:
        M[e + X_CONN] = conn
        M[M[B_CONN] + conn * W_CONN + O_X] = x
        k = M[B_CONN] + conn * W_CONN
        M[k + O_REFS] += 1
        if use(at_address(M[H_TABLE]), M[k + O_FLOW], now):
            todo(M, OP_SEND, x, 0, 0)
        else:
            key = fold_compiled(M[e + X_KEY], TAG_RESET, 0)
            at(M, now + max(1, M[k + O_SRTT]), TIMEOUT, key, OP_END, x, F_RESET, 0)
        return True
    if M[e + X_KIND] != REQUEST:
        name_known(M, x)  # its one lookup takes no time
        return connect(M, x)
    if M[c + K_DNS] == DNS_NONE or (M[c + K_CACHE] and now < M[c + K_KNOWN]):
        return connect(M, x)
    look_up(M, x)
    return True


@inner
def address(M, x):
    """DNS has answered. False: ways have to be made, then again."""
    worked(M, x)
    e, c = M[B_X] + x * W_X, M[B_CLIENT] + client_of(M, x) * W_CLIENT
    if M[e + X_OVER]:
        return True
    M[e + X_LOOKING] = 0
    cut = M[M[B_CLIENT] + M[c + K_ANSWER] * W_CLIENT + K_CUT]
    if cut & CUT_DNS or raced(M, x) == M[H_DNS_TRIES] or not name_known(M, x):
        end(M, x, F_DNS, False)
        return True
    return connect(M, x)


@inner
def refused(M, x, fate):
    """There can be no connection; a client that may ask again hears of it a little later."""
    if M[M[B_X] + x * W_X + X_KIND] != REQUEST:
        todo(M, OP_END, x, fate, 0)
        return
    key = fold_compiled(M[M[B_X] + x * W_X + X_KEY], TAG_REFUSAL, 0)
    at(M, M[H_NOW] + REFUSAL_PS, TIMEOUT, key, OP_REFUSED, x, fate, 0)


@inner
def connect(M, x):
    """A new connection to an address. False: ways have to be made, then again."""
    e, now, client = M[B_X] + x * W_X, M[H_NOW], client_of(M, x)
    c, s = M[B_CLIENT] + client * W_CLIENT, M[B_SLOT] + M[e + X_SLOT] * W_SLOT
    number = (M[s + SL_NUMBER] - 1) % M[c + K_CLIENTS]
    by = M[B_CLIENT] + M[c + K_BY] * W_CLIENT
    vias, cands = M[by + K_VIAS], M[by + K_CANDS]
    nodes = M[by + K_ENTRIES]
    ways = -1
    via = entry_node(M, nodes, vias, number, False) if vias > 0 else 0
    cand = M[c + K_RECORD]
    if M[by + K_HOST]:
        cand = entry_port(M, by, number, False) if cands > 0 else 0
    possible = cands > 0 and via >= 0 and cand >= 0
    if possible:
        ways = need(M, M[c + K_BY], via, cand)
        if ways < 0:
            return False
    M[c + K_FLOWS] += 1
    if vias > 0:
        entry_node(M, nodes, vias, number, True)
    if not possible:
        refused(M, x, F_NO_BACKEND)
        return True
    if M[by + K_HOST]:
        entry_port(M, by, number, True)
    flow = new_flow(M, by, via, number, ways)
    if flow < 0:
        refused(M, x, F_PORTS)
        return True
    conn = row(M, H_CFREE, H_CLEFT, B_CONN, W_CONN)
    k = M[B_CONN] + conn * W_CONN
    M[k + O_WAYS] = ways
    M[k + O_HASH] = np.int64(_uniform(np.uint64(M[c + K_HASH]), np.uint64(M[c + K_FLOWS])) * (1 << 31))
    M[k + O_SRTT] = 0
    M[k + O_LAST] = now
    M[k + O_SERVED] = 0
    M[k + O_CLOSED] = 0
    M[k + O_ACCEPTED] = 0
    M[k + O_SERVER] = -1
    M[k + O_FULL] = 0
    M[k + O_LARGE] = 0
    begin_windows(M, k, M[c + K_CONTROL])
    M[k + O_VIA] = via
    M[k + O_CAND] = cand
    M[k + O_CLIENT] = M[c + K_BY]
    M[k + O_FLOW] = flow
    M[k + O_REFS] = 2  # the place and the exchange
    M[k + O_KEY] = fold_compiled(M[c + K_HASH], TAG_RESET, M[c + K_FLOWS])
    M[k + O_X] = x
    M[k + O_PEER] = PEER_ALIVE
    M[k + O_STAGE] = STAGE_IDLE
    M[k + O_MET] = 0
    M[k + O_WRITER] = -1
    M[k + O_FROM] = -1
    M[k + O_TO] = -1
    M[s + SL_CONN] = conn
    M[e + X_CONN] = conn
    M[e + X_SENT] = now
    if M[e + X_KIND] != DATAGRAM:
        todo(M, OP_SYN, x, 0, 0)
    return True


@inner
def enters_anew(M, x, conn, c):
    """A SYN comes again: where the virtual address of the entry is now. False: ways have to be made, then again."""
    k, vias = M[B_CONN] + conn * W_CONN, M[c + K_VIAS]
    if vias == 0 or not M[M[B_NODE] + M[M[B_LIST] + M[c + K_ENTRIES] + M[k + O_VIA]] * W_NODE + N_OUT]:
        return True
    number = (M[M[B_SLOT] + M[M[B_X] + x * W_X + X_SLOT] * W_SLOT + SL_NUMBER] - 1) % M[c + K_CLIENTS]
    via = entry_node(M, M[c + K_ENTRIES], vias, number, False)
    if via < 0:
        return True
    ways = need(M, M[k + O_CLIENT], via, M[c + K_RECORD])
    if ways < 0:
        return False
    entry_node(M, M[c + K_ENTRIES], vias, number, True)
    end_flow(at_address(M[H_TABLE]), M[k + O_FLOW], M[H_NOW], 0)
    M[k + O_WAYS] = ways
    M[k + O_VIA] = via
    M[k + O_MET] = 0
    M[k + O_FLOW] = new_flow(M, c, via, number, ways)
    return True


@inner
def new_flow(M, c, via, number, ways):
    """The client takes a port: a row of the tables, or NO_PORT."""
    who, balancer, at = M[c + K_WHO], -1, M[M[B_WAYS] + ways * W_WAYS + WA_AT]
    source = M[c + K_ADDRESS]
    if who < 0:
        who = number
        source += number
    if M[c + K_BALANCED]:
        balancer = M[M[B_LIST] + M[c + K_RR] + via]
        at = M[M[B_LIST] + M[c + K_AT] + via]
    return begin(at_address(M[H_TABLE]), who, at, source, balancer, M[c + K_PORT], M[c + K_PORTS], M[H_NOW])
