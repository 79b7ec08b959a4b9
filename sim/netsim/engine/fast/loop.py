"""The event loop: events in their order, and what follows from each at the same time."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

import numpy as np
from numba import carray  # type: ignore[attr-defined]

from netsim.compiled import at_address, call_at, entry, inner, pointer
from netsim.datapath.flows.layout import NOBODY, T_LEFT
from netsim.engine.fast.bulk import is_flow, is_flow_unit
from netsim.engine.fast.connect import address, with_slot
from netsim.engine.fast.cores import back, core_end
from netsim.engine.fast.events import first, take, tune
from netsim.engine.fast.exchange import alive, client_of, forsaken, server_of
from netsim.engine.fast.handshake import NO_WAYS, choose, hindered, launch, syn
from netsim.engine.fast.layout import *
from netsim.engine.fast.links import link
from netsim.engine.fast.lookup import engine_answered, engine_asked
from netsim.engine.fast.memory import at, find_slice, give_back, let_go, put, todo, waited
from netsim.engine.fast.messages import (
    begin_transfer,
    let_go_of_worker,
    send_request,
    unit_arrived,
    unit_dropped,
)
from netsim.engine.fast.ops import *
from netsim.engine.fast.plane import datagram, spend, untold, visit_row
from netsim.engine.fast.recovery import acked, thinned, timer
from netsim.engine.fast.requests import attempt, end, finished, look_at, new_request, owner_ended, think
from netsim.engine.fast.rings import receive
from netsim.engine.fast.service import answer, next_calls, pool_acquire, pool_release, service_starts, waits
from netsim.engine.fast.slots import release_slot
from netsim.engine.fast.span import fill, worked
from netsim.engine.fast.tcp import paid, pump, start_transfer
from netsim.engine.keys import fold_compiled
from netsim.engine.streams import _draw
from netsim.workload.arrivals import grow_by as plain_grow_by

GONE_PS = 10**12
grow_by = inner(plain_grow_by)


@inner
def at_link(M, HIST, u, visit):
    """What happens most, apart from the rest: a function's way in grows with all that it may do. (Inside the loop itself it is no
    faster, and LLVM takes five times as long.)"""
    if M[H_TROUBLE]:
        goes_on = call_at(M[H_FAULTS], M, u, visit, 0) != 0
    else:
        goes_on = link(M, HIST, u, visit, 0)
        if M[H_GONE] > 0:
            thinned(M, u, H_GONE)
    if not goes_on:
        unit_dropped(M, u, False)


@inner
def at_station(M, HIST, op, a, b):
    """The same at rings and cores. False: ways have to be made, then the same again."""
    if op == OP_SOFTIRQ:
        return softirq_visit(M, HIST, a, b)
    if op == OP_DATAGRAM:
        datagram(M, a, b)
    else:
        core_end(M, HIST, a, b)
    return True


@inner
def do(M, D, HIST, op, a, b, c):
    """One operation that is not at a station. False: ways have to be made, then the same again."""
    if op == OP_ARRIVED:
        spend(M, a, P_WIRE, M[M[B_UNIT_] + a * W_UNIT + U_LAST])
        if is_flow_unit(M, a):
            call_at(M[H_BULK], M, op, a, b)
        else:
            unit_arrived(M, a)
    elif op == OP_TSTART:
        start_transfer(M, a)
    elif op == OP_ATTEMPT:
        attempt(M, a)
    elif op == OP_WITH_SLOT:
        return with_slot(M, a, b)
    elif op == OP_SEND:
        if is_flow(M, a):
            call_at(M[H_BULK], M, op, a, b)
        else:
            send_request(M, a)
    elif op == OP_SERVE:
        pool_acquire(M, server_of(M, a), a, OP_SRV_START)
    elif op == OP_SRV_START:
        waited_in_line(M, HIST, a, c)
        service_starts(M, D, a, b)
    elif op == TH_WORK:
        worked(M, a)
        waits(M, D, a)
    elif op == OP_WAITED:
        waited_for(M, a)
    elif op == OP_NEXT_CALLS:
        next_calls(M, a)
    elif op == OP_CALL:
        client = M[M[B_SERVER] + server_of(M, a) * W_SERVER + V_CALL] + b
        key = fold_compiled(M[M[B_X] + a * W_X + X_KEY], TAG_CALL, b * 1024 + c)
        new_request(M, client, key, a, b, c, -1, -1, 0)
    elif op == OP_BACK:
        if M[M[B_X] + a * W_X + X_WORKER] < 0:
            pool_acquire(M, server_of(M, a), a, OP_ANSWER)
        else:
            answer(M, a)
    elif op == OP_ANSWER:
        waited_in_line(M, HIST, a, c)
        fill(M, a, P_Q_WORKERS)
        answer(M, a)
    elif op == TH_WRITE:
        worked(M, a)
        M[M[B_CONN] + M[M[B_X] + a * W_X + X_CONN] * W_CONN + O_STAGE] = STAGE_WRITTEN
        begin_transfer(M, a, 1, b, TAG_ANSWER, TK_ANSWER)
        todo(M, OP_POOL_RELEASE, server_of(M, a), M[M[B_X] + a * W_X + X_WORKER], 0)
    elif op == OP_POOL_RELEASE:
        pool_release(M, a, b)
    elif op == TH_READ:
        worked(M, a)
        if alive(M, a):
            end(M, a, M[M[B_X] + a * W_X + X_FATE], 1)
    elif op == TH_SEND:
        worked(M, a)
        if alive(M, a):
            size = M[M[B_CLIENT] + client_of(M, a) * W_CLIENT + K_REQUEST]
            begin_transfer(M, a, 0, size, TAG_REQUEST, TK_REQUEST)
    elif op == OP_END:
        if is_flow(M, a):
            call_at(M[H_BULK], M, op, a, b)
        else:
            end(M, a, b, c)
    elif op == OP_RELEASE_SLOT:
        release_slot(M, a, b, c)
    elif op == OP_OWNER_ENDED:
        owner_ended(M, D, a, b)
    elif op == OP_WL_ARRIVE:
        arrival(M, D, a, b)
    elif op == OP_TIMEOUT:
        timed_out(M, a, b, c)
    else:
        return rare(M, D, HIST, op, a, b, c)
    return True


@inner
def waited_in_line(M, HIST, x, arrived):
    """A worker took an exchange that came to its pool then."""
    waited(M, HIST, M[M[B_SERVER] + server_of(M, x) * W_SERVER + V_STATION], arrived, M[H_NOW] - arrived)


@inner
def rare(M, D, HIST, op, a, b, c):
    """What happens seldom: handshakes, losses, retries."""
    if op == OP_SYN:
        return syn(M, a, b)
    if op == TH_SYN:
        launch(M, a, b, c)
    elif op == TH_LOOKUP:
        engine_asked(M, a)
    elif op == TH_LOOKED_UP:
        engine_answered(M, a, b)
    elif op == OP_ADDRESS:
        return address(M, a)
    elif op == OP_SYN_RETRY:
        if alive(M, a):
            fill(M, a, P_SYN_RETRY)
            M[M[B_X] + a * W_X + X_SENT] = M[H_NOW]
            todo(M, OP_SYN, a, b, 0)
    elif op == TH_HELLO:
        if b >= 0:
            worked(M, a)
        if b < 0 or alive(M, a):
            begin_transfer(M, a, 0, M[H_HELLO], TAG_HELLO, TK_HELLO)
    elif op == TH_SRV_TLS:
        worked(M, a)
        give_back(M, H_THFREE, H_THLEFT, B_TH, W_TH, b)
        begin_transfer(M, a, 1, M[H_HELLO_ANSWER], TAG_HELLO_ANSWER, TK_HELLO_ANSWER)
    elif op == TH_CLIENT_TLS:
        worked(M, a)
        if alive(M, a):
            todo(M, OP_SEND, a, 0, 0)
    elif op == OP_RTO:
        timer(M, a, b)
    elif op == OP_PACE:
        M[M[B_T] + a * W_T + T_WAITS] = 0
        pump(M, a, False)
    elif op == OP_ACKED:
        acked(M, a, b // 2, c, -1, b % 2)
    elif op == OP_RETRY:
        o = M[B_R] + a * W_R
        M[M[B_RSPLIT] + a * W_SPLIT + P_RETRY] += M[H_NOW] - M[o + R_AT]
        M[o + R_AT] = M[H_NOW]
        life = M[M[B_CLIENT] + M[o + R_CLIENT] * W_CLIENT + K_DEAD]
        if life & 1 or life != M[o + R_LIFE]:
            finished(M, D, a, F_RESET)
        else:
            attempt(M, a)
    elif op == TH_PAID:
        if paid(M, a, b):
            let_go_of_worker(M, a)
    elif op == TH_UNIT_READ:
        call_at(M[H_BULK], M, op, a, b)
    elif op == OP_FLOW:
        r = call_at(M[H_BULK], M, op, a, b)
        if r >= 0:
            count(M, r)
            M[H_OPEN] -= M[M[B_R] + r * W_R + R_COUNTED]  # nobody waits for it at the end of a run
    elif op == OP_ABORT:
        if not M[M[B_T] + a * W_T + T_SENDING]:
            let_go_of_worker(M, a)
    elif op == OP_LOST:
        untold(M, a)
        unit_dropped(M, a, False)
    elif op == TH_COMPUTED:
        give_back(M, H_THFREE, H_THLEFT, B_TH, W_TH, a)
    elif op == OP_REFUSED:
        end(M, a, b, 0)
    elif op in (OP_PUT, TH_PUT):
        return call_at(M[H_UDP], M, op, a, b) != 0
    elif op == OP_ENQUEUE:
        back(M, a, b)
    elif op == OP_USER_ASK:
        w = M[B_WL] + a * W_WL
        client = source(M, w, b)
        if M[M[B_CLIENT] + client * W_CLIENT + K_DEAD] & 1:
            think(M, D, a, b, c + 1, GONE_PS)
        else:
            key = fold_compiled(fold_compiled(M[w + WL_KEY], TAG_USER, b), TAG_ARRIVAL, c)
            count(M, new_request(M, client, key, -1, 0, 0, a, b, c))
    return True


@inner
def source(M, w, number):
    """The client by which a workload's request or user of this number comes."""
    return M[M[B_LIST] + M[w + WL_SOURCES] + number % M[w + WL_CLIENTS]]


