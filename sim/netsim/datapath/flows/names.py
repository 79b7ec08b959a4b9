"""What a node's DNS answers with: the destinations of a list that new connections may go to, and whether there is any.

A service's names are rows of the table that its back ends are rows of (``epRec`` in moby's daemon/libnetwork/agent.go), so a
list of addresses is kept as a balancer's list is, with changes that wait until the node next uses it. A task that
stops has weight 0 and no address; the service's virtual address has its name as long as any task is in the list
(deleteEndpointNameResolution in daemon/libnetwork/service_common.go).
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.flows.layout import BA_DESTS, BA_SERVICE
from netsim.datapath.flows.steps import changes
from netsim.datapath.ipvs.layout import AVAILABLE, DE_FLAGS, DE_WEIGHT, SV_COUNT, W_DEST


@inner
def offered(T, d):
    """Whether an answer has a destination's address."""
    return T[d + DE_FLAGS] & AVAILABLE and T[d + DE_WEIGHT] > 0


@inner
def count_offered(T, b, places, now):
    """How many addresses an answer has; ``places``: of how many destinations."""
    changes(T, b, now)
    d, found = T[b + BA_DESTS], 0
    for _ in range(places):
        if offered(T, d):
            found += 1
        d += W_DEST
    return found


@inner
def offered_place(T, b, places, which):
    """The place of one of those that were just counted, in the order of their places; -1 if there are not so many."""
    d = T[b + BA_DESTS]
    for place in range(places):
        if offered(T, d):
            if which == 0:
                return place
            which -= 1
        d += W_DEST
    return -1


@inner
def is_offered(T, b, place, now):
    """Whether new connections may go to the destination at a place."""
    changes(T, b, now)
    return 1 if offered(T, T[b + BA_DESTS] + place * W_DEST) else 0


@inner
def has_name(T, b, now):
    """Whether a virtual address has its name: 1 or 0."""
    changes(T, b, now)
    return 1 if T[T[b + BA_SERVICE] + SV_COUNT] > 0 else 0
