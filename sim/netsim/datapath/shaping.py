"""What holds a transmitter back besides its line rate: burst credit, packets per second, a switch's shared memory.

Step functions on whole numbers, for both machineries.

Burst credit is a token bucket (RFC 2697, section 3.2, one rate): bytes are sent at the line rate while credit is
left, which comes back at the baseline up to its size; a unit without enough of it waits until it has come. Credit is
counted in millionths of a byte, so that a microsecond's worth of any baseline is whole.

A port of a switch with shared memory takes a frame while its queue is shorter than ``alpha`` times what is free of
the memory (Choudhury and Hahne, Dynamic Queue Length Thresholds for Shared-Memory Packet Switches, 1998): N busy
ports hold ``alpha / (1 + N alpha)`` of it each.
"""

from __future__ import annotations

MILLION = 10**6
US = 10**6
THOUSAND = 1000
LONGEST_NS = 10**7  # 10 ms: with any rate the product stays within 64 bits


def credit_now(credit: int, since_ps: int, now_ps: int, baseline: int, most: int) -> tuple[int, int]:
    """Credit after the whole microseconds that have passed since a time, and the time up to which that counts them.

    ``credit`` and ``most`` in millionths of a byte, ``baseline`` in bytes/s.
    """
    passed = max(0, now_ps - since_ps) // US
    missing = max(0, most - credit)
    # No more microseconds than fill it: the product stays within 64 bits.
    return credit + min(missing, min(passed, missing // baseline + 1) * baseline), since_ps + passed * US


def spend(credit: int, since_ps: int, wire_bytes: int, baseline: int) -> tuple[int, int, int]:
    """Credit, the time that it counts up to, and the wait (ps), when a unit waits until there is enough for it and uses it;
    ``credit``: by `credit_now` when its turn comes."""
    missing = wire_bytes * MILLION - credit
    wait_us = -(-missing // baseline) if missing > 0 else 0
    return credit + wait_us * baseline - wire_bytes * MILLION, since_ps + wait_us * US, wait_us * US


def fitting(room_bytes: int, packet_bytes: int, packets: int, spread_ps: int, rate_bps: int) -> int:
    """How many packets of a train find room in a queue, which goes on being sent while they come, over ``spread_ps``."""
    left = rate_bps // 8 * min(spread_ps // THOUSAND, LONGEST_NS) // 10**9
    return max(0, min(packets, (room_bytes + left) // packet_bytes))


def takes(
    queue_bytes: int, wire_bytes: int, used_bytes: int, memory_bytes: int, alpha_thousandths: int
) -> bool:
    """Whether a port with that queue takes a unit into memory of which so much is used."""
    free = memory_bytes - used_bytes
    return wire_bytes <= free and queue_bytes * THOUSAND < alpha_thousandths * free