@inner
def count(M, r):
    """Requests that start in the measured period are waited for at its end."""
    o = M[B_R] + r * W_R
    if 0 <= M[o + R_START] < M[H_DUR]:
        M[o + R_COUNTED] = 1
        M[o + R_SERIAL] = M[H_STARTED]
        M[H_STARTED] += 1
        M[H_OPEN] += 1


@inner
def next_arrival(M, pointed, wl, index):
    """When request ``index`` of an open workload starts; NEVER after its end."""
    w = M[B_WL] + wl * W_WL
    line = M[w + WL_LINE]
    points = int(pointed[line])
    gap = _draw(
        M[w + WL_GAP_KIND],
        1.0,
        pointed[M[w + WL_CV]],
        0.0,
        0.0,
        np.uint64(M[w + WL_GAP_KEY]),
        np.uint64(index),
    )
    D = carray(pointed, (line + 3 + 2 * points,))
    times, rates = D[line + 3 : line + 3 + points], D[line + 3 + points : line + 3 + 2 * points]
    segment, at_s, there = grow_by(times, rates, int(D[line + 1]), D[line + 2], gap)
    D[line + 1] = segment
    D[line + 2] = at_s
    if not there:
        return NEVER
    when = M[w + WL_BEGIN] + np.int64(np.rint(at_s * 1e12))
    return when if when < M[w + WL_END] else NEVER


