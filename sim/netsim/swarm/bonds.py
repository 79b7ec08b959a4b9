"""Bonded cards whose cables fail one at a time: the driver looks at them every ``miimon`` and moves what went over a dead
one (Linux, Documentation/networking/bonding.rst). Until then it is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsim.scenario.schema_nodes import Bond

if TYPE_CHECKING:
    from collections.abc import Generator

    import simpy

    from netsim.swarm.world import Swarm


class Bonds:
    """The cables of all bonded cards: which are unplugged, and which their drivers use."""

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm
        self.bonds: dict[int, Bond] = {
            node.index: node.nic.bond for node in swarm.model.nodes.values() if node.nic.bond is not None
        }
        self.cut: dict[int, set[int]] = {node: set() for node in self.bonds}
        self.used = {node: first_used(bond) for node, bond in self.bonds.items()}

    def plug(self, node: int, cable: int, there: bool) -> None:
        """A cable is pulled or plugged in, from 1; a node without any left is cut off."""
        cut, bond = self.cut[node], self.bonds[node]
        (cut.discard if there else cut.add)(cable)
        self.swarm.journal.cable(node, cable, there)
        last = len(cut) == bond.links - there
        if last:  # the last one that was there, or the first that is again
            self.swarm.ways.sends[node] = self.swarm.ways.receives[node] = there
            self.swarm.rewired()
        self.swarm.env.process(self._looks(node))

    def _looks(self, node: int) -> Generator[simpy.Event, object, None]:
        """The next time that the driver looks at its cables."""
        bond = self.bonds[node]
        name = self.swarm.ways.names[node]
        yield self.swarm.env.timeout(round(self.swarm.chance.uniform(name, "miimon", 0, bond.miimon)))
        alive = [k for k in range(1, bond.links + 1) if k not in self.cut[node]]
        if not alive:
            return
        if bond.mode == "active-backup":  # it stays with the one that it uses as long as that lives
            alive = self.used[node] if self.used[node][0] in alive else alive[:1]
        if alive != self.used[node]:
            self.used[node] = alive
            self.swarm.journal.lanes(node, alive)
            self.swarm.log("bond", name, f"uses {', '.join(f'cable {k}' for k in alive)}")


def first_used(bond: Bond) -> list[int]:
    """The cables that a bond uses while all are there, from 1."""
    return [1] if bond.mode == "active-backup" else list(range(1, bond.links + 1))
