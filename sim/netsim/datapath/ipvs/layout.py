"""Where the numbers of IPVS stand: rows in one flat array of 64-bit integers, named by their offset in it.

The array is a numpy array for the reference machinery and a pointer in the fast engine; -1 stands for nobody, and
for the head of a list. A service's destinations are a doubly linked list, the newest first
(``list_add_rcu`` in net/netfilter/ipvs/ip_vs_ctl.c).
"""

from __future__ import annotations

(
    SV_SCHEDULER,  # which one, by its place in the registry
    SV_FLAGS,
    SV_HEAD,  # the newest destination
    SV_COUNT,  # destinations in the list
    SV_A,  # four cells of the scheduler's own
    SV_B,
    SV_C,
    SV_D,
    SV_TABLE,  # cells of the scheduler's own table; -1: none
    SV_CELLS,  # how many
    SV_SCHEDULE,  # of an installed package's: addresses of its functions; 0: it has none
    SV_START,
    SV_CHANGED,
    W_SERVICE,
) = range(14)

(
    DE_NEXT,
    DE_PREV,  # kept when it is taken out: round robin steps back to it
    DE_WEIGHT,
    DE_LAST_WEIGHT,  # the last one above 0 (mh)
    DE_ACTIVE,
    DE_INACTIVE,
    DE_PERSISTENT,
    DE_FLAGS,
    DE_UPPER,  # connections at which it counts as overloaded; 0: never
    DE_LOWER,  # below which it does not any more; 0: three quarters of the upper one
    DE_ADDRESS,
    DE_PORT,
    DE_WHO,  # what the owner of the tables calls it
    DE_OFFSET,  # three cells of mh's permutation
    DE_SKIP,
    DE_TURNS,
    W_DEST,
) = range(17)

#: What a scheduler may know of a packet: addresses and ports (host order), the time (ps), two random 32-bit numbers.
(FL_SOURCE, FL_SOURCE_PORT, FL_TARGET, FL_NOW, FL_RANDOM, FL_RANDOM_2, W_FLOW) = range(7)

# Flags of a service (the kernel calls them SCHED1 and SCHED2), and of a destination.
FALLBACK, BY_PORT = 1, 2
AVAILABLE, OVERLOADED = 1, 2

# What happened to a destination, told to the scheduler after it is in, or out of, the list.
ADDED, REMOVED, CHANGED = 0, 1, 2
