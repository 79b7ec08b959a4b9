"""Discovery by the store: each engine writes its key with a TTL again and again, and who stops is forgotten.

Keys do not expire while the store has no leader, and a new one lets them live for a whole TTL (Consul starts its
session timers anew, etcd extends its leases, ZooKeeper touches its sessions).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import simpy

if TYPE_CHECKING:
    from netsim.swarm.kv.cluster import Cluster

SESSION_PINGS = 3  # a session is kept up by a ping each third of its time-out


class Discovery:
    """Every engine's key. It stands where a swarm has its dispatcher."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.env, self.ways, self.chance = cluster.env, cluster.ways, cluster.chance
        spec, store = cluster.spec, cluster.times
        self.period = spec.heartbeat if not store.session_ps else store.session_ps // SESSION_PINGS
        self.ttl_ps = spec.ttl if not store.session_ps else store.session_ps
        self.late_ps = store.expiry_ps
        self.engines = [k for k in range(len(self.ways.names)) if k not in cluster.raft.peers]
        self.deadline = dict.fromkeys(self.engines, 0)
        self.epoch = dict.fromkeys(self.engines, 0)
        cluster.raft.on_leader.append(self._leader_changed)
        for node in self.engines:
            phase = round(self.chance.uniform(self.ways.names[node], "registration phase", 0, self.period))
            self.deadline[node] = self.env.now + self.ttl_ps - phase
            self.env.process(self._beats(node, self.epoch[node], self.period - phase))
            self.env.process(self._expire(node))

    def path(self, node: int) -> tuple[int, ...]:
        """From the engine to the store's leader."""
        lead = self.cluster.raft.acting
        return () if lead is None else (node, lead)

    def reachable(self, node: int) -> bool:
        """Whether the engine's writes get to a store that can commit."""
        lead = self.cluster.raft.acting
        return lead is not None and self.ways.both(node, lead)

    def lose_agent(self, node: int) -> None:
        """The engine is gone; its key stays until it expires."""
        if node in self.epoch:
            self.epoch[node] += 1

    def restart_agent(self, node: int) -> None:
        """dockerd starts, and registers at once."""
        if node in self.epoch:
            self.epoch[node] += 1
            self.env.process(self._beats(node, self.epoch[node], 0))

    def _beats(self, node: int, epoch: int, first: int) -> Generator[simpy.Event, object, None]:
        yield self.env.timeout(first)
        while self.epoch[node] == epoch and self.ways.live[node]:
            if self.reachable(node):
                yield from self.cluster.raft.commit()
                self.deadline[node] = self.env.now + self.ttl_ps
                if self.cluster.nodes[node].state == "down":
                    self.cluster.node_ready(node)
                    self.env.process(self._expire(node))
            yield self.env.timeout(self.period)

    def _expire(self, node: int) -> Generator[simpy.Event, object, None]:
        while True:
            while self.env.now < self.deadline[node]:
                yield self.env.timeout(self.deadline[node] - self.env.now)
            late = round(self.chance.uniform(self.ways.names[node], "expiry", 0, self.late_ps))
            yield self.env.timeout(late)
            if self.env.now >= self.deadline[node] and self.cluster.raft.acting is not None:
                break
            if self.cluster.raft.acting is None:
                yield self.env.timeout(self.cluster.table.tick_ps)
        self.cluster.node_down(node)

    def _leader_changed(self, leader: int | None) -> None:
        if leader is not None:
            for node in self.engines:
                self.deadline[node] = max(self.deadline[node], self.env.now + self.ttl_ps)
