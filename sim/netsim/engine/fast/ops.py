"""Operations of the event loop, kinds of units and transfers, and names of parts of a request's time."""

from __future__ import annotations

from netsim.datapath.stage import Context
from netsim.engine.kernel import Phase
from netsim.engine.keys import Tag
from netsim.engine.parts import NS as NS
from netsim.engine.parts import PART

# Operations: at stations up to OP_CORE_END, other events, and what follows from them at the same time. From
# OP_TSTART on, their first argument is a transfer, from OP_REFUSED on an exchange: rows that stay as long as an operation
# names them.
(
    OP_LINK, OP_SOFTIRQ, OP_DATAGRAM, OP_CORE_END, OP_ARRIVED, OP_ENQUEUE, OP_WL_ARRIVE, OP_USER_ASK, OP_TIMEOUT, OP_RETRY, OP_ATTEMPT,
    OP_RELEASE_SLOT, OP_POOL_RELEASE, OP_LOST, OP_FLOW, TH_COMPUTED,
    OP_TSTART, OP_RTO, OP_PACE, OP_ACKED, OP_ABORT, TH_PAID, TH_UNIT_READ,
    OP_REFUSED, OP_SYN_RETRY, OP_WAITED, OP_WITH_SLOT, OP_SEND, OP_SERVE, OP_SRV_START, OP_END, OP_OWNER_ENDED, OP_NEXT_CALLS,
    OP_CALL, OP_BACK, OP_ANSWER, OP_SYN, TH_SYN, TH_HELLO, TH_SRV_TLS, TH_CLIENT_TLS, TH_SEND, TH_READ, TH_WORK, TH_WRITE,
    TH_LOOKUP, TH_LOOKED_UP, OP_ADDRESS, OP_PUT, TH_PUT,
) = range(50)  # fmt: skip

# Up to UK_REFUSED their first number is an exchange, then a transfer; of UK_RESET it is a connection.
UK_SYN, UK_SYN_ACK, UK_PUT, UK_REFUSED, UK_DATA, UK_ACK, UK_DATAGRAM, UK_RESET = range(8)
TK_HELLO, TK_HELLO_ANSWER, TK_REQUEST, TK_ANSWER, TK_MESSAGE, TK_BULK = range(6)

P_WIRE = PART["wire"]
P_APP = PART["app.work"]
P_APP_WAIT = PART["app.wait"]
P_RETRY = PART["retry"]
P_SYN_RETRY = PART["syn.retry"]
P_Q_CPU = PART["queue:cpu"]
P_Q_WORKERS = PART["queue:workers"]
P_Q_RX = PART["queue:nic_rx"]
P_Q_CONN = PART["queue:connection"]
P_Q_WINDOW = PART["queue:tcp_window"]
P_Q_OTHER = PART["queue:other"]
P_WAKE = PART["core.wake"]
P_OUTSIDE = PART["outside"]
P_DNS_QUERY = PART["dns.query"]
P_DNS_ANSWER = PART["dns.answer"]
P_DNS_TCP = PART["dns.tcp"]
P_DNS_RETRY = PART["dns.retry"]
P_TLS = PART["tls.handshake"]
P_TLS_RECORD = PART["tls.record"]

# Fates, as in netsim.engine.record.FATES
F_COMPLETED, F_REFUSED, F_RESET, F_TIMEOUT, F_DNS, F_NO_BACKEND, F_BACKLOG = 0, 1, 2, 3, 4, 5, 6
F_CONNTRACK, F_SNAT, F_PORTS, F_MTU = 7, 8, 9, 10
F_BUFFER, F_RING, F_QUEUE = 12, 13, 14

# As in netsim.engine.peer.Cut
CUT_PACKETS, CUT_DNS, CUT_PORT = 11, 5, 16

# As in netsim.engine.peer
PEER_ALIVE, PEER_CLOSING, PEER_RESET, PEER_SILENT = range(4)
STAGE_IDLE, STAGE_SERVED, STAGE_WRITTEN = range(3)

DONE, GROW, NEED_WAYS, PAUSE, FULL, WATCHED = range(6)

#: Where stages of a route are.
LINK, SOFTIRQ = int(Context.LINK), int(Context.SOFTIRQ)

#: What comes first among events of the same picosecond.
FINISH, TIMEOUT, ARRIVAL = int(Phase.FINISH), int(Phase.TIMEOUT), int(Phase.ARRIVAL)

# What is folded into a key to tell its children apart.
TAG_ARRIVAL = int(Tag.ARRIVAL)
TAG_USER = int(Tag.USER)
TAG_ATTEMPT = int(Tag.ATTEMPT)
TAG_TIMEOUT = int(Tag.TIMEOUT)
TAG_RETRY = int(Tag.RETRY)
TAG_REFUSAL = int(Tag.REFUSAL)
TAG_SYN = int(Tag.SYN)
TAG_SYN_ACK = int(Tag.SYN_ACK)
TAG_HELLO = int(Tag.HELLO)
TAG_HELLO_ANSWER = int(Tag.HELLO_ANSWER)
TAG_REQUEST = int(Tag.REQUEST)
TAG_ANSWER = int(Tag.ANSWER)
TAG_WAIT = int(Tag.WAIT)
TAG_CALL = int(Tag.CALL)
TAG_DRAW = int(Tag.DRAW)
TAG_WORKER = int(Tag.WORKER)
TAG_SPARE = int(Tag.SPARE)
TAG_LOOKUP = int(Tag.LOOKUP)
TAG_RESET = int(Tag.RESET)
TAG_VISIT = int(Tag.VISIT)
TAG_CORE = int(Tag.CORE)
TAG_THROTTLE = int(Tag.THROTTLE)
TAG_FLOW = int(Tag.FLOW)
TAG_UNIT = int(Tag.UNIT)
TAG_ACK = int(Tag.ACK)
TAG_LATE_ACK = int(Tag.LATE_ACK)
TAG_ABORT = int(Tag.ABORT)
TAG_LOSS = int(Tag.LOSS)
TAG_DATAGRAM = int(Tag.DATAGRAM)
TAG_PACE = int(Tag.PACE)
