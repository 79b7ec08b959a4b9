"""Cores: the compiled twin of netsim.engine.cpu. Softirq first, then threads in turns."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath import processors
from netsim.datapath.processors import QUOTA_PERIOD_PS, QUOTA_SLICE_PS
from netsim.engine.fast.layout import *
from netsim.engine.fast.memory import at, busy, came, dropped, give_back, hold, let_go, put, row, todo, waited
from netsim.engine.fast.ops import *
from netsim.engine.keys import fold_compiled

MILLION = 1_000_000
smt_loss = inner(processors.smt_loss)


@inner
def core_number(M, node, index):
    """The core of a machine on which a node's core is held: its own, or those of a hypervisor, counted round."""
    n = M[B_NODE] + node * W_NODE
    k = M[n + N_SHIFT] + index
    if k >= M[n + N_WRAP]:
        k -= M[n + N_WRAP]
    return M[n + N_CORE] + k


@inner
def core_row(M, node, index):
    return M[B_CORE] + core_number(M, node, index) * W_CORE


@inner
def softirq(M, node, index, cost):
    """Receive work arrives now; its start (its end is start + cost)."""
    o = core_row(M, node, index)
    start = max(M[H_NOW], M[o + C_SOFT])
    M[o + C_SOFT] = start + cost
    if M[o + C_THREAD] >= 0:
        M[o + C_END] += cost
    busy(M, M[o + C_STATION], start, start + cost)
    return start


@inner
def longer(cost, lost):
    """How long work takes at a speed of which so many millionths are lost."""
    rest = MILLION - lost
    return cost // rest * MILLION + cost % rest * MILLION // rest


@inner
def busy_cores(M, node):
    count = 0
    for index in range(M[M[B_NODE] + node * W_NODE + N_CORES]):
        o = core_row(M, node, index)
        count += M[o + C_THREAD] >= 0 or M[o + C_SOFT] > M[H_NOW]
    return count


@inner
def stretched(M, node, cost):
    """How long work that begins now takes on a machine that others use, too, or beside other hardware threads."""
    n = M[B_NODE] + node * W_NODE
    if M[n + N_SMT] > 0:
        cost = longer(
            cost, smt_loss(min(busy_cores(M, node) + 1, M[n + N_CORES]), M[n + N_CORES], M[n + N_SMT])
        )
    return cost if M[n + N_STEAL] == 0 else longer(cost, M[n + N_STEAL])


@inner
def new_thread(M, key, node, quota, server):
    th = row(M, H_THFREE, H_THLEFT, B_TH, W_TH)
    o = M[B_TH] + th * W_TH
    M[o + TH_KEY] = key
    M[o + TH_QUOTA] = quota
    M[o + TH_CORE] = -1
    M[o + TH_NODE] = node
    M[o + TH_SERVER] = server
    return th


@inner
def start_work(M, th, cost, kind, a, b):
    """Work of a thread on its node's cores, then the operation ``kind``; no work at all is done at once."""
    if cost == 0:
        todo(M, kind, a, b, 0)
        return
    hold(M, kind, a)
    o = M[B_TH] + th * W_TH
    cost = stretched(M, M[o + TH_NODE], cost)
    M[o + TH_REM] = cost
    M[o + TH_COST] = cost
    M[o + TH_SINCE] = M[H_NOW]
    M[o + TH_KIND] = kind
    M[o + TH_A] = a
    M[o + TH_B] = b
    node = M[o + TH_NODE]
    index = choose_core(M, node, M[o + TH_CORE])
    M[o + TH_CORE] = index
    core = core_number(M, node, index)
    came(M, M[M[B_CORE] + core * W_CORE + C_STATION])
    enqueue(M, core, th)


@inner
def back(M, core, th):
    """A throttled thread's next period has begun."""
    server = M[M[B_TH] + th * W_TH + TH_SERVER]
    if server >= 0 and M[M[B_SERVER] + server * W_SERVER + V_LIFE] & 1:
        dropped(M, M[M[B_CORE] + core * W_CORE + C_STATION], M[H_NOW])
        forget_work(M, th)
    else:
        enqueue(M, core, th)


