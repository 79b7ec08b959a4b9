"""Streams of datagrams: the compiled twin of netsim.engine.udp."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

from netsim.compiled import at_address, inner
from netsim.datapath.flows.datagrams import meet, pass_datagram
from netsim.datapath.flows.layout import FINE, UNKNOWN
from netsim.datapath.flows.names import is_offered
from netsim.datapath.udp import takes_compiled as takes
from netsim.engine.fast.connect import connect, not_out
from netsim.engine.fast.cores import start_work
from netsim.engine.fast.exchange import new_exchange
from netsim.engine.fast.handshake import NO_WAYS, balanced, hindered
from netsim.engine.fast.layout import *
from netsim.engine.fast.lookup import name_known
from netsim.engine.fast.memory import append, came, drop_connection, dropped, pop_front, todo
from netsim.engine.fast.ops import *
from netsim.engine.fast.plane import new_unit, onward, stage_cost, visit_row
from netsim.engine.fast.requests import end, request_row
from netsim.engine.fast.service import done_with
from netsim.engine.fast.slots import new_slot
from netsim.engine.fast.span import fill, owe, take, worked
from netsim.engine.fast.tcp import close, ways_of
from netsim.engine.keys import fold_compiled


@inner
def socket_of(M, x):
    """The row of the socket of a datagram."""
    return M[B_SOCKET] + M[M[B_X] + x * W_X + X_SOCKET] * W_SOCKET


@inner
def arrives(M, wl, index):
    """A datagram is made, and put into its socket. Its request, -1 if the socket's process is gone."""
    w = M[B_WL] + wl * W_WL
    socket = M[M[B_LIST] + M[w + WL_SOCKETS] + index % M[w + WL_FLOWS]]
    k = M[B_SOCKET] + socket * W_SOCKET
    if M[M[B_CLIENT] + M[k + SK_CLIENT] * W_CLIENT + K_DEAD] & 1:
        return -1
    key = fold_compiled(M[w + WL_KEY], TAG_ARRIVAL, index)
    r = request_row(M, M[k + SK_CLIENT], key, -1, 0, 0, wl, -1, index)
    M[M[B_R] + r * W_R + R_TRIES] = 1
    x = new_exchange(M, r, M[k + SK_CLIENT], key)
    e = M[B_X] + x * W_X
    M[e + X_KIND] = DATAGRAM
    M[e + X_SOCKET] = socket
    append(M, k + SK_HEAD, k + SK_TAIL, x, 0, 0)
    if M[k + SK_HEAD] == M[k + SK_TAIL]:
        todo(M, OP_PUT, x, 0, 0)
    return r


@inner
def following(M, k):
    """The socket's thread takes the next one."""
    pop_front(M, k + SK_HEAD)
    if M[k + SK_HEAD] >= 0:
        todo(M, OP_PUT, M[M[B_Q] + M[k + SK_HEAD] * W_Q], 0, 0)


@inner
def left(M, conn):
    """Whether the entry in front of the swarm uses a flow's node, or the port on it, for nothing new any more."""
    k = M[B_CONN] + conn * W_CONN
    c = M[B_CLIENT] + M[k + O_CLIENT] * W_CLIENT
    if M[c + K_WHO] >= 0:
        return False
    if M[c + K_VIAS] > 0:
        return not not_out(M, M[c + K_ENTRIES], M[k + O_VIA])
    if not M[c + K_HOST]:
        return False
    if M[c + K_NAMES] >= 0 and not is_offered(
        at_address(M[H_TABLE]), M[c + K_NAMES], M[k + O_CAND], M[H_NOW]
    ):
        return True
    return not not_out(M, M[c + K_ENTRIES], M[k + O_CAND])


