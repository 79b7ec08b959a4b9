"""Raft among the managers as swarmkit runs it: etcd's library with CheckQuorum, without PreVote, ticks of 1 s.

What is replicated is one store for all, because a commit is seen by everyone who can act on it; what is
simulated is who leads in which term, when, and how long a commit takes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

import simpy

if TYPE_CHECKING:
    from netsim.swarm.world import Swarm

FOLLOWER, CANDIDATE, LEADER = "follower", "candidate", "leader"


class Peer:
    """One manager's Raft. ``elapsed``: whole ticks since it last heard a leader or campaigned."""

    def __init__(self, raft: Raft, node: int, name: str) -> None:
        self.raft = raft
        self.node = node
        self.name = name
        self.role = FOLLOWER
        self.term = 1
        self.voted: int | None = None
        self.votes: set[int] = set()
        self.leader: int | None = None
        self.elapsed = 0
        self.active: set[int] = set()
        self.patience = 0
        self.reset()

    def reset(self) -> None:
        """A new election timeout: uniform in [election, election + spread - 1] ticks."""
        table = self.raft.table
        base = table.campaign_ticks if self.role == CANDIDATE else table.election_ticks
        self.elapsed = 0
        self.patience = base + self.raft.chance.below(self.name, "election", table.election_spread)

    def become(self, role: str, term: int, leader: int | None) -> None:
        """Change of role. A new term forgets the vote."""
        was = self.role
        if term != self.term:
            self.voted = None
        self.role, self.term, self.leader = role, term, leader
        self.reset()
        if role == LEADER:
            self.active = {self.node}
            self.raft.elected(self)
        elif was == LEADER:
            self.raft.stepped_down(self)

    @property
    def in_lease(self) -> bool:
        """Whether it still hears a leader: then it ignores votes."""
        return self.leader is not None and self.elapsed < self.raft.table.election_ticks


