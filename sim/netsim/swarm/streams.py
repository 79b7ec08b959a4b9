"""Messages of daemons over TCP connections that they keep open: how late they are on a network that is not idle."""

from __future__ import annotations

from itertools import pairwise

from netsim.datapath.tcp import tcp_table
from netsim.swarm.chance import Chance
from netsim.swarm.ways import Ways

#: No time-out of TCP is waited for that is longer: by then whoever sent has given up.
RTO_MOST_PS = 128 * 10**11


class Streams:
    """Delays over a way with hops, each a connection of its own."""

    def __init__(self, ways: Ways, chance: Chance) -> None:
        self.ways = ways
        self.chance = chance
        self.rto_ps = tcp_table().rto_min_ps

    def late(self, purpose: str, *hops: int) -> int:
        """How much later a message is there than on an idle network (ps): what it waits behind data on its way, what faults
        add, and until what is lost has been sent again."""
        return sum(self.ways.late(a, b) + self.repeats(purpose, a, b) for a, b in pairwise(hops) if a != b)

    def repeats(self, purpose: str, a: int, b: int) -> int:
        """Each loss costs a time-out of TCP, which is longer than a round trip and doubles."""
        lost = self.ways.lost(a, b)
        if not lost or a == b:
            return 0
        total, rto = 0, self.rto_ps + self.ways.late(a, b) + self.ways.late(b, a)
        while rto < RTO_MOST_PS and self.chance.uniform(self.ways.names[a], f"{purpose} loss") < lost:
            total, rto = total + rto, 2 * rto
        return total