@inner
def meets(M, conn):
    """A datagram passes the tables (`netsim.engine.balance.Choice.meet`); NO_WAYS if those to its back end have to be made first."""
    k, T = M[B_CONN] + conn * W_CONN, at_address(M[H_TABLE])
    if M[k + O_CLOSED]:
        return FINE
    found = meet(T, M[k + O_FLOW], M[H_NOW])
    if found == UNKNOWN:
        met = balanced(M, conn)
        if met != FINE:
            return met
        w = ways_of(M, conn)
        met = pass_datagram(T, M[k + O_FLOW], M[w + WA_NAMESPACES], M[w + WA_SPACE], M[H_NOW])
        M[k + O_MET] = met
        return UNKNOWN if met == FINE else met
    M[k + O_MET] = found
    return found


@inner
def balances(M, u):
    """A datagram comes to the node that balances it: 0 if ways have to be made first, -1 if it is dropped there, else 1."""
    o = M[B_UNIT_] + u * W_UNIT
    e = M[B_X] + M[o + U_A] * W_X
    k = M[B_CONN] + M[e + X_CONN] * W_CONN
    if M[M[B_CLIENT] + M[k + O_CLIENT] * W_CLIENT + K_AT_SEND]:
        return 1
    met = meets(M, M[e + X_CONN])
    if met == NO_WAYS:
        return 0
    if met < 0:
        M[o + U_C] = BY_TABLES
        return -1
    M[k + O_STAGE] = STAGE_SERVED
    M[e + X_WAYS] = M[k + O_WAYS]
    M[o + U_ROUTE] = M[ways_of(M, M[e + X_CONN]) + (WA_SYN if met == UNKNOWN else WA_REQUEST)]
    return 1


@inner
def opens(M, x):
    """A socket looks up its name, which takes no time, and makes a flow. False: ways have to be made, then again."""
    e, k = M[B_X] + x * W_X, socket_of(M, x)
    c, slot = M[B_CLIENT] + M[k + SK_CLIENT] * W_CLIENT, M[B_SLOT] + M[k + SK_SLOT] * W_SLOT
    if M[c + K_DNS] != DNS_NONE:
        cut = M[M[B_CLIENT] + M[c + K_ANSWER] * W_CLIENT + K_CUT]
        if cut & CUT_DNS or not name_known(M, x):
            end(M, x, F_DNS, 0)
            return True
    M[e + X_SLOT] = M[k + SK_SLOT]
    if not connect(M, x):
        return False
    M[e + X_SLOT] = -1
    if M[slot + SL_CONN] >= 0:
        o = M[B_CONN] + M[slot + SL_CONN] * W_CONN
        M[o + O_ACCEPTED] = 1
        M[o + O_X] = -1  # it belongs to all of them
    return True


@inner
def put(M, x):
    """The socket's thread takes a datagram. False: ways have to be made, then again."""
    e, k = M[B_X] + x * W_X, socket_of(M, x)
    fill(M, x, P_Q_CONN)
    if M[k + SK_SLOT] < 0:
        M[k + SK_SLOT] = new_slot(M, M[k + SK_CLIENT], M[k + SK_NUMBER])
    slot = M[B_SLOT] + M[k + SK_SLOT] * W_SLOT
    if M[slot + SL_CONN] >= 0 and left(M, M[slot + SL_CONN]):
        close(M, M[slot + SL_CONN])
        drop_connection(M, M[slot + SL_CONN])
        M[slot + SL_CONN] = -1
    if M[slot + SL_CONN] < 0:
        if not opens(M, x):
            return False
        if M[slot + SL_CONN] < 0:
            following(M, k)
            return True
    conn = M[slot + SL_CONN]
    o = M[B_CONN] + conn * W_CONN
    if M[e + X_CONN] < 0:
        M[e + X_CONN] = conn
        M[o + O_REFS] += 1
    way = WA_SYN if M[o + O_STAGE] == STAGE_IDLE else WA_REQUEST
    if M[M[B_CLIENT] + M[o + O_CLIENT] * W_CLIENT + K_AT_SEND]:
        met = meets(M, conn)
        if met == NO_WAYS:
            return False
        if met < 0:
            following(M, k)
            end(M, x, hindered(M, o), 0)
            return True
        M[o + O_STAGE] = STAGE_SERVED
        way = WA_SYN if met == UNKNOWN else WA_REQUEST
    M[e + X_WAYS] = M[o + O_WAYS]
    send(M, x, M[slot + SL_THREAD], M[ways_of(M, conn) + way])
    return True


