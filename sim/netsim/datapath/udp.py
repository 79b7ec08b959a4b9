"""UDP sockets: what waits in a receive buffer, as the kernel counts it, from ``data/udp.yaml``.

A datagram is charged with the memory that its skb takes and not with its bytes: that which its sender allocated, if it stays
on one node, or a buffer of the card's ring. Up to Linux 6.17 a datagram is taken while what is charged already is not above
``sk_rcvbuf`` (net/ipv4/udp.c, ``__udp_enqueue_schedule_skb``), so a buffer holds one more than fit into it; since 6.18 ("udp:
refine __udp_enqueue_schedule_skb() test") it has to fit, unless nothing waits.
"""

from __future__ import annotations

from functools import cache

from netsim.compiled import inner
from netsim.datapath.kernel_settings import numbers
from netsim.tables import table, values


@cache
def truesize_bytes(datagram_bytes: int, by_card: bool) -> int:
    """What a datagram of so many bytes is charged with; ``by_card``: it came from another node."""
    known: dict[str, int] = values(table("udp.yaml"))
    if by_card and datagram_bytes + known["around_bytes"] <= known["card_most_bytes"]:
        return known["skb_bytes"] + known["card_bytes"]
    need = datagram_bytes + known["around_bytes"] + known["shared_info_bytes"]
    bucket = known["least_bytes"]
    while bucket < need:
        bucket *= 2
    return known["skb_bytes"] + bucket


def has_to_fit(version: float) -> bool:
    """Whether a kernel takes a datagram only if all of it fits into the buffer."""
    return numbers(version) >= (6, 18)


def takes(buffered: int, truesize: int, buffer: int, fit: int) -> bool:
    """Whether a receive buffer of so many bytes, in which some are taken, takes a datagram; ``fit``: 1 if `has_to_fit`."""
    return buffered == 0 or buffered + fit * truesize <= buffer


takes_compiled = inner(takes)


def holds(buffer_bytes: int, truesize: int, fit: int) -> int:
    """How many datagrams of one size wait in a buffer at the most."""
    return max(1, buffer_bytes // truesize + 1 - fit)
