"""Keys that name entities: 62-bit integers made by folding names and numbers, never by order of insertion.

A message's key is folded from its request's, a request's from its workload's name and its number; so a key is
the same whatever else happens in the run, and any machinery makes the same ones. The mixing is SplitMix64's
finaliser (Steele, Lea, Flood, OOPSLA 2014). Two equal keys among events of one picosecond and phase are as
likely as a collision of two random 62-bit numbers.
"""

from __future__ import annotations

import hashlib
from enum import IntEnum

import numpy as np

from netsim.compiled import entry

_MASK = (1 << 64) - 1
KEY_BITS = 62


class Tag(IntEnum):
    """What is folded into a key to tell its children apart."""

    VISIT = 1
    CORE = 2
    THROTTLE = 3
    ARRIVAL = 4
    USER = 5
    FLOW = 6
    ATTEMPT = 7
    TIMEOUT = 8
    RETRY = 9
    REFUSAL = 10
    SYN = 11
    SYN_ACK = 12
    HELLO = 13
    HELLO_ANSWER = 14
    REQUEST = 15
    ANSWER = 16
    WAIT = 17
    CALL = 18
    UNIT = 19
    ACK = 20
    LATE_ACK = 21
    DRAW = 22
    WORKER = 23
    SPARE = 24
    DATAGRAM = 25
    RESET = 26
    LOSS = 27
    MESSAGE = 28
    ABORT = 29
    LOOKUP = 30
    PACE = 31


def name_key(name: str) -> int:
    """The key of a name."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little") >> 2


def fold(key: int, tag: int, number: int = 0) -> int:
    """The key of a child: ``tag`` says of which kind, ``number`` which one (may be negative, below 2**40)."""
    z = (key + (tag + (number << 8)) * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return (z ^ (z >> 31)) >> 2


@entry
def fold_compiled(key: int, tag: int, number: int) -> int:
    """The same in compiled code (int64 in and out)."""
    z = (
        np.uint64(key)
        + np.uint64(tag + (number << 8)) * np.uint64(0x9E3779B97F4A7C15)
        + np.uint64(0x632BE59BD9B4E019)
    )
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64((z ^ (z >> np.uint64(31))) >> np.uint64(2))  # type: ignore[return-value]
