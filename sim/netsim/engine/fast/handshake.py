"""SYN and its answer, through the tables: the compiled twin of netsim.engine.connection and balance."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

from netsim.compiled import at_address, inner
from netsim.datapath.flows.layout import FINE, GONE, NO_TUPLE, NOBODY
from netsim.datapath.flows.layout import FULL as TABLE_FULL
from netsim.datapath.flows.steps import answered, pass_tables
from netsim.datapath.flows.steps import choose as choose_destination
from netsim.datapath.flows.steps import refused as refuse_flow
from netsim.engine.fast.connect import enters_anew, need
from netsim.engine.fast.cores import start_work
from netsim.engine.fast.exchange import client_of, thread_of
from netsim.engine.fast.layout import *
from netsim.engine.fast.memory import at, todo
from netsim.engine.fast.ops import *
from netsim.engine.fast.plane import new_unit, onward, stage_cost
from netsim.engine.fast.span import message_cost, take
from netsim.engine.fast.tcp import measured, ways_of
from netsim.engine.keys import fold_compiled

NO_WAYS = -9  # ways to a back end have to be made first


@inner
def choose(M, conn):
    """A SYN passes the tables: FINE, NO_WAYS if those to its back end have to be made first, or what it met
    (`netsim.engine.balance.Choice.choose`)."""
    if M[M[B_CONN] + conn * W_CONN + O_CLOSED]:
        return FINE
    met = balanced(M, conn)
    if met != FINE:
        return met
    k, w = M[B_CONN] + conn * W_CONN, ways_of(M, conn)
    met = pass_tables(at_address(M[H_TABLE]), M[k + O_FLOW], M[w + WA_NAMESPACES], M[w + WA_SPACE], M[H_NOW])
    M[k + O_MET] = met
    return met


@inner
def balanced(M, conn):
    """The balancer chooses, if there is one, and the ways are known: FINE, NO_WAYS, or what it met."""
    k = M[B_CONN] + conn * W_CONN
    c = M[B_CLIENT] + M[k + O_CLIENT] * W_CLIENT
    T = at_address(M[H_TABLE])
    if M[c + K_BALANCED]:
        place = choose_destination(T, M[k + O_FLOW], M[H_NOW])
        if place < 0:
            M[k + O_MET] = place
            return place
        ways = need(M, M[k + O_CLIENT], M[k + O_VIA], place)
        if ways < 0:
            return NO_WAYS
        M[k + O_WAYS] = ways
    return FINE


@inner
def hindered(M, k):
    """The fate of a connection that could not be opened."""
    met = M[k + O_MET]
    if met in (NOBODY, GONE):
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
    k = M[B_CONN] + conn * W_CONN
    if M[k + O_CLOSED]:
        return True
    c = M[B_CLIENT] + M[k + O_CLIENT] * W_CLIENT
    if number > 0 and M[H_ENTRY_HOLDER] and M[k + O_FLOW] >= 0:
        if not enters_anew(M, x, conn, c):
            return False
        if M[k + O_FLOW] < 0:
            todo(M, OP_END, x, F_PORTS, 0)
            return True
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
    key = fold_compiled(M[e + X_KEY], TAG_SYN, number)
    u = new_unit(M, route, 0, key, M[M[B_CONN] + conn * W_CONN + O_HASH], UK_SYN, x, number, 0, 1)
    if thread_of(M, x) >= 0:
        p, r = M[B_USPLIT] + u * W_SPLIT, M[B_ROUTE] + route * W_ROUTE
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
    key = fold_compiled(M[e + X_KEY], TAG_RETRY, number)
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
    by = M[k + O_CLIENT]
    cut = M[M[B_CLIENT] + by * W_CLIENT + K_CUT]
    if cut & CUT_PACKETS:
        syn_again(M, x, number)
        return
    if server >= 0:
        s = M[B_SERVER] + server * W_SERVER
        if M[s + V_SILENT] and not M[M[B_CLIENT] + by * W_CLIENT + K_AT_NODE]:
            syn_again(M, x, number)
            return
        elsewhere = (
            M[M[B_CLIENT] + client_of(M, x) * W_CLIENT + K_BY] != by
        )  # ports that are there now are found
        if not M[s + V_LISTENS] or (cut & CUT_PORT and not elsewhere):
            refuse_flow(at_address(M[H_TABLE]), M[k + O_FLOW], M[H_NOW])
            key = fold_compiled(M[e + X_KEY], TAG_SYN_ACK, number)
            refusal = new_unit(M, M[w + WA_SYN_ACK], 0, key, M[k + O_HASH], UK_REFUSED, x, number, 0, 0)
            onward(M, refusal, M[H_NOW])
            return
        if M[s + V_WAITING] >= M[s + V_BACKLOG]:
            M[k + O_FULL] = 1
            syn_again(M, x, number)
            return
        M[s + V_WAITING] += 1
        M[k + O_LIFE] = M[s + V_LIFE]
    M[k + O_SERVER] = server
    M[k + O_PEER] = PEER_ALIVE
    answered(at_address(M[H_TABLE]), M[k + O_FLOW], M[H_NOW])
    key = fold_compiled(M[e + X_KEY], TAG_SYN_ACK, number)
    v = new_unit(M, M[w + WA_SYN_ACK], 0, key, M[k + O_HASH], UK_SYN_ACK, x, number, 0, 1)
    p, q = M[B_USPLIT] + u * W_SPLIT, M[B_USPLIT] + v * W_SPLIT
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
    take(M, x, M[B_USPLIT] + u * W_SPLIT, P_Q_CPU)
    measured(M, k, M[H_NOW] - M[e + X_SENT])
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
