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


def credit_now(credit: int, since_ps: int, now_ps: int, baseline: int, most: int) -> tuple[int, int]:
    """Credit after the whole microseconds that have passed since a time, and the time up to which that counts them.

    ``credit`` and ``most`` in millionths of a byte, ``baseline`` in bytes/s.
    """
    passed = max(0, now_ps - since_ps) // US
    missing = most - credit
    gained = min(passed, missing // baseline + 1) * baseline if missing > 0 else 0
    return credit + min(gained, max(missing, 0)), since_ps + passed * US


def credit_wait(credit: int, wire_bytes: int, baseline: int) -> int:
    """Microseconds until there is credit for so many bytes."""
    missing = wire_bytes * MILLION - credit
    return -(-missing // baseline) if missing > 0 else 0


def takes(
    queue_bytes: int, wire_bytes: int, used_bytes: int, memory_bytes: int, alpha_thousandths: int
) -> bool:
    """Whether a port with that queue takes a unit into memory of which so much is used."""
    free = memory_bytes - used_bytes
    return wire_bytes <= free and queue_bytes * THOUSAND < alpha_thousandths * free
