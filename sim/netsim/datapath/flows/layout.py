"""Where the numbers of flows stand: one flat array of 64-bit integers, rows named by their offset in it.

First the header, then whatever was asked for, in that order: namespaces, nodes, balancers with their IPVS services,
rows of flows, the hash table. Nothing moves when there is more.
A flow is one TCP connection with all entries that it has: conntrack's in up to four namespaces, IPVS's, the tuple
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
    # Time-outs (ps)
    T_SYN_PS,
    T_IDLE_PS,
    T_CLOSED_PS,
    T_CLIENT_PS,
    # Rows in the order in which they fall due, for each state
    T_SYN_HEAD,
    T_SYN_TAIL,
    T_OPEN_HEAD,
    T_OPEN_TAIL,
    T_CLOSED_HEAD,
    T_CLOSED_TAIL,
    # What happened
    T_IDLED,  # IPVS entries that were idle for too long
    T_BROKEN,  # packets of open connections that no IPVS entry knew
    T_FULL,  # SYNs that a full table dropped
    T_EARLY,  # entries dropped early to make room
    T_SNAT,  # SYNs for which no source port was found (insert_failed)
    T_PORTS,  # connections for which the client had no port
    T_REUSED,  # SYNs that met the entry of an earlier connection
    T_DELAYED,  # and were dropped for it (conn_reuse_mode 1 of kernels before 5.9)
    T_DRAWS,
    T_HEADER,
) = range(27)

# Flows
(
    FW_NEXT,
    FW_PREV,
    FW_DUE,
    FW_STATE,
    FW_OWNED,  # its connection is not closed yet
    FW_CLIENT,  # who asks, and where: what the client's port is unique for
    FW_AT,
    FW_SOURCE,  # the client's address
    FW_PORT,
    FW_BALANCER,  # -1: none
    FW_DEST,  # IPVS's destination; -1: none
    FW_ACTIVE,
    FW_SPACE,  # whose tuples its translated source is one of; 0: not translated
    FW_NAT,  # the source port after translation; 0: none
    FW_NS,  # four cells: the namespaces whose conntrack has an entry; 0: none
    W_FLOW,
) = (*range(15), 18)
NAMESPACES = 4

# States of a flow. From UNTIMED on it is in no list; NEW: it has no entries yet, LOST: no more.
SYN, OPEN, CLOSED, UNTIMED, LOST, NEW = range(6)

# Namespaces: their conntrack
NS_COUNT, NS_PEAK, NS_MAX, NS_FRAGILE, NS_NODE, NS_SANDBOX, W_NAMESPACE = range(7)
# Nodes: all their namespaces
ND_COUNT, ND_PEAK, W_NODE = range(3)
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
    W_BALANCER,
) = range(9)
# A change of a balancer's list that is to come stands in a row of the flows' table
PE_NEXT, PE_DUE, PE_WHAT, PE_DEST, PE_WEIGHT = FW_NEXT, FW_DUE, FW_STATE, FW_DEST, FW_ACTIVE
ADD, WEIGHT, REMOVE = range(3)

# Answers
FINE, NOBODY, FULL, NO_TUPLE, NO_PORT, DELAYED = 0, -1, -2, -3, -4, -5
