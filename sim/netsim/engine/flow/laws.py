"""What congestion controls make of losses at random: the mean window of a flow of which a share of the packets is lost.

They hold where losses, and nothing else, end the growth of the window, each window losing about one packet at the most.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from netsim.datapath.congestion.cubic import BETA, BIC_SCALE, FRIENDLY, SCALE

#: Reno's mean window with losses at random is this over the square root of the share lost (Ott, Kemperman and Mathis, The stationary
#: behavior of ideal TCP congestion avoidance, 1996); 1.22 where losses come at even distances (Mathis and others, CCR 27(3), 1997).
RENO = 1.309
C = BIC_SCALE * 10 / 1024  # packets/s^3, as in the kernel
KEEPS = BETA / SCALE  # of the window after a loss
CHAINS, STEPS, FIRST = 200, 1500, 500


def cubic_law_packets(lost: float, rtt_s: float) -> float:
    """CUBIC's mean window where losses come at even distances and Reno would be slower: (C (3 + beta) / (4 (1 - beta)))^(1/4)
    (RTT / p)^(3/4), beta being what is kept (RFC 9438, 5.1)."""
    return float((C * (3 + KEEPS) / (4 * (1 - KEEPS))) ** 0.25 * (rtt_s / lost) ** 0.75)


@lru_cache(maxsize=256)
def cubic_packets(lost: float, rtt_s: float) -> float:
    """The mean window of CUBIC with losses at random: many windows go round trip by round trip along the larger of the cubic function
    and what Reno would have (RFC 9438, 4.2 and 4.3), and each loses a packet as chance has it."""
    rng = np.random.default_rng(0)
    start = max(RENO / math.sqrt(lost), cubic_law_packets(lost, rtt_s))
    after, most = np.full(CHAINS, KEEPS * start), np.full(CHAINS, start)
    steps, total = np.zeros(CHAINS), 0.0
    for step in range(STEPS):
        away = steps * rtt_s - np.cbrt(np.maximum(most - after, 0.0) / C)
        reno = after + steps * 8 / FRIENDLY
        window = np.maximum(np.maximum(np.maximum(most, after) + C * away**3, reno), 2.0)
        gone = rng.random(CHAINS) < -np.expm1(window * math.log1p(-lost))
        top = np.where(window < most, window * (1 + KEEPS) / 2, window)  # fast convergence
        after, most = np.where(gone, KEEPS * window, after), np.where(gone, top, most)
        steps = np.where(gone, 0.0, steps + 1)
        if step >= FIRST:
            total += float(window.mean())
    return total / (STEPS - FIRST)


def window_packets(congestion: str, lost: float, rtt_s: float) -> float:
    """The mean window (packets) where this share of packets is lost at random; infinite without losses, and for BBR, whose rate does
    not follow them."""
    if lost <= 0 or congestion == "bbr":
        return math.inf
    if lost >= 1:
        return 0.0
    if congestion == "cubic":
        return cubic_packets(float(f"{lost:.6g}"), float(f"{rtt_s:.3g}"))
    return RENO / math.sqrt(lost)
