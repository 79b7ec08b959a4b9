"""Where the numbers of flows stand: one flat array of 64-bit integers, rows named by their offset in it.

First the header, then whatever was asked for, in that order: namespaces, nodes, balancers with their IPVS services,
rows of flows, the hash table. Nothing moves when there is more.
A flow is one TCP connection, or a socket that sends datagrams, with all entries that it has: conntrack's in up to four namespaces, IPVS's, the tuple
of a translated source.
"""

from __future__ import annotations

# Header: tables
(
    T_FREE,
    T_LEFT,
    T_HASH,
    T_MASK,
    T_INFO,  # what a scheduler may know of a packet (netsim.datapath.ipvs.layout, FL_)
    T_CURSORS,  # of clients, for their ports
    T_CURSOR_MASK,
    T_NODES,  # the last node made; 0: none
    # Times (ps)
    T_CLIENT_PS,  # a client's TIME_WAIT
    T_SCAN_PS,  # between two scans of conntrack's garbage collector
    T_NEXT,  # when a row falls due, or something is to be looked at: nothing does before
    T_SCAN,  # the next scan that somebody waits for; NEVER: none
    T_TICK,  # the next look for entries to drop at random; NEVER: none
    T_AT,  # when what is being done happens
    T_OLD,  # the row that has the port that was found; -1: none
    # Time-outs of states (ps), then the rows of each in the order in which they fall due: first and last
    T_TIMES,
    T_LISTS,
    # What happened
    T_IDLED,  # IPVS entries that were idle for too long
    T_BROKEN,  # packets of open connections that no IPVS entry knew
    T_FULL,  # SYNs that a full table dropped
    T_EARLY,  # entries dropped early to make room
    T_SNAT,  # SYNs for which no source port was found (insert_failed)
    T_PORTS,  # connections for which the client had no port
    T_REUSED,  # SYNs that met the entry of an earlier connection
    T_DELAYED,  # and were dropped for it (conn_reuse_mode 1 of kernels before 5.9)
    T_DROPPED,  # IPVS entries that drop_entry took
    T_EVICTED,  # translated connections in TIME_WAIT that made room for a new one
    T_DRAWS,
    T_RATES,  # drop_entry's nine counters
    T_HEADER,
) = tuple(range(16)) + (23,) + tuple(range(39, 51)) + (59,)

# Flows: first what a row in a list is asked for, then what names it, so that most steps touch few cache lines
(
    FW_NEXT,
    FW_PREV,
    FW_DUE,
    FW_STATE,
    FW_OWNED,  # 1: its connection is not closed yet; 0: the client closed it first; PORT_FREE: the server did
    FW_DEST,  # IPVS's destination; -1: none
    FW_ACTIVE,
    FW_HELD,  # in which namespaces of its set it has an entry: a bit each
    FW_CLIENT,  # who asks, and where: what the client's port is unique for
    FW_AT,
    FW_PORT,
    FW_SPACE,  # whose tuples its translated source is one of; 0: not translated
    FW_NAT,  # the source port after translation; 0: none
    FW_SET,  # the namespaces whose conntrack it passes
    FW_TEMPLATE,  # of a persistent service; -1: none
    FW_BALANCER,  # -1: none
    FW_SOURCE,  # the client's address
    FW_USES,  # packets from the client that IPVS counted
    W_FLOW,
) = range(19)
NAMESPACES = 4
PORT_FREE = -1

# States of a flow that time out: a SYN that IPVS knows (SYN_RECV), a connection that it knows, a closed one, a SYN that
# only conntrack knows (SYN_SENT), what conntrack keeps of a SYN when IPVS has forgotten it, one that was reset (CLOSE), a stream of
# datagrams, and what IPVS keeps of one when conntrack has forgotten it.
# Then those in no list: UNTIMED lives as long as conntrack's five days, LOST has no entries any more, NEW none yet. A
# TEMPLATE is no flow: it remembers the destination of a client of a persistent service; a STALE one is not found any more.
SYN, OPEN, CLOSED, SENT, REST, RESET, STREAM, PAUSED, UNTIMED, LOST, NEW, TEMPLATE, STALE = range(13)
STATES = UNTIMED
#: States whose entries in conntrack are not assured: a full table may drop them.
FRAGILE = (SYN, SENT, REST, STREAM)

# Templates use a flow's row: FW_CLIENT is the client's network, FW_AT and FW_BALANCER the balancer, FW_DEST where it goes
TP_CONTROLS = FW_ACTIVE  # connections that it holds
TP_SINCE = FW_SPACE  # when the last of them went
TP_TIME_PS = FW_USES  # how long it lives after its last use

# Namespaces: their conntrack
NS_COUNT, NS_PEAK, NS_MAX, NS_FRAGILE, NS_NODE, NS_SANDBOX, NS_EVICTS, W_NAMESPACE = range(8)
# Nodes: all their namespaces; the node made before it; its next scan by the garbage collector
ND_COUNT, ND_PEAK, ND_BEFORE, ND_SCAN, W_NODE = range(5)
# Balancers: one IPVS service on one node
(
    BA_KEY,  # its name in draws
    BA_SERVICE,
    BA_DESTS,  # the first destination; the others follow
    BA_TARGET,  # the virtual address
    BA_REUSE,  # net.ipv4.vs.conn_reuse_mode
    BA_DROPS,  # whether a kernel drops the SYN that meets an old entry
    BA_NODEST,  # net.ipv4.vs.expire_nodest_conn
    BA_NEXT,  # the first change that is to come
    BA_PERSIST_PS,  # how long a client stays with its destination; 0: it is not persistent
    BA_MASK,  # which bits of its address count
    BA_QUIESCENT,  # net.ipv4.vs.expire_quiescent_template
    BA_RANDOM,  # net.ipv4.vs.drop_entry is 3
    BA_NODE,  # where it is
    BA_LINGERS,  # whether a kernel keeps the entries of a destination that is gone until a packet meets them
    BA_TEMPLATES,  # in the order in which they fall due: first and last
    W_BALANCER,
) = (*range(15), 16)
# A change of a balancer's list that is to come stands in a row of the flows' table
PE_NEXT, PE_DUE, PE_WHAT, PE_DEST, PE_WEIGHT = FW_NEXT, FW_DUE, FW_STATE, FW_DEST, FW_ACTIVE
ADD, WEIGHT, REMOVE = range(3)

# Answers
FINE, NOBODY, FULL, NO_TUPLE, NO_PORT, DELAYED = 0, -1, -2, -3, -4, -5
# Of a datagram: its entry's destination is gone; it has no entry
GONE, UNKNOWN = -6, 1
NEVER = 1 << 62
