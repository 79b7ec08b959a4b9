"""memberlist's probes: each node asks one other a second whether it lives, in all ways that it has before it suspects it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from netsim.swarm.broadcasts import Bools, Ints

if TYPE_CHECKING:
    from netsim.swarm.gossip import Members

#: What a node thinks of another.
ALIVE, SUSPECT, DEAD = 0, 1, 2
FAR = 1 << 62


class Probes:
    """Those of all nodes. ``asked``: of a probe whose ping was not answered, whom it asks (-1: there is none)."""

    def __init__(self, members: Members) -> None:
        self.members = members
        self.env, self.table, self.ways = members.env, members.table, members.ways
        self.luck = members.luck
        self.count = count = members.count
        self.next_probe = (self.env.now + self.luck.random(count) * self.table.probe_ps).astype(np.int64)
        self.rounds: list[Ints] = [np.zeros(0, np.int64)] * count
        # When its answer is there, when others are asked, when TCP tries next and how long after that again, whether it got
        # through, when all ends, and how many nacks are missing.
        self.asked = np.full(count, -1, np.int64)
        self.answered_at = np.full(count, FAR, np.int64)
        self.relays_at = np.full(count, FAR, np.int64)
        self.connects_at = np.full(count, FAR, np.int64)
        self.connects_in = np.zeros(count, np.int64)
        self.reached = np.zeros(count, np.bool_)
        self.decided_at = np.full(count, FAR, np.int64)
        self.missing = np.zeros(count, np.int64)

    def wake(self) -> None:
        """Nothing had to be simulated for a while: each probe stands anywhere in its interval."""
        self.asked[:] = -1
        late = self.env.now - self.next_probe
        self.next_probe += np.where(late > 0, -(-late // self.table.probe_ps) * self.table.probe_ps, 0)

    def _next(self, node: int) -> int:
        """The next member that a node probes, shuffled round robin over those not dead; -1 if there is none."""
        for _ in range(2 * self.count):
            if not len(self.rounds[node]):
                order = self.luck.permutation(self.count)
                self.rounds[node] = order[(order != node) & (self.members.view[node, order] != DEAD)]
                if not len(self.rounds[node]):
                    return -1
            target, self.rounds[node] = int(self.rounds[node][0]), self.rounds[node][1:]
            if self.members.view[node, target] != DEAD:
                return target
        return -1

    def tick(self) -> None:
        """Each node pings one member per interval; who does not answer is asked in other ways for the rest of the time, which
        is longer the worse the asker's own health seems (memberlist state.go probeNode)."""
        now, live = self.env.now, self.ways.live
        due = np.flatnonzero((self.next_probe <= now) & (self.asked < 0) & live)
        # It began between two ticks. Those of its own that pass while a probe takes longer are skipped.
        sent = np.maximum(self.next_probe, now - self.table.gossip_ps)
        self.next_probe[due] += (
            -(-(now - self.next_probe[due] + 1) // self.table.probe_ps) * self.table.probe_ps
        )
        asked = np.array([self._next(int(i)) for i in due], np.int64)
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
            self.decided_at[silent] = sent[silent] + self.table.probe_ps * (self.members.score[silent] + 1)
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
            self.members.score[i] = min(
                self.table.awareness_most - 1, self.members.score[i] + self.missing[i]
            )
            self.members.suspect(i, j, i, int(self.decided_at[i]))

    def _well(self, nodes: Ints) -> None:
        """An answer by whatever way says that who asked is well."""
        self.members.score[nodes] = np.maximum(0, self.members.score[nodes] - 1)

    def _accuse(self, askers: Ints, asked: Ints) -> None:
        """A ping to a suspect says that it is one, so that it can refute (memberlist state.go probeNode)."""
        suspects = self.members.view[askers, asked] == SUSPECT
        if suspects.any():
            a, b = askers[suspects], asked[suspects]
            there = self.ways.arrive(a, b, self.luck)
            for i, j in zip(a[there].tolist(), b[there].tolist(), strict=True):
                number = int(self.members.heard[i, j])
                self.members.after(self.ways.delay(i, j), partial(self.members.refute, j, number))

    def _ways_to(self, a: Ints, b: Ints) -> Bools:
        return self.ways.arrive(a, b, self.luck) & self.ways.arrive(b, a, self.luck)

    def _ask_others(self, node: int, target: int) -> None:
        """Three others are asked to ping: an answer may come by them, and if none does, how ill the asker must be is how
        many of their nacks are missing in the end, or one if nobody could be asked."""
        others = np.flatnonzero(self.members.view[node] == ALIVE)
        others = others[(others != node) & (others != target)]
        self.missing[node] = 1
        if not len(others):
            return
        if len(others) > self.table.indirect_checks:
            others = self.luck.choice(others, self.table.indirect_checks, replace=False)
        self.members.swarm.traffic.datagrams(np.array([node, *others]), 1, self.table.ping_bytes)
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
