"""What a transfer has in its own host's queues, as far as the card (TCP small queues): the compiled twin of netsim.engine.smallqueue."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.congestion import steps
from netsim.engine.fast.layout import *
from netsim.engine.fast.memory import append, at, pop_front
from netsim.engine.fast.ops import *
from netsim.engine.keys import fold_compiled


@inner
def wait(M, t, until):
    """It is not time for the next unit."""
    o = M[B_T] + t * W_T
    if not M[o + T_WAITS]:
        M[o + T_WAITS] = 1
        M[o + T_WAITED] += 1
        at(M, until, TIMEOUT, fold_compiled(M[o + T_KEY], TAG_PACE, M[o + T_WAITED]), OP_PACE, t, 0, 0)


@inner
def unstick(M, t, when):
    """The sender need not wait for a unit to get to its card any more."""
    o = M[B_T] + t * W_T
    if M[o + T_STUCK]:
        M[o + T_STUCK] = 0
        wait(M, t, when)


@inner
def throttled(M, t, f, size, mss):
    """Whether so much is in the own host's queues that a unit of ``size`` bytes waits until some has left (TCP small
    queues). What is sent again may find twice as much there (tcp_xmit_retransmit_queue)."""
    o = M[B_T] + t * W_T
    while M[o + T_LEAVING] >= 0 and M[M[B_Q] + M[o + T_LEAVING] * W_Q] <= M[H_NOW]:
        q = pop_front(M, o + T_LEAVING)
        M[o + T_QUEUED] -= M[q + 1]
    limit = steps.queue_limit(M, f, size, mss, M[o + T_SMALL]) << (1 if M[o + T_LOST] >= 0 else 0)
    if M[o + T_QUEUED] <= limit:
        return False
    left, until, q = M[o + T_QUEUED], M[H_NOW] + 1, M[o + T_LEAVING]
    while q >= 0:
        left -= M[M[B_Q] + q * W_Q + 1]
        until = max(until, M[M[B_Q] + q * W_Q])
        if left <= limit:
            wait(M, t, until)
            return True
        q = M[M[B_Q] + q * W_Q + 3]
    M[o + T_STUCK] = 1  # what has not got to the card yet has to leave, too
    return True


@inner
def leaves(M, u, when):
    """A unit is in its sender's card's queue, and will have left by then."""
    o = M[B_UNIT_] + u * W_UNIT
    t = M[o + U_A]
    k = M[B_T] + t * W_T
    M[o + U_SPLIT] = 1
    append(M, k + T_LEAVING, k + T_LEAVING_TAIL, when, M[o + U_B], 0)
    unstick(M, t, when)


@inner
def dropped_inside(M, u):
    """A unit got no further than its sender's card."""
    o = M[B_UNIT_] + u * W_UNIT
    t = M[o + U_A]
    M[M[B_T] + t * W_T + T_QUEUED] -= M[o + U_B]
    unstick(M, t, M[H_NOW] + 1)
