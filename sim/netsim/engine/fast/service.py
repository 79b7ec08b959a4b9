"""Workers of a service, its work and its calls: the compiled twin of netsim.engine.server and workers."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

from netsim.compiled import inner
from netsim.engine.fast.cores import new_thread, start_work
from netsim.engine.fast.exchange import client_of, draw, server_of
from netsim.engine.fast.layout import *
from netsim.engine.fast.memory import append, at, busy, came, drop_exchange, pop_front, todo
from netsim.engine.fast.messages import begin_transfer, record_cost
from netsim.engine.fast.ops import *
from netsim.engine.fast.requests import end
from netsim.engine.fast.span import fill, message_cost, owe
from netsim.engine.fast.tcp import ways_of
from netsim.engine.keys import fold_compiled


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
def worker_thread(M, server, worker):
    s = M[B_SERVER] + server * W_SERVER
    z = M[B_POOL] + (M[s + V_POOL] + worker) * W_POOL
    if M[z + P_THREAD] < 0:
        M[z + P_THREAD] = new_thread(
            M, fold_compiled(M[s + V_KEY], TAG_WORKER, worker), M[s + V_NODE], M[s + V_QUOTA], server
        )
    return M[z + P_THREAD]


@inner
def service_starts(M, D, x, worker):
    e = M[B_X] + x * W_X
    conn, server = M[e + X_CONN], server_of(M, x)
    s, k = M[B_SERVER] + server * W_SERVER, M[B_CONN] + conn * W_CONN
    c = M[B_CLIENT] + client_of(M, x) * W_CLIENT
    fill(M, x, P_Q_WORKERS)
    if M[e + X_KIND] == DATAGRAM:
        M[s + V_BUFFERED] -= M[e + X_CHARGED]
    if not M[k + O_ACCEPTED]:
        M[k + O_ACCEPTED] = 1
        M[s + V_WAITING] -= 1
    w = M[B_WAYS] + M[e + X_WAYS] * W_WAYS if M[e + X_KIND] == DATAGRAM else ways_of(M, conn)
    cost = message_cost(M, x, M[w + WA_REQUEST], M[c + K_REQUEST], False)
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
        at(M, M[H_NOW] + wait, FINISH, fold_compiled(M[e + X_KEY], TAG_WAIT, 0), OP_WAITED, x, 0, 0)


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
def done_with(M, x, fate):
    """Its receiver is done with a datagram."""
    e = M[B_X] + x * W_X
    r, k = M[B_R] + M[e + X_R] * W_R, M[B_SOCKET] + M[e + X_SOCKET] * W_SOCKET
    if fate == F_COMPLETED and M[r + R_COUNTED]:
        latency = M[H_NOW] - M[r + R_START]
        if M[k + SK_LATENCY] >= 0:
            w = M[B_WL] + M[r + R_WL] * W_WL
            M[w + WL_JITTER] += abs(latency - M[k + SK_LATENCY])
            M[w + WL_JITTERS] += 1
        M[k + SK_LATENCY] = latency
    end(M, x, fate, 0)


@inner
def answer(M, x):
    e = M[B_X] + x * W_X
    conn, server = M[e + X_CONN], server_of(M, x)
    M[e + X_FATE] = M[e + X_SFATE]
    if M[e + X_KIND] == DATAGRAM:
        todo(M, OP_POOL_RELEASE, server, M[e + X_WORKER], 0)
        done_with(M, x, M[e + X_SFATE])
        return
    if M[M[B_CONN] + conn * W_CONN + O_CLOSED]:
        todo(M, OP_POOL_RELEASE, server, M[e + X_WORKER], 0)
        return
    c = M[B_CLIENT] + client_of(M, x) * W_CLIENT
    size = M[c + K_RESPONSE] if M[e + X_SFATE] == F_COMPLETED else 0
    if size > M[H_SNDBUF]:  # more than the socket takes at once: the worker writes as the window opens
        t = begin_transfer(M, x, 1, size, TAG_ANSWER, TK_ANSWER)
        M[M[B_T] + t * W_T + T_THREAD] = worker_thread(M, server, M[e + X_WORKER])
        M[M[B_T] + t * W_T + T_WRITES] = 1
        M[M[B_T] + t * W_T + T_REFS] += 1  # the connection names it, even while nothing of it is on its way
        M[M[B_CONN] + conn * W_CONN + O_WRITER] = t
        return
    cost = message_cost(M, x, M[ways_of(M, conn) + WA_REPLY], size, True)
    start_work(M, worker_thread(M, server, M[e + X_WORKER]), cost, TH_WRITE, x, size)