@inner
def forget_work(M, th):
    """A thread's work will not be done: what held rows for it lets go."""
    t = M[B_TH] + th * W_TH
    kind, a = M[t + TH_KIND], M[t + TH_A]
    if kind in (TH_SRV_TLS, TH_LOOKED_UP, TH_COMPUTED):
        give_back(M, H_THFREE, H_THLEFT, B_TH, W_TH, th)
    let_go(M, kind, a)


@inner
def lose(M, core, th):
    """A thread ends before its work is done."""
    dropped(M, M[M[B_CORE] + core * W_CORE + C_STATION], M[H_NOW])
    forget_work(M, th)


@inner
def ran(M, o):
    """How much of its turn the running thread has had."""
    now = M[H_NOW]
    return M[o + C_GRANT] - min(M[o + C_GRANT], max(0, M[o + C_END] - max(now, M[o + C_SOFT])))


@inner
def settle_core(M, core):
    """Count the turn that is under way, at the end of a run."""
    o = M[B_CORE] + core * W_CORE
    if M[o + C_THREAD] >= 0:
        busy(M, M[o + C_STATION], M[H_NOW] - ran(M, o), M[H_NOW])


@inner
def killed(M, th, node, server):
    t = M[B_TH] + th * W_TH
    return M[t + TH_NODE] == node if server < 0 else M[t + TH_SERVER] == server


@inner
def kill_threads(M, node, server):
    """The threads of a task end where they are; without one (-1) all of the node's: its power is gone, and softirq's
    work with it. A core that others share ends what receive work it has taken up."""
    now = M[H_NOW]
    for index in range(M[M[B_NODE] + node * W_NODE + N_CORES]):
        o = core_row(M, node, index)
        core = (o - M[B_CORE]) // W_CORE
        th = M[o + C_THREAD]
        if th >= 0 and killed(M, th, node, server):
            busy(M, M[o + C_STATION], now - ran(M, o), now)
            lose(M, core, th)
            M[o + C_THREAD] = -1
            M[o + C_SERIAL] += 1
        waiting = M[o + C_LEN]
        following = M[o + C_HEAD]
        M[o + C_LEN] = 0
        for _ in range(waiting):
            th = following
            following = M[M[B_TH] + th * W_TH + TH_NEXT]
            if killed(M, th, node, server):
                lose(M, core, th)
            else:
                push_thread(M, o, th)
        if server < 0 and not M[M[B_NODE] + node * W_NODE + N_SHARED]:
            M[o + C_SOFT] = -NEVER
        elif M[o + C_THREAD] < 0:
            next_thread(M, core)


@inner
def choose_core(M, node, last):
    now = M[H_NOW]
    if last >= 0:
        o = core_row(M, node, last)
        if M[o + C_THREAD] < 0 and (M[o + C_SOFT] <= now or M[M[B_NODE] + node * W_NODE + N_RFS]):
            return last
    best, best_length = 0, 1 << 30
    for index in range(M[M[B_NODE] + node * W_NODE + N_CORES]):
        o = core_row(M, node, index)
        length = 0 if M[o + C_THREAD] < 0 else 2 * (1 + M[o + C_LEN])
        if M[o + C_SOFT] > now:
            length += 1
        if length < best_length:
            best, best_length = index, length
            if length == 0:
                break
    return best


@inner
def push_thread(M, o, th):
    M[M[B_TH] + th * W_TH + TH_NEXT] = -1
    if M[o + C_LEN] == 0:
        M[o + C_HEAD] = th
    else:
        M[M[B_TH] + M[o + C_TAIL] * W_TH + TH_NEXT] = th
    M[o + C_TAIL] = th
    M[o + C_LEN] += 1


@inner
def quantum(M, th):
    return max(1, M[M[B_NODE] + M[M[B_TH] + th * W_TH + TH_NODE] * W_NODE + N_QUANTUM])


