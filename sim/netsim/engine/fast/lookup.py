"""A client asks DNS for a name: the compiled twin of netsim.engine.lookup."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

import numpy as np

from netsim.compiled import at_address, inner
from netsim.datapath.flows.names import count_offered, has_name, offered_place
from netsim.engine.fast.cores import new_thread, start_work
from netsim.engine.fast.exchange import client_of, thread_of
from netsim.engine.fast.layout import *
from netsim.engine.fast.memory import at, give_back, todo
from netsim.engine.fast.ops import *
from netsim.engine.fast.span import owe, worked
from netsim.engine.keys import fold_compiled, name_key
from netsim.engine.streams import _uniform

RECORD = name_key("dns")
RACE = name_key("dns race")
PER_RACE = 10**9


@inner
def records(M, c):
    """How many addresses a client's name has now, in the engine of its node (`netsim.engine.client.Client.records`)."""
    by = M[B_CLIENT] + M[c + K_ANSWER] * W_CLIENT
    if M[by + K_NAMES] < 0:
        return M[by + K_CANDS] if M[by + K_DNS] != DNS_ONE else min(1, M[by + K_CANDS])
    if M[by + K_DNS] == DNS_ONE:
        return has_name(at_address(M[H_TABLE]), M[by + K_NAMES], M[H_NOW])
    return count_offered(at_address(M[H_TABLE]), M[by + K_NAMES], M[by + K_CANDS], M[H_NOW])


@inner
def look_up(M, x):
    """The client asks DNS for the name."""
    c = M[B_CLIENT] + client_of(M, x) * W_CLIENT
    found = records(M, c)
    M[M[B_X] + x * W_X + X_LOOKING] = found + 1
    p = M[B_DNS] + M[c + K_DNS_COST] * W_DNS
    more = found > M[p + DC_OVER]
    cost = owe(M, x, P_DNS_QUERY, M[p + DC_QUERY] * (1 + more)) + owe(M, x, P_DNS_TCP, M[p + DC_TCP] * more)
    start_work(M, thread_of(M, x), cost, TH_LOOKUP, x, 0)


@inner
def raced(M, x):
    """How many tries of a look-up are lost before an answer comes; all of them if the name stays unknown."""
    p = M[B_DNS] + M[M[B_CLIENT] + client_of(M, x) * W_CLIENT + K_DNS_COST] * W_DNS
    if M[p + DC_RACE] == 0:
        return 0
    key, lost = M[M[B_X] + x * W_X + X_KEY] ^ M[H_BASE] ^ RACE, 0
    while lost < M[H_DNS_TRIES]:
        stream = fold_compiled(key, TAG_DRAW, lost)
        if _uniform(np.uint64(stream), np.uint64(0)) * PER_RACE >= M[p + DC_RACE]:
            break
        lost += 1
    return lost


@inner
def engine_asked(M, x):
    """The query is at the node's engine."""
    worked(M, x)
    e, c = M[B_X] + x * W_X, M[B_CLIENT] + client_of(M, x) * W_CLIENT
    p = M[B_DNS] + M[c + K_DNS_COST] * W_DNS
    th = new_thread(M, fold_compiled(M[e + X_KEY], TAG_LOOKUP, 1), M[c + K_NODE], -1, -1)
    found = M[e + X_LOOKING] - 1
    cost = (M[p + DC_ANSWER] + M[p + DC_RECORD] * found) * (1 + (found > M[p + DC_OVER]))
    start_work(M, th, owe(M, x, P_DNS_ANSWER, cost), TH_LOOKED_UP, x, th)


@inner
def engine_answered(M, x, th):
    """The engine has answered, or waits for the world outside."""
    worked(M, x)
    give_back(M, H_THFREE, H_THLEFT, B_TH, W_TH, th)
    p = M[B_DNS] + M[M[B_CLIENT] + client_of(M, x) * W_CLIENT + K_DNS_COST] * W_DNS
    found = M[M[B_X] + x * W_X + X_LOOKING] - 1
    outside = M[p + DC_UPSTREAM] if found else M[p + DC_ABSENT]
    wait = owe(M, x, P_WAKE, M[p + DC_WAKE] * (1 + (found > M[p + DC_OVER]))) + owe(M, x, P_OUTSIDE, outside)
    wait += owe(M, x, P_DNS_RETRY, raced(M, x) * M[H_DNS_RETRY])
    if wait == 0:
        todo(M, OP_ADDRESS, x, 0, 0)
        return
    key = fold_compiled(M[M[B_X] + x * W_X + X_KEY], TAG_LOOKUP, 0)
    at(M, M[H_NOW] + wait, FINISH, key, OP_ADDRESS, x, 0, 0)


@inner
def name_known(M, x):
    """The answer of a query made for an exchange, in random order, of which the client takes the first address. False: there
    is none."""
    e, c = M[B_X] + x * W_X, M[B_CLIENT] + client_of(M, x) * W_CLIENT
    M[c + K_BY] = M[c + K_ANSWER]
    by = M[B_CLIENT] + M[c + K_BY] * W_CLIENT
    found = records(M, c)
    M[c + K_RECORD] = 0
    if M[by + K_DNS] == DNS_PICK:
        stream = fold_compiled(M[e + X_KEY] ^ M[H_BASE] ^ RECORD, TAG_DRAW, 0)
        place = np.int64(_uniform(np.uint64(stream), np.uint64(0)) * found)
        if M[by + K_NAMES] >= 0:
            place = offered_place(at_address(M[H_TABLE]), M[by + K_NAMES], M[by + K_CANDS], place)
        M[c + K_RECORD] = place
    M[c + K_KNOWN] = M[H_NOW] + M[H_DNS_TTL] if found else -NEVER
    return found > 0
