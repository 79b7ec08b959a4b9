"""The kernel's hash functions that IPVS uses."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from netsim.compiled import inner

GOLDEN_RATIO_32 = 0x61C88647  # include/linux/hash.h
MASK_32 = 0xFFFFFFFF


@inner
def hash_32(value, bits):
    """Multiplicative hash of the lowest 32 bits (include/linux/hash.h)."""
    return (((value & MASK_32) * GOLDEN_RATIO_32) & MASK_32) >> (32 - bits)


@inner
def _turn(value, bits):
    return (value << np.uint64(bits)) | (value >> np.uint64(64 - bits))


@inner
def _round(v0, v1, v2, v3):
    v0 += v1
    v1 = _turn(v1, 13) ^ v0
    v0 = _turn(v0, 32)
    v2 += v3
    v3 = _turn(v3, 16) ^ v2
    v0 += v3
    v3 = _turn(v3, 21) ^ v0
    v2 += v1
    v1 = _turn(v1, 17) ^ v2
    v2 = _turn(v2, 32)
    return v0, v1, v2, v3


@inner
def hsiphash(value, key):
    """SipHash-1-3 of one 32-bit number, its lowest 32 bits, as 64-bit kernels take hsiphash; both halves of the
    key are ``key`` (lib/siphash.c, Documentation/security/siphash.rst)."""
    k = np.uint64(key)
    v0, v1 = np.uint64(0x736F6D6570736575) ^ k, np.uint64(0x646F72616E646F6D) ^ k
    v2, v3 = np.uint64(0x6C7967656E657261) ^ k, np.uint64(0x7465646279746573) ^ k
    block = (np.uint64(4) << np.uint64(56)) | np.uint64(value & MASK_32)
    v3 ^= block
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0 ^= block
    v2 ^= np.uint64(0xFF)
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return np.int64((v0 ^ v1 ^ v2 ^ v3) & np.uint64(MASK_32))
