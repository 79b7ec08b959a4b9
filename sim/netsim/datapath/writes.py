"""How what an application writes is cut into units.

TCP fills an skb up to a whole number of segments (`tcp_xmit_size_goal` in net/ipv4/tcp.c), and sends it as soon as it is full
(`tcp_push_one`). The end of a write is pushed as it is (`tcp_push`): its whole segments in one unit, and what is left of a segment
in another, since `tcp_mss_split_point` in net/ipv4/tcp_output.c cuts it there while an earlier small packet is not acknowledged.
Nagle's rule would hold the last one until that acknowledgement is there; between hosts that are near it nearly always is.
"""

from __future__ import annotations

from netsim.compiled import entry


@entry
def unit_of_write(at: int, write: int, most: int, mss: int) -> int:
    """Bytes of the unit that begins ``at`` this byte of a stream that is written ``write`` bytes at a time (0: more than a unit
    is always waiting), of at most ``most``, a multiple of ``mss``."""
    if write <= 0:
        return most
    left = write - at % write
    if left >= most:
        return most
    return left // mss * mss if left > mss else left


@entry
def cut_in_two(at: int, write: int, most: int, mss: int) -> bool:
    """Whether the unit that begins there is the first of two into which the end of a write is cut."""
    left = write - at % write if write > 0 else most
    return mss < left < most and left % mss > 0
