"""The event loop and what requests do: the compiled twin of netsim.engine.client and server."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

import numpy as np

from netsim.compiled import at_address, inner
from netsim.datapath.flows.layout import FINE, NO_TUPLE, NOBODY
from netsim.datapath.flows.layout import FULL as TABLE_FULL
from netsim.datapath.flows.steps import answered, begin, pass_tables, use
from netsim.datapath.flows.steps import choose as choose_destination
from netsim.engine.fast.cores import new_thread, start_work
from netsim.engine.fast.layout import *
from netsim.engine.fast.memory import (
    append,
    at,
    busy,
    came,
    drop_connection,
    drop_exchange,
    give_back,
    pop_front,
    row,
    todo,
)
from netsim.engine.fast.ops import *
from netsim.engine.fast.plane import free_unit, new_unit, onward, stage_cost
from netsim.engine.fast.tcp import (
    ack_lost,
    acked,
    close,
    data_arrived,
    data_lost,
    fill,
    message_cost,
    new_transfer,
    owe,
    take,
    unheard,
    ways_of,
    worked,
)  # fmt: skip
from netsim.engine.keys import Tag, fold_compiled, name_key
from netsim.engine.streams import _draw, _uniform

FINISH, TIMEOUT, ARRIVAL = 1, 2, 3
T_ARRIVAL, T_USER, T_ATTEMPT, T_TIMEOUT, T_RETRY = (
    int(Tag.ARRIVAL),
    int(Tag.USER),
    int(Tag.ATTEMPT),
    int(Tag.TIMEOUT),
    int(Tag.RETRY),
)
T_REFUSAL, T_SYN, T_SYN_ACK, T_HELLO, T_HELLO_ANSWER = (
    int(Tag.REFUSAL),
    int(Tag.SYN),
    int(Tag.SYN_ACK),
    int(Tag.HELLO),
    int(Tag.HELLO_ANSWER),
)
T_REQUEST, T_ANSWER, T_WAIT, T_CALL, T_DRAW = (
    int(Tag.REQUEST),
    int(Tag.ANSWER),
    int(Tag.WAIT),
    int(Tag.CALL),
    int(Tag.DRAW),
)
T_WORKER, T_SPARE, T_LOOKUP, T_RESET = int(Tag.WORKER), int(Tag.SPARE), int(Tag.LOOKUP), int(Tag.RESET)
LONGEST = 100 * 86_400 * 10**12
REFUSAL_PS = 50_000_000
NO_WAYS = -9
BACKOFF, THINK, RECORD = name_key("backoff"), name_key("think"), name_key("dns")


@inner
def draw(M, D, kind, d, key, purpose, index):
    """A duration (ps); ``d``: where mean, cv, low and high stand in D."""
    if kind == 0:
        return np.int64(D[d])
    stream = fold_compiled(key ^ M[H_BASE] ^ purpose, T_DRAW, index)
    value = _draw(kind, D[d], D[d + 1], D[d + 2], D[d + 3], np.uint64(stream), np.uint64(0))
    if value > LONGEST:
        return NEVER
    return max(0, np.int64(np.rint(value)))


# Clients


@inner
def request_row(M, client, key, parent, call, copy, wl, user, index):
    r = row(M, H_RFREE, H_RLEFT, B_R, W_R)
    if parent >= 0:
        M[M[B_X] + parent * W_X + X_REFS] += 1
    p = M[B_RSPLIT] + r * NS
    for k in range(p, p + NS):
        M[k] = 0
    o, now = M[B_R] + r * W_R, M[H_NOW]
    M[o + R_CLIENT] = client
    M[o + R_KEY] = key
    M[o + R_PARENT] = parent
    M[o + R_CALL] = call
    M[o + R_COPY] = copy
    M[o + R_WL] = wl
    M[o + R_USER] = user
    M[o + R_INDEX] = index
    M[o + R_AT] = now
    M[o + R_START] = now
    M[o + R_TRIES] = 0
    M[o + R_COUNTED] = 0
    return r


@inner
def new_request(M, client, key, parent, call, copy, wl, user, index):
    r = request_row(M, client, key, parent, call, copy, wl, user, index)
    todo(M, OP_ATTEMPT, r, 0, 0)
    return r


@inner
def new_exchange(M, r, client, key):
    x = row(M, H_XFREE, H_XLEFT, B_X, W_X)
    e, p = M[B_X] + x * W_X, M[B_XSPLIT] + x * NS
    for k in range(e, e + W_X):
        M[k] = 0
    for k in range(p, p + NS):
        M[k] = 0
    M[e + X_R] = r
    M[e + X_KEY] = key
    M[e + X_AT] = M[H_NOW]
    M[e + X_SLOT] = -1
    M[e + X_CONN] = -1
    M[e + X_WORKER] = -1
    M[e + X_LEFT_SLOT] = -1
    M[e + X_CLIENT] = client
    M[e + X_REFS] = 1  # its client waits
    return x


@inner
def attempt(M, r):
    o = M[B_R] + r * W_R
    M[o + R_TRIES] += 1
    c = M[B_CLIENT] + M[o + R_CLIENT] * W_CLIENT
    key = fold_compiled(M[o + R_KEY], T_ATTEMPT, M[o + R_TRIES])
    x = new_exchange(M, r, M[o + R_CLIENT], key)
    if M[c + K_TIMEOUT] >= 0:
        e = M[B_X] + x * W_X
        M[e + X_TIMED] = 1
        M[e + X_DUE] = M[H_NOW] + M[c + K_TIMEOUT]
        M[e + X_DUE_KEY] = fold_compiled(key, T_TIMEOUT, 0)
        time_out_at(M, M[c + K_FIFO], x)
    acquire(M, M[o + R_CLIENT], x)


@inner
def time_out_at(M, fifo, x):
    """Append to the time-outs of this duration (sorted, for those of the same picosecond)."""
    f, e = M[B_FIFO] + fifo * W_FIFO, M[B_X] + x * W_X
    due, key = M[e + X_DUE], M[e + X_DUE_KEY]
    before, after = M[f + F_TAIL], -1
    while before >= 0:
        b = M[B_X] + before * W_X
        if M[b + X_DUE] < due or M[b + X_DUE_KEY] <= key:
            break
        before, after = M[b + X_BEFORE], before
    M[e + X_BEFORE] = before
    M[e + X_AFTER] = after
    if after >= 0:
        M[M[B_X] + after * W_X + X_BEFORE] = x
    else:
        M[f + F_TAIL] = x
    if before >= 0:
        M[M[B_X] + before * W_X + X_AFTER] = x
        return
    M[f + F_HEAD] = x
    look_at(M, fifo)


@inner
def look_at(M, fifo):
    """See that an event comes no later than the first time-out."""
    f = M[B_FIFO] + fifo * W_FIFO
    x = M[f + F_HEAD]
    if x < 0:
        return
    due, key = M[M[B_X] + x * W_X + X_DUE], M[M[B_X] + x * W_X + X_DUE_KEY]
    if due < M[f + F_TIME] or (due == M[f + F_TIME] and key < M[f + F_KEY]):
        M[f + F_TIME] = due
        M[f + F_KEY] = key
        at(M, due, TIMEOUT, key, OP_TIMEOUT, fifo, due, key)


@inner
def forget_time_out(M, fifo, x):
    f, e = M[B_FIFO] + fifo * W_FIFO, M[B_X] + x * W_X
    before, after = M[e + X_BEFORE], M[e + X_AFTER]
    if before >= 0:
        M[M[B_X] + before * W_X + X_AFTER] = after
    else:
        M[f + F_HEAD] = after
    if after >= 0:
        M[M[B_X] + after * W_X + X_BEFORE] = before
    else:
        M[f + F_TAIL] = before


@inner
def acquire(M, client, x):
    c = M[B_CLIENT] + client * W_CLIENT
    pooled, full = M[c + K_POOLED], M[c + K_MADE] >= M[c + K_LIMIT]
    if pooled and full and M[c + K_FREE] < 0:
        M[M[B_X] + x * W_X + X_REFS] += 1
        append(M, c + K_WAIT, c + K_WAIT_TAIL, x, 0, 0)
        return
    if M[c + K_FREE] >= 0 and (full or not pooled):
        slot = M[c + K_FREE]
        M[c + K_FREE] = M[M[B_SLOT] + slot * W_SLOT + SL_NEXT]
        todo(M, OP_WITH_SLOT, x, slot, 0)
        return
    M[c + K_MADE] += 1
    todo(M, OP_WITH_SLOT, x, new_slot(M, client, M[c + K_MADE]), 0)


@inner
def client_thread(M, client):
    """A thread for a connection that the client opens; -1 for the outside."""
    c = M[B_CLIENT] + client * W_CLIENT
    if not M[c + K_HAS_THREAD]:
        return -1
    if M[c + K_SERVER] >= 0:
        return spare_thread(M, M[c + K_SERVER])
    n = M[B_NODE] + M[c + K_NODE] * W_NODE
    M[n + N_SPARE] += 1
    return new_thread(M, fold_compiled(M[n + N_KEY], T_SPARE, M[n + N_SPARE]), M[c + K_NODE], -1, -1)


@inner
def spare_thread(M, server):
    s = M[B_SERVER] + server * W_SERVER
    M[s + V_SPARE] += 1
    key = fold_compiled(M[s + V_KEY], T_SPARE, M[s + V_SPARE])
    return new_thread(M, key, M[s + V_NODE], M[s + V_QUOTA], server)


@inner
def new_slot(M, client, number):
    slot = row(M, H_SLFREE, H_SLLEFT, B_SLOT, W_SLOT)
    o = M[B_SLOT] + slot * W_SLOT
    M[o + SL_NUMBER] = number
    M[o + SL_CONN] = -1
    M[o + SL_THREAD] = client_thread(M, client)
    M[o + SL_NEXT] = -1
    return slot


@inner
def client_of(M, x):
    return M[M[B_X] + x * W_X + X_CLIENT]


@inner
def thread_of(M, x):
    return M[M[B_SLOT] + M[M[B_X] + x * W_X + X_SLOT] * W_SLOT + SL_THREAD]


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
    """The ways to a candidate, or -1: they have to be made first."""
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
            key = fold_compiled(M[e + X_KEY], T_RESET, 0)
            at(M, now + max(1, M[k + O_SRTT]), TIMEOUT, key, OP_END, x, F_RESET, 0)
        return True
    if M[e + X_BULK]:
        name_known(M, x)  # its one lookup takes no time
        return connect(M, x)
    if M[c + K_DNS] == DNS_NONE or (M[c + K_CACHE] and now < M[c + K_KNOWN]):
        return connect(M, x)
    look_up(M, x)
    return True


@inner
def look_up(M, x):
    """The client asks DNS for the name."""
    e = M[B_X] + x * W_X
    M[e + X_LOOKING] = 1
    p = M[B_DNS] + M[M[B_CLIENT] + client_of(M, x) * W_CLIENT + K_DNS_COST] * W_DNS
    cost = owe(M, x, P_DNS_QUERY, M[p + DC_QUERY]) + owe(M, x, P_DNS_TCP, M[p + DC_TCP])
    start_work(M, thread_of(M, x), cost, TH_LOOKUP, x, 0)


@inner
def engine_asked(M, x):
    """The query is at the node's engine."""
    worked(M, x)
    e, c = M[B_X] + x * W_X, M[B_CLIENT] + client_of(M, x) * W_CLIENT
    p = M[B_DNS] + M[c + K_DNS_COST] * W_DNS
    th = new_thread(M, fold_compiled(M[e + X_KEY], T_LOOKUP, 1), M[c + K_NODE], -1, -1)
    start_work(M, th, owe(M, x, P_DNS_ANSWER, M[p + DC_ANSWER]), TH_LOOKED_UP, x, th)