@inner
def enqueue(M, core, th):
    o = M[B_CORE] + core * W_CORE
    push_thread(M, o, th)
    if M[o + C_THREAD] < 0:
        next_thread(M, core)
    else:
        shorten(M, core)


@inner
def queue_end(M, core):
    o = M[B_CORE] + core * W_CORE
    serial = M[o + C_SERIAL]
    at(
        M,
        M[o + C_END],
        FINISH,
        fold_compiled(M[o + C_KEY], TAG_CORE, serial),
        OP_CORE_END,
        core,
        serial,
        0,
    )


@inner
def shorten(M, core):
    """Somebody waits now: the running thread's turn ends with its time slice."""
    o = M[B_CORE] + core * W_CORE
    th = M[o + C_THREAD]
    left = M[o + C_END] - max(M[H_NOW], M[o + C_SOFT])
    turn = max(quantum(M, th), M[o + C_GRANT] - left)
    if turn >= M[o + C_GRANT]:
        return
    cut = M[o + C_GRANT] - turn
    M[o + C_GRANT] = turn
    M[o + C_END] -= cut
    q = M[M[B_TH] + th * W_TH + TH_QUOTA]
    if q >= 0:
        M[M[B_QUOTA] + q * W_QUOTA + Q_LEFT] += cut
    M[o + C_SERIAL] += 1
    queue_end(M, core)


@inner
def next_thread(M, core):
    o = M[B_CORE] + core * W_CORE
    now = M[H_NOW]
    M[o + C_THREAD] = -1
    while M[o + C_LEN] > 0:
        th = M[o + C_HEAD]
        t = M[B_TH] + th * W_TH
        M[o + C_HEAD] = M[t + TH_NEXT]
        M[o + C_LEN] -= 1
        grant = M[t + TH_REM]
        if M[o + C_LEN] > 0:
            grant = min(grant, quantum(M, th))
        q = M[t + TH_QUOTA]
        if q >= 0:
            z = M[B_QUOTA] + q * W_QUOTA
            period = now // QUOTA_PERIOD_PS
            if period != M[z + Q_PERIOD]:
                M[z + Q_PERIOD] = period
                M[z + Q_LEFT] = M[z + Q_BUDGET]
            grant = min(grant, M[z + Q_LEFT], QUOTA_SLICE_PS)
            if grant <= 0:
                back = (now // QUOTA_PERIOD_PS + 1) * QUOTA_PERIOD_PS
                key = fold_compiled(M[t + TH_KEY], TAG_THROTTLE, M[t + TH_CORE])
                at(M, back, FINISH, key, OP_ENQUEUE, core, th, 0)
                continue
            M[z + Q_LEFT] -= grant
        M[o + C_THREAD] = th
        M[o + C_GRANT] = grant
        M[o + C_END] = max(now, M[o + C_SOFT]) + grant
        M[o + C_SERIAL] += 1
        queue_end(M, core)
        return


@inner
def core_end(M, HIST, core, serial):
    o = M[B_CORE] + core * W_CORE
    if serial != M[o + C_SERIAL] or M[o + C_THREAD] < 0:
        return
    now = M[H_NOW]
    if now < M[o + C_END]:  # softirq took some of the time
        queue_end(M, core)
        return
    th = M[o + C_THREAD]
    t = M[B_TH] + th * W_TH
    M[t + TH_REM] -= M[o + C_GRANT]
    busy(M, M[o + C_STATION], now - M[o + C_GRANT], now)
    if M[t + TH_REM] > 0:
        push_thread(M, o, th)
        next_thread(M, core)
        return
    next_thread(M, core)
    cost, since, s = M[t + TH_COST], M[t + TH_SINCE], M[o + C_STATION]
    wait = now - since - cost
    waited(M, HIST, s, since, wait)
    M[M[B_STATION] + s * W_STATION + S_SERVED] += 1
    M[H_VISITS] += 1
    put(M, M[t + TH_KIND], M[t + TH_A], M[t + TH_B], wait)
