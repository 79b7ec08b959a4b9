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
    CC_FULL,  # when the window last held the sender back
    CC_SRTT,  # smoothed round trip; 0: not known
    CC_STAMP,  # when the last unit was sent
    CC_NEWEST,  # when the newest unit that has been acknowledged was sent
) = range(9)
CC_OWN = 9  # the control's own cells begin here
W_CC = 34

NEVER = 1 << 62
#: A threshold that no window reaches (TCP_INFINITE_SSTHRESH in include/net/tcp.h).
INFINITE = 0x7FFFFFFF