@inner
def engine_answered(M, x, th):
    """The engine has answered, or waits for the world outside."""
    worked(M, x)
    give_back(M, H_THFREE, H_THLEFT, B_TH, W_TH, th)
    p = M[B_DNS] + M[M[B_CLIENT] + client_of(M, x) * W_CLIENT + K_DNS_COST] * W_DNS
    wait = owe(M, x, P_WAKE, M[p + DC_WAKE]) + owe(M, x, P_OUTSIDE, M[p + DC_UPSTREAM])
    if wait == 0:
        todo(M, OP_ADDRESS, x, 0, 0)
        return
    key = fold_compiled(M[M[B_X] + x * W_X + X_KEY], T_LOOKUP, 0)
    at(M, M[H_NOW] + wait, FINISH, key, OP_ADDRESS, x, 0, 0)


@inner
def address(M, x):
    """DNS has answered. False: ways have to be made, then again."""
    worked(M, x)
    e, c = M[B_X] + x * W_X, M[B_CLIENT] + client_of(M, x) * W_CLIENT
    if M[e + X_OVER]:
        return True
    M[e + X_LOOKING] = 0
    if M[c + K_CANDS] == 0 or M[c + K_CUT] & CUT_DNS:
        end(M, x, F_DNS, False)
        return True
    name_known(M, x)
    return connect(M, x)


