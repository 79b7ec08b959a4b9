"""Engines that share overlays through a key-value store: what stands where swarm mode has managers.

Networks, endpoints and names are keys of the store; who is on which address is told by Serf (libnetwork
drivers/overlay/ov_serf.go), and asked for by it when a packet meets no entry. Without the store nothing can join or
leave, and what is there goes on.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import replace

import simpy

from netsim.model.entities import Model
from netsim.scenario.schema_nodes import ClusterStore
from netsim.swarm.clock import Mark
from netsim.swarm.constants import SwarmTable
from netsim.swarm.kv.constants import store_table
from netsim.swarm.kv.discovery import Discovery
from netsim.swarm.world import Swarm


class Cluster(Swarm):
    """One replication's control plane without swarm mode; faults, gossip and the clock are a swarm's."""

    def __init__(self, model: Model, seed: int, replication: int) -> None:
        spec = model.scenario.cluster_store
        assert spec is not None
        self.spec: ClusterStore = spec
        self.times = store_table(spec.kind)
        super().__init__(model, seed, replication)
        self.voters, self.apart = spec.kind, frozenset(self.raft.peers)

    def _table(self) -> SwarmTable:
        store = self.times
        return replace(super()._table(), tick_ps=store.tick_ps, election_ticks=store.election_ticks,
                       election_spread=store.election_spread, campaign_ticks=store.campaign_ticks)  # fmt: skip

    def _voters(self) -> list[int]:
        names = self.scenario.store_nodes()
        return [node.index for node in self.model.nodes.values() if node.name in names]

    def _sessions(self) -> Discovery:
        return Discovery(self)

    def views_agree(self) -> bool:
        """Of the engines; the store's nodes keep no rows."""
        present = self.ways.present(self.raft.acting)
        engines = present.copy()
        engines[sorted(self.apart)] = False
        return self.members.agree(present) and self.rows.stale(engines) == 0

    def attach(self, container: str, network: str, present: bool) -> Generator[simpy.Event, object, None]:
        """A container joins or leaves a network: first in the store, or not at all."""
        node, env = self.model.tasks[container].node.index, self.env
        verb = "connect" if present else "disconnect"
        mark = self.clock.begin(Mark(f"{verb} {container}", env.now, waits=True))
        until = env.now + self.times.give_up_ps
        while not self.dispatcher.reachable(node):
            if env.now >= until:
                self.log("refused", f"{verb} {container}", f"{self.spec.kind} does not answer")
                mark.refused = True
                return
            yield env.timeout(min(self.table.tick_ps, max(1, until - env.now)))
        yield from self.raft.commit()
        lead = self.raft.acting
        yield env.timeout(2 * self.ways.delay(node, node if lead is None else lead))
        self.log(f"{verb}ed", container, network)
        self.alone.attached(container, network, present)
        self.endpoint(container, network, present)
        mark.waits = False

    def endpoint(self, container: str, network: str, present: bool) -> None:
        """The engines that watch the store hear of the name, and by Serf of the address behind it."""
        node = self.model.tasks[container].node.index
        number = self._number(container, network)
        self.journal.endpoint(container, network, node, number, present)
        if self.model.addresses[network].driver.scope != "swarm":
            return
        place = self._number(container, f"{network} by Serf")
        if present:
            self.journal.forward(container, network, node, place, self.times.quiescent_ps)
            self.rows.write(place, node, True)
        for other in range(len(self.ways.names)):
            if other != node and self.ways.live[other]:
                self.env.process(self._watched(other, number, place if present else None))

    def _watched(self, node: int, number: int, place: int | None) -> Generator[simpy.Event, object, None]:
        """An engine that watches the store hears of a name. Who uses it before Serf has told the address asks for it: the
        query goes from engine to engine as any gossip, the answer comes at once."""
        while not self.dispatcher.reachable(node):
            yield self.env.timeout(self.table.tick_ps)
        lead = self.raft.acting
        yield self.env.timeout(self.ways.delay(node if lead is None else lead, node))
        self.journal.heard(number, [node])
        if place is None:
            return
        rounds = max(1, math.ceil(math.log(len(self.ways.names), 1 + self.table.gossip_nodes)))
        first = self.chance.uniform(self.ways.names[node], "peer lookup", 0, self.table.gossip_ps)
        yield self.env.timeout(round(first) + (rounds - 1) * self.table.gossip_ps + 2 * self.ways.base_ps)
        self.journal.heard(place, [node], asked=True)
