"""NetworkDB: rows of tasks spread from their node to all others, tick by tick, and by bulk sync where that misses."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np
import simpy

from netsim.swarm.broadcasts import Bools, Broadcasts, Ints, retransmits
from netsim.swarm.store import TaskRow

if TYPE_CHECKING:
    from netsim.swarm.world import Swarm


class Rows:
    """One table over all networks: every node with a task of a swarm takes part in most of them.

    A message is (task number, present); a newer one of a task supersedes the older. ``stale``: how many rows
    differ between some live node and the owner.
    """

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm
        self.env = swarm.env
        self.table = table = swarm.table
        self.ways = swarm.ways
        self.count = len(self.ways.names)
        self.luck = swarm.chance.arrays("networkdb")
        self.spread = Broadcasts(self.count, max(1, table.table_packet_bytes // table.table_message_bytes))
        self.next_sync = (self.env.now + self.luck.random(self.count) * table.bulk_sync_ps).astype(np.int64)
        self.phase_ps = round(swarm.chance.uniform("networkdb", "tick", 0, table.gossip_ps))
        self.owner: dict[int, int] = {}
        self.awake = False

    def put(self, task: TaskRow, present: bool) -> None:
        """The owner's daemon writes or deletes the rows of a task."""
        assert task.node is not None
        self.write(task.number, task.node, present)

    def write(self, number: int, owner: int, present: bool) -> None:
        """The daemon of a node writes or deletes a row."""
        self.spread.drop(lambda what: what[0] != number)
        self.owner[number] = owner
        times = retransmits(self.table.retransmit_multiplier, self.count)
        self.spread.put((number, int(present)), owner, times)
        if not self.awake:
            self.awake = True
            self.env.process(self._run())

    def stale(self, present: Bools) -> int:
        """Pairs of a present node's row and a present node that does not know it yet."""
        rows = [k for k, what in enumerate(self.spread.what) if present[self.owner[what[0]]]]
        return int((~self.spread.known[rows][:, present]).sum()) if rows else 0

    def _run(self) -> Generator[simpy.Event, object, None]:
        # Daemons tick by clocks of their own: a row that is written waits for the next tick, wherever that stands.
        first = 1 + (self.phase_ps - self.env.now - 1) % self.table.gossip_ps
        while True:
            yield self.env.timeout(first if first else self.table.gossip_ps)
            first = 0
            message, node = self.spread.tick(
                self.luck,
                self.ways.live,
                self._targets,
                lambda a, b: self.ways.arrive(a, b, self.luck),
                self.table.gossip_nodes,
                delay=self.ways.delays if self.ways.slow else None,
                now=self.env.now,
                soon=self.table.gossip_ps,
            )
            self.swarm.traffic.packets(self.spread, self.table.table_message_bytes)
            self.spread.known[message, node] = True
            for k, new in zip(message.tolist(), node.tolist(), strict=True):
                self.swarm.journal.heard(self.spread.what[k][0], [new])
            self.spread.left[message, node] = retransmits(self.table.retransmit_multiplier, self.count)
            self._sync()
            if not self.stale(self.ways.live):
                # What everyone knows needs no more simulation; copies still under way change nothing.
                self.spread.drop(lambda what: not self.ways.live[self.owner[what[0]]])
            if not self.spread.what:
                self.awake = False
                return

    def _targets(self, senders: Ints) -> Ints:
        to = (
            self.luck.integers(0, self.count - 1, len(senders))
            if self.count > 1
            else np.zeros(len(senders), np.int64)
        )
        return np.asarray(to + (to >= senders) if self.count > 1 else to, np.int64)

    def _sync(self) -> None:
        """Every 30 s each node exchanges all rows with one random member."""
        due = np.flatnonzero((self.next_sync <= self.env.now) & self.ways.live)
        self.next_sync[due] = self.env.now + self.table.bulk_sync_ps
        if not len(due) or not self.spread.what or self.count < 2:
            return
        partner = self._targets(due)
        for i, j in zip(due.tolist(), partner.tolist(), strict=True):
            if self.ways.both(i, j):
                both = self.spread.known[:, i] | self.spread.known[:, j]
                for k, what in enumerate(self.spread.what):
                    if both[k]:
                        self.swarm.journal.heard(what[0], [i, j])
                self.spread.known[:, i] = both
                self.spread.known[:, j] = both