@inner
def name_known(M, x):
    """The answer of a query made for an exchange, in random order."""
    e, c = M[B_X] + x * W_X, M[B_CLIENT] + client_of(M, x) * W_CLIENT
    if M[c + K_DNS] == DNS_PICK:
        stream = fold_compiled(M[e + X_KEY] ^ M[H_BASE] ^ RECORD, T_DRAW, 0)
        M[c + K_RECORD] = np.int64(_uniform(np.uint64(stream), np.uint64(0)) * M[c + K_CANDS])
    M[c + K_KNOWN] = M[H_NOW] + M[H_DNS_TTL]


@inner
def refused(M, x, fate):
    """There can be no connection; a client that may ask again hears of it a little later."""
    if M[M[B_X] + x * W_X + X_BULK]:
        todo(M, OP_END, x, fate, 0)
        return
    key = fold_compiled(M[M[B_X] + x * W_X + X_KEY], T_REFUSAL, 0)
    at(M, M[H_NOW] + REFUSAL_PS, TIMEOUT, key, OP_REFUSED, x, fate, 0)


@inner
def connect(M, x):
    """A new connection to an address. False: ways have to be made, then again."""
    e, now, client = M[B_X] + x * W_X, M[H_NOW], client_of(M, x)
    c, s = M[B_CLIENT] + client * W_CLIENT, M[B_SLOT] + M[e + X_SLOT] * W_SLOT
    number = (M[s + SL_NUMBER] - 1) % M[c + K_CLIENTS]
    vias, cands = M[c + K_VIAS], M[c + K_CANDS]
    nodes = M[c + K_ENTRIES]
    ways = -1
    via = entry_node(M, nodes, vias, number, False) if vias > 0 else 0
    cand = M[c + K_RECORD]
    if M[c + K_HOST]:
        cand = entry_node(M, nodes, cands, number, False) if cands > 0 else 0
    possible = cands > 0 and via >= 0 and cand >= 0
    if possible:
        ways = need(M, client, via, cand)
        if ways < 0:
            return False
    M[c + K_FLOWS] += 1
    if vias > 0:
        entry_node(M, nodes, vias, number, True)
    if not possible:
        refused(M, x, F_NO_BACKEND)
        return True
    if M[c + K_HOST]:
        entry_node(M, nodes, cands, number, True)
    flow = new_flow(M, c, via, number, ways)
    if flow < 0:
        refused(M, x, F_PORTS)
        return True
    conn = row(M, H_CFREE, H_CLEFT, B_CONN, W_CONN)
    k = M[B_CONN] + conn * W_CONN
    window = M[H_IW] * M[M[B_ROUTE] + M[M[B_WAYS] + ways * W_WAYS + WA_REQUEST] * W_ROUTE + RO_MSS]
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
    M[k + O_WINDOW] = window
    M[k + O_WINDOW1] = window
    M[k + O_THRESHOLD] = NEVER
    M[k + O_THRESHOLD1] = NEVER
    M[k + O_CUT] = -NEVER
    M[k + O_CUT1] = -NEVER
    M[k + O_VIA] = via
    M[k + O_CLIENT] = client
    M[k + O_FLOW] = flow
    M[k + O_REFS] = 2  # the place and the exchange
    M[k + O_KEY] = fold_compiled(M[c + K_HASH], T_RESET, M[c + K_FLOWS])
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
    todo(M, OP_SYN, x, 0, 0)
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


@inner
def choose(M, conn):
    """A SYN passes the tables: FINE, NO_WAYS if those to its back end have to be made first, or what it met
    (`netsim.engine.balance.Choice.choose`)."""
    k = M[B_CONN] + conn * W_CONN
    c = M[B_CLIENT] + M[k + O_CLIENT] * W_CLIENT
    T = at_address(M[H_TABLE])
    if M[k + O_CLOSED]:
        return FINE
    if M[c + K_BALANCED]:
        place = choose_destination(T, M[k + O_FLOW], M[H_NOW])
        if place < 0:
            M[k + O_MET] = place
            return place
        ways = need(M, M[k + O_CLIENT], M[k + O_VIA], place)
        if ways < 0:
            return NO_WAYS
        M[k + O_WAYS] = ways
    w = ways_of(M, conn)
    met = pass_tables(
        T, M[k + O_FLOW], M[w + WA_NS], M[w + WA_NS1], M[w + WA_NS2], M[w + WA_NS3], M[w + WA_SPACE], M[H_NOW]
    )
    M[k + O_MET] = met
    return met


