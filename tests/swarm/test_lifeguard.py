"""False deaths while processes stand still, as Lifeguard's authors measured them (arXiv 1707.00788): so many members at once
handle no message for a while, run on for a moment, and stand still again. What they send meanwhile leaves when they run
again, and so do they read what has come; nothing is lost, and their timers go on.

Compared are memberlist with and without what Lifeguard added: timeouts that follow the local health, and a suspicion that
begins at six times its least and shrinks with confirmations. Without, a suspicion lasts the least, as in SWIM.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
import simpy
from swarms import swarm, text

from netsim.swarm.constants import swarm_table

S = 10**12
SWIM = {"suspicion_most_multiplier": 1, "awareness_most": 1}


def false_deaths(count: int, stands_s: float, runs_s: float, **constants: int) -> int:
    """How often a member held another for dead that never stood still, in 70 s among 40 of which so many do."""
    table = replace(swarm_table(), **constants)  # type: ignore[arg-type]
    with patch("netsim.swarm.world.swarm_table", lambda: table):
        world = swarm(text("", workers=37, duration="90s"))
    members, ways, ill = world.members, world.ways, np.arange(3, 3 + count)
    found = 0

    def buried(observer: int, node: int) -> None:
        nonlocal found
        found += node not in ill

    def stand() -> Generator[simpy.Event, object, None]:
        yield world.env.timeout(20 * S)
        while True:
            begin, end = world.env.now, world.env.now + round(stands_s * S)
            while world.env.now < end:
                ways.delay_ps[:, ill] = end - world.env.now
                # A probe on its way is judged at the end, and there is no other before.
                asks = ill[(members.probes.asked[ill] >= 0) & (members.probes.decided_at[ill] > begin)]
                members.probes.decided_at[asks] = np.maximum(members.probes.decided_at[asks], end + 1)
                members.wake()
                yield world.env.timeout(min(end - world.env.now, table.gossip_ps // 2))
            ways.delay_ps[:, ill] = 0
            yield world.env.timeout(round(runs_s * S))

    world.env.process(stand())
    with patch.object(world, "buried", buried):
        world.env.run(until=90 * S - 1)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("multiplier", [5, 4], ids=["the paper's", "Docker's"])
def test_lifeguard_spares_the_living_fifty_times_as_often(multiplier: int) -> None:
    """More than 50 times, over stands of 8 and 16 s (as in the paper, with moments of 64 ms between), added up. Of a false
    death nearly all members hear, or nobody does: the sums are of some tens of events."""
    spells = ((6, 8.192, 0.064), (6, 16.384, 0.064))
    plain = sum(false_deaths(*spell, suspicion_multiplier=multiplier, **SWIM) for spell in spells)
    spared = sum(false_deaths(*spell, suspicion_multiplier=multiplier) for spell in spells)
    assert plain > 200 and plain > 50 * spared
