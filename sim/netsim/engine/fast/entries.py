"""What Python calls besides the loop: starts, and the books at the end. Each takes the memory as an array."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

from netsim.compiled import at_address, entry, inner, pointer
from netsim.datapath.flows.boot import open_through
from netsim.engine.fast.bulk import end_flow, is_flow, queue_flow
from netsim.engine.fast.cores import kill_threads, settle_core, start_work
from netsim.engine.fast.exchange import server_of
from netsim.engine.fast.faults import stands_in
from netsim.engine.fast.layout import *
from netsim.engine.fast.links import front_at, memory_takes, settle_link
from netsim.engine.fast.loop import queue_arrival, short
from netsim.engine.fast.memory import (
    append,
    busy,
    drop_connection,
    drop_exchange,
    drop_transfer,
    dropped,
    fill_slice,
    give_back,
    pop_front,
    row,
)
from netsim.engine.fast.messages import reset_flow, send_reset
from netsim.engine.fast.ops import *
from netsim.engine.fast.plane import datagram
from netsim.engine.fast.requests import finished, forget_time_out, message_ended, think
from netsim.engine.fast.rings import settle_ring
from netsim.engine.fast.slots import spare_thread
from netsim.engine.fast.tcp import begin_windows, close, measured, new_transfer, start_transfer


@entry
def begin_user(memory, numbers, wl, user):
    """A user of a closed workload thinks before its first request."""
    think(pointer(memory), pointer(numbers), wl, user, 0, 0)


@entry
def begin_arrivals(memory, numbers, wl):
    """Queue the first request of an open workload."""
    queue_arrival(pointer(memory), pointer(numbers), wl, 0)


@entry
def begin_bulk(memory, wl, flow, when):
    """Queue the start of a flow of a bulk transfer."""
    queue_flow(pointer(memory), wl, flow, when)


@entry
def begin_stream(memory, stream):
    """A stream sends its first datagram."""
    datagram(pointer(memory), stream, 0)


@entry
def close_books(memory, links, rings, servers, cores):
    """Count what has left the stations, and what workers and cores are doing, until now."""
    M = pointer(memory)
    now = M[H_NOW]
    for link in range(links):
        settle_link(M, link, now)
    for ring in range(rings):
        settle_ring(M, M[B_RING] + ring * W_RING, now)
    for core in range(cores):
        settle_core(M, core)
    for server in range(servers):
        s = M[B_SERVER] + server * W_SERVER
        for worker in range(M[s + V_WORKERS]):
            z = M[B_POOL] + (M[s + V_POOL] + worker) * W_POOL
            if M[z + P_BUSY]:
                busy(M, M[s + V_STATION], M[z + P_SINCE], now)
    fill_slice(M)


@entry
def link_free_at(memory, link):
    """When a unit of a flow with nothing at a transmitter would be served there, if that is later than now."""
    M = pointer(memory)
    settle_link(M, link, M[H_NOW])
    return front_at(M, M[B_LINK] + link * W_LINK)


@entry
def look_at_links(memory, links, wire, found):
    """What a packet of so many bytes would meet now at each link: its wait, whether it finds no room, and bytes sent."""
    M = pointer(memory)
    now = M[H_NOW]
    for link in range(links):
        settle_link(M, link, now)
        k = M[B_LINK] + link * W_LINK
        if M[k + L_LIMITS] & LIMIT_SHARED:
            over = not memory_takes(M, k, now, wire)
        else:
            over = M[k + L_BUFFER] >= 0 and M[k + L_BYTES] + wire > M[k + L_BUFFER]
        full = M[k + L_RING] >= 0 and M[k + L_PACKETS] > 0 and M[k + L_PACKETS] + 1 > M[k + L_RING]
        found[3 * link] = max(0, front_at(M, k) - now)
        found[3 * link + 1] = 1 if over or full else 0
        found[3 * link + 2] = M[M[B_STATION] + M[k + L_STATION] * W_STATION + S_BYTES] - M[k + L_BYTES]


@entry
def end_threads(memory, node, server):
    """The threads of a task end, or all of a node (server -1)."""
    kill_threads(pointer(memory), node, server)


@entry
def compute(memory, server):
    """A thread of a task computes until its process ends, or the measured time does; see `netsim.engine.server.Server.compute`."""
    M = pointer(memory)
    th = spare_thread(M, server)
    start_work(M, th, M[H_DUR] - M[H_NOW], TH_COMPUTED, th, 0)


@entry
def end_pool(memory, server):
    """A task's requests in service and in its queue are lost, and no worker comes back."""
    M = pointer(memory)
    s, now = M[B_SERVER] + server * W_SERVER, M[H_NOW]
    for worker in range(M[s + V_WORKERS]):
        z = M[B_POOL] + (M[s + V_POOL] + worker) * W_POOL
        if M[z + P_BUSY]:
            busy(M, M[s + V_STATION], M[z + P_SINCE], now)
            dropped(M, M[s + V_STATION], now)
            M[z + P_BUSY] = 0
    M[s + V_FREE] = 0
    while M[s + V_HEAD] >= 0:
        x = M[pop_front(M, s + V_HEAD) + 1]
        dropped(M, M[s + V_STATION], now)
        drop_exchange(M, x)