@inner
def hindered(M, k):
    """The fate of a connection that could not be opened."""
    met = M[k + O_MET]
    if met == NOBODY:
        return F_NO_BACKEND
    if met == TABLE_FULL:
        return F_CONNTRACK
    if met == NO_TUPLE:
        return F_SNAT
    return F_BACKLOG if M[k + O_FULL] else F_TIMEOUT


@inner
def syn(M, x, number):
    """Send a SYN. False: ways have to be made, then again."""
    e = M[B_X] + x * W_X
    conn = M[e + X_CONN]
    if M[M[B_CONN] + conn * W_CONN + O_CLOSED]:
        return True
    c = M[B_CLIENT] + client_of(M, x) * W_CLIENT
    if M[c + K_AT_SEND]:
        met = choose(M, conn)
        if met == NO_WAYS:
            return False
        if met == NOBODY:
            todo(M, OP_END, x, F_NO_BACKEND, 0)
            return True
        if met < 0:
            syn_again(M, x, number)
            return True
    th = thread_of(M, x)
    if th < 0:
        launch(M, x, number, 0)
        return True
    r = M[B_ROUTE] + M[ways_of(M, conn) + WA_SYN] * W_ROUTE
    cost = 0
    for g in range(M[r + RO_SEND], M[r + RO_SEND] + M[r + RO_SENDS]):
        cost += stage_cost(M, g, 0, 1)
    start_work(M, th, cost, TH_SYN, x, number)
    return True


@inner
def launch(M, x, number, wait):
    """The SYN leaves; what its thread spent is in its split."""
    e = M[B_X] + x * W_X
    conn = M[e + X_CONN]
    route = M[ways_of(M, conn) + WA_SYN]
    key = fold_compiled(M[e + X_KEY], T_SYN, number)
    u = new_unit(M, route, 0, key, M[M[B_CONN] + conn * W_CONN + O_HASH], UK_SYN, x, number, 0, 1)
    if thread_of(M, x) >= 0:
        p, r = M[B_USPLIT] + u * NS, M[B_ROUTE] + route * W_ROUTE
        for g in range(M[r + RO_SEND], M[r + RO_SEND] + M[r + RO_SENDS]):
            M[p + M[M[B_STAGE] + g * W_STAGE + SG_ID]] += stage_cost(M, g, 0, 1)
        M[p + P_Q_CPU] += wait
    onward(M, u, M[H_NOW])


@inner
def syn_again(M, x, number):
    e = M[B_X] + x * W_X
    k = M[B_CONN] + M[e + X_CONN] * W_CONN
    if M[k + O_CLOSED]:
        return
    if number >= M[H_SYN_RETRIES]:
        todo(M, OP_END, x, hindered(M, k), 0)
        return
    wait = M[H_SYN_TIMEOUT] << min(number, 7)
    key = fold_compiled(M[e + X_KEY], T_RETRY, number)
    at(M, max(M[H_NOW] + 1, M[e + X_SENT] + wait), TIMEOUT, key, OP_SYN_RETRY, x, number + 1, 0)


@inner
def syn_arrived(M, x, number, u):
    e = M[B_X] + x * W_X
    conn = M[e + X_CONN]
    k = M[B_CONN] + conn * W_CONN
    if M[k + O_CLOSED]:
        return
    w = ways_of(M, conn)
    server = M[w + WA_SERVER]
    if server >= 0:
        s = M[B_SERVER] + server * W_SERVER
        if M[s + V_SILENT] or M[M[B_CLIENT] + client_of(M, x) * W_CLIENT + K_CUT] & CUT_PACKETS:
            syn_again(M, x, number)
            return
        if not M[s + V_LISTENS]:
            key = fold_compiled(M[e + X_KEY], T_SYN_ACK, number)
            refusal = new_unit(M, M[w + WA_SYN_ACK], 0, key, M[k + O_HASH], UK_REFUSED, x, number, 0, 0)
            onward(M, refusal, M[H_NOW])
            return
        if M[s + V_WAITING] >= M[s + V_BACKLOG]:
            M[k + O_FULL] = 1
            syn_again(M, x, number)
            return
        M[s + V_WAITING] += 1
    M[k + O_SERVER] = server
    M[k + O_PEER] = PEER_ALIVE
    answered(at_address(M[H_TABLE]), M[k + O_FLOW], M[H_NOW])
    key = fold_compiled(M[e + X_KEY], T_SYN_ACK, number)
    v = new_unit(M, M[w + WA_SYN_ACK], 0, key, M[k + O_HASH], UK_SYN_ACK, x, number, 0, 1)
    p, q = M[B_USPLIT] + u * NS, M[B_USPLIT] + v * NS
    for part in range(NS):
        M[q + part] = M[p + part]
    onward(M, v, M[H_NOW])


@inner
def opened(M, x, u):
    e = M[B_X] + x * W_X
    conn = M[e + X_CONN]
    k = M[B_CONN] + conn * W_CONN
    if M[k + O_CLOSED]:
        return
    take(M, x, M[B_USPLIT] + u * NS, P_Q_CPU)
    M[k + O_SRTT] = M[H_NOW] - M[e + X_SENT]
    M[k + O_LAST] = M[H_NOW]
    if not M[M[B_CLIENT] + client_of(M, x) * W_CLIENT + K_TLS]:
        todo(M, OP_SEND, x, 0, 0)
        return
    th = thread_of(M, x)
    if th < 0:
        todo(M, TH_HELLO, x, -1, 0)
        return
    cost = message_cost(M, x, M[ways_of(M, conn) + WA_REQUEST], M[H_HELLO], True)
    start_work(M, th, cost, TH_HELLO, x, 0)


@inner
def begin_transfer(M, x, back, size, tag, kind):
    conn = M[M[B_X] + x * W_X + X_CONN]
    t = new_transfer(M, conn, back, size, fold_compiled(M[M[B_X] + x * W_X + X_KEY], tag, 0), kind, x)
    todo(M, OP_TSTART, t, 0, 0)
    return t


