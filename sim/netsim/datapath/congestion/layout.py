"""Where the state of one direction of a connection stands: ``M[f + CC_...]``, all integers.

Windows and thresholds count packets (segments of the path's MSS), as ``snd_cwnd`` and ``snd_ssthresh`` in Linux do; times are
picoseconds of the scenario's clock.
"""

from __future__ import annotations

(
    CC_CONTROL,  # which one: its place in dispatch.MODULES
    CC_WINDOW,  # packets
    CC_THRESHOLD,  # packets: slow start ends here
    CC_COUNT,  # packets acknowledged towards the next one of the window (snd_cwnd_cnt)
    CC_CUT,  # the last unit sent before the window was cut: losses up to there belong to the same event
    CC_RECOVERY,  # OPEN, RECOVERY or LOSS
    CC_REPAIRS,  # packets of this event that are lost and not yet acknowledged, and of what was sent after it began
    CC_REPAIRS_NEXT,
    CC_FULL,  # when the window last held the sender back
    CC_SRTT,  # smoothed round trip; 0: not known
    CC_STAMP,  # when the last unit was sent
    CC_NEWEST,  # when the newest unit that has been acknowledged was sent
    CC_LEAST,  # the smallest round trip seen; 0: none
    CC_CHANCE,  # what draws are made from
    CC_READY,  # pacing: the next unit is sent no earlier
    CC_PRIOR,  # of the unit that is being acknowledged, what `paced.record` kept when it was sent; -1: nothing
    CC_PRIOR_AT,
    CC_PRIOR_FIRST,
    CC_HEAD,  # of units on their way what was kept: a queue of the machinery's own
    CC_TAIL,
) = range(20)
CC_OWN = 20  # the control's own cells begin here
W_CC = 56  # whole cache lines

OPEN, RECOVERY, LOSS = range(3)

NEVER = 1 << 62
#: A threshold that no window reaches (TCP_INFINITE_SSTHRESH in include/net/tcp.h).
INFINITE = 0x7FFFFFFF
