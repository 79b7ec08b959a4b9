"""Addresses that were given to another task, on the fast machinery: the ways to them are looked for anew.

What answers with RST, or not at all, in a task's place is a server's row that never listens.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from netsim.engine.border import Change, Holder, What
from netsim.engine.fast import layout as y
from netsim.engine.holders import due
from netsim.engine.machinery import FAST_HANDLERS as HANDLERS

if TYPE_CHECKING:
    from netsim.engine.fast.build import Builder
    from netsim.engine.fast.simulate import FastPlane


@HANDLERS.takes(What.HOLDER)
def _holder(plane: FastPlane, change: Change) -> None:
    fast, nodes = plane.fast, due(plane, change)
    plane.world.balancers.holders.set(change, nodes)
    builder, kind = fast.builder, Holder(change.value)
    if kind != Holder.TASK and kind not in builder.elsewhere:
        builder.elsewhere[kind] = len(builder.servers.rows)
        builder.servers.add(V_LISTENS=0, V_SILENT=kind == Holder.NOBODY)
        fast.add_rows()
    for cell in _cells(builder, change.subject, change.network, nodes):
        builder.waymap[cell] = fast.M[fast.M[y.B_WAYMAP] + cell] = -1


def _cells(builder: Builder, task: str, network: str, nodes: Collection[str]) -> Iterator[int]:
    """The cells of the map of ways that lead to a task on a network by the tables of these nodes."""
    for row, (client, by) in enumerate(builder.client_list):
        found = client.reach(by)
        if found.network == network and task in found.candidates:
            columns, place = builder.clients.rows[row], found.candidates.index(task)
            for via, where in enumerate(found.vias or (client.node,)):
                if where in nodes:
                    yield columns[y.K_WAYS] + via * columns[y.K_CANDS] + place
