"""What congestion controls make of losses at random: the mean window of a flow of which a share of the packets is lost.

They hold where losses, and nothing else, end the growth of the window, each window losing less than one packet.
"""

from __future__ import annotations

import math

from netsim.datapath.congestion.cubic import BETA, BIC_SCALE, SCALE

#: Reno's mean window with losses at random is this over the square root of the share lost (Ott, Kemperman and Mathis, The stationary
#: behavior of ideal TCP congestion avoidance, 1996); 1.22 where losses come at even distances (Mathis and others, CCR 27(3), 1997).
RENO = 1.309
C = BIC_SCALE * 10 / 1024  # packets/s^3, as in the kernel
KEEPS = BETA / SCALE  # of the window after a loss


def cubic_packets(lost: float, rtt_s: float) -> float:
    """CUBIC's mean window: (C (3 + beta) / (4 (1 - beta)))^(1/4) (RTT / p)^(3/4), beta being what is kept (RFC 9438, 5.1)."""
    return float((C * (3 + KEEPS) / (4 * (1 - KEEPS))) ** 0.25 * (rtt_s / lost) ** 0.75)


def window_packets(congestion: str, lost: float, rtt_s: float) -> float:
    """The mean window (packets) where this share of packets is lost at random; infinite without losses, and for BBR, whose rate does
    not follow them. CUBIC is no slower than Reno would be (RFC 9438, 4.3)."""
    if lost <= 0 or congestion == "bbr":
        return math.inf
    reno = RENO / math.sqrt(lost)
    return max(reno, cubic_packets(lost, rtt_s)) if congestion == "cubic" else reno
