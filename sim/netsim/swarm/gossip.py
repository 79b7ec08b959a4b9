"""memberlist over all nodes at once: each node's own view as rows of arrays.

One event per gossip tick (200 ms), and none while nothing spreads and nobody is in trouble: probes between healthy
members change nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import simpy

from netsim.swarm.broadcasts import Bools, Broadcasts, Ints, retransmits
from netsim.swarm.traffic import push_pull_ps

if TYPE_CHECKING:
    from netsim.swarm.world import Swarm

ALIVE, SUSPECT, DEAD = 0, 1, 2
FAR = 1 << 62
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
    """memberlist: probes, suspicion, death, and the way back. ``view[i, j]``: what i thinks of j."""

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
        phase = self.luck.random(count)
        self.next_probe = (self.env.now + phase * table.probe_ps).astype(np.int64)
        self.next_join = (self.env.now + self.luck.random(count) * table.reconnect_ps).astype(np.int64)
        self.rounds: list[Ints] = [np.zeros(0, np.int64)] * count
        # Of a probe whose ping was not answered: whom it asks (-1: there is none), when its answer is there, when others are
        # asked, when TCP tries next and how long after that again, whether it got through, when all ends, and how many nacks
        # are missing.
        self.asked = np.full(count, -1, np.int64)
        self.answered_at = np.full(count, FAR, np.int64)
        self.relays_at = np.full(count, FAR, np.int64)
        self.connects_at = np.full(count, FAR, np.int64)
        self.connects_in = np.zeros(count, np.int64)
        self.reached = np.zeros(count, np.bool_)
        self.decided_at = np.full(count, FAR, np.int64)
        self.missing = np.zeros(count, np.int64)
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
            self.asked[:] = -1
            # Each probe of the quiet time was answered.
            self.score = np.maximum(0, self.score - (self.env.now - self.quiet_since) // self.table.probe_ps)
            # Where a probe stood while nothing had to be simulated: anywhere in its interval.
            late = self.env.now - self.next_probe
            self.next_probe += np.where(late > 0, -(-late // self.table.probe_ps) * self.table.probe_ps, 0)
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
        self.score[node], self.asked[node] = 0, -1
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
            self._probe()
            self._gossip()
            self._bury()
            self._rejoin()
            self._push_pull()

    def _after(self, takes_ps: int, act: Callable[[], None]) -> None:
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

    def _next(self, node: int) -> int | None:
        """The next member that a node probes: shuffled round robin over those not dead."""
        for _ in range(2 * self.count):
            if not len(self.rounds[node]):
                order = self.luck.permutation(self.count)
                self.rounds[node] = order[(order != node) & (self.view[node, order] != DEAD)]
                if not len(self.rounds[node]):
                    return None
            target, self.rounds[node] = int(self.rounds[node][0]), self.rounds[node][1:]
            if self.view[node, target] != DEAD:
                return target
        return None

    def _probe(self) -> None:
        """Each node pings one member per interval; who does not answer is asked in other ways for the rest of the time, which
        is longer the worse the asker's own health seems (memberlist state.go probeNode)."""
        now, live = self.env.now, self.ways.live
        due = np.flatnonzero((self.next_probe <= now) & (self.asked < 0) & live)
        # It began between two ticks. Those of its own that pass while a probe takes longer are skipped.
        sent = np.maximum(self.next_probe, now - self.table.gossip_ps)
        self.next_probe[due] += (
            -(-(now - self.next_probe[due] + 1) // self.table.probe_ps) * self.table.probe_ps
        )
        asked = np.array([self._ask(int(i)) for i in due], np.int64)
        due, asked = due[asked >= 0], asked[asked >= 0]
        if len(due):
            self._accuse(due, asked)
            comes, took = self._ways_to(due, asked), self._round_trips(due, asked)
            answered = comes & (took <= self.table.probe_timeout_ps)
            self._well(due[answered])
            silent = due[~answered]
            self.asked[silent] = asked[~answered]
            self.answered_at[silent] = np.where(comes, sent[due] + took, FAR)[~answered]
            self.relays_at[silent] = sent[silent] + self.table.probe_timeout_ps
            self.decided_at[silent] = sent[silent] + self.table.probe_ps * (self.score[silent] + 1)
        for i in np.flatnonzero((self.asked >= 0) & live).tolist():
            self._pursue(i)

    def _pursue(self, i: int) -> None:
        """A probe whose ping was not answered: through others, by TCP as long as there is time, and then its end."""
        now, j = self.env.now, int(self.asked[i])
        if self.relays_at[i] <= now:
            self.relays_at[i] = FAR
            self.connects_at[i], self.connects_in[i], self.reached[i] = now, self.table.redial_ps, False
            self._ask_others(i, j)
        if self.answered_at[i] <= min(now, int(self.decided_at[i])):
            self.asked[i] = -1
            self._well(np.array([i]))
            return
        if self.connects_at[i] <= now < self.decided_at[i]:
            self.reached[i] |= self._by_tcp(i, j)
            self.connects_at[i] = FAR if self.reached[i] else now + self.connects_in[i]
            self.connects_in[i] *= 2
        if self.decided_at[i] > now:
            return
        self.asked[i] = -1
        if self.reached[i]:
            self._well(np.array([i]))
        else:
            self.score[i] = min(self.table.awareness_most - 1, self.score[i] + self.missing[i])
            self._suspect(i, j, i, int(self.decided_at[i]))

    def _well(self, nodes: Ints) -> None:
        """An answer by whatever way says that who asked is well."""
        self.score[nodes] = np.maximum(0, self.score[nodes] - 1)

    def _accuse(self, askers: Ints, asked: Ints) -> None:
        """A ping to a suspect says that it is one, so that it can refute (memberlist state.go probeNode)."""
        suspects = self.view[askers, asked] == SUSPECT
        if suspects.any():
            a, b = askers[suspects], asked[suspects]
            there = self.ways.arrive(a, b, self.luck)
            for i, j in zip(a[there].tolist(), b[there].tolist(), strict=True):
                number = int(self.heard[i, j])
                self._after(self.ways.delay(i, j), partial(self._refute, j, number))

    def _ask(self, node: int) -> int:
        target = self._next(node)
        return -1 if target is None else target

    def _ways_to(self, a: Ints, b: Ints) -> Bools:
        return self.ways.arrive(a, b, self.luck) & self.ways.arrive(b, a, self.luck)

    def _ask_others(self, node: int, target: int) -> None:
        """Three others are asked to ping: an answer may come by them, and if none does, how ill the asker must be is how
        many of their nacks are missing in the end, or one if nobody could be asked."""
        others = np.flatnonzero(self.view[node] == ALIVE)
        others = others[(others != node) & (others != target)]
        self.missing[node] = 1
        if not len(others):
            return
        if len(others) > self.table.indirect_checks:
            others = self.luck.choice(others, self.table.indirect_checks, replace=False)
        self.swarm.traffic.datagrams(np.array([node, *others]), 1, self.table.ping_bytes)
        me = np.full(len(others), node)
        there, way = self._ways_to(me, others), self.env.now + self._round_trips(me, others)
        self.missing[node] = int((~there | (way + self.table.probe_timeout_ps > self.decided_at[node])).sum())
        via = others[there]
        if len(via):
            targets = np.full(len(via), target)
            back = way[there] + self._round_trips(via, targets)
            reached = self._ways_to(via, targets)
            self.answered_at[node] = min(int(self.answered_at[node]), int(np.where(reached, back, FAR).min()))

    def _round_trips(self, a: Ints, b: Ints) -> Ints:
        return self.ways.delays(a, b) + self.ways.delays(b, a)

    def _by_tcp(self, node: int, target: int) -> bool:
        """A SYN, its answer, the ping and its answer get through."""
        there_and_back = self.ways.delay(node, target) + self.ways.delay(target, node)
        if not self.ways.both(node, target) or self.env.now + 2 * there_and_back > self.decided_at[node]:
            return False
        kept = (1 - self.ways.lost(node, target)) * (1 - self.ways.lost(target, node))
        return bool(self.luck.random() < kept**2)

    def _wanted(self, node: int) -> int:
        wanted = self.table.suspicion_multiplier - 2
        return wanted if int((self.view[node] != DEAD).sum()) - 2 >= wanted else 0

    def _times(self, node: int) -> int:
        return retransmits(self.table.retransmit_multiplier, int((self.view[node] != DEAD).sum()))

    def _suspect(self, i: int, j: int, by: int, since: int | None = None) -> None:
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
            self._refute(i, number)
            return
        self.view[i, j], self.dies[i, j], self.dead_since[i, j] = DEAD, FAR, self.env.now
        self.heard[i, j] = number
        self.spread.put((DEAD, j, number), i, self._times(i))
        self.swarm.buried(i, j)

    def _refute(self, node: int, number: int) -> None:
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
                self._refute(i, number)
            elif kind == DEAD:
                self._dead(i, j, number)
            elif number >= self.heard[i, j]:
                self.heard[i, j] = number
                self._suspect(i, j, by[0])

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
                self._refute(b, int(max(self.heard[a, b], self.incarnation[b])))
                self._alive(a, b, int(self.incarnation[b]))
        self._exchange(i, j)

    def _by_stream(self, i: int, j: int, act: Callable[[int, int], None]) -> None:
        """Two round trips later, if both live then and TCP has not been given up."""
        takes = 2 * (self.ways.delay(i, j) + self.ways.delay(j, i))
        if takes <= self.table.gossip_ps:
            act(i, j)
        elif takes <= self.table.stream_timeout_ps:
            self._after(takes, lambda: act(i, j) if self.ways.both(i, j) else None)

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
                    self._refute(a, int(self.heard[b, k]))
                elif self.heard[b, k] >= self.heard[a, k]:
                    self._suspect(a, k, a)