class Raft:
    """All managers. ``leader``: the node that leads the newest term, None without one."""

    def __init__(self, swarm: Swarm, members: list[int]) -> None:
        self.swarm = swarm
        self.env = swarm.env
        self.table = swarm.table
        self.chance = swarm.chance
        self.ways = swarm.ways
        self.peers: dict[int, Peer] = {}
        self.leaders_of: dict[int, int] = {}
        self.slow: dict[int, float] = {}  # how many times as long a node's disk takes, and how much longer
        self.late_ps: dict[int, int] = {}
        self.on_leader: list[Callable[[int | None], None]] = []
        for node in members:
            self.join(node)
        first = self.peers[members[self.chance.below("raft", "first leader", len(members))]]
        for peer in self.peers.values():
            peer.become(FOLLOWER, 1, first.node)
        first.become(LEADER, 1, first.node)

    def join(self, node: int) -> None:
        """A node becomes a manager."""
        peer = Peer(self, node, self.ways.names[node])
        lead = self.acting
        if lead is not None:
            peer.term, peer.leader = self.peers[lead].term, lead
        self.peers[node] = peer
        self.env.process(self._ticks(peer))

    def leave(self, node: int) -> None:
        """A manager becomes a worker."""
        peer = self.peers.pop(node)
        if peer.role == LEADER:
            self.stepped_down(peer)

    @property
    def majority(self) -> int:
        """Members that must agree."""
        return len(self.peers) // 2 + 1

    @property
    def leader(self) -> int | None:
        """The leader of the newest term that runs."""
        found = [p for p in self.peers.values() if p.role == LEADER and self.ways.live[p.node]]
        return max(found, key=lambda p: p.term).node if found else None

    @property
    def acting(self) -> int | None:
        """The leader, if a majority reaches it, so that it can commit."""
        lead = self.leader
        if lead is None:
            return None
        near = sum(self.ways.both(lead, node) for node in self.peers)
        return lead if near >= self.majority else None

    def elected(self, peer: Peer) -> None:
        """Called once for each leader of a term."""
        other = self.leaders_of.setdefault(peer.term, peer.node)
        if other != peer.node:
            raise AssertionError(f"two leaders of term {peer.term}")
        for tell in self.on_leader:
            tell(peer.node)

    def stepped_down(self, peer: Peer) -> None:
        """A leader is one no more."""
        if self.leader is None:
            for tell in self.on_leader:
                tell(None)

    def died(self, node: int) -> None:
        """A manager's dockerd ended; what is on disk stays."""
        peer = self.peers.get(node)
        if peer is None:
            return
        peer.leader, was, peer.role = None, peer.role, FOLLOWER
        if was == LEADER:
            self.stepped_down(peer)

    def came_back(self, node: int) -> None:
        """It runs again, as a follower."""
        if node in self.peers:
            self.peers[node].leader = None
            self.peers[node].reset()

    def commit(self) -> Generator[simpy.Event, object, None]:
        """Wait until a proposal is committed: a leader with a majority, its disk, a round trip, their disks.

        It waits for as long as there is no quorum, because whoever wanted the change asks again.
        """
        while True:
            lead = self.acting
            if lead is not None:
                trips = sorted(
                    self._append(lead, node) + self._fsync(node)
                    for node in self.peers
                    if node != lead and self.ways.both(lead, node)
                )
                needed = self.majority - 1
                remote = trips[needed - 1] if needed else 0
                yield self.env.timeout(max(1, max(self._fsync(lead), remote)))
                if self.acting == lead:
                    return
            else:
                yield self.env.timeout(self.table.tick_ps // 10)

    def _append(self, lead: int, node: int) -> int:
        """A proposal on its way to a follower, and the answer."""
        repeats = self.swarm.streams.repeats
        there = self.ways.delay(lead, node) + repeats("append", lead, node)
        return there + self.ways.delay(node, lead) + repeats("append", node, lead)

    def _fsync(self, node: int) -> int:
        draw = self.chance.exponential(self.ways.names[node], "fsync", self.table.fsync_ps)
        return round(draw * self.slow.get(node, 1.0)) + self.late_ps.get(node, 0)

    def _send(self, src: int, dst: int, act: Callable[[Peer], None]) -> None:
        """A message between peers; lost if there is no way now or the receiver is gone by then."""
        if not self.ways.one_way(src, dst) or not self.ways.live[src]:
            return
        # TCP repeats what is lost, for as long as the sender waits.
        repeats = self.swarm.streams.repeats("raft", src, dst)
        if repeats > self.table.raft_send_ps:
            return

        takes = self.ways.delay(src, dst) + repeats

        def later() -> Generator[simpy.Event, object, None]:
            yield self.env.timeout(takes)
            if dst in self.peers and self.ways.live[dst] and self.ways.one_way(src, dst):
                act(self.peers[dst])

        self.env.process(later())

    def _ticks(self, peer: Peer) -> Generator[simpy.Event, object, None]:
        phase = self.chance.uniform(peer.name, "raft phase", 0, self.table.tick_ps)
        yield self.env.timeout(max(1, round(phase)))
        while self.peers.get(peer.node) is peer:
            if self.ways.live[peer.node]:
                self._tick(peer)
            yield self.env.timeout(self.table.tick_ps)

    def _tick(self, peer: Peer) -> None:
        peer.elapsed += 1
        if peer.role != LEADER:
            if peer.elapsed >= peer.patience:
                self._campaign(peer)
            return
        if peer.elapsed >= self.table.election_ticks:
            peer.elapsed = 0
            if len(peer.active & set(self.peers)) < self.majority:
                peer.become(FOLLOWER, peer.term, None)
                return
            peer.active = {peer.node}
        for node in self.peers:
            if node != peer.node:
                self._send(peer.node, node, lambda other, p=peer, t=peer.term: self._heard(other, p, t))  # type: ignore[misc]

    def _heard(self, peer: Peer, leader: Peer, term: int) -> None:
        """A leader's heartbeat at a peer, and the answer."""
        if term < peer.term:
            newer = peer.term  # CheckQuorum: a stale leader is told the newer term
            self._send(peer.node, leader.node, lambda p: self._newer(p, newer))
            return
        if term > peer.term or peer.role != FOLLOWER or peer.leader != leader.node:
            peer.become(FOLLOWER, term, leader.node)
        peer.elapsed = 0

        def answer(to: Peer) -> None:
            if to.role == LEADER and to.term == term:
                to.active.add(peer.node)

        self._send(peer.node, leader.node, answer)

    def _newer(self, peer: Peer, term: int) -> None:
        if term > peer.term:
            peer.become(FOLLOWER, term, None)

    def _campaign(self, peer: Peer) -> None:
        peer.become(CANDIDATE, peer.term + 1, None)
        peer.voted, peer.votes = peer.node, {peer.node}
        if len(peer.votes) >= self.majority:
            peer.become(LEADER, peer.term, peer.node)
            return
        for node in self.peers:
            if node != peer.node:
                self._send(peer.node, node, lambda other, p=peer, t=peer.term: self._asked(other, p, t))  # type: ignore[misc]

    def _asked(self, peer: Peer, candidate: Peer, term: int) -> None:
        """A request for a vote at a peer."""
        if (
            peer.in_lease
            and peer.role != CANDIDATE
            or term < peer.term
            or peer.role == LEADER
            and term == peer.term
        ):
            return
        if term > peer.term:
            peer.become(FOLLOWER, term, None)
        if peer.voted not in (None, candidate.node):
            return
        peer.voted = candidate.node
        peer.elapsed = 0

        def granted(to: Peer) -> None:
            if to.role == CANDIDATE and to.term == term:
                to.votes.add(peer.node)
                if len(to.votes & set(self.peers)) >= self.majority:
                    to.become(LEADER, term, to.node)

        self._send(peer.node, candidate.node, granted)
