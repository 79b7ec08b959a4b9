"""Nodes that lose power or their dockerd, and come back."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import simpy

from netsim.engine.border import What

if TYPE_CHECKING:
    from netsim.swarm.world import Swarm


class Power:
    """The switch of every node."""

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm
        self._booting: dict[int, int] = {}

    def off(self, node: int) -> None:
        """Everything in it is lost, at once and silently."""
        swarm = self.swarm
        self._booting.pop(node, None)
        if not swarm.ways.on[node]:
            return
        swarm.ways.on[node] = False
        swarm.journal.node(What.NODE_DOWN, node)
        swarm.agents.lose(node)
        swarm.dispatcher.lose_agent(node)
        swarm.raft.died(node)
        swarm.shaken()

    def on(self, node: int) -> Generator[simpy.Event, object, None]:
        """Power again: the machine boots, dockerd starts with nothing running."""
        if self.swarm.ways.on[node] or node in self._booting:
            return
        self._booting[node] = began = self.swarm.env.now
        yield self.swarm.env.timeout(self.swarm.table.boot_ps)
        if self._booting.get(node) != began:
            return
        del self._booting[node]
        self.swarm.ways.on[node] = True
        self.swarm.journal.node(What.NODE_UP, node)
        self.swarm.ways.daemon[node] = True
        self.swarm.alone.daemon_back(node, keeps=True)  # nothing runs
        self._back(node)

    def daemon_off(self, node: int) -> None:
        """dockerd is killed: containers live on, gossip, heartbeats and Raft end."""
        swarm = self.swarm
        if not swarm.ways.live[node]:
            return
        swarm.ways.daemon[node] = False
        swarm.agents.daemon_gone(node)
        swarm.dispatcher.lose_agent(node)
        swarm.raft.died(node)
        swarm.shaken()

    def daemon_on(self, node: int) -> None:
        """dockerd starts; what ran on ends, or lives on with live-restore."""
        if self.swarm.ways.daemon[node]:
            return
        self.swarm.ways.daemon[node] = True
        self.swarm.agents.daemon_back(node)
        self._back(node)

    def _back(self, node: int) -> None:
        self.swarm.journal.restarted(node)
        self.swarm.raft.came_back(node)
        self.swarm.members.restart(node)
        self.swarm.traffic.restarts(node)
        self.swarm.dispatcher.restart_agent(node)
        self.swarm.shaken()
