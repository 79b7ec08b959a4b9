"""What BBR measures: rates of delivery, their maximum over ten rounds, and how much acknowledgements come in lumps.

Rates of delivery are sampled for each acknowledgement as in net/ipv4/tcp_rate.c (Cheng and others, Delivery rate estimation).
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.congestion.layout import (
    CC_LEAST,
    CC_OWN,
    CC_PRIOR,
    CC_PRIOR_AT,
    CC_PRIOR_FIRST,
    CC_WINDOW,
)

(
    BB_DELIVERED,  # packets, and when the last ones were
    BB_DELIVERED_AT,
    BB_FIRST,  # when the unit was sent that was acknowledged last
    BB_LIMITED,  # what is sent before so many are delivered says nothing of the path, since there was nothing to send; 0: no
    BB_RATE,  # of pacing
    BB_ROUNDS,
    BB_NEXT_ROUND,  # packets delivered at which a round is over
    BB_ROUND_STARTS,  # whether the present acknowledgement begins one
    BB_BW,  # windowed maximum: the best, second and third best rates and the rounds they come from
    BB_BW_ROUND,
    BB_BW2,
    BB_BW2_ROUND,
    BB_BW3,
    BB_BW3_ROUND,
    BB_EPOCH,  # lumps: since when, and packets acknowledged since
    BB_EPOCH_ACKED,
    BB_EXTRA,  # the most beyond the rate in this half and the last one of ten rounds, and rounds in this half
    BB_EXTRA_BEFORE,
    BB_EXTRA_ROUNDS,
) = range(CC_OWN, CC_OWN + 19)
BB_STATE_CELLS = CC_OWN + 19

UNIT = 256
RATE_SHIFT = 34
ROUNDS = 10  # bbr_bw_rtts
HALF = 5  # bbr_extra_acked_win_rtts
LUMP_NS = 100_000_000  # bbr_extra_acked_max_us
TICK_NS = 976_562  # 1/1024 s: a unit holds about a millisecond of sending (sk_pacing_shift)
LARGEST = 45  # packets of a unit
MOST_RATE, LONGEST_NS = 1 << 32, 1 << 30  # their product fits: a packet in 4 ns, and 1.07 s


@inner
def reset_model(M, f):
    """Nothing has been measured."""
    for cell in range(f + BB_DELIVERED, f + BB_STATE_CELLS):
        M[cell] = 0


@inner
def units(M, f):
    """Packets in a unit at the present rate (bbr_tso_segs_goal)."""
    return min(max(M[f + BB_RATE] * TICK_NS >> RATE_SHIFT, 2), LARGEST)


@inner
def model(M, f, now, packets, sent):
    """An acknowledgement: what was delivered, since when, and what that says of the rate (tcp_rate_gen, bbr_update_bw)."""
    M[f + BB_DELIVERED] += packets
    M[f + BB_DELIVERED_AT] = now
    M[f + BB_ROUND_STARTS] = 0
    if M[f + BB_LIMITED] > 0 and M[f + BB_DELIVERED] > M[f + BB_LIMITED]:
        M[f + BB_LIMITED] = 0
    if M[f + CC_PRIOR] < 0:
        return
    prior, limited = M[f + CC_PRIOR] // 2, M[f + CC_PRIOR] % 2
    M[f + BB_FIRST] = sent
    interval = max(sent - M[f + CC_PRIOR_FIRST], now - M[f + CC_PRIOR_AT])
    if interval < M[f + CC_LEAST]:
        return  # both ends of it were in one lump
    if prior >= M[f + BB_NEXT_ROUND]:
        M[f + BB_NEXT_ROUND] = M[f + BB_DELIVERED]
        M[f + BB_ROUNDS] += 1
        M[f + BB_ROUND_STARTS] = 1
    rate = min((M[f + BB_DELIVERED] - prior << RATE_SHIFT) // max(interval // 1000, 1), MOST_RATE)
    if not limited or rate >= M[f + BB_BW]:
        best_of_ten_rounds(M, f, rate)
    lumps(M, f, now, packets)


@inner
def best_of_ten_rounds(M, f, rate):
    """The windowed maximum of lib/minmax.c."""
    r, first = M[f + BB_ROUNDS], f + BB_BW
    second, third = f + BB_BW2, f + BB_BW3
    if rate >= M[first] or r - M[third + 1] > ROUNDS:
        for cell in (first, second, third):
            M[cell] = rate
            M[cell + 1] = r
        return
    if rate >= M[second]:
        M[second] = rate
        M[second + 1] = r
    if rate >= M[third]:
        M[third] = rate
        M[third + 1] = r
    since = r - M[first + 1]
    if since > ROUNDS:
        for _ in range(2):
            if r - M[first + 1] > ROUNDS:
                M[first] = M[second]
                M[first + 1] = M[second + 1]
                M[second] = M[third]
                M[second + 1] = M[third + 1]
                M[third] = rate
                M[third + 1] = r
    elif M[second + 1] == M[first + 1] and since > ROUNDS // 4:
        for cell in (second, third):
            M[cell] = rate
            M[cell + 1] = r
    elif M[third + 1] == M[second + 1] and since > ROUNDS // 2:
        M[third] = rate
        M[third + 1] = r


@inner
def lumps(M, f, now, packets):
    """How many packets are acknowledged beyond what the rate explains (bbr_update_ack_aggregation)."""
    if M[f + BB_ROUND_STARTS]:
        M[f + BB_EXTRA_ROUNDS] += 1
        if M[f + BB_EXTRA_ROUNDS] >= HALF:
            M[f + BB_EXTRA_ROUNDS] = 0
            M[f + BB_EXTRA_BEFORE] = M[f + BB_EXTRA]
            M[f + BB_EXTRA] = 0
    passed = min((now - M[f + BB_EPOCH]) // 1000, LONGEST_NS)
    expected = M[f + BB_BW] * passed >> RATE_SHIFT
    if M[f + BB_EPOCH_ACKED] <= expected or M[f + BB_EPOCH_ACKED] + packets >= 1 << 20:
        M[f + BB_EPOCH_ACKED] = 0
        M[f + BB_EPOCH] = now
        expected = 0
    M[f + BB_EPOCH_ACKED] += packets
    extra = min(M[f + BB_EPOCH_ACKED] - expected, M[f + CC_WINDOW])
    M[f + BB_EXTRA] = max(M[f + BB_EXTRA], extra)


@inner
def aggregation(M, f):
    """Packets that the window holds for lumps (bbr_ack_aggregation_cwnd)."""
    most = M[f + BB_BW] * LUMP_NS >> RATE_SHIFT
    return min(max(M[f + BB_EXTRA], M[f + BB_EXTRA_BEFORE]), most)
