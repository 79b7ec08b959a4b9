"""The hash table of flows: a client's port, a translated tuple, and a persistent client each name one row. Open addressing."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from netsim.compiled import inner
from netsim.datapath.flows.layout import (
    FW_AT,
    FW_CLIENT,
    FW_NAT,
    FW_PORT,
    FW_SPACE,
    FW_STATE,
    T_HASH,
    T_MASK,
    TEMPLATE,
)

PORT, TUPLE, CLIENT = 1, 2, 3
#: A slot holds 31 bits of its key (the lowest is always 1), from which its place follows, and its row.
ROW_BITS = 32
ROW, SHORT = (1 << ROW_BITS) - 1, (1 << 31) - 1


@inner
def mix(a, b):
    """A positive number of 62 bits from two (SplitMix64's finaliser: Steele, Lea, Flood, OOPSLA 2014)."""
    z = np.uint64(a) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(b) + np.uint64(0x632BE59BD9B4E019)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64((z ^ (z >> np.uint64(31))) >> np.uint64(2)) | 1


@inner
def port_key(client, at, port):
    """Of a client's port towards somebody."""
    return mix(mix(client, at), (port << 2) | PORT)


@inner
def tuple_key(space, port):
    """Of a translated source port towards somebody."""
    return mix(space, (port << 2) | TUPLE)


@inner
def client_key(balancer, network):
    """Of a client's network towards a persistent service."""
    return mix(mix(balancer, network), CLIENT)


@inner
def _is(T, row, kind, a, b, port):
    if kind == PORT:
        return T[row + FW_CLIENT] == a and T[row + FW_AT] == b and T[row + FW_PORT] == port
    if kind == TUPLE:
        return T[row + FW_SPACE] == a and T[row + FW_NAT] == port
    return T[row + FW_STATE] == TEMPLATE and T[row + FW_CLIENT] == a and T[row + FW_AT] == b


@inner
def find(T, key, kind, a, b, port):
    """The flow of a key, or -1. ``a``, ``b`` and ``port`` are what the key was made of."""
    base, mask, short = T[T_HASH], T[T_MASK], key >> 1 & SHORT
    i = short & mask
    while T[base + i]:
        slot = T[base + i]
        if slot >> ROW_BITS == short and _is(T, slot & ROW, kind, a, b, port):
            return slot & ROW
        i = (i + 1) & mask
    return -1


@inner
def put(T, key, row):
    """A key that is not there yet."""
    base, mask, short = T[T_HASH], T[T_MASK], key >> 1 & SHORT
    i = short & mask
    while T[base + i]:
        i = (i + 1) & mask
    T[base + i] = short << ROW_BITS | row


@inner
def remove(T, key, row):
    """Take a flow's key out; what stands behind it moves up, so that no marks are left."""
    base, mask, short = T[T_HASH], T[T_MASK], key >> 1 & SHORT
    i, slot = short & mask, short << ROW_BITS | row
    while T[base + i] != slot:
        if T[base + i] == 0:
            return
        i = (i + 1) & mask
    j = i
    while True:
        j = (j + 1) & mask
        found = T[base + j]
        if found == 0:
            break
        home = found >> ROW_BITS & mask
        if (j - home) & mask >= (j - i) & mask:
            T[base + i] = found
            i = j
    T[base + i] = 0
