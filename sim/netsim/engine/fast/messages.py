"""Units arrive or are lost, and what follows when a whole message is there."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

from netsim.compiled import at_address, call_at, inner
from netsim.datapath.flows.steps import reset, use
from netsim.engine.fast.cores import start_work
from netsim.engine.fast.exchange import alive, client_of, forsaken, server_of, thread_of
from netsim.engine.fast.handshake import opened, syn_again, syn_arrived
from netsim.engine.fast.layout import *
from netsim.engine.fast.memory import drop_transfer, todo
from netsim.engine.fast.ops import *
from netsim.engine.fast.plane import free_unit, new_unit, onward, stage_cost
from netsim.engine.fast.recovery import ack_lost, acked, data_lost, unheard
from netsim.engine.fast.requests import message_ended
from netsim.engine.fast.slots import spare_thread
from netsim.engine.fast.smallqueue import dropped_inside
from netsim.engine.fast.span import message_cost, owe, take
from netsim.engine.fast.tcp import close, data_arrived, new_transfer, ways_of
from netsim.engine.keys import fold_compiled


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
    if not forsaken(M, x):
        todo(M, OP_POOL_RELEASE, server, M[M[B_X] + x * W_X + X_WORKER], 0)
    drop_transfer(M, t)


@inner
def send_request(M, x):
    c = M[B_CLIENT] + client_of(M, x) * W_CLIENT
    th = thread_of(M, x)
    if th < 0:
        begin_transfer(M, x, 0, M[c + K_REQUEST], TAG_REQUEST, TK_REQUEST)
        return
    if M[c + K_REQUEST] > M[H_SNDBUF]:
        t = begin_transfer(M, x, 0, M[c + K_REQUEST], TAG_REQUEST, TK_REQUEST)
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
    x, kind, conn, split = M[o + T_X], M[o + T_KIND], M[o + T_CONN], M[B_USPLIT] + u * W_SPLIT
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
            begin_transfer(M, x, 1, M[c + K_RESPONSE], TAG_ANSWER, TK_ANSWER)
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
            begin_transfer(M, x, 1, M[H_HELLO_ANSWER], TAG_HELLO_ANSWER, TK_HELLO_ANSWER)
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
def reset_flow(M, conn):
    """The tables on the way see the server's RST."""
    flow = M[M[B_CONN] + conn * W_CONN + O_FLOW]
    if flow >= 0 and not M[M[B_CONN] + conn * W_CONN + O_CLOSED]:
        reset(at_address(M[H_TABLE]), flow, M[H_NOW])


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
def reaches_peer(M, t, size, code, sent):
    """Whether the end that a unit of data came to is still there."""
    o = M[B_T] + t * W_T
    conn = M[o + T_CONN]
    peer = M[M[B_CONN] + conn * W_CONN + O_PEER]
    if M[o + T_BACK] or peer < PEER_RESET:
        return True
    if peer == PEER_RESET:
        reset_flow(M, conn)
        send_reset(M, conn, fold_compiled(M[o + T_KEY], TAG_RESET, code))
    elif data_lost(M, t, size, code, sent):
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
        if M[o + U_SPLIT] == SPLIT_QUEUED:
            dropped_inside(M, u)
        if data_lost(M, a, b, c, M[o + U_SENT]):
            todo(M, OP_END, M[M[B_T] + a * W_T + T_X], unheard(M, a), 0)
    elif kind == UK_DATAGRAM:
        M[M[B_STREAM] + a * W_STREAM + DG_LOST] += 1
    elif kind == UK_ACK:
        ack_lost(M, a, b, c, M[o + U_SENT])
    elif kind == UK_PUT:
        call_at(M[H_UDP], M, OP_LOST, u, 0)
    elif kind == UK_REFUSED:
        syn_again(M, a, b)
    free_unit(M, u)


@inner
def unit_arrived(M, u):
    o = M[B_UNIT_] + u * W_UNIT
    kind, a, b, c = M[o + U_KIND], M[o + U_A], M[o + U_B], M[o + U_C]
    if kind == UK_DATA:
        if not reaches_peer(M, a, b, c, M[o + U_SENT]):
            pass
        elif data_arrived(M, a, b, c, M[o + U_SENT]):
            let_go_of_worker(M, a)  # after all that follows from its arrival
            transferred(M, a, u)
    elif kind == UK_ACK:
        acked(M, a, b, M[o + U_SENT], M[H_NOW] - M[o + U_SENT], c & 63 > 0)
    elif kind == UK_DATAGRAM:
        M[M[B_STREAM] + a * W_STREAM + DG_ARRIVED] += 1
    elif kind == UK_SYN:
        syn_arrived(M, a, b, u)
    elif kind == UK_SYN_ACK:
        opened(M, a, u)
    elif kind == UK_RESET:
        broken(M, a)
    elif kind == UK_PUT:
        call_at(M[H_UDP], M, OP_ARRIVED, u, 0)
    elif alive(M, a):
        todo(M, OP_END, a, F_REFUSED, 0)
    free_unit(M, u)
