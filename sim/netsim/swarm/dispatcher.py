"""The dispatcher on the leader and the agents' sessions: heartbeats, grace, back-off, registration."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Protocol

import simpy

if TYPE_CHECKING:
    from netsim.swarm.world import Swarm


class Session:
    """One agent's session. ``manager``: the node through which it talks, None without a session."""

    __slots__ = ("backoff", "deadline", "epoch", "manager", "node", "registered", "watched", "weights")

    def __init__(self, node: int) -> None:
        self.node = node
        self.manager: int | None = None
        self.backoff = 0
        self.deadline = 0
        self.epoch = 0
        self.registered: list[int] = []
        self.watched = False
        self.weights: dict[int, float] = {}


class Sessions(Protocol):
    """What keeps up the nodes' sessions, as the rest of the control plane sees it."""

    def restart_agent(self, node: int) -> None:
        """The node's dockerd starts."""

    def lose_agent(self, node: int) -> None:
        """The node's dockerd is gone."""

    def path(self, node: int) -> tuple[int, ...]:
        """The nodes over which what a node reports gets to the leader, itself first; none without a session."""

    def reachable(self, node: int) -> bool:
        """Whether what the node reports can be committed, and assignments get to it."""


class Dispatcher:
    """All sessions. It runs where the Raft leader is; another manager passes on what it gets."""

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm
        self.env = swarm.env
        self.table = swarm.table
        self.ways = swarm.ways
        self.chance = swarm.chance
        self.period = swarm.scenario.swarm.dispatcher_heartbeat
        self.sessions = [Session(k) for k in range(len(self.ways.names))]
        self.leader = swarm.raft.acting
        swarm.raft.on_leader.append(self._leader_changed)
        for session in self.sessions:
            session.manager = self._choose(session)
            first = self.chance.uniform(self.ways.names[session.node], "heartbeat phase", 0, self.period)
            session.deadline = self.env.now + round(first) + self.table.grace_multiplier * self.period
            self._watch(session)
            self.env.process(self._beats(session, max(1, round(first))))

    def restart_agent(self, node: int) -> None:
        """The node's dockerd starts: it looks for a manager."""
        session = self.sessions[node]
        session.manager, session.backoff = None, 0
        session.epoch += 1
        self.env.process(self._connect(session, session.epoch))

    def lose_agent(self, node: int) -> None:
        """The node's dockerd is gone, and its session with it; the dispatcher learns nothing."""
        session = self.sessions[node]
        session.manager = None
        session.epoch += 1

    def path(self, node: int) -> tuple[int, ...]:
        """From the node over its manager to the leader."""
        manager, lead = self.sessions[node].manager, self.swarm.raft.leader
        return () if manager is None or lead is None else (node, manager, lead)

    def reachable(self, node: int) -> bool:
        """Whether assignments get to the agent and its reports back."""
        session = self.sessions[node]
        lead = self.swarm.raft.leader
        if session.manager is None or lead is None:
            return False
        return self.ways.both(node, session.manager) and self.ways.both(session.manager, lead)

    def _choose(self, session: Session) -> int:
        """Weighted random; its own manager is preferred; a failed one loses weight (remotes/remotes.go)."""
        peers = self.swarm.raft.peers
        if session.node in peers:
            return session.node
        nodes = list(peers)
        least = min(session.weights.get(node, 0.0) for node in nodes)
        weights = [session.weights.get(node, 0.0) - least + 1.0 for node in nodes]
        at = self.chance.uniform(self.ways.names[session.node], "manager", 0, sum(weights))
        for node, weight in zip(nodes, weights, strict=True):
            at -= weight
            if at <= 0:
                return node
        return nodes[-1]

    def _observe(self, session: Session, good: bool) -> None:
        if session.manager is not None:
            old = session.weights.get(session.manager, 0.0)
            new = 0.5 * old + 0.5 * (10 if good else -10)
            session.weights[session.manager] = max(-256.0, min(256.0, new))

    def _draw_period(self, node: int) -> int:
        least, most = (self.period + sign * self.table.heartbeat_epsilon_ps for sign in (-1, 1))
        return max(1, round(self.chance.uniform(self.ways.names[node], "heartbeat", least, most)))

    def _beats(self, session: Session, first: int) -> Generator[simpy.Event, object, None]:
        """Heartbeats of one session until it breaks."""
        epoch, wait, first_loss = session.epoch, first, None
        while True:
            yield self.env.timeout(wait)
            if session.epoch != epoch or not self.ways.live[session.node]:
                return
            if self.reachable(session.node):
                first_loss = None
                answered = yield from self._beat(session)
                if session.epoch != epoch or not self.ways.live[session.node]:
                    return
                if answered is None:
                    break
                wait = answered
                continue
            if first_loss is None:
                # The request is on its way for as long as the agent waits; a link that returns in time saves it.
                first_loss = self.env.now
                wait = self.table.redial_ps
                continue
            if self.env.now - first_loss < self.table.rpc_timeout_ps:
                continue
            break
        self._observe(session, good=False)
        session.manager = None
        session.epoch += 1
        self.env.process(self._connect(session, session.epoch))

    def _beat(self, session: Session) -> Generator[simpy.Event, object, int | None]:
        """A heartbeat, which starts the node's clock anew where it gets to the leader, and its answer, with the time to the
        next one; None if the agent has waited for it in vain."""
        path, patience = self.path(session.node), self.table.rpc_timeout_ps
        there = self.swarm.streams.late("beat", *path)
        if there:
            yield self.env.timeout(min(there, patience))
            gone = self.swarm.nodes[session.node].state == "down"  # its session is not known any more
            if there > patience or gone or not self.reachable(session.node):
                return None
        period = self._draw_period(session.node)
        session.deadline = self.env.now + self.table.grace_multiplier * period
        self._watch(session)
        back = self.swarm.streams.late("beat", *reversed(path))
        if back:
            yield self.env.timeout(min(back, patience - there + 1))
        return None if there + back > patience else period

    def _connect(self, session: Session, epoch: int) -> Generator[simpy.Event, object, None]:
        """Session after session, with back-off, until one stands."""
        name = self.ways.names[session.node]
        while session.epoch == epoch and self.ways.live[session.node]:
            yield self.env.timeout(max(1, round(self.chance.uniform(name, "backoff", 0, session.backoff))))
            session.backoff = min(
                self.table.backoff_first_ps + 2 * session.backoff, self.table.backoff_most_ps
            )
            if session.epoch != epoch or not self.ways.live[session.node]:
                return
            manager = session.manager = self._choose(session)
            # SYNs at 0, 1 and 3 s of an attempt that is given up after 5 s.
            given_up, wait = self.env.now + self.table.rpc_timeout_ps, self.table.redial_ps
            while not self.reachable(session.node) and self.env.now < given_up:
                yield self.env.timeout(min(wait, given_up - self.env.now))
                wait *= 2
                if session.epoch != epoch:
                    return
                if self.env.now == given_up:
                    session.manager = None
            # TLS, session and registration: some round trips, then the node's new state is committed.
            takes = self._handshake(session.node, manager)
            in_time = takes <= given_up - self.env.now
            if self.reachable(session.node) and not in_time:
                yield self.env.timeout(max(1, given_up - self.env.now))
                if session.epoch != epoch:
                    return
            if not in_time or not self.reachable(session.node) or self._limited(session):
                self._observe(session, good=False)
                session.manager = None
                continue
            self._observe(session, good=True)
            yield self.env.timeout(takes)
            yield from self.swarm.raft.commit()
            if session.epoch != epoch or not self.reachable(session.node):
                session.manager = None
                continue
            session.backoff = 0
            session.registered.append(self.env.now)
            period = self._draw_period(session.node)
            session.deadline = self.env.now + self.table.grace_multiplier * period
            self._watch(session)
            self.swarm.node_ready(session.node)
            self.env.process(self._beats(session, period))
            return

    def _handshake(self, node: int, manager: int) -> int:
        """Two round trips (ps)."""
        repeats = self.swarm.streams.repeats
        ways = [(node, manager), (manager, node)] * 2
        return sum(self.ways.delay(a, b) + repeats("handshake", a, b) for a, b in ways)

    def _limited(self, session: Session) -> bool:
        """More than 3 registrations within 8 s are refused."""
        since = self.env.now - self.table.registration_window_ps
        session.registered = [t for t in session.registered if t > since]
        return len(session.registered) >= self.table.registrations_per_window

    def _watch(self, session: Session) -> None:
        """One pending look at a node's deadline at a time."""
        if not session.watched:
            session.watched = True
            self.env.process(self._expire(session))

    def _expire(self, session: Session) -> Generator[simpy.Event, object, None]:
        while self.env.now < session.deadline:
            yield self.env.timeout(session.deadline - self.env.now)
        session.watched = False
        if self.swarm.raft.leader is None:
            return  # a new leader starts the clocks of all nodes again
        batch = self.chance.uniform("dispatcher", "batch", 0, self.table.status_batch_ps)
        yield self.env.timeout(max(1, round(batch)))
        yield from self.swarm.raft.commit()
        if self.env.now >= session.deadline + 0 and not session.watched:
            self.swarm.node_down(session.node)

    def _leader_changed(self, leader: int | None) -> None:
        """Sessions end with the leader; a new one knows all nodes, unseen, with a longer grace."""
        if leader == self.leader:
            return
        self.leader = leader
        for session in self.sessions:
            if leader is not None:
                period = self._draw_period(session.node)
                session.deadline = self.env.now + self.table.grace_multiplier_unknown * period
                self._watch(session)
                self.swarm.node_unknown(session.node)
            if session.manager is not None and self.ways.live[session.node]:
                session.manager = None
                session.epoch += 1
                session.backoff = self.table.backoff_first_ps
                self.env.process(self._connect(session, session.epoch))