@inner
def let_go_of_worker(M, t):
    """A large answer is there, or its client is gone: the worker that wrote it is free, once."""
    o = M[B_T] + t * W_T
    if not M[o + T_WRITES]:
        return
    M[o + T_WRITES] = 0
    M[M[B_CONN] + M[o + T_CONN] * W_CONN + O_WRITER] = -1
    x = M[o + T_X]
    server = server_of(M, x)
    if not M[M[B_SERVER] + server * W_SERVER + V_GONE]:
        todo(M, OP_POOL_RELEASE, server, M[M[B_X] + x * W_X + X_WORKER], 0)


@inner
def send_request(M, x):
    c = M[B_CLIENT] + client_of(M, x) * W_CLIENT
    th = thread_of(M, x)
    if th < 0:
        begin_transfer(M, x, 0, M[c + K_REQUEST], T_REQUEST, TK_REQUEST)
        return
    if M[c + K_REQUEST] > M[H_SNDBUF]:
        t = begin_transfer(M, x, 0, M[c + K_REQUEST], T_REQUEST, TK_REQUEST)
        M[M[B_T] + t * W_T + T_THREAD] = th
        return
    conn = M[M[B_X] + x * W_X + X_CONN]
    cost = message_cost(M, x, M[ways_of(M, conn) + WA_REQUEST], M[c + K_REQUEST], True)
    start_work(M, th, cost, TH_SEND, x, 0)


