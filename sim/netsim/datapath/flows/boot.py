"""What a node that lost power has forgotten when it boots: its conntrack, IPVS's connections and templates."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.conntrack import leave_one
from netsim.datapath.flows.layout import (
    BA_NODE,
    BA_TEMPLATES,
    FRAGILE,
    FW_BALANCER,
    FW_DEST,
    FW_HELD,
    FW_NEXT,
    FW_PORT,
    FW_SET,
    FW_STATE,
    LOST,
    NAMESPACES,
    NEW,
    NS_NODE,
    OPEN,
    PAUSED,
    REST,
    STATES,
    STREAM,
    SYN,
    T_AT,
    T_LISTS,
    UNTIMED,
    W_FLOW,
)
from netsim.datapath.flows.templates import drop_all
from netsim.datapath.flows.timers import forget, link, no_destination, no_tuple, unlink


@inner
def forget_flows(T, node, now):
    """Entries of flows that time out. Lists are gone through in their order, so that it is the same on any machinery."""
    T[T_AT] = now
    for state in range(STATES):
        row = T[T_LISTS + 2 * state]
        while row >= 0:
            after = T[row + FW_NEXT]
            _forget(T, row, state, node, now)
            row = after


@inner
def forget_others(T, first, rows, node):
    """Of a chunk of rows those that stand in no list: what conntrack alone knows, and SYNs that were balanced only."""
    for i in range(rows):
        row = first + i * W_FLOW
        if T[row + FW_PORT]:
            if T[row + FW_STATE] == UNTIMED:
                _leave_node(T, row, node, 0)
            elif T[row + FW_STATE] in (NEW, LOST) and _balanced(T, row, node):
                no_destination(T, row)


@inner
def forget_templates(T, b):
    """All templates of a balancer."""
    drop_all(T, b + BA_TEMPLATES)


@inner
def open_through(T, row, node):
    """Whether a node's IPVS carries an open connection, which it knows no more once it has booted."""
    return T[row + FW_STATE] == OPEN and _balanced(T, row, node)


@inner
def _balanced(T, row, node):
    """Whether a flow's IPVS entry is in a node."""
    return T[row + FW_DEST] >= 0 and T[T[row + FW_BALANCER] + BA_NODE] == node


@inner
def _leave_node(T, row, node, fragile):
    """A flow's entries in a node's namespaces go. Whether there were any."""
    met = False
    for i in range(NAMESPACES):
        if T[row + FW_HELD] >> i & 1 and T[T[T[row + FW_SET] + i] + NS_NODE] == node:
            leave_one(T, row, i, fragile)
            met = True
    return met


@inner
def _forget(T, row, state, node, now):
    """What is open there is answered with RST from now on; a SYN that comes again begins anew."""
    met = _leave_node(T, row, node, 1 if state in FRAGILE else 0)
    if state in (STREAM, PAUSED):
        if met or _balanced(T, row, node):  # the next datagram makes all entries anew
            forget(T, row)
    elif _balanced(T, row, node):
        no_destination(T, row)
        no_tuple(T, row)
        if state == OPEN:
            unlink(T, row)
            T[row + FW_STATE] = LOST
        elif T[row + FW_HELD] == 0:
            forget(T, row)
        elif state == SYN:
            unlink(T, row)
            link(T, row, REST, now)
    elif met and T[row + FW_HELD] == 0 and T[row + FW_DEST] < 0:
        forget(T, row)
