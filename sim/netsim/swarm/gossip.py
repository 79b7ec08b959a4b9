"""memberlist over all nodes at once: each node's own view as rows of arrays, and how it spreads (`netsim.swarm.probes` asks who lives).

One event per gossip tick (200 ms), and none while nothing spreads and nobody is in trouble: probes between healthy
members change nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

import numpy as np
import simpy

from netsim.swarm.broadcasts import Bools, Broadcasts, Ints, retransmits
from netsim.swarm.probes import ALIVE, DEAD, FAR, SUSPECT, Probes
from netsim.swarm.traffic import push_pull_ps

if TYPE_CHECKING:
    from netsim.swarm.world import Swarm

MOST_DRAWS = 8  # of a random member, before those that fit are listed


def suspicion_ps(table_min: int, most: int, members: int, probe_ps: int) -> tuple[int, int]:
    """Shortest and longest time from suspicion to death: multiplier x max(1, log10 n) probe intervals."""
    least = round(table_min * max(1.0, math.log10(max(1, members))) * probe_ps)
    return least, least * most


def suspicion_left(least: int, longest: int, confirmations: Ints, wanted: int) -> Ints:
    """The timeout after so many independent confirmations (memberlist suspicion.go remainingSuspicionTime)."""
    if wanted < 1:
        return np.full(np.shape(confirmations), least, np.int64)
    share = np.log(confirmations + 1.0) / math.log(wanted + 1.0)
    found: Ints = np.maximum(np.int64(least), np.round(longest - share * (longest - least)).astype(np.int64))
    return found


class Members:
    """memberlist: suspicion, death, and the way back. ``view[i, j]``: what i thinks of j; ``score``: how ill each node takes
    itself to be (Lifeguard's awareness)."""

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm
        self.env = swarm.env
        self.table = table = swarm.table
        self.ways = swarm.ways
        self.count = count = len(self.ways.names)
        self.luck = swarm.chance.arrays("memberlist")
        self.view = np.zeros((count, count), np.int8)
        self.heard = np.zeros((count, count), np.int32)  # incarnation of j that i knows
        self.incarnation = np.zeros(count, np.int32)
        self.dies = np.full((count, count), FAR, np.int64)
        self.began = np.zeros((count, count), np.int64)
        self.confirmed = np.zeros((count, count), np.int8)
        self.dead_since = np.full((count, count), FAR, np.int64)
        self.score = np.zeros(count, np.int64)
        self.probes = Probes(self)
        self.next_join = (self.env.now + self.luck.random(count) * table.reconnect_ps).astype(np.int64)
        self.spread = Broadcasts(count, max(1, table.member_packet_bytes // table.member_message_bytes))
        self.push_ps = push_pull_ps(table.push_pull_ps, count)
        self.next_push = (self.env.now + self.luck.random(count) * self.push_ps).astype(np.int64)
        self.coming: list[
            tuple[int, Callable[[], None]]
        ] = []  # what takes longer than a tick: when it is there
        self.awake = False
        self.quiet_since = self.env.now

    def wake(self) -> None:
        """Something is wrong or spreads: ticks run until all is quiet."""
        if not self.awake:
            self.awake = True
            # Each probe of the quiet time was answered.
            self.score -= np.minimum(self.score, (self.env.now - self.quiet_since) // self.table.probe_ps)
            self.probes.wake()
            late = self.env.now - self.next_join
            self.next_join += np.where(
                late > 0, -(-late // self.table.reconnect_ps) * self.table.reconnect_ps, 0
            )
            late = self.env.now - self.next_push
            self.next_push += np.where(late > 0, -(-late // self.push_ps) * self.push_ps, 0)
            self.env.process(self._run())

    @property
    def quiet(self) -> bool:
        """Whether nothing spreads, no link is in trouble, and all who run agree: those who run are alive, the others dead.
        Then no probe, exchange or try to rejoin changes anything until somebody starts."""
        live = self.ways.live
        if self.ways.cut or not self.agree(live):
            return False
        spreads = (self.spread.left[:, live] > 0).any() or self.spread.under_way
        return not (spreads or self.coming)

    def agree(self, present: Bools) -> bool:
        """Whether those present hold one another for alive and all others for dead."""
        seen = self.view[present]
        return bool(((seen == DEAD) == ~present).all() and not (seen == SUSPECT).any())

    def restart(self, node: int) -> None:
        """The node's daemon starts anew: it knows itself, and asks a manager for the rest."""
        self.view[node] = ALIVE
        self.dies[node] = FAR
        self.incarnation[node] += 1
        self.score[node], self.probes.asked[node] = 0, -1
        self.next_join[node] = self.env.now
        self.swarm.chance.uniform("memberlist", "restart")
        self.wake()

    def _run(self) -> Generator[simpy.Event, object, None]:
        while True:
            yield self.env.timeout(self.table.gossip_ps)
            if self.quiet:
                self.awake, self.quiet_since = False, self.env.now
                self.spread.drop(lambda _: False)
                return
            self._arrive()
            self.probes.tick()
            self._gossip()
            self._bury()
            self._rejoin()
            self._push_pull()

    def after(self, takes_ps: int, act: Callable[[], None]) -> None:
        """Something arrives: within this tick, or later."""
        if takes_ps <= self.table.gossip_ps:
            act()
        else:
            self.coming.append((self.env.now + takes_ps, act))

    def _arrive(self) -> None:
        there = [act for due, act in self.coming if due <= self.env.now]
        self.coming = [one for one in self.coming if one[0] > self.env.now]
        for act in there:
            act()

    def _wanted(self, node: int) -> int:
        wanted = self.table.suspicion_multiplier - 2
        return wanted if int((self.view[node] != DEAD).sum()) - 2 >= wanted else 0

    def _times(self, node: int) -> int:
        return retransmits(self.table.retransmit_multiplier, int((self.view[node] != DEAD).sum()))

    def suspect(self, i: int, j: int, by: int, since: int | None = None) -> None:
        """Node i learns that ``by`` suspects j; ``since``: when, if not now."""
        if self.view[i, j] == DEAD:
            return
        number = int(self.heard[i, j])
        wanted = self._wanted(i)
        if self.view[i, j] == ALIVE:
            self.view[i, j], self.confirmed[i, j], self.began[i, j] = SUSPECT, 0, since or self.env.now
        elif self.confirmed[i, j] < wanted:
            if (SUSPECT, j, number, by) in self.spread.at and self.spread.known[
                self.spread.at[SUSPECT, j, number, by], i
            ]:
                return
            self.confirmed[i, j] += 1
        else:
            return
        members = int((self.view[i] != DEAD).sum())
        least, longest = suspicion_ps(
            self.table.suspicion_multiplier,
            self.table.suspicion_most_multiplier,
            members,
            self.table.probe_ps,
        )
        if wanted < 1:
            longest = least
        left = suspicion_left(least, longest, np.array([self.confirmed[i, j]]), wanted)[0]
        self.dies[i, j] = self.began[i, j] + left
        self.spread.put((SUSPECT, j, number, by), i, self._times(i))

    def _bury(self) -> None:
        """Suspicions that ran out: the node is dead for this observer, and its rows are gone there."""
        due = np.argwhere((self.dies <= self.env.now) & self.ways.live[:, None])
        for i, j in due.tolist():
            self._dead(i, j, int(self.heard[i, j]))

    def _dead(self, i: int, j: int, number: int) -> None:
        if self.view[i, j] == DEAD or number < self.heard[i, j]:
            return
        if i == j:
            self.refute(i, number)
            return
        self.view[i, j], self.dies[i, j], self.dead_since[i, j] = DEAD, FAR, self.env.now
        self.heard[i, j] = number
        self.spread.put((DEAD, j, number), i, self._times(i))
        self.swarm.buried(i, j)

    def refute(self, node: int, number: int) -> None:
        """It hears that it is suspected or dead, and says otherwise with a higher incarnation."""
        if number < self.incarnation[node]:
            return
        self.incarnation[node] = number + 1
        self.heard[node, node] = number + 1
        self.view[node, node] = ALIVE
        self.score[node] = min(self.table.awareness_most - 1, self.score[node] + 1)
        self.spread.put((ALIVE, node, number + 1), node, self._times(node))

    def _alive(self, i: int, j: int, number: int) -> None:
        if number <= self.heard[i, j] and self.view[i, j] != DEAD or i == j or number < self.heard[i, j]:
            return
        was = self.view[i, j]
        self.view[i, j], self.dies[i, j], self.heard[i, j] = ALIVE, FAR, number
        self.spread.put((ALIVE, j, number), i, self._times(i))
        if was == DEAD:
            self.swarm.unburied(i, j)

    def _targets(self, senders: Ints) -> Ints:
        """A random member for each sender that it does not count as long dead."""
        to = self.luck.integers(0, self.count, len(senders))
        for _ in range(MOST_DRAWS):
            unfit = np.flatnonzero((to == senders) | ~self._heeds(senders, to))
            if not len(unfit):
                return to
            to[unfit] = self.luck.integers(0, self.count, len(unfit))
        fits = self._heeds(senders[unfit, None], np.arange(self.count)[None, :])
        fits[np.arange(len(unfit)), senders[unfit]] = False
        weight = np.where(fits, self.luck.random(fits.shape), -1.0)
        to[unfit] = weight.argmax(axis=1)
        return to

    def _heeds(self, a: Ints, b: Ints) -> Bools:
        """Whether ``a`` still sends gossip to ``b``."""
        found: Bools = (self.view[a, b] != DEAD) | (
            self.env.now - self.dead_since[a, b] < self.table.gossip_to_dead_ps
        )
        return found

    def _gossip(self) -> None:
        message, node = self.spread.tick(
            self.luck,
            self.ways.live,
            self._targets,
            lambda a, b: self.ways.arrive(a, b, self.luck),
            self.table.gossip_nodes,
            each=True,
            delay=self.ways.delays if self.ways.slow else None,
            now=self.env.now,
            soon=self.table.gossip_ps,
        )
        self.swarm.traffic.packets(self.spread, self.table.member_message_bytes)
        for k, i in zip(message.tolist(), node.tolist(), strict=True):
            kind, j, number, *by = self.spread.what[k]
            if kind == ALIVE:
                self._alive(i, j, number)
            elif i == j:
                self.refute(i, number)
            elif kind == DEAD:
                self._dead(i, j, number)
            elif number >= self.heard[i, j]:
                self.heard[i, j] = number
                self.suspect(i, j, by[0])

    def _rejoin(self) -> None:
        """Once a second each node tries one that it holds for dead; both then exchange all they know."""
        now = self.env.now
        due = np.flatnonzero((self.next_join <= now) & self.ways.live)
        self.next_join[due] = now + self.table.reconnect_ps
        for i in due.tolist():
            gone = np.flatnonzero(self.view[i] == DEAD)
            if not len(gone):
                continue
            j = int(self.luck.choice(gone))
            if self.ways.both(i, j):
                self._by_stream(i, j, self._meet)

    def _meet(self, i: int, j: int) -> None:
        """A node that was held for dead answers."""
        for a, b in ((i, j), (j, i)):
            if self.view[a, b] == DEAD:
                self.refute(b, int(max(self.heard[a, b], self.incarnation[b])))
                self._alive(a, b, int(self.incarnation[b]))
        self._exchange(i, j)

    def _by_stream(self, i: int, j: int, act: Callable[[int, int], None]) -> None:
        """Two round trips later, if both live then and TCP has not been given up."""
        takes = 2 * (self.ways.delay(i, j) + self.ways.delay(j, i))
        if takes <= self.table.gossip_ps:
            act(i, j)
        elif takes <= self.table.stream_timeout_ps:
            self.after(takes, lambda: act(i, j) if self.ways.both(i, j) else None)

    def _push_pull(self) -> None:
        """Now and then each node exchanges all it knows with one that it holds for alive."""
        due = np.flatnonzero((self.next_push <= self.env.now) & self.ways.live)
        self.next_push[due] = self.env.now + self.push_ps
        for i in due.tolist():
            alive = np.flatnonzero(self.view[i] == ALIVE)
            alive = alive[alive != i]
            if len(alive):
                j = int(self.luck.choice(alive))
                if self.ways.both(i, j):
                    self._by_stream(i, j, self._exchange)

    def _exchange(self, i: int, j: int) -> None:
        """Push and pull: what the other knows to be alive, with a newer number; whom it suspects or holds for dead becomes
        a suspect here, too (memberlist state.go mergeState)."""
        for a, b in ((i, j), (j, i)):
            for k in np.flatnonzero((self.view[b] == ALIVE) & (self.view[a] != ALIVE)).tolist():
                if k != a:
                    self._alive(a, k, int(self.heard[b, k]))
            for k in np.flatnonzero((self.view[b] != ALIVE) & (self.view[a] == ALIVE)).tolist():
                if k == a:
                    self.refute(a, int(self.heard[b, k]))
                elif self.heard[b, k] >= self.heard[a, k]:
                    self.suspect(a, k, a)
