"""memberlist and NetworkDB over all nodes at once: each node's own view as rows of arrays.

One event per gossip tick (200 ms), and none while nothing spreads and nobody is in trouble: probes between healthy
members change nothing. `Broadcasts` is what both have in common: queues of messages that spread by random fan-out
with a limit of retransmissions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import simpy

if TYPE_CHECKING:
    from netsim.swarm.world import Swarm

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
ALIVE, SUSPECT, DEAD = 0, 1, 2
FAR = 1 << 62


def retransmits(multiplier: int, members: int) -> int:
    """How often a node sends a message: multiplier x ceil(log10(n + 1))."""
    return multiplier * math.ceil(math.log10(members + 1))


def push_pull_ps(interval_ps: int, members: int) -> int:
    """The time between two full exchanges of a node; longer above 32 members (memberlist util.go pushPullScale)."""
    return interval_ps * (math.ceil(math.log2(members) - 5) + 1 if members > 32 else 1)


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


class Broadcasts:
    """Messages (rows) at nodes (columns): who knows what, and how often each will still send it."""

    def __init__(self, nodes: int, per_packet: int) -> None:
        self.nodes = nodes
        self.per_packet = per_packet
        self.known = np.zeros((0, nodes), np.bool_)
        self.left = np.zeros((0, nodes), np.int16)
        self.what: list[tuple[int, ...]] = []
        self.at: dict[tuple[int, ...], int] = {}

    def put(self, what: tuple[int, ...], node: int, times: int) -> bool:
        """Node ``node`` begins to spread a message; False if it knows it already."""
        if what not in self.at:
            self.at[what] = len(self.what)
            self.what.append(what)
            if len(self.what) > len(self.known):
                more = max(16, len(self.known))
                self.known = np.vstack([self.known, np.zeros((more, self.nodes), np.bool_)])
                self.left = np.vstack([self.left, np.zeros((more, self.nodes), np.int16)])
        row = self.at[what]
        if self.known[row, node]:
            return False
        self.known[row, node], self.left[row, node] = True, times
        return True

    def drop(self, keep: Callable[[tuple[int, ...]], bool]) -> None:
        """Forget messages that are no longer of use."""
        rows = [k for k, what in enumerate(self.what) if keep(what)]
        if len(rows) < len(self.what):
            self.known, self.left = self.known[rows], self.left[rows]
            self.what = [self.what[k] for k in rows]
            self.at = {what: k for k, what in enumerate(self.what)}

    def tick(
        self,
        luck: np.random.Generator,
        senders: Bools,
        targets: Callable[[Ints], Ints],
        arrive: Callable[[Ints, Ints], Bools],
        fanout: int,
    ) -> tuple[Ints, Ints]:
        """Everyone sends one packet to ``fanout`` members; (message, node) pairs that arrived and were new."""
        count = len(self.what)
        none = np.zeros(0, np.int64)
        if not count:
            return none, none
        left = self.left[:count]
        active = np.flatnonzero((left > 0).any(axis=0) & senders)
        if not len(active):
            return none, none
        sent = left[:, active] > 0
        if count > self.per_packet:
            # The least transmitted go first: what has the most transmissions left.
            order = np.where(
                sent, -left[:, active].astype(np.float64) + luck.random(sent.shape) * 0.5, np.inf
            )
            cut = np.partition(order, self.per_packet - 1, axis=0)[self.per_packet - 1]
            sent &= order <= cut
        left[:, active] -= sent
        messages, nodes = [], []
        for _ in range(fanout):
            to = targets(active)
            there = arrive(active, to) & (to != active)
            rows, columns = np.nonzero(sent & there)
            messages.append(rows)
            nodes.append(to[columns])
        message, node = np.concatenate(messages), np.concatenate(nodes)
        new = ~self.known[message, node]
        message, node = message[new], node[new]
        pairs = np.unique(message * self.nodes + node)
        return pairs // self.nodes, pairs % self.nodes


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
        self.spread = Broadcasts(count, max(1, table.member_packet_bytes // table.member_message_bytes))
        self.push_ps = push_pull_ps(table.push_pull_ps, count)
        self.next_push = (self.env.now + self.luck.random(count) * self.push_ps).astype(np.int64)
        self.awake = False

    def wake(self) -> None:
        """Something is wrong or spreads: ticks run until all is quiet."""
        if not self.awake:
            self.awake = True
            # Where a probe stood while nothing had to be simulated: anywhere in its interval.
            late = self.env.now - self.next_probe
            self.next_probe += np.where(late > 0, -(-late // self.table.probe_ps) * self.table.probe_ps, 0)
            late = self.env.now - self.next_push
            self.next_push += np.where(late > 0, -(-late // self.push_ps) * self.push_ps, 0)
            self.env.process(self._run())

    @property
    def quiet(self) -> bool:
        """Whether nothing is wrong and nothing spreads."""
        if self.ways.troubled or (self.view != ALIVE).any():
            return False
        return not (self.spread.left > 0).any()

    def agree(self, present: Bools) -> bool:
        """Whether those present hold one another for alive and all others for dead."""
        seen = self.view[present]
        return bool(((seen == DEAD) == ~present).all() and not (seen == SUSPECT).any())

    def restart(self, node: int) -> None:
        """The node's daemon starts anew: it knows itself, and asks a manager for the rest."""
        self.view[node] = ALIVE
        self.dies[node] = FAR
        self.incarnation[node] += 1
        self.score[node] = 0
        self.next_join[node] = self.env.now
        self.swarm.chance.uniform("memberlist", "restart")
        self.wake()

    def _run(self) -> Generator[simpy.Event, object, None]:
        while True:
            yield self.env.timeout(self.table.gossip_ps)
            if self.quiet:
                self.awake = False
                self.spread.drop(lambda _: False)
                return
            self._probe()
            self._gossip()
            self._bury()
            self._rejoin()
            self._push_pull()

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
        """Probes that began one interval ago are decided: no answer, neither directly nor through others."""
        now, live = self.env.now, self.ways.live
        due = np.flatnonzero((self.next_probe + self.table.probe_ps * (self.score + 1) <= now) & live)
        if not len(due):
            return
        self.next_probe[due] += self.table.probe_ps * (self.score[due] + 1)
        # Restart the clock of nodes that were out for longer.
        behind = self.next_probe[due] + 2 * self.table.probe_ps * (self.score[due] + 1) < now
        self.next_probe[due[behind]] = now
        asked = np.array([self._ask(int(i)) for i in due], np.int64)
        some = asked >= 0
        due, asked = due[some], asked[some]
        self._accuse(due, asked)
        answered = self._ways_to(due, asked)
        self.score[due[answered]] = np.maximum(0, self.score[due[answered]] - 1)
        for i, j in zip(due[~answered].tolist(), asked[~answered].tolist(), strict=True):
            if not self._indirect(i, j):
                self._suspect(i, j, i)

    def _accuse(self, askers: Ints, asked: Ints) -> None:
        """A ping to a suspect says that it is one, so that it can refute (memberlist state.go probeNode)."""
        suspects = self.view[askers, asked] == SUSPECT
        if suspects.any():
            a, b = askers[suspects], asked[suspects]
            there = self.ways.arrive(a, b, self.luck)
            for i, j in zip(a[there].tolist(), b[there].tolist(), strict=True):
                self._refute(j, int(self.heard[i, j]))

    def _ask(self, node: int) -> int:
        target = self._next(node)
        return -1 if target is None else target

    def _ways_to(self, a: Ints, b: Ints) -> Bools:
        return self.ways.arrive(a, b, self.luck) & self.ways.arrive(b, a, self.luck)

    def _indirect(self, node: int, target: int) -> bool:
        """Three others are asked to probe; a TCP ping besides. Missing nacks say that the asker is ill."""
        others = np.flatnonzero(self.view[node] == ALIVE)
        others = others[(others != node) & (others != target)]
        if len(others) > self.table.indirect_checks:
            others = self.luck.choice(others, self.table.indirect_checks, replace=False)
        me = np.full(len(others), node)
        there = self._ways_to(me, others)
        missing = int((~there).sum())
        if len(others) == 0 or missing:
            self.score[node] = min(self.table.awareness_most - 1, self.score[node] + max(1, missing))
        if self.ways.both(node, target):
            # The TCP ping: SYN, answer and ping within the rest of the interval get through most losses.
            kept = (1 - self.ways.lost(node, target)) * (1 - self.ways.lost(target, node))
            if self.luck.random() < kept**2:
                return True
        via = others[there]
        if not len(via):
            return False
        return bool(self._ways_to(via, np.full(len(via), target)).any())

    def _wanted(self, node: int) -> int:
        wanted = self.table.suspicion_multiplier - 2
        return wanted if int((self.view[node] != DEAD).sum()) - 2 >= wanted else 0

    def _times(self, node: int) -> int:
        return retransmits(self.table.retransmit_multiplier, int((self.view[node] != DEAD).sum()))

    def _suspect(self, i: int, j: int, by: int) -> None:
        """Node i learns that ``by`` suspects j."""
        if self.view[i, j] == DEAD:
            return
        number = int(self.heard[i, j])
        wanted = self._wanted(i)
        if self.view[i, j] == ALIVE:
            self.view[i, j], self.confirmed[i, j], self.began[i, j] = SUSPECT, 0, self.env.now
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
        fits = (self.view[senders] != DEAD) | (
            self.env.now - self.dead_since[senders] < self.table.gossip_to_dead_ps
        )
        fits[np.arange(len(senders)), senders] = False
        weight = np.where(fits, self.luck.random(fits.shape), -1.0)
        return np.asarray(weight.argmax(axis=1), np.int64)

    def _gossip(self) -> None:
        message, node = self.spread.tick(
            self.luck,
            self.ways.live,
            self._targets,
            lambda a, b: self.ways.arrive(a, b, self.luck),
            self.table.gossip_nodes,
        )
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
            if not self.ways.both(i, j):
                continue
            for a, b in ((i, j), (j, i)):
                if self.view[a, b] == DEAD:
                    self._refute(b, int(max(self.heard[a, b], self.incarnation[b])))
                    self._alive(a, b, int(self.incarnation[b]))
            self._exchange(i, j)

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
                    self._exchange(i, j)

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