@inner
def record_cost(M, x, node, size):
    n = M[B_NODE] + node * W_NODE
    return owe(M, x, P_TLS_RECORD, M[n + N_REC] + M[n + N_REC_FS] * size // 1000)


@inner
def transferred(M, t, u):
    """A whole message is there."""
    o = M[B_T] + t * W_T
    x, kind, conn, split = M[o + T_X], M[o + T_KIND], M[o + T_CONN], M[B_USPLIT] + u * NS
    if kind == TK_MESSAGE:
        message_ended(M, x, M[H_NOW])
        return
    e, k = M[B_X] + x * W_X, M[B_CONN] + conn * W_CONN
    c = M[B_CLIENT] + client_of(M, x) * W_CLIENT
    if kind == TK_REQUEST:
        take(M, x, split, P_Q_WINDOW)
        if M[k + O_SERVER] >= 0:
            M[k + O_STAGE] = STAGE_SERVED
            todo(M, OP_SERVE, x, 0, 0)
        else:
            begin_transfer(M, x, 1, M[c + K_RESPONSE], T_ANSWER, TK_ANSWER)
    elif kind == TK_ANSWER:
        if M[e + X_OVER]:
            return
        take(M, x, split, P_Q_WINDOW)
        M[k + O_LAST] = M[H_NOW]
        if not M[k + O_CLOSED]:
            use(at_address(M[H_TABLE]), M[k + O_FLOW], M[H_NOW])
        th = thread_of(M, x)
        if th < 0:
            todo(M, OP_END, x, M[e + X_FATE], 1)
            return
        size = M[c + K_RESPONSE] if M[e + X_FATE] == F_COMPLETED else 0
        cost = message_cost(M, x, M[ways_of(M, conn) + WA_REPLY], size, False)
        if M[c + K_TLS]:
            cost += record_cost(M, x, M[c + K_NODE], M[c + K_REQUEST] + size)
        start_work(M, th, cost, TH_READ, x, 0)
    elif kind == TK_HELLO:
        take(M, x, split, P_Q_WINDOW)
        server = M[k + O_SERVER]
        if server < 0:
            begin_transfer(M, x, 1, M[H_HELLO_ANSWER], T_HELLO_ANSWER, TK_HELLO_ANSWER)
            return
        node = M[M[B_SERVER] + server * W_SERVER + V_NODE]
        cost = owe(M, x, P_TLS, M[M[B_NODE] + node * W_NODE + N_TLS])
        th = spare_thread(M, server)
        start_work(M, th, cost, TH_SRV_TLS, x, th)
    else:
        take(M, x, split, P_Q_WINDOW)
        th = thread_of(M, x)
        if th < 0:
            todo(M, OP_SEND, x, 0, 0)
            return
        cost = owe(M, x, P_TLS, M[M[B_NODE] + M[c + K_NODE] * W_NODE + N_TLS])
        r = M[B_ROUTE] + M[ways_of(M, conn) + WA_REPLY] * W_ROUTE
        size = M[H_HELLO_ANSWER]
        packets = max(1, -(-size // M[r + RO_MSS]))
        for g in range(M[r + RO_RECV], M[r + RO_RECV] + M[r + RO_RECVS]):
            cost += owe(M, x, M[M[B_STAGE] + g * W_STAGE + SG_ID], stage_cost(M, g, size, packets))
        start_work(M, th, cost, TH_CLIENT_TLS, x, 0)


@inner
def message_ended(M, x, time):
    """A control message is there, or lost (NEVER): written down for Python."""
    e = M[B_X] + x * W_X
    M[e + X_OVER] = 1
    append(M, H_MSG, H_MSG_TAIL, M[e + X_CALL], time, 0)
    if M[e + X_LEFT]:
        M[H_WATCH] = 1
    close(M, M[e + X_CONN])
    drop_exchange(M, x)


@inner
def end(M, x, fate, answered):
    """The client stops waiting; ``answered``: since the whole answer is there, whatever it says."""
    e = M[B_X] + x * W_X
    if M[e + X_OVER]:
        return
    if M[e + X_CLIENT] < 0:
        message_ended(M, x, NEVER)
        return
    M[e + X_OVER] = 1
    if M[e + X_TIMED]:
        forget_time_out(M, M[M[B_CLIENT] + client_of(M, x) * W_CLIENT + K_FIFO], x)
    todo(M, OP_OWNER_ENDED, x, fate, 0)
    if M[e + X_SLOT] >= 0:
        leave_slot(M, x, answered)
    drop_exchange(M, x)


@inner
def leave_slot(M, x, answered):
    """The place goes to the next one, with or without its connection; one given up leaves its thread to it."""
    e = M[B_X] + x * W_X
    slot = M[e + X_SLOT]
    s = M[B_SLOT] + slot * W_SLOT
    conn = M[s + SL_CONN]
    keep = answered and conn >= 0 and not M[M[B_CONN] + conn * W_CONN + O_CLOSED]
    client = client_of(M, x)
    if conn >= 0:
        M[M[B_CONN] + conn * W_CONN + O_X] = -1
    if not keep and (conn >= 0 or M[e + X_LOOKING]):
        if conn >= 0:
            close(M, conn)
        M[e + X_LEFT_SLOT] = slot
        slot = new_slot(M, client, M[s + SL_NUMBER])
        keep = False
    todo(M, OP_RELEASE_SLOT, client, slot, keep)


@inner
def release_slot(M, client, slot, keep):
    c, s = M[B_CLIENT] + client * W_CLIENT, M[B_SLOT] + slot * W_SLOT
    conn = M[s + SL_CONN]
    if conn >= 0:
        k = M[B_CONN] + conn * W_CONN
        M[k + O_SERVED] += 1
        M[k + O_STAGE] = STAGE_IDLE
        if (
            not keep
            or not M[c + K_POOLED]
            or M[k + O_PEER] != PEER_ALIVE
            or (M[c + K_REQUESTS] >= 0 and M[k + O_SERVED] >= M[c + K_REQUESTS])
        ):
            close(M, conn)
            drop_connection(M, conn)
            M[s + SL_CONN] = -1
    while M[c + K_WAIT] >= 0:
        x = M[pop_front(M, c + K_WAIT)]
        over = M[M[B_X] + x * W_X + X_OVER]
        if not over:
            todo(M, OP_WITH_SLOT, x, slot, 0)
        drop_exchange(M, x)
        if not over:
            return
    M[s + SL_NEXT] = -1
    if M[c + K_FREE] < 0:
        M[c + K_FREE] = slot
    else:
        M[M[B_SLOT] + M[c + K_FREE_TAIL] * W_SLOT + SL_NEXT] = slot
    M[c + K_FREE_TAIL] = slot


@inner
def owner_ended(M, D, x, fate):
    """An attempt ended: the request with it, or one more attempt."""
    r = M[M[B_X] + x * W_X + X_R]
    o, now, p = M[B_R] + r * W_R, M[H_NOW], M[B_RSPLIT] + r * NS
    c = M[B_CLIENT] + M[o + R_CLIENT] * W_CLIENT
    if fate == F_COMPLETED:
        q, total = M[B_XSPLIT] + x * NS, 0
        for k in range(NS):
            M[p + k] += M[q + k]
            total += M[q + k]
        M[p + P_Q_OTHER] += now - M[o + R_AT] - total
        M[o + R_AT] = now
        finished(M, D, r, fate)
        return
    M[p + P_RETRY] += now - M[o + R_AT]
    M[o + R_AT] = now
    if M[o + R_TRIES] > M[c + K_RETRIES]:
        finished(M, D, r, fate)
        return
    wait = M[c + K_BACKOFF] << min(M[o + R_TRIES] - 1, 20)
    jitter = D[M[c + K_JITTER]]
    if jitter != 0.0 and wait:
        stream = fold_compiled(M[o + R_KEY] ^ M[H_BASE] ^ BACKOFF, T_DRAW, M[o + R_TRIES])
        wait = np.int64(np.rint(wait * (1 - jitter * _uniform(np.uint64(stream), np.uint64(0)))))
    if wait <= 0:
        todo(M, OP_RETRY, r, 0, 0)
    else:
        at(
            M,
            now + wait,
            TIMEOUT,
            fold_compiled(M[o + R_KEY], T_RETRY, M[o + R_TRIES]),
            OP_RETRY,
            r,
            0,
            0,
        )


@inner
def finished(M, D, r, fate):
    """A request ended with all its attempts: who called goes on, or a user thinks."""
    o, now = M[B_R] + r * W_R, M[H_NOW]
    if M[o + R_PARENT] >= 0:
        called_ended(M, r, fate)
    else:
        w = M[B_WL] + M[o + R_WL] * W_WL
        if fate == F_COMPLETED and 0 <= now < M[H_DUR]:
            M[w + WL_COMPLETED] += 1
            M[w + WL_GOODPUT] += M[w + WL_RESPONSE]
        if M[o + R_COUNTED]:
            M[H_OPEN] -= 1
            write_down(M, r, fate)
        if M[o + R_USER] >= 0:
            think(M, D, M[o + R_WL], M[o + R_USER], M[o + R_INDEX] + 1, 0)
    give_back(M, H_RFREE, H_RLEFT, B_R, W_R, r)


@inner
def write_down(M, r, fate):
    """A measured request ended: its row for the statistics."""
    o, e = M[B_R] + r * W_R, M[B_ENDED] + M[H_ENDED] * (W_ENDED + NS)
    M[H_ENDED] += 1
    M[e + E_WL] = M[o + R_WL]
    M[e + E_SERIAL] = M[o + R_SERIAL]
    M[e + E_START] = M[o + R_START]
    M[e + E_FINISH] = M[H_NOW]
    M[e + E_FATE] = fate
    M[e + E_TRIES] = M[o + R_TRIES]
    M[e + E_BYTES] = M[M[B_WL] + M[o + R_WL] * W_WL + WL_RESPONSE] if fate == F_COMPLETED else 0
    p = M[B_RSPLIT] + r * NS
    for k in range(NS):
        M[e + W_ENDED + k] = M[p + k]


@inner
def called_ended(M, r, fate):
    """A call ended: who made it goes on."""
    o = M[B_R] + r * W_R
    x = M[o + R_PARENT]
    called_next(M, x, r, fate)
    drop_exchange(M, x)


@inner
def called_next(M, x, r, fate):
    o = M[B_R] + r * W_R
    e = M[B_X] + x * W_X
    if M[M[B_SERVER] + server_of(M, x) * W_SERVER + V_GONE]:
        return
    if fate != F_COMPLETED:
        M[e + X_SFATE] = fate
    if M[M[B_CLIENT] + M[o + R_CLIENT] * W_CLIENT + K_PARALLEL]:
        M[e + X_LEFT] -= 1
        if M[e + X_LEFT] == 0:
            take(M, x, M[B_RSPLIT] + r * NS, P_Q_OTHER)
            todo(M, OP_NEXT_CALLS, x, 0, 0)
        return
    take(M, x, M[B_RSPLIT] + r * NS, P_Q_OTHER)
    if fate != F_COMPLETED:
        todo(M, OP_BACK, x, 0, 0)
    elif M[o + R_COPY] + 1 < M[M[B_CLIENT] + M[o + R_CLIENT] * W_CLIENT + K_COUNT]:
        todo(M, OP_CALL, x, M[o + R_CALL], M[o + R_COPY] + 1)
    else:
        todo(M, OP_NEXT_CALLS, x, 0, 0)


@inner
def think(M, D, wl, user, index, more):
    w = M[B_WL] + wl * W_WL
    key = fold_compiled(M[w + WL_KEY], T_USER, user)
    pause = draw(M, D, M[w + WL_THINK_KIND], M[w + WL_THINK], key, THINK, index)
    when = max(M[H_NOW], M[w + WL_BEGIN]) + pause + more
    if when < M[w + WL_END]:
        at(M, when, ARRIVAL, fold_compiled(key, T_ARRIVAL, index), OP_USER_ASK, wl, user, index)


# Servers


@inner
def pool_acquire(M, server, x, op):
    """A worker for the exchange, then ``op``."""
    s = M[B_SERVER] + server * W_SERVER
    came(M, M[s + V_STATION])
    if M[s + V_FREE] > 0:
        M[s + V_FREE] -= 1
        worker = M[M[B_POOL] + (M[s + V_POOL] + M[s + V_FREE]) * W_POOL + P_FREE]
        worker_taken(M, s, worker, M[H_NOW], x, op)
    else:
        M[M[B_X] + x * W_X + X_REFS] += 1
        append(M, s + V_HEAD, s + V_TAIL, M[H_NOW], x, op)


@inner
def worker_taken(M, s, worker, arrived, x, op):
    z = M[B_POOL] + (M[s + V_POOL] + worker) * W_POOL
    M[z + P_SINCE] = M[H_NOW]
    M[z + P_BUSY] = 1
    M[M[B_X] + x * W_X + X_QUEUED] = arrived
    M[M[B_X] + x * W_X + X_WORKER] = worker
    todo(M, op, x, worker, arrived)


@inner
def pool_release(M, server, worker):
    s = M[B_SERVER] + server * W_SERVER
    st = M[s + V_STATION]
    M[M[B_STATION] + st * W_STATION + S_SERVED] += 1
    z = M[B_POOL] + (M[s + V_POOL] + worker) * W_POOL
    busy(M, st, M[z + P_SINCE], M[H_NOW])
    M[z + P_BUSY] = 0
    if M[s + V_HEAD] >= 0:
        q = pop_front(M, s + V_HEAD)
        x = M[q + 1]
        worker_taken(M, s, worker, M[q], x, M[q + 2])
        drop_exchange(M, x)
    else:
        M[M[B_POOL] + (M[s + V_POOL] + M[s + V_FREE]) * W_POOL + P_FREE] = worker
        M[s + V_FREE] += 1


@inner
def server_of(M, x):
    return M[M[B_CONN] + M[M[B_X] + x * W_X + X_CONN] * W_CONN + O_SERVER]


@inner
def worker_thread(M, server, worker):
    s = M[B_SERVER] + server * W_SERVER
    z = M[B_POOL] + (M[s + V_POOL] + worker) * W_POOL
    if M[z + P_THREAD] < 0:
        M[z + P_THREAD] = new_thread(
            M, fold_compiled(M[s + V_KEY], T_WORKER, worker), M[s + V_NODE], M[s + V_QUOTA], server
        )
    return M[z + P_THREAD]


@inner
def service_starts(M, D, x, worker):
    e = M[B_X] + x * W_X
    conn, server = M[e + X_CONN], server_of(M, x)
    s, k = M[B_SERVER] + server * W_SERVER, M[B_CONN] + conn * W_CONN
    c = M[B_CLIENT] + client_of(M, x) * W_CLIENT
    fill(M, x, P_Q_WORKERS)
    if not M[k + O_ACCEPTED]:
        M[k + O_ACCEPTED] = 1
        M[s + V_WAITING] -= 1
    cost = message_cost(M, x, M[ways_of(M, conn) + WA_REQUEST], M[c + K_REQUEST], False)
    cost += owe(
        M, x, P_APP, draw(M, D, M[s + V_CPU_KIND], M[s + V_CPU], M[e + X_KEY], M[s + V_CPU_PURPOSE], 0)
    )
    if M[c + K_TLS]:
        cost += record_cost(M, x, M[s + V_NODE], M[c + K_REQUEST] + M[c + K_RESPONSE])
    start_work(M, worker_thread(M, server, worker), cost, TH_WORK, x, 0)


@inner
def waits(M, D, x):
    e = M[B_X] + x * W_X
    s = M[B_SERVER] + server_of(M, x) * W_SERVER
    wait = draw(M, D, M[s + V_WAIT_KIND], M[s + V_WAIT], M[e + X_KEY], M[s + V_WAIT_PURPOSE], 0)
    if wait <= 0:
        todo(M, OP_WAITED, x, 0, 0)
    else:
        at(M, M[H_NOW] + wait, FINISH, fold_compiled(M[e + X_KEY], T_WAIT, 0), OP_WAITED, x, 0, 0)


@inner
def next_calls(M, x):
    """The next call, or all of a row of parallel ones."""
    e = M[B_X] + x * W_X
    s = M[B_SERVER] + server_of(M, x) * W_SERVER
    first, count = M[e + X_CALL], M[s + V_CALLS]
    if first >= count or M[e + X_SFATE] != F_COMPLETED:
        todo(M, OP_BACK, x, 0, 0)
        return
    base = M[s + V_CALL]
    if not M[M[B_CLIENT] + (base + first) * W_CLIENT + K_PARALLEL]:
        M[e + X_CALL] = first + 1
        todo(M, OP_CALL, x, first, 0)
        return
    last, jobs = first, 0
    while last + 1 < count and M[M[B_CLIENT] + (base + last + 1) * W_CLIENT + K_PARALLEL]:
        last += 1
    for number in range(last, first - 1, -1):  # the stack turns them round
        copies = M[M[B_CLIENT] + (base + number) * W_CLIENT + K_COUNT]
        for copy in range(copies - 1, -1, -1):
            todo(M, OP_CALL, x, number, copy)
        jobs += copies
    M[e + X_CALL] = last + 1
    M[e + X_LEFT] = jobs


@inner
def answer(M, x):
    e = M[B_X] + x * W_X
    conn, server = M[e + X_CONN], server_of(M, x)
    M[e + X_FATE] = M[e + X_SFATE]
    if M[M[B_CONN] + conn * W_CONN + O_CLOSED]:
        todo(M, OP_POOL_RELEASE, server, M[e + X_WORKER], 0)
        return
    c = M[B_CLIENT] + client_of(M, x) * W_CLIENT
    size = M[c + K_RESPONSE] if M[e + X_SFATE] == F_COMPLETED else 0
    if size > M[H_SNDBUF]:  # more than the socket takes at once: the worker writes as the window opens
        t = begin_transfer(M, x, 1, size, T_ANSWER, TK_ANSWER)
        M[M[B_T] + t * W_T + T_THREAD] = worker_thread(M, server, M[e + X_WORKER])
        M[M[B_T] + t * W_T + T_WRITES] = 1
        M[M[B_CONN] + conn * W_CONN + O_WRITER] = t
        return
    cost = message_cost(M, x, M[ways_of(M, conn) + WA_REPLY], size, True)
    start_work(M, worker_thread(M, server, M[e + X_WORKER]), cost, TH_WRITE, x, size)


@inner
def alive(M, x):
    """The exchange's connection is not closed."""
    return M[M[B_CONN] + M[M[B_X] + x * W_X + X_CONN] * W_CONN + O_CLOSED] == 0


@inner
def send_reset(M, conn, key):
    """The server's kernel says that its end is gone."""
    route = M[ways_of(M, conn) + WA_REQUEST_ACK]
    u = new_unit(M, route, 0, key, M[M[B_CONN] + conn * W_CONN + O_HASH], UK_RESET, conn, 0, 0, 0)
    onward(M, u, M[H_NOW])


@inner
def broken(M, conn):
    """The client hears that the server's end is gone: a request fails, an idle connection is forgotten."""
    k = M[B_CONN] + conn * W_CONN
    if M[k + O_CLOSED]:
        return
    close(M, conn)
    if M[k + O_X] >= 0:
        todo(M, OP_END, M[k + O_X], F_RESET, 0)


@inner
def reaches_peer(M, t, size, code):
    """Whether the end that a unit of data came to is still there."""
    o = M[B_T] + t * W_T
    conn = M[o + T_CONN]
    peer = M[M[B_CONN] + conn * W_CONN + O_PEER]
    if M[o + T_BACK] or peer < PEER_RESET:
        return True
    if peer == PEER_RESET:
        send_reset(M, conn, fold_compiled(M[o + T_KEY], T_RESET, code))
    elif data_lost(M, t, size, code):
        todo(M, OP_END, M[o + T_X], unheard(M, t), 0)
    return False


@inner
def unit_dropped(M, u, refused):
    o = M[B_UNIT_] + u * W_UNIT
    kind, a, b, c = M[o + U_KIND], M[o + U_A], M[o + U_B], M[o + U_C]
    if kind == UK_SYN:
        if refused:
            todo(M, OP_END, a, F_NO_BACKEND, 0)
        else:
            syn_again(M, a, b)
    elif kind == UK_SYN_ACK:
        k = M[B_CONN] + M[M[B_X] + a * W_X + X_CONN] * W_CONN
        if M[k + O_SERVER] >= 0 and not M[k + O_CLOSED]:
            M[M[B_SERVER] + M[k + O_SERVER] * W_SERVER + V_WAITING] -= 1
            M[k + O_SERVER] = -1
        syn_again(M, a, b)
    elif kind == UK_DATA:
        if data_lost(M, a, b, c):
            todo(M, OP_END, M[M[B_T] + a * W_T + T_X], unheard(M, a), 0)
    elif kind == UK_DATAGRAM:
        M[M[B_STREAM] + a * W_STREAM + DG_LOST] += 1
    elif kind == UK_ACK:
        ack_lost(M, a, b, c)
    elif kind == UK_REFUSED:
        syn_again(M, a, b)
    free_unit(M, u)


@inner
def unit_arrived(M, u):
    o = M[B_UNIT_] + u * W_UNIT
    kind, a, b, c = M[o + U_KIND], M[o + U_A], M[o + U_B], M[o + U_C]
    if kind == UK_DATA:
        if not reaches_peer(M, a, b, c):
            pass
        elif data_arrived(M, a, b, c >> 6):
            let_go_of_worker(M, a)  # after all that follows from its arrival
            transferred(M, a, u)
    elif kind == UK_ACK:
        acked(M, a, b)
    elif kind == UK_DATAGRAM:
        M[M[B_STREAM] + a * W_STREAM + DG_ARRIVED] += 1
    elif kind == UK_SYN:
        syn_arrived(M, a, b, u)
    elif kind == UK_SYN_ACK:
        opened(M, a, u)
    elif kind == UK_RESET:
        broken(M, a)
    elif alive(M, a):
        todo(M, OP_END, a, F_REFUSED, 0)
    free_unit(M, u)