@inner
def queue_arrival(M, D, wl, index):
    """Queue the start of request ``index``."""
    when = next_arrival(M, D, wl, index)
    if when < NEVER:
        key = fold_compiled(M[M[B_WL] + wl * W_WL + WL_KEY], TAG_ARRIVAL, index)
        at(M, when, ARRIVAL, key, OP_WL_ARRIVE, wl, index, 0)


@inner
def arrival(M, D, wl, index):
    w = M[B_WL] + wl * W_WL
    queue_arrival(M, D, wl, index + 1)
    if M[w + WL_SOCKETS] >= 0:
        r = call_at(M[H_UDP], M, OP_WL_ARRIVE, wl, index)
        if r >= 0:
            count(M, r)
        return
    key = fold_compiled(M[w + WL_KEY], TAG_ARRIVAL, index)
    client = source(M, w, index)
    if not M[M[B_CLIENT] + client * W_CLIENT + K_DEAD] & 1:
        count(M, new_request(M, client, key, -1, 0, 0, wl, -1, index))


@inner
def timed_out(M, fifo, due, key):
    """The event of a row of time-outs: its first one, if that was not given up meanwhile."""
    f = M[B_FIFO] + fifo * W_FIFO
    if due != M[f + F_TIME] or key != M[f + F_KEY]:
        return
    x = M[f + F_HEAD]
    M[f + F_TIME] = NEVER
    if x >= 0 and M[M[B_X] + x * W_X + X_DUE] == due and M[M[B_X] + x * W_X + X_DUE_KEY] == key:
        give_up(M, x)
    look_at(M, fifo)


@inner
def give_up(M, x):
    """The client's time is over."""
    e = M[B_X] + x * W_X
    fate = F_TIMEOUT
    if M[e + X_SLOT] >= 0:
        conn = M[M[B_SLOT] + M[e + X_SLOT] * W_SLOT + SL_CONN]
        if conn >= 0:
            k = M[B_CONN] + conn * W_CONN
            if M[k + O_SERVER] < 0:
                fate = hindered(M, k)
            if fate == F_TIMEOUT and M[k + O_LARGE]:
                fate = F_MTU
    end(M, x, fate, 0)