@inner
def send(M, x, th, route):
    """The system call of a thread; the outside has none."""
    if th < 0:
        leave(M, x, route)
        return
    r, size = M[B_ROUTE] + route * W_ROUTE, M[socket_of(M, x) + SK_BYTES]
    packets, cost = max(1, -(-size // M[r + RO_MSS])), 0
    for g in range(M[r + RO_SEND], M[r + RO_SEND] + M[r + RO_SENDS]):
        cost += owe(M, x, M[M[B_STAGE] + g * W_STAGE + SG_ID], stage_cost(M, g, size, packets))
    start_work(M, th, cost, TH_PUT, x, route)


@inner
def leave(M, x, route):
    """Out of the socket, and on to the next one."""
    e, k = M[B_X] + x * W_X, socket_of(M, x)
    worked(M, x)
    key = fold_compiled(M[e + X_KEY], TAG_UNIT, 0)
    u = new_unit(
        M, route, M[k + SK_BYTES], key, M[M[B_CONN] + M[e + X_CONN] * W_CONN + O_HASH], UK_PUT, x, 0, 0, 1
    )
    onward(M, u, M[H_NOW])
    following(M, k)


@inner
def received(M, u):
    """A datagram is at the receiver's socket. The outside is done with it at once."""
    x = M[M[B_UNIT_] + u * W_UNIT + U_A]
    e = M[B_X] + x * W_X
    o, w = M[B_CONN] + M[e + X_CONN] * W_CONN, M[B_WAYS] + M[e + X_WAYS] * W_WAYS
    take(M, x, M[B_USPLIT] + u * W_SPLIT, P_Q_OTHER)
    by, server = M[B_CLIENT] + M[o + O_CLIENT] * W_CLIENT, M[w + WA_SERVER]
    s = M[B_SERVER] + server * W_SERVER
    silent = server >= 0 and M[s + V_SILENT] and not M[by + K_AT_NODE]
    if silent or M[by + K_CUT] & CUT_PACKETS:
        end(M, x, F_TIMEOUT, 0)
        return
    if server < 0:
        done_with(M, x, F_COMPLETED)
        return
    elsewhere = M[M[B_CLIENT] + M[e + X_CLIENT] * W_CLIENT + K_BY] != M[o + O_CLIENT]
    if not M[s + V_LISTENS] or (M[by + K_CUT] & CUT_PORT and not elsewhere):
        end(M, x, F_REFUSED, 0)
        return
    k = socket_of(M, x)
    size = M[k + SK_BY_CARD] if M[w + WA_CARD] else M[k + SK_TRUESIZE]
    if takes(M[s + V_BUFFERED], size, M[s + V_BUFFER], M[s + V_FIT]):
        M[s + V_BUFFERED] += size
        M[e + X_CHARGED] = size
        M[e + X_HELD] = M[s + V_LIFE] + 1
        todo(M, OP_SERVE, x, 0, 0)
    else:
        came(M, M[s + V_STATION])
        dropped(M, M[s + V_STATION], M[H_NOW])
        end(M, x, F_BUFFER, 0)


@inner
def lost(M, u):
    """It was dropped at a station, the tables did not take it, or nobody was there."""
    q = M[B_UNIT_] + u * W_UNIT
    x = M[q + U_A]
    if M[q + U_C] == BY_NOBODY:
        fate = F_TIMEOUT
    elif M[q + U_C] == BY_TABLES:
        fate = hindered(M, M[B_CONN] + M[M[B_X] + x * W_X + X_CONN] * W_CONN)
    else:
        v = visit_row(M, M[B_ROUTE] + M[q + U_ROUTE] * W_ROUTE, M[q + U_AT])
        if M[v + V_CONTEXT] == LINK:
            fate = F_QUEUE
        elif M[q + U_PAYLOAD] > M[v + V_MOST]:
            fate = F_MTU
        else:
            fate = F_RING
    end(M, x, fate, 0)
