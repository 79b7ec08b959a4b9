"""Where everything stands in the engine's memory: one array of integers, cut into tables of rows.

``M[M[B_TABLE] + row * W_TABLE + COLUMN]``: the first ``HEADER`` cells hold counters and the tables' bases, so
that tables can grow between events. Names: H_ header cells, B_ bases, W_ widths; columns by their table.
"""

from __future__ import annotations

from netsim.datapath.congestion.layout import W_CC
from netsim.datapath.gro import TURNS
from netsim.engine.parts import NS
from netsim.engine.tally import E_BYTES as E_BYTES
from netsim.engine.tally import E_FATE as E_FATE
from netsim.engine.tally import E_FINISH as E_FINISH
from netsim.engine.tally import E_SERIAL as E_SERIAL
from netsim.engine.tally import E_START as E_START
from netsim.engine.tally import E_TRIES as E_TRIES
from netsim.engine.tally import E_WL as E_WL
from netsim.engine.tally import W_ENDED as W_ENDED

HEADER = 128
LINE = 8  # numbers in a cache line; every table begins with one, and so do the rows of those that events look at most


def _count(start: int, names: str) -> dict[str, int]:
    return {name: start + i for i, name in enumerate(names.split())}


# Header cells
(
    H_NOW, H_EVENTS, H_EVFREE, H_VISITS, H_UFREE, H_QFREE, H_XFREE, H_RFREE, H_TFREE, H_CFREE, H_SLFREE, H_THFREE, H_TODO,
    H_DUR, H_SLICE, H_SLICES, H_OPEN, H_BASE, H_NEED_CLIENT, H_NEED_VIA, H_NEED_CAND, H_ENTRY_KIND, H_ENTRY_TURN,
    H_ENTRY_KEY, H_ENTRY_DRAWS, H_IW, H_UNIT, H_WINDOW, H_SNDBUF, H_RTO_MIN,
    H_RTO_MAX, H_SYN_TIMEOUT, H_SYN_RETRIES, H_RETRIES2, H_DUPACKS, H_HELLO, H_HELLO_ANSWER, H_ULEFT, H_QLEFT,
    H_XLEFT, H_RLEFT, H_TLEFT, H_CLEFT, H_SLLEFT, H_THLEFT, H_ENDED, H_STARTED,
    H_SLICE_NOW, H_SLICE_FROM, H_SLICE_TO, H_UNTIL, H_TROUBLE, H_OUT, H_EVLEFT, H_SHIFT, H_BITS, H_TUNE,
    H_TUNED, H_TABLE,
    H_WATCH, H_MSG, H_MSG_TAIL, H_DNS_TTL, H_DNS_RETRY, H_DNS_TRIES, H_HIST, H_BULK, H_FAULTS, H_OTHERS, H_ENTRY_HOLDER, H_GONE, H_LOST,
    H_TIE, H_TIES, H_TIE_TIME, H_UDP, H_TLP, H_POLLED, H_CARD,
) = range(79)  # fmt: skip

# Bases of tables
(
    B_STATION, B_SLICE, B_LINK, B_CORE, B_NODE, B_RING, B_ROUTE, B_VISIT, B_STAGE, B_WAYS, B_CLIENT,
    B_LIST, B_WAYMAP, B_DNS, B_SERVER, B_POOL, B_QUOTA, B_WL, B_FIFO, B_STREAM, B_SOCKET, B_SHARED, B_TURN, B_FAIR, B_UNIT_, B_USPLIT, B_X, B_XSPLIT, B_R, B_RSPLIT,
    B_T, B_CONN, B_SLOT, B_TH, B_Q, B_EV, B_HEAP, B_NEAR, B_BITS, B_TIES, B_TODO, B_ENDED,
) = range(80, 122)  # fmt: skip

