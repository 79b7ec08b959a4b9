"""UDP sockets: what waits in a receive buffer, as the kernel counts it, from ``data/udp.yaml``.

A datagram is charged with the memory that its skb takes and not with its bytes: head and shared info, and a buffer from
kmalloc's buckets of powers of two. ``__udp_enqueue_schedule_skb`` (net/ipv4/udp.c) takes it while what is charged already is
not above ``sk_rcvbuf``, so a buffer holds one more than fit into it.
"""

from __future__ import annotations

from functools import cache

from netsim.tables import table, values


@cache
def truesize_bytes(datagram_bytes: int) -> int:
    """What a datagram of so many bytes is charged with."""
    known = values(table("udp.yaml"))
    need = datagram_bytes + known["frame_bytes"] + known["headroom_bytes"] + known["shared_info_bytes"]
    bucket = int(known["least_bytes"])
    while bucket < need:
        bucket *= 2
    return int(known["skb_bytes"]) + bucket


def holds(buffer_bytes: int, datagram_bytes: int) -> int:
    """How many datagrams of one size wait in a buffer at the most."""
    return buffer_bytes // truesize_bytes(datagram_bytes) + 1
