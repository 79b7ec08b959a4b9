"""Whose an address is by which a node still knows a task, after it was given to another one (`What.HOLDER`)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from netsim.engine.border import NEVER_PS, Change, Holder

if TYPE_CHECKING:
    from netsim.engine.machinery import Machinery
    from netsim.engine.server import Server


def is_silent(holder: Holder, server: Server | None, at_node: bool) -> bool:
    """Whether nobody has the address that a packet goes to; ``at_node``: its node answers for it, too."""
    if holder != Holder.TASK:
        return holder == Holder.NOBODY
    return server is not None and server.silent and not at_node


def refuses(holder: Holder, server: Server | None) -> bool:
    """Whether the kernel that has the address has no socket that listens."""
    return holder == Holder.STRANGER or (server is not None and not server.listens)


class Holders:
    """Tables of nodes: who answers at the address by which a node knows a task on a network."""

    def __init__(self) -> None:
        self._now: dict[tuple[str, str, str], tuple[str, Holder]] = {}

    def find(self, node: str, network: str, task: str) -> tuple[str, Holder]:
        """The task that answers what goes to ``task``; or itself, and that nobody, or a stranger, answers in its place."""
        if not self._now:
            return task, Holder.TASK
        return self._now.get((node, network, task), (task, Holder.TASK))

    def set(self, change: Change, nodes: Collection[str]) -> None:
        """From now on, on these nodes."""
        kind = Holder(change.value)
        who = change.groups[0][0] if kind == Holder.TASK else change.subject
        for node in nodes:
            self._now[node, change.network, change.subject] = who, kind


def due(plane: Machinery, change: Change) -> list[str]:
    """The nodes to which a change is told now; the others are told later."""
    nodes = plane.world.model.nodes.values()
    if change.times_ps is None:
        return [node.name for node in nodes]
    later = (change.times_ps > plane.now_ps) & (change.times_ps < NEVER_PS)
    for at in np.unique(change.times_ps[later]).tolist():
        only = np.where(change.times_ps == at, at, NEVER_PS)
        plane.remember(replace(change, at_ps=at, times_ps=only))
    return [node.name for node in nodes if change.times_ps[node.index] <= plane.now_ps]