@inner
def waited_for(M, x):
    """The application's wait is over; a worker that is not held goes back to its pool."""
    if forsaken(M, x):
        return
    fill(M, x, P_APP_WAIT)
    todo(M, OP_NEXT_CALLS, x, 0, 0)
    server = server_of(M, x)
    s = M[B_SERVER] + server * W_SERVER
    if M[s + V_CALLS] and not M[s + V_BLOCKING]:
        todo(M, OP_POOL_RELEASE, server, M[M[B_X] + x * W_X + X_WORKER], 0)
        M[M[B_X] + x * W_X + X_WORKER] = -1


@inner
def softirq_visit(M, HIST, u, visit):
    o, v = M[B_UNIT_] + u * W_UNIT, M[B_VISIT] + visit
    if M[M[B_NODE] + M[v + V_WHERE] * W_NODE + N_DOWN]:
        untold(M, u)
        unit_dropped(M, u, False)
        return True
    if M[v + V_CHOOSES] and M[o + U_KIND] == UK_PUT:
        met = call_at(M[H_UDP], M, OP_SOFTIRQ, u, 0)
        if met == 0:
            return False
        if met < 0:
            M[H_VISITS] += 1
            unit_dropped(M, u, False)
            return True
        v = visit_row(M, M[B_ROUTE] + M[o + U_ROUTE] * W_ROUTE, M[o + U_AT])
    elif M[v + V_CHOOSES] and M[o + U_KIND] == UK_SYN:
        conn = M[M[B_X] + M[o + U_A] * W_X + X_CONN]
        k = M[B_CONN] + conn * W_CONN
        if not M[M[B_CLIENT] + M[k + O_CLIENT] * W_CLIENT + K_AT_SEND]:
            met = choose(M, conn)
            if met == NO_WAYS:
                return False
            if met < 0:
                M[H_VISITS] += 1
                unit_dropped(M, u, met == NOBODY)
                return True
            M[o + U_ROUTE] = M[M[B_WAYS] + M[k + O_WAYS] * W_WAYS + WA_SYN]
            v = visit_row(M, M[B_ROUTE] + M[o + U_ROUTE] * W_ROUTE, M[o + U_AT])
    M[H_VISITS] += 1
    if not receive(M, HIST, u, v):
        unit_dropped(M, u, False)
    return True


@entry
def advance(memory, numbers, histograms, until, room, most, most_ended):
    """Run events before ``until``, at most ``most``. Returns DONE (with what is left of ``most`` unused), GROW
    when less than ``room`` rows are left somewhere, FULL when ended requests have to be counted, or NEED_WAYS."""
    M, D, HIST = pointer(memory), pointer(numbers), pointer(histograms)
    M[H_UNTIL] = until
    sure = 0  # events that find room whatever they do
    while True:
        if M[H_TODO] > 0:
            M[H_TODO] -= 1
            o = M[B_TODO] + M[H_TODO] * W_TODO
        else:
            if M[H_WATCH]:
                M[H_WATCH] = 0
                return WATCHED
            e = first(M)
            if e < 0 or M[M[B_EV] + e * W_EV + EV_TIME] >= until:
                M[H_NOW] = max(M[H_NOW], until)
                return DONE
            if most == 0:
                return PAUSE
            if sure == 0:
                sure = least_left(M) // room
                if sure == 0:
                    return GROW
                sure = min(sure, (most_ended - M[H_ENDED]) // room)
                if sure == 0:
                    return FULL
                M[H_TUNE] -= sure
                if M[H_TUNE] <= 0:
                    tune(M)
                    continue
            most -= 1
            sure -= 1
            o = take(M, e)
            M[H_NOW] = M[o + EV_TIME]
            if M[H_NOW] >= M[H_SLICE_TO]:
                find_slice(M)
        op, a, b, c = M[o], M[o + 1], M[o + 2], M[o + 3]
        if op == OP_LINK:
            at_link(M, HIST, a, b)
        elif op <= OP_CORE_END:
            if not at_station(M, HIST, op, a, b):
                put(M, op, a, b, c)
                return NEED_WAYS
        elif do(M, D, HIST, op, a, b, c):
            let_go(M, op, a)
        else:
            put(M, op, a, b, c)
            return NEED_WAYS


@inner
def least_left(M):
    """The fewest free rows of any table."""
    least = min(M[H_ULEFT], M[H_QLEFT], M[H_EVLEFT], M[H_XLEFT], M[H_RLEFT])
    least = min(least, M[H_TLEFT], M[H_CLEFT], M[H_SLLEFT], M[H_THLEFT])
    return min(least, at_address(M[H_TABLE])[T_LEFT])


@inner
def short(M, room):
    """Whether some table is nearly full."""
    return least_left(M) < room
