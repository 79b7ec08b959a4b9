"""CUBIC as in Linux (net/ipv4/tcp_cubic.c; RFC 9438), with HyStart: a cubic function of the time since the last loss.

C is 410/1024, beta 717/1024; fast convergence and the region in which Reno would be faster are those of the kernel. Its
numbers are integers here, too: times in 1/1024 s inside the cubic function, and the slope is looked at once per jiffy.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.congestion.growth import additive, slow_start
from netsim.datapath.congestion.layout import CC_OWN, CC_SRTT, CC_STAMP, CC_THRESHOLD, CC_WINDOW, NEVER

(
    CU_MOST,  # window before the last loss (last_max_cwnd); 0: not known
    CU_LAST,  # window and jiffy when the slope was looked at last
    CU_JIFFY,
    CU_EPOCH,  # when growth after the last loss began; -NEVER: it has not
    CU_K,  # until the cubic function is back at its origin, 1/1024 s
    CU_ORIGIN,  # packets
    CU_ACKED,  # packets acknowledged, and the window that Reno would have for them
    CU_RENO,
    CU_SLOPE,  # packets to be acknowledged for one more of the window
    CU_LEAST,  # smallest round trip seen (delay_min); 0: none
    CU_ROUND,  # HyStart: when the present round began, its last acknowledgement, least round trip and their number
    CU_TRAIN,
    CU_ROUND_RTT,
    CU_SAMPLES,
) = range(CC_OWN, CC_OWN + 14)

BETA, SCALE = 717, 1024  # tcp_cubic.c: beta, BICTCP_BETA_SCALE
BIC_SCALE = 41  # bic_scale: C is 10 * 41 / 1024
SHIFT = 40  # 10 + 3 * BICTCP_HZ
FRIENDLY = 8 * (SCALE + BETA) // 3 // (SCALE - BETA)  # beta_scale: 15, over 8
LONGEST = 200_000  # 195 s in 1/1024 s: the cube still fits
FRACTION_PS = 10**12 // 1024
JIFFY_PS = 4 * 10**9  # CONFIG_HZ=250, as in Debian 12 and Ubuntu 22.04
MS_PS = 10**9
LOW_WINDOW = 16  # hystart_low_window
MIN_SAMPLES = 8  # HYSTART_MIN_SAMPLES
SPACING_PS = 2 * MS_PS  # hystart_ack_delta_us
FOUR_UNITS = 181  # packets: hystart_ack_delay allows for four skbs of 64 KiB at twice the present rate, and 1 ms at most
LEAST_DELAY_PS, MOST_DELAY_PS = 4 * MS_PS, 16 * MS_PS  # HYSTART_DELAY_MIN, HYSTART_DELAY_MAX


@inner
def start(M, f):
    """Nothing is known, neither of a loss nor of the path (bictcp_reset, bictcp_hystart_reset)."""
    M[f + CU_MOST] = 0
    M[f + CU_LAST] = 0
    M[f + CU_JIFFY] = -NEVER
    M[f + CU_EPOCH] = -NEVER
    M[f + CU_K] = 0
    M[f + CU_ORIGIN] = 0
    M[f + CU_ACKED] = 0
    M[f + CU_RENO] = 0
    M[f + CU_SLOPE] = 0
    M[f + CU_LEAST] = 0
    M[f + CU_ROUND] = NEVER
    M[f + CU_TRAIN] = -NEVER
    M[f + CU_ROUND_RTT] = NEVER
    M[f + CU_SAMPLES] = 0


@inner
def root(number):
    """The integer cube root."""
    found = int(number ** (1.0 / 3.0))
    while found * found * found > number:
        found -= 1
    while (found + 1) * (found + 1) * (found + 1) <= number:
        found += 1
    return found


@inner
def sampled(M, f, now, sent, rtt):
    """A round trip was measured of what was sent then (bictcp_acked)."""
    if M[f + CU_EPOCH] != -NEVER and now - M[f + CU_EPOCH] < 1000 * MS_PS:
        return  # right after recovery
    if M[f + CU_LEAST] == 0 or rtt < M[f + CU_LEAST]:
        M[f + CU_LEAST] = max(rtt, 1)
    if M[f + CC_WINDOW] < M[f + CC_THRESHOLD] and M[f + CC_WINDOW] >= LOW_WINDOW:
        hystart(M, f, now, sent, rtt)


@inner
def hystart(M, f, now, sent, rtt):
    """Leave slow start before a loss: the acknowledgements of a round take half a round trip, or round trips get longer
    (Ha and Rhee, Taming the elephants: new TCP slow start, 2011; hystart_update)."""
    if M[f + CU_ROUND] == NEVER or sent > M[f + CU_ROUND]:
        M[f + CU_ROUND] = now
        M[f + CU_TRAIN] = now
        M[f + CU_ROUND_RTT] = NEVER
        M[f + CU_SAMPLES] = 0
    found = False
    if now - M[f + CU_TRAIN] <= SPACING_PS:
        M[f + CU_TRAIN] = now
        spread = min(MS_PS, FOUR_UNITS * M[f + CC_SRTT] // (2 * M[f + CC_WINDOW]))
        found = now - M[f + CU_ROUND] > (M[f + CU_LEAST] + spread) // 2
    M[f + CU_ROUND_RTT] = min(M[f + CU_ROUND_RTT], rtt)
    if M[f + CU_SAMPLES] < MIN_SAMPLES:
        M[f + CU_SAMPLES] += 1
    else:
        slack = min(max(M[f + CU_LEAST] // 8, LEAST_DELAY_PS), MOST_DELAY_PS)
        found = found or M[f + CU_ROUND_RTT] > M[f + CU_LEAST] + slack
    if found:
        M[f + CC_THRESHOLD] = M[f + CC_WINDOW]


@inner
def acked(M, f, now, packets):
    """Packets were acknowledged while the window held the sender back (cubictcp_cong_avoid)."""
    if M[f + CC_WINDOW] < M[f + CC_THRESHOLD]:
        packets = slow_start(M, f, packets)
        if packets == 0:
            return
    update(M, f, now, packets)
    additive(M, f, M[f + CU_SLOPE], packets)


@inner
def update(M, f, now, packets):
    """The slope: packets to be acknowledged for one more of the window (bictcp_update)."""
    window, jiffy = M[f + CC_WINDOW], now // JIFFY_PS
    M[f + CU_ACKED] += packets
    if M[f + CU_LAST] == window and jiffy - M[f + CU_JIFFY] <= 250 // 32:
        return
    if M[f + CU_EPOCH] == -NEVER or jiffy != M[f + CU_JIFFY]:
        M[f + CU_LAST] = window
        M[f + CU_JIFFY] = jiffy
        if M[f + CU_EPOCH] == -NEVER:
            M[f + CU_EPOCH] = now
            M[f + CU_ACKED] = packets
            M[f + CU_RENO] = window
            M[f + CU_ORIGIN] = max(window, M[f + CU_MOST])
            M[f + CU_K] = root((1 << SHIFT) // (BIC_SCALE * 10) * (M[f + CU_ORIGIN] - window))
        steps = (now - M[f + CU_EPOCH] + M[f + CU_LEAST]) // FRACTION_PS - M[f + CU_K]
        away = min(abs(steps), LONGEST)
        delta = BIC_SCALE * 10 * away * away * away >> SHIFT
        target = M[f + CU_ORIGIN] - delta if steps < 0 else M[f + CU_ORIGIN] + delta
        M[f + CU_SLOPE] = window // (target - window) if target > window else 100 * window
        if M[f + CU_MOST] == 0:
            M[f + CU_SLOPE] = min(M[f + CU_SLOPE], 20)  # 5 % per round trip where nothing was lost yet
    per_packet = window * FRIENDLY >> 3
    if M[f + CU_ACKED] > per_packet:
        more = (M[f + CU_ACKED] - 1) // per_packet
        M[f + CU_ACKED] -= more * per_packet
        M[f + CU_RENO] += more
    if M[f + CU_RENO] > window:
        M[f + CU_SLOPE] = min(M[f + CU_SLOPE], window // (M[f + CU_RENO] - window))
    M[f + CU_SLOPE] = max(M[f + CU_SLOPE], 2)


@inner
def lost(M, f):
    """The threshold after a loss (cubictcp_recalc_ssthresh)."""
    window = M[f + CC_WINDOW]
    M[f + CU_EPOCH] = -NEVER
    if window < M[f + CU_MOST]:
        M[f + CU_MOST] = window * (SCALE + BETA) // (2 * SCALE)  # fast convergence
    else:
        M[f + CU_MOST] = window
    return max(window * BETA // SCALE, 2)


@inner
def rested(M, f, now):
    """The sender had nothing to send until now: the time does not count (CA_EVENT_TX_START)."""
    idle = now - M[f + CC_STAMP]
    if M[f + CU_EPOCH] != -NEVER and idle > 0:
        M[f + CU_EPOCH] = min(M[f + CU_EPOCH] + idle, now)
