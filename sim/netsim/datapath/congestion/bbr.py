"""BBR, version 1, as in Linux (net/ipv4/tcp_bbr.c; Cardwell and others, BBR: congestion-based congestion control, 2016).

It sends at the rate at which data was delivered at best, and keeps twice that rate times the smallest round trip on its way.
Its states are those of the kernel: STARTUP, DRAIN, PROBE_BW in eight phases, PROBE_RTT every ten seconds. The long-term rate of
policers is left out. Gains are in 256ths, rates are packets per ns times 2^34.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner
from netsim.datapath.congestion.bbr_model import (
    BB_BW,
    BB_DELIVERED,
    BB_DELIVERED_AT,
    BB_EPOCH,
    BB_EPOCH_ACKED,
    BB_LIMITED,
    BB_NEXT_ROUND,
    BB_RATE,
    BB_ROUND_STARTS,
    BB_STATE_CELLS,
    RATE_SHIFT,
    UNIT,
    aggregation,
    model,
    reset_model,
    units,
)
from netsim.datapath.congestion.layout import (
    CC_CHANCE,
    CC_READY,
    CC_RECOVERY,
    CC_SRTT,
    CC_WINDOW,
    NEVER,
    OPEN,
)
from netsim.datapath.flows.keys import mix

(
    BB_MODE,
    BB_LEAST,  # the smallest round trip of the last ten seconds (ps; NEVER: none), and when it was seen
    BB_LEAST_AT,
    BB_DONE_AT,  # PROBE_RTT ends then; NEVER: not known
    BB_DONE_ROUND,  # whether a round has passed in it
    BB_PHASE,  # of PROBE_BW, and since when
    BB_PHASE_AT,
    BB_FULL_BW,  # the rate that has to be surpassed for the pipe not to be full, rounds in which it was not, and whether it is
    BB_FULL_ROUNDS,
    BB_FULL,
    BB_PRIOR,  # the window to come back to after recovery or PROBE_RTT
    BB_KEEP,  # packet conservation
    BB_RESTART,  # sending began anew after a rest
    BB_DRAWS,
) = range(BB_STATE_CELLS, BB_STATE_CELLS + 14)

STARTUP, DRAIN, PROBE_BW, PROBE_RTT = range(4)

HIGH_GAIN = UNIT * 2885 // 1000 + 1  # 2 / ln 2
DRAIN_GAIN = UNIT * 1000 // 2885
WINDOW_GAIN = UNIT * 2
PHASES = 8  # gains 5/4, 3/4 and six times 1
LEAST_WINDOW = 4  # bbr_cwnd_min_target
LEAST_RTT_PS = 10 * 10**12  # bbr_min_rtt_win_sec
PROBE_RTT_PS = 200 * 10**9  # bbr_probe_rtt_mode_ms
MARGIN = 99  # per cent: bbr_pacing_margin_percent
INITIAL = 10  # TCP_INIT_CWND
UNKNOWN_RTT_PS = 10**9  # 1 ms, before the first sample


@inner
def start(M, f):
    """Nothing is known of the path (bbr_init)."""
    reset_model(M, f)
    M[f + BB_MODE] = STARTUP
    M[f + BB_LEAST] = NEVER
    M[f + BB_LEAST_AT] = -NEVER
    M[f + BB_DONE_AT] = NEVER
    M[f + BB_DONE_ROUND] = 0
    M[f + BB_PHASE] = 0
    M[f + BB_PHASE_AT] = 0
    M[f + BB_FULL_BW] = 0
    M[f + BB_FULL_ROUNDS] = 0
    M[f + BB_FULL] = 0
    M[f + BB_PRIOR] = 0
    M[f + BB_KEEP] = 0
    M[f + BB_RESTART] = 0
    M[f + BB_DRAWS] = 0


@inner
def pacing_gain(M, f):
    """What the rate is multiplied by in the present state."""
    mode = M[f + BB_MODE]
    if mode == STARTUP:
        return HIGH_GAIN
    if mode == DRAIN:
        return DRAIN_GAIN
    if mode == PROBE_BW and M[f + BB_PHASE] == 0:
        return UNIT * 5 // 4
    if mode == PROBE_BW and M[f + BB_PHASE] == 1:
        return UNIT * 3 // 4
    return UNIT


@inner
def window_gain(M, f):
    """What the bandwidth-delay product is multiplied by."""
    mode = M[f + BB_MODE]
    if mode == PROBE_BW:
        return WINDOW_GAIN
    return UNIT if mode == PROBE_RTT else HIGH_GAIN


@inner
def product(M, f, gain):
    """Bandwidth times the smallest round trip times a gain: packets (bbr_bdp)."""
    if M[f + BB_LEAST] == NEVER:
        return INITIAL
    return ((M[f + BB_BW] * gain >> 8) * (M[f + BB_LEAST] // 1000) + (1 << RATE_SHIFT) - 1) >> RATE_SHIFT


@inner
def budget(M, f, packets):
    """Room for what is sent in units: three of them, an even number, two more where the rate is probed
    (bbr_quantization_budget)."""
    packets = (packets + 3 * units(M, f) + 1) // 2 * 2
    return packets + 2 if M[f + BB_MODE] == PROBE_BW and M[f + BB_PHASE] == 0 else packets


@inner
def on_its_way(M, f, now, flying):
    """Packets that will be on their way when the next unit may be sent (bbr_packets_in_net_at_edt)."""
    ahead = max(M[f + CC_READY] - now, 0) // 1000
    if pacing_gain(M, f) > UNIT:
        flying += units(M, f)
    return max(flying - (M[f + BB_BW] * ahead >> RATE_SHIFT), 0)


@inner
def set_rate(M, f, gain):
    """The rate of pacing: it does not fall before the pipe is full (bbr_set_pacing_rate)."""
    rate = (M[f + BB_BW] * gain >> 8) * MARGIN // 100
    if M[f + BB_FULL] or rate > M[f + BB_RATE]:
        M[f + BB_RATE] = max(rate, 1)


@inner
def first_rate(M, f):
    """Before anything was delivered: the initial window in a round trip (bbr_init_pacing_rate_from_rtt)."""
    rtt = M[f + CC_SRTT] if M[f + CC_SRTT] > 0 else UNKNOWN_RTT_PS
    bandwidth = (M[f + CC_WINDOW] << RATE_SHIFT) // max(rtt // 1000, 1)
    M[f + BB_RATE] = max((bandwidth * HIGH_GAIN >> 8) * MARGIN // 100, 1)


@inner
def acked(M, f, now, packets, flying, sent, rtt):
    """Packets that were sent then are acknowledged; ``flying``: on their way before (bbr_main)."""
    model(M, f, now, packets, sent)
    if M[f + BB_ROUND_STARTS]:
        M[f + BB_KEEP] = 0
    next_phase(M, f, now, flying)
    look_for_full_pipe(M, f)
    drain(M, f, now, flying - packets)
    least_round_trip(M, f, now, rtt, flying - packets)
    set_rate(M, f, pacing_gain(M, f))
    set_window(M, f, packets, flying - packets)


@inner
def next_phase(M, f, now, flying):
    """PROBE_BW: a phase lasts the smallest round trip; the first until the pipe is as full as it asks for, the second no longer
    than there is a queue (bbr_is_next_cycle_phase)."""
    if M[f + BB_MODE] != PROBE_BW:
        return
    over = now - M[f + BB_PHASE_AT] > M[f + BB_LEAST]
    phase = M[f + BB_PHASE]
    if phase == 0:
        gain = UNIT * 5 // 4
        lossy = M[f + CC_RECOVERY] != OPEN
        over = over and (lossy or on_its_way(M, f, now, flying) >= budget(M, f, product(M, f, gain)))
    elif phase == 1:
        over = over or on_its_way(M, f, now, flying) <= budget(M, f, product(M, f, UNIT))
    if over:
        M[f + BB_PHASE] = (phase + 1) % PHASES
        M[f + BB_PHASE_AT] = now


@inner
def probe_bandwidth(M, f, now):
    """PROBE_BW begins with any phase but the second, at random (bbr_reset_probe_bw_mode)."""
    M[f + BB_MODE] = PROBE_BW
    M[f + BB_DRAWS] += 1
    draw = (mix(M[f + CC_CHANCE], M[f + BB_DRAWS]) >> 8 & 0xFFFF) % (PHASES - 1)
    M[f + BB_PHASE] = (PHASES - draw) % PHASES
    M[f + BB_PHASE_AT] = now


@inner
def look_for_full_pipe(M, f):
    """The pipe is full after three rounds in which the rate has not grown by a quarter (bbr_check_full_bw_reached)."""
    if M[f + BB_FULL] or not M[f + BB_ROUND_STARTS] or M[f + BB_LIMITED] > 0:
        return
    if M[f + BB_BW] >= M[f + BB_FULL_BW] * 5 // 4:
        M[f + BB_FULL_BW] = M[f + BB_BW]
        M[f + BB_FULL_ROUNDS] = 0
        return
    M[f + BB_FULL_ROUNDS] += 1
    if M[f + BB_FULL_ROUNDS] >= 3:
        M[f + BB_FULL] = 1


@inner
def drain(M, f, now, flying):
    """After STARTUP the queue that it has built is drained (bbr_check_drain)."""
    if M[f + BB_MODE] == STARTUP and M[f + BB_FULL]:
        M[f + BB_MODE] = DRAIN
    if M[f + BB_MODE] == DRAIN and on_its_way(M, f, now, flying) <= budget(M, f, product(M, f, UNIT)):
        probe_bandwidth(M, f, now)


@inner
def least_round_trip(M, f, now, rtt, flying):
    """The smallest round trip; after ten seconds without a smaller one, four packets for 200 ms (bbr_update_min_rtt)."""
    expired = M[f + BB_LEAST] != NEVER and now > M[f + BB_LEAST_AT] + LEAST_RTT_PS
    if rtt >= 0 and (rtt < M[f + BB_LEAST] or expired):
        M[f + BB_LEAST] = max(rtt, 1)
        M[f + BB_LEAST_AT] = now
    if expired and not M[f + BB_RESTART] and M[f + BB_MODE] != PROBE_RTT:
        save(M, f)
        M[f + BB_MODE] = PROBE_RTT
        M[f + BB_DONE_AT] = NEVER
    if M[f + BB_MODE] == PROBE_RTT:
        M[f + BB_LIMITED] = max(M[f + BB_DELIVERED] + flying, 1)
        if M[f + BB_DONE_AT] == NEVER:
            if flying <= LEAST_WINDOW:
                M[f + BB_DONE_AT] = now + PROBE_RTT_PS
                M[f + BB_DONE_ROUND] = 0
                M[f + BB_NEXT_ROUND] = M[f + BB_DELIVERED]
        else:
            if M[f + BB_ROUND_STARTS]:
                M[f + BB_DONE_ROUND] = 1
            if M[f + BB_DONE_ROUND]:
                leave_probe(M, f, now)
    M[f + BB_RESTART] = 0


@inner
def leave_probe(M, f, now):
    """PROBE_RTT is over when its time is (bbr_check_probe_rtt_done)."""
    if M[f + BB_DONE_AT] == NEVER or now <= M[f + BB_DONE_AT]:
        return
    M[f + BB_LEAST_AT] = now
    M[f + CC_WINDOW] = max(M[f + CC_WINDOW], M[f + BB_PRIOR])
    if M[f + BB_FULL]:
        probe_bandwidth(M, f, now)
    else:
        M[f + BB_MODE] = STARTUP


@inner
def save(M, f):
    """The window to come back to (bbr_save_cwnd)."""
    if M[f + CC_RECOVERY] == OPEN and M[f + BB_MODE] != PROBE_RTT:
        M[f + BB_PRIOR] = M[f + CC_WINDOW]
    else:
        M[f + BB_PRIOR] = max(M[f + BB_PRIOR], M[f + CC_WINDOW])


@inner
def set_window(M, f, packets, flying):
    """Towards the gain's part of the bandwidth-delay product; in the first round of a recovery, as much as leaves
    (bbr_set_cwnd)."""
    window = M[f + CC_WINDOW]
    if M[f + BB_KEEP]:
        window = max(window, flying + packets)
    else:
        target = product(M, f, window_gain(M, f))
        if M[f + BB_FULL]:
            target += aggregation(M, f)
        target = budget(M, f, target)
        if M[f + BB_FULL]:
            window = min(window + packets, target)
        elif window < target or M[f + BB_DELIVERED] < INITIAL:
            window += packets
        window = max(window, LEAST_WINDOW)
    if M[f + BB_MODE] == PROBE_RTT:
        window = min(window, LEAST_WINDOW)
    M[f + CC_WINDOW] = window


@inner
def lost(M, f, packets):
    """Packets are lost: they leave room for nothing else."""
    M[f + CC_WINDOW] = max(M[f + CC_WINDOW] - packets, 1)


@inner
def recover(M, f, flying):
    """A recovery begins. Rates stay: only the window keeps to what leaves for a round
    (bbr_set_cwnd_to_recover_or_restore)."""
    save(M, f)
    M[f + BB_KEEP] = 1
    M[f + BB_NEXT_ROUND] = M[f + BB_DELIVERED]
    M[f + CC_WINDOW] = max(flying + 1, 1)


@inner
def recovered(M, f):
    """It is over."""
    M[f + BB_KEEP] = 0
    M[f + CC_WINDOW] = max(M[f + CC_WINDOW], M[f + BB_PRIOR])


@inner
def timed_out(M, f):
    """The retransmission timer fired (bbr_set_state, TCP_CA_Loss)."""
    save(M, f)
    M[f + BB_FULL_BW] = 0
    M[f + BB_KEEP] = 0


@inner
def rested(M, f, now):
    """Sending begins with nothing on its way (bbr_cwnd_event, CA_EVENT_TX_START)."""
    if M[f + BB_RATE] == 0:
        first_rate(M, f)
    if M[f + BB_LIMITED] == 0:
        return
    M[f + BB_RESTART] = 1
    M[f + BB_EPOCH] = now
    M[f + BB_EPOCH_ACKED] = 0
    M[f + BB_DELIVERED_AT] = now
    if M[f + BB_MODE] == PROBE_BW:
        set_rate(M, f, UNIT)
    elif M[f + BB_MODE] == PROBE_RTT:
        leave_probe(M, f, now)
