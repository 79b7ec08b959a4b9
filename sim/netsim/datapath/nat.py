"""Which source port a translated connection gets (net/netfilter/nf_nat_core.c, nf_nat_l4proto_unique_tuple)."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.flows.keys import TUPLE, find, mix, tuple_key
from netsim.datapath.flows.layout import CLOSED, FW_STATE, RESET, T_DRAWS, T_EVICTED
from netsim.datapath.flows.timers import forget

#: Ports tried in the first round, and the size of the round after which it gives up.
MOST_ATTEMPTS, LEAST_ATTEMPTS = 128, 16
#: Newer kernels try harder in a round's last attempts (NF_NAT_HARDER_THRESH).
HARDER = 32
LAST_PORT = 65_535


@inner
def is_free(T, space, port):
    """Whether no connection to the same address, port and protocol has this source."""
    return find(T, tuple_key(space, port), TUPLE, space, 0, port) < 0


@inner
def evict(T, space, port):
    """Make room: a connection to the same address that is in TIME_WAIT or CLOSE goes if the new one's sequence number
    is ahead of its own. Initial numbers of different sources are unrelated (net/core/secure_seq.c): one time in two.
    Whether there was one to go."""
    row = find(T, tuple_key(space, port), TUPLE, space, 0, port)
    T[T_DRAWS] += 1
    if T[row + FW_STATE] != CLOSED and T[row + FW_STATE] != RESET:
        return False
    if mix(T[T_DRAWS], port) & 2:
        return False
    T[T_EVICTED] += 1
    forget(T, row)
    return True


@inner
def first_port(port):
    """The lowest port of the range that a source port is translated into."""
    if port < 512:
        return 1
    return 600 if port < 1024 else 1024


@inner
def last_port(port):
    """The highest one."""
    if port < 512:
        return 511
    return 1023 if port < 1024 else LAST_PORT


@inner
def choose_port(T, space, port, evicts):
    """The port of a new tuple; 0 if the search gave up (what it has then is dropped when it is confirmed).

    The original port, if it is free. Else a search from a random start, at most 128 ports; then half as many from
    another one, until rounds of fewer than 16 fail too. ``evicts``: in the last 32 of a round what is closing makes
    room (since Linux 6.5).
    """
    if is_free(T, space, port):
        return port
    low = first_port(port)
    size = last_port(port) - low + 1
    attempts = min(size, MOST_ATTEMPTS)
    while True:
        T[T_DRAWS] += 1
        start = mix(T[T_DRAWS], port) >> 8
        for i in range(attempts):
            found = low + (start + i) % size
            if is_free(T, space, found) or (evicts and attempts - i <= HARDER and evict(T, space, found)):
                return found
        if attempts >= size or attempts < LEAST_ATTEMPTS:
            return 0
        attempts //= 2