# Stations: what is counted. What every visit counts stands in one cache line; S_SLICED: of S_BUSY, what stands in the slices
S_BUSY, S_WAIT, S_WAITS, S_ARRIVED, S_SERVED, S_BYTES, S_LABEL, S_SLICED, S_DROPS, S_DROPPED = range(10)
W_STATION = 16
# Links: what every unit needs stands first. The newest unit is in the row itself, until L_FREE (L_NEWEST: its packets, 0 if it has left)
(
    L_STATION, L_LIMITS, L_BUFFER, L_RING, L_FREE, L_BYTES, L_PACKETS, L_NEWEST, L_NEWEST_BYTES, L_WIRE, L_SERVICE, L_HEAD, L_TAIL, L_RATE, L_DELAY, L_NODE, L_PORT, L_CUT, L_LOSS, L_APART,
    L_PACKET, L_BASE, L_MOST, L_CREDIT, L_SINCE, L_OUT, L_SHARED, L_LANES, L_LANE,
    L_TURNS, L_ALTERNATE, L_FAIR, L_QUEUES, L_AHEAD,
) = range(34)  # fmt: skip
W_LINK = 40
# L_TURNS: one more than its row of times until when each of the flows has something here, 0: nobody asks; L_ALTERNATE: so many flows'
# packets alternate at the most. L_FAIR: one more than where the same stands for its L_QUEUES queues
# that take turns, 0: it has none; L_AHEAD: when those
# that went ahead are done
# What limits a link besides its rate and buffer (L_LIMITS), or has to be known of it (L_TURNS, L_FAIR): without any, the columns from L_PACKET on are not looked at
LIMIT_PACKETS, LIMIT_CREDIT, LIMIT_SHARED, LIMIT_TURNS, LIMIT_FAIR = 1, 2, 4, 8, 16
# Buffers that ports share: what is used of them counts units that have left by now until their port is settled
SB_SIZE, SB_ALPHA, SB_USED, SB_FIRST, SB_LINKS = range(5)
W_SHARED = 5
W_TURN = TURNS
# Cores
C_KEY, C_STATION, C_SOFT, C_HEAD, C_TAIL, C_LEN, C_THREAD, C_GRANT, C_END, C_SERIAL = range(10)
W_CORE = 16
# Nodes
(
    N_CORE,
    N_CORES,
    N_RING,
    N_RINGS,
    N_QUANTUM,
    N_TLS,
    N_REC,
    N_REC_FS,
    N_KEY,
    N_SPARE,
    N_DOWN,
    N_STEAL,
    N_GROUP,
    N_OUT,
    N_SHIFT,
    N_WRAP,
    N_SHARED,
    N_SMT,
    N_TRACKED,  # in the tables of flows
    N_BUCKETS,
    N_RFS,
    N_QUEUES,  # rings of its card; those behind them are the backlogs of its cores
) = range(22)
W_NODE = 24
# Receive rings
G_STATION, G_SIZE, G_CORE, G_PACKETS, G_HEAD, G_TAIL, G_RAISED, G_MODERATION = range(
    8
)  # G_RAISED: its last interrupt
W_RING = 8
# Routes, their visits and stages. Which rows its visits have stands behind a route's own row, in as many rows of the table as they
# need
RO_VISITS, RO_MSS, RO_SEND, RO_SENDS, RO_RECV, RO_RECVS, RO_PIECES, RO_QUEUE = range(8)
W_ROUTE = 8
(
    V_CONTEXT,
    V_WHERE,
    V_LANES,
    V_OVER,
    V_CHOOSES,
    V_MOST,
    V_CROWDED,
    V_STAGE,
    V_STAGES,
    V_POLL,
    V_FRAGMENTS,
    V_STEERED,  # to the backlog of another core: as one skb (1) or as packets (2)
    V_AGAIN,  # what each further skb of a unit costs
    V_PAYLOAD,
    V_PACKETS,
    V_COST,
) = range(16)
W_VISIT = 16
SG_ID, SG_FIXED, SG_PACKET, SG_BYTE, SG_CORE, SG_CHAIN, SG_OVER, SG_HELD = range(8)
W_STAGE = 8
# Ways between one source and one destination
(
    WA_SYN,
    WA_SYN_ACK,
    WA_REQUEST,
    WA_REPLY,
    WA_REQUEST_ACK,
    WA_REPLY_ACK,
    WA_SERVER,
    WA_NAMESPACES,
    WA_SPACE,
    WA_AT,
    WA_CARD,  # between different nodes
) = range(11)
W_WAYS = 16
# Clients. One that can go by several networks has a row more for each: what they say of the way is that network's (K_CUT, too).
# K_BY: the row by which new connections go; K_ANSWER: that by which they go once the name is looked up again
(
    K_NODE, K_SERVER, K_BALANCED, K_AT_SEND, K_BY, K_VIAS, K_ANSWER, K_CANDS, K_WAYS, K_RR, K_REQUEST, K_RESPONSE,
    K_POOLED, K_LIMIT, K_REQUESTS, K_IDLE, K_TLS, K_TIMEOUT, K_RETRIES, K_BACKOFF, K_JITTER, K_COUNT, K_PARALLEL,
    K_HAS_THREAD, K_CLIENTS, K_MADE, K_FREE, K_FREE_TAIL, K_WAIT, K_WAIT_TAIL, K_HASH, K_FLOWS, K_HOST,
    K_FIFO, K_ENTRIES, K_DEAD, K_DNS, K_DNS_COST, K_CACHE, K_RECORD, K_KNOWN,
    K_WHO, K_ADDRESS, K_PORT, K_PORTS, K_AT, K_CUT, K_CONTROL, K_NAMES, K_AT_NODE,
) = range(50)  # fmt: skip
W_CLIENT = 56
# How a client looks up its name (K_DNS): not at all, for a virtual address, for one of those of tasks. K_NAMES: the list of its
# node that is answered from, or the entry's of ports in mode host; -1: what is always there. K_AT_NODE: the node's kernel answers
# with RST when nobody has the port
DNS_NONE, DNS_ONE, DNS_PICK = range(3)
# Time-outs of one duration, in the order in which they fall due; the next event that looks at them
F_HEAD, F_TAIL, F_TIME, F_KEY = range(4)
W_FIFO = 4
# What a lookup costs: the client's thread, of that over TCP, the engine's thread, and for each record, waking up, the outside's
# answer, the same of a name without records; the most records over UDP
DC_QUERY, DC_TCP, DC_ANSWER, DC_RECORD, DC_WAKE, DC_UPSTREAM, DC_ABSENT, DC_OVER, DC_RACE = range(9)
W_DNS = 9
# Servers. V_LIFE: odd when its process has ended, and more by one when it begins anew; so is a client's K_DEAD
(
    V_KEY, V_NODE, V_WORKERS, V_BLOCKING, V_BACKLOG, V_WAITING, V_CALL, V_CALLS, V_CPU_KIND, V_CPU, V_WAIT_KIND, V_WAIT,
    V_CPU_PURPOSE, V_WAIT_PURPOSE, V_QUOTA, V_SPARE, V_STATION, V_POOL, V_FREE, V_HEAD, V_TAIL,
    V_LISTENS, V_LIFE, V_SILENT, V_BUFFER, V_BUFFERED, V_FIT,
) = range(27)  # fmt: skip
W_SERVER = 32
# Workers of servers (three rows of numbers: free stack, since, thread)
P_FREE, P_SINCE, P_THREAD, P_BUSY = range(4)
W_POOL = 4
Q_BUDGET, Q_LEFT, Q_PERIOD = range(3)
W_QUOTA = 3
# Workloads
(
    WL_SOURCES, WL_CLIENTS, WL_KEY, WL_GAP_KIND, WL_GAP_KEY, WL_CV, WL_LINE, WL_THINK_KIND, WL_THINK, WL_RESPONSE, WL_BEGIN, WL_END,
    WL_COMPLETED, WL_GOODPUT, WL_BULK, WL_FLOWS, WL_SOCKETS, WL_JITTER, WL_JITTERS, WL_WRITE,
) = range(20)  # fmt: skip
W_WL = 20
# Streams of datagrams
DG_ROUTE, DG_BYTES, DG_GAP, DG_KEY, DG_UNTIL, DG_SENT, DG_ARRIVED, DG_LOST = range(8)
W_STREAM = 8
# Sockets that send datagrams (a workload's WL_SOCKETS says where their rows are listed): whose, its flow and thread, what waits for that; what a
# datagram is charged with at a receiver on the same node, and on another one; the last latency at its receiver
SK_CLIENT, SK_SLOT, SK_HEAD, SK_TAIL, SK_NUMBER, SK_BYTES, SK_TRUESIZE, SK_BY_CARD, SK_LATENCY = range(9)
W_SOCKET = 9
# Parts of the time of a unit, an exchange or a request: whole cache lines
W_SPLIT = -(-NS // LINE) * LINE
# Units on their way
(
    U_ROUTE, U_AT, U_PAYLOAD, U_PACKETS, U_KEY, U_FLOW, U_LAST, U_ACCOUNTED, U_KIND, U_A, U_B, U_C, U_SPLIT, U_SENT,
    U_TURNS, U_SKBS,
) = range(16)  # fmt: skip
W_UNIT = 16
# U_TURNS: time between two of its packets at the slowest transmitter so far, and in the last bits how many flows' alternate there
TURN_BITS = 7
SPLIT_QUEUED = 2  # U_SPLIT of a unit whose time is split and that counts as in its sender's own queues
# Of a datagram that is lost, in U_C: where no station had room, nobody told, or by the tables
BY_STATION, BY_NOBODY, BY_TABLES = range(3)
# Exchanges: one attempt of a request, at the client and at the server (X_KIND: REQUEST); or a bulk flow (its workload + 1), a
# datagram, or a message between daemons, which have no use for some cells of a request and other names for them.
# X_WAYS: of a datagram; X_HELD: whether it waits at its task, or that is at work on it: its V_LIFE then, plus one
(
    X_R, X_KEY, X_AT, X_SLOT, X_CONN, X_OVER, X_FATE, X_SENT, X_WORKER, X_CALL, X_LEFT, X_SFATE, X_QUEUED, X_PENDING,
    X_CLIENT, X_REFS, X_LEFT_SLOT, X_TIMED, X_DUE, X_DUE_KEY, X_BEFORE, X_AFTER, X_LOOKING, X_KIND, X_BYTES,
    X_WAYS, X_HELD,
) = range(27)  # fmt: skip
W_X = 32
REQUEST, DATAGRAM = 0, -1
X_SOCKET, X_CHARGED = X_BYTES, X_SENT  # of a datagram: its socket, and what a receive buffer is charged with
X_NUMBER, X_WATCHED = X_CALL, X_LEFT  # of a message, for who sent it
# Requests with all their attempts
(
    R_CLIENT, R_KEY, R_PARENT, R_CALL, R_COPY, R_WL, R_USER, R_INDEX, R_AT, R_START, R_TRIES, R_COUNTED, R_SERIAL, R_LIFE,
) = range(14)  # fmt: skip
W_R = 16
# Transfers
(
    T_CONN,
    T_BACK,
    T_SIZE,
    T_KEY,
    T_KIND,
    T_X,
    T_NEXT,
    T_FLYING,
    T_ARRIVED,
    T_COUNT,
    T_REFS,
    T_THREAD,
    T_SENDING,
    T_NUMBER,
    T_WRITES,
    T_READER,
    T_HEAD,
    T_TAIL,
    T_PENDING,
    T_PENDING_TAIL,
    T_LOST,
    T_LOST_TAIL,
    T_HOLES,
    T_ARMED,
    T_TIMERS,
    T_WAITS,
    T_WAITED,
    T_BEGUN,
    T_WRITE,  # bytes that its thread writes at a time, 0: a unit at the least
    T_HEARD,
    T_PROBED,
    T_BACKOFF,  # time-outs since the last acknowledgement
    T_SMALL,  # what may be in its own host's queues; 0: anything
    T_QUEUED,
    T_LEAVING,
    T_LEAVING_TAIL,
    T_STUCK,
) = range(37)
W_T = 40
# Connections
(
    O_WAYS, O_HASH, O_SRTT, O_LAST, O_SERVED, O_CLOSED, O_ACCEPTED, O_SERVER, O_FULL, O_VIA, O_CLIENT, O_FLOW,
    O_REFS, O_KEY, O_X, O_PEER, O_STAGE, O_MET, O_FROM, O_TO, O_WRITER, O_LARGE, O_LIFE, O_CAND,
) = range(24)  # fmt: skip
O_THERE = 3 * LINE  # the windows of both directions
O_BACK = O_THERE + W_CC
W_CONN = O_BACK + W_CC
SL_NUMBER, SL_CONN, SL_THREAD, SL_NEXT = range(4)
W_SLOT = 4
# Threads
TH_KEY, TH_QUOTA, TH_CORE, TH_REM, TH_COST, TH_SINCE, TH_KIND, TH_A, TH_B, TH_NEXT, TH_NODE, TH_SERVER = (
    range(12)
)
W_TH = 16
# Nodes of queues: three numbers and the next one
W_Q = 4
# What waits to be read: its size, and above these bits into how many skbs it came
READ_BITS = 32
EV_TIME, EV_ORDER, EV_NEXT, EV_WHERE = range(4, 8)  # after the operation and its three arguments
W_EV = 8
NOWHERE, WHEEL, HEAP, TIE = range(4)  # where an event waits
W_HEAP = 3  # time, phase and key, event
W_TODO = 4

NEAR = 1 << 10  # buckets of the wheel of events
TIES = 1 << 8  # events of one picosecond that are sorted at once
VECTOR = 8  # numbers that are compared together

NEVER = 1 << 62
