"""Rows in a doubly linked list: the first one's offset stands at ``head``, the last one's behind it; -1: nobody."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.flows.layout import FW_NEXT, FW_PREV


@inner
def put_behind(T, head, before, row):
    """A row stands behind ``before`` from now on, in front of all others if that is -1."""
    after = T[before + FW_NEXT] if before >= 0 else T[head]
    T[row + FW_PREV] = before
    T[row + FW_NEXT] = after
    if before >= 0:
        T[before + FW_NEXT] = row
    else:
        T[head] = row
    if after >= 0:
        T[after + FW_PREV] = row
    else:
        T[head + 1] = row


@inner
def take_out(T, head, row):
    """A row leaves its list."""
    before, after = T[row + FW_PREV], T[row + FW_NEXT]
    if before >= 0:
        T[before + FW_NEXT] = after
    else:
        T[head] = after
    if after >= 0:
        T[after + FW_PREV] = before
    else:
        T[head + 1] = before