@entry
def begin_pool(memory, server):
    """A task's process begins anew: all workers are free."""
    M = pointer(memory)
    s = M[B_SERVER] + server * W_SERVER
    M[s + V_LIFE] += 1
    M[s + V_FREE] = M[s + V_WORKERS]
    for place in range(M[s + V_WORKERS]):
        M[M[B_POOL] + (M[s + V_POOL] + place) * W_POOL + P_FREE] = M[s + V_WORKERS] - 1 - place


@entry
def end_client(memory, numbers, client, room, most_ended):
    """A client's process has ended. DONE; GROW or FULL: make room, then again."""
    M = pointer(memory)
    c = M[B_CLIENT] + client * W_CLIENT
    M[c + K_DEAD] |= 1
    slot = M[c + K_FREE]
    while slot >= 0:
        s = M[B_SLOT] + slot * W_SLOT
        if M[s + SL_CONN] >= 0:
            close(M, M[s + SL_CONN])
        slot = M[s + SL_NEXT]
    status = end_sockets(M, pointer(numbers), client, room, most_ended)
    if status != DONE:
        return status
    for x in range((M[B_XSPLIT] - M[B_X]) // W_X):
        e = M[B_X] + x * W_X
        if M[e + X_KIND] == DATAGRAM:
            continue
        if M[e + X_REFS] > 0 and M[e + X_CLIENT] == client and M[e + X_OVER] == 0:
            if short(M, room):
                return GROW
            if M[H_ENDED] + room > most_ended:
                return FULL
            if is_flow(M, x):
                end_flow(M, x, F_RESET)
            else:
                abandon(M, pointer(numbers), x)
    return DONE


@inner
def abandon(M, D, x):
    """Who waits for an exchange is gone, with its end of the connection."""
    e = M[B_X] + x * W_X
    c = M[B_CLIENT] + M[e + X_CLIENT] * W_CLIENT
    M[e + X_OVER] = 1
    if M[e + X_TIMED]:
        forget_time_out(M, M[c + K_FIFO], x)
    slot = M[e + X_SLOT]
    if slot >= 0:
        M[c + K_MADE] -= 1
        M[e + X_LEFT_SLOT] = slot
        conn = M[M[B_SLOT] + slot * W_SLOT + SL_CONN]
        if conn >= 0:
            M[M[B_CONN] + conn * W_CONN + O_X] = -1
            close(M, conn)
    r = M[e + X_R]
    o, now = M[B_R] + r * W_R, M[H_NOW]
    M[M[B_RSPLIT] + r * W_SPLIT + P_RETRY] += now - M[o + R_AT]
    M[o + R_AT] = now
    finished(M, D, r, F_RESET)
    drop_exchange(M, x)


@inner
def end_sockets(M, D, client, room, most_ended):
    """A client's sockets are closed: what they have not sent is lost, and their flows are nobody's."""
    for socket in range((M[B_SHARED] - M[B_SOCKET]) // W_SOCKET):
        k = M[B_SOCKET] + socket * W_SOCKET
        if M[k + SK_CLIENT] != client or M[k + SK_SLOT] < 0:
            continue
        while M[k + SK_HEAD] >= 0:
            if short(M, room):
                return GROW
            if M[H_ENDED] + room > most_ended:
                return FULL
            abandon(M, D, M[pop_front(M, k + SK_HEAD)])
        s = M[B_SLOT] + M[k + SK_SLOT] * W_SLOT
        if M[s + SL_CONN] >= 0:
            close(M, M[s + SL_CONN])
            drop_connection(M, M[s + SL_CONN])
        give_back(M, H_SLFREE, H_SLLEFT, B_SLOT, W_SLOT, M[k + SK_SLOT])
        M[k + SK_SLOT] = -1
        M[k + SK_LATENCY] = -1
    return DONE


@entry
def end_datagrams(memory, numbers, server, room, most_ended):
    """A task has ended: the datagrams that waited there, or that it was at work on, are lost. DONE; GROW or FULL: make room, then
    again."""
    M = pointer(memory)
    for x in range((M[B_XSPLIT] - M[B_X]) // W_X):
        e = M[B_X] + x * W_X
        if M[e + X_REFS] <= 0 or M[e + X_KIND] != DATAGRAM or not M[e + X_HELD] or M[e + X_OVER]:
            continue
        if server_of(M, x) == server:
            if short(M, room):
                return GROW
            if M[H_ENDED] + room > most_ended:
                return FULL
            abandon(M, pointer(numbers), x)
    return DONE


#: What happens to a task that its clients' connections have to hear of.
TERMS, ENDED, VANISHED = range(3)


@entry
def tell_clients(memory, server, what, first, room):
    """What the clients of a task meet from now on, connection by connection from row ``first`` on. The next row to
    look at when more room is needed, -1 at the end."""
    M = pointer(memory)
    for conn in range(first, (M[B_SLOT] - M[B_CONN]) // W_CONN):
        k = M[B_CONN] + conn * W_CONN
        if M[k + O_REFS] <= 0 or M[k + O_CLOSED] or M[k + O_SERVER] != server:
            continue
        if short(M, room):
            return conn
        peer, stage = M[k + O_PEER], M[k + O_STAGE]
        if what == VANISHED:
            M[k + O_PEER] = PEER_SILENT
        elif stage == STAGE_WRITTEN or (what == TERMS and stage == STAGE_SERVED):
            M[k + O_PEER] = PEER_CLOSING
        elif peer == PEER_ALIVE or (what == ENDED and peer == PEER_CLOSING):
            M[k + O_PEER] = PEER_RESET
            if stage != STAGE_IDLE:
                reset_flow(M, conn)
            send_reset(M, conn, M[k + O_KEY])
    return -1


@entry
def silence_cut(memory):
    """Connections whose client or target has lost its endpoint hear nothing more; if only a published port is elsewhere, what
    the client sends is answered with RST (`netsim.engine.endpoints.after_port`)."""
    M = pointer(memory)
    for conn in range((M[B_SLOT] - M[B_CONN]) // W_CONN):
        k = M[B_CONN] + conn * W_CONN
        if M[k + O_REFS] <= 0 or M[k + O_CLOSED] or M[k + O_FROM] >= 0:  # those of daemons are nobody's
            continue
        cut = M[M[B_CLIENT] + M[k + O_CLIENT] * W_CLIENT + K_CUT]
        if cut & CUT_PACKETS:
            M[k + O_PEER] = PEER_SILENT
        elif cut & CUT_PORT and M[k + O_PEER] == PEER_ALIVE:
            stage = M[k + O_STAGE]
            if stage == STAGE_SERVED:
                M[k + O_PEER] = PEER_SILENT
            else:
                M[k + O_PEER] = PEER_RESET if stage == STAGE_IDLE else PEER_CLOSING


@entry
def forget_connections(memory, node):
    """A node boots, by its number in the table of flows: see `netsim.engine.connection.Connection.forgotten`."""
    M = pointer(memory)
    for conn in range((M[B_SLOT] - M[B_CONN]) // W_CONN):
        k = M[B_CONN] + conn * W_CONN
        if M[k + O_REFS] <= 0 or M[k + O_CLOSED] or M[k + O_X] < 0 or M[k + O_FLOW] < 0:
            continue
        if M[k + O_PEER] < PEER_RESET and open_through(at_address(M[H_TABLE]), M[k + O_FLOW], node):
            M[k + O_PEER] = PEER_RESET if M[k + O_STAGE] == STAGE_IDLE else PEER_SILENT


@entry
def power_off(memory, node):
    """Units in a node and in its card are lost: those on their way, and what is counted in ring and transmitter."""
    M = pointer(memory)
    now = M[H_NOW]
    for o in range(M[B_EV], M[B_HEAP], W_EV):
        if M[o + EV_WHERE] == NOWHERE:
            continue
        if (M[o] == OP_LINK or M[o] == OP_SOFTIRQ or M[o] == OP_ARRIVED) and stands_in(M, M[o + 1], node):
            M[o] = OP_LOST
    n = M[B_NODE] + node * W_NODE
    M[n + N_DOWN] = 1
    for ring in range(M[n + N_RING], M[n + N_RING] + M[n + N_RINGS]):
        g = M[B_RING] + ring * W_RING
        settle_ring(M, g, now)
        while M[g + G_HEAD] >= 0:
            pop_front(M, g + G_HEAD)
            dropped(M, M[g + G_STATION], now)
        M[g + G_PACKETS] = 0


@entry
def lose_messages(memory, node):
    """A node has lost power: what it sends is lost, and it will not know of what is on its way to it."""
    M = pointer(memory)
    for conn in range((M[B_SLOT] - M[B_CONN]) // W_CONN):
        k = M[B_CONN] + conn * W_CONN
        if M[k + O_REFS] > 0 and not M[k + O_CLOSED]:
            if M[k + O_FROM] == node:
                message_ended(M, M[k + O_X], NEVER)
            elif M[k + O_TO] == node:
                M[k + O_PEER] = PEER_RESET


@entry
def begin_message(memory, way, src, dst, flow, key, srtt, size, number, watched, room):
    """A control message leaves over its daemons' connection. DONE; GROW: make room, then again."""
    M = pointer(memory)
    if short(M, room):
        return GROW
    x, conn = row(M, H_XFREE, H_XLEFT, B_X, W_X), row(M, H_CFREE, H_CLEFT, B_CONN, W_CONN)
    e, k = M[B_X] + x * W_X, M[B_CONN] + conn * W_CONN
    for i in range(e, e + W_X):
        M[i] = 0
    M[e + X_CLIENT] = -1
    M[e + X_SLOT] = -1
    M[e + X_LEFT_SLOT] = -1
    M[e + X_CONN] = conn
    M[e + X_NUMBER] = number
    M[e + X_WATCHED] = watched
    M[e + X_REFS] = 1
    for i in range(k, k + W_CONN):
        M[i] = 0
    M[k + O_WAYS] = way
    M[k + O_HASH] = flow
    M[k + O_LAST] = M[H_NOW]
    M[k + O_SERVER] = -1
    M[k + O_WRITER] = -1
    begin_windows(M, k, 0)
    measured(M, k, srtt)
    M[k + O_FLOW] = -1
    M[k + O_REFS] = 1
    M[k + O_X] = x
    M[k + O_FROM] = src
    M[k + O_TO] = dst
    t = new_transfer(M, conn, 0, size, key, TK_MESSAGE, x)
    M[M[B_T] + t * W_T + T_REFS] += 1
    start_transfer(M, t)
    drop_transfer(M, t)
    return DONE


@entry
def lost_message(memory, number):
    """A message is lost before it leaves."""
    append(pointer(memory), H_MSG, H_MSG_TAIL, number, NEVER, 0)


@entry
def next_outcome(memory, found):
    """Number and time of the first message that has ended. False if there is none."""
    M = pointer(memory)
    if M[H_MSG] < 0:
        return False
    q = pop_front(M, H_MSG)
    found[0] = M[q]
    found[1] = M[q + 1]
    return True


@entry
def clear_link(memory, link):
    """A transmitter has lost power: what waits is lost."""
    M = pointer(memory)
    k, now = M[B_LINK] + link * W_LINK, M[H_NOW]
    settle_link(M, link, now)
    while M[k + L_HEAD] >= 0:
        pop_front(M, k + L_HEAD)
        dropped(M, M[k + L_STATION], now)
    if M[k + L_NEWEST]:
        dropped(M, M[k + L_STATION], now)
        M[k + L_NEWEST] = 0
    if M[k + L_SHARED] >= 0:
        M[M[B_SHARED] + M[k + L_SHARED] * W_SHARED + SB_USED] -= M[k + L_BYTES]
    M[k + L_BYTES] = 0
    M[k + L_PACKETS] = 0
    M[k + L_FREE] = -NEVER
