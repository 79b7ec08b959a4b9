"""Containers that join and leave networks at run time: whose names, packets and connections that means.

A container that leaves has no address there from that moment on: what is open over it hears nothing more, SYNs are
not answered, and its own resolver knows no names of that network. Each node's engine forgets its name when it hears of
it (`What.NAME_REMOVE`). What was open stays dead when it comes back, since it comes back with another address.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from netsim.engine.border import NEVER_PS, Change, What
from netsim.engine.client import Client, Cut
from netsim.engine.machinery import FAST_HANDLERS, REFERENCE_HANDLERS, Machinery
from netsim.engine.peer import Peer

if TYPE_CHECKING:
    from netsim.engine.fast.simulate import FastPlane
    from netsim.engine.reference import Reference
    from netsim.engine.world import World

ENDPOINTS = (What.ATTACH, What.DETACH)
#: Rows of nodes: what a client on the node misses without them.
ROWS = {
    What.NAME_ADD: Cut.NAME,
    What.NAME_REMOVE: Cut.NAME,
    What.FORWARD_ADD: Cut.FORWARD,
    What.FORWARD_REMOVE: Cut.FORWARD,
}
GOING = (What.NAME_REMOVE, What.FORWARD_REMOVE)


def over(world: World, change: Change) -> Iterator[tuple[Client, Cut]]:
    """Clients whose connections go over a container's endpoint, and at which end it is. Raises ``ValueError`` for a
    task of a service, whose networks are those of its service."""
    if world.model.tasks[change.subject].service is not None:
        raise ValueError(f"{change.subject} is a task of a service: only containers join and leave networks")
    for client in world.clients:
        own, theirs = client.source == change.subject, client.ask.target.partition(":")[0] == change.subject
        if own or theirs:
            found = world.book.reach(client.source, client.ask.target)
            if not change.network or found.network == change.network:
                yield client, Cut.OWN if own else Cut.TARGET


def ends(world: World, change: Change) -> list[Client]:
    """An endpoint comes or goes: the clients that it is told to."""
    found = []
    for client, end in over(world, change):
        client.cut = client.cut | end if change.what == What.DETACH else client.cut & ~end
        found.append(client)
    return found


def rows(plane: Machinery, change: Change) -> list[Client]:
    """A container's name, or the way to its address, comes or goes on the nodes: the clients that it is told to now; other
    nodes hear of it later."""
    world, told = plane.world, []
    waiting: dict[int, set[str]] = {}
    for client, end in over(world, change):
        if end != Cut.TARGET or client.node not in world.model.nodes:
            continue
        if change.groups and client.node not in change.groups[0]:
            continue
        index = world.model.nodes[client.node].index
        due = change.at_ps if change.times_ps is None else int(change.times_ps[index])
        if due <= plane.now_ps:
            missed = ROWS[change.what]
            client.cut = client.cut | missed if change.what in GOING else client.cut & ~missed
            told.append(client)
        elif due < NEVER_PS:
            waiting.setdefault(due, set()).add(client.node)
    for due, nodes in sorted(waiting.items()):
        plane.remember(replace(change, at_ps=due, times_ps=None, groups=(tuple(sorted(nodes)),)))
    return told


@REFERENCE_HANDLERS.takes(*ENDPOINTS)
def _reference_ends(plane: Reference, change: Change) -> None:
    ends(plane.world, change)
    if change.what == What.DETACH:
        for server in plane.world.servers.values():
            for conn in server.open:
                if conn.client is not None and conn.client.cut & Cut.PACKETS:
                    conn.peer = Peer.SILENT


@REFERENCE_HANDLERS.takes(*ROWS)
def _reference_rows(plane: Reference, change: Change) -> None:
    rows(plane, change)


@FAST_HANDLERS.takes(*ENDPOINTS)
def _fast_ends(plane: FastPlane, change: Change) -> None:
    from netsim.engine.fast.entries import silence_cut

    _write(plane, ends(plane.world, change))
    if change.what == What.DETACH:
        silence_cut(plane.fast.M)


@FAST_HANDLERS.takes(*ROWS)
def _fast_rows(plane: FastPlane, change: Change) -> None:
    _write(plane, rows(plane, change))


def _write(plane: FastPlane, clients: list[Client]) -> None:
    from netsim.engine.fast import layout as y

    fast = plane.fast
    for client in clients:
        at = int(fast.M[y.B_CLIENT]) + fast.builder.client_rows[client] * y.W_CLIENT
        fast.M[at + y.K_CUT] = int(client.cut)
