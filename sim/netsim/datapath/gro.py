"""Generic receive offload: how many of a flow's wire packets are merged into one skb where a card's queue is polled.

Packets of one flow are merged within one poll (``napi_gro_receive`` in net/core/gro.c, and the flush when a poll ends). What
keeps them apart is not how many flows there are, but whether their packets alternate: cards with several transmit queues take
turns between these, and so do ports that several cards send to. ``data/gro.yaml`` has the constant.
"""

from __future__ import annotations

from functools import cache

from netsim.compiled import inner
from netsim.tables import table, values

#: Places of flows whose packets may alternate at one transmitter; of two flows in one place, one is counted.
TURNS = 64


@cache
def poll_packets() -> int:
    """Packets that one poll takes at the most."""
    return int(values(table("gro.yaml"))["poll_packets"])


def turn_of(flow: int) -> int:
    """The place of a flow among those that alternate, by its hash. Other bits than those of receive queues, RPS and lanes."""
    return (flow >> 24) % TURNS


def merged_packets(most: int, gap_ps: int, window_ps: int, flows: int) -> int:
    """How many packets of a flow become one skb, if one comes in every ``gap_ps``, the queue is polled in every
    ``window_ps``, and its polls of ``most`` packets are shared by so many ``flows`` by turns."""
    return max(1, min(1 + window_ps // gap_ps, most // flows))


merged = inner(merged_packets)
turn_place = inner(turn_of)
