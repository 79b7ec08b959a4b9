"""Containers that join and leave networks at run time: whose names, packets and connections that means.

A container that leaves has no address there from that moment on: what is open over it hears nothing more, SYNs are
not answered, and its own resolver knows no names of that network. Each node's engine forgets its name when it hears of
it (`What.NAME_REMOVE`). What was open stays dead when it comes back, since it comes back with another address.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from netsim.datapath.dns import looks_up
from netsim.datapath.reach import stands_for_node
from netsim.engine.border import NEVER_PS, Change, What
from netsim.engine.client import Client
from netsim.engine.machinery import FAST_HANDLERS, REFERENCE_HANDLERS, Machinery
from netsim.engine.peer import Cut, Peer, Stage

if TYPE_CHECKING:
    from netsim.engine.connection import Connection
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


def over(world: World, change: Change) -> Iterator[tuple[Client, str, Cut]]:
    """Clients whose connections may go over a container's endpoint, by which network, and what they miss without it. Raises
    ``ValueError`` for a task of a service, whose networks are those of its service."""
    if world.model.tasks[change.subject].service is not None:
        raise ValueError(f"{change.subject} is a task of a service: only containers join and leave networks")
    for client in world.clients:
        own, theirs = client.source == change.subject, client.ask.target.partition(":")[0] == change.subject
        if own or theirs:
            for network in client.networks:
                if not change.network or network == change.network:
                    yield client, network, Cut.OWN if own else _theirs(client, network)


def _theirs(client: Client, network: str) -> Cut:
    """What a client misses when its target's endpoint is gone. Of a port that is published on the node the node is there."""
    return Cut.PORT if stands_for_node(client.world.model, client.reach(network)) else Cut.TARGET


def ends(world: World, change: Change) -> list[tuple[Client, str]]:
    """An endpoint comes or goes: the clients that it is told to, and by which network."""
    found = []
    for client, network, end in over(world, change):
        cut = client.cuts[network]
        client.cuts[network] = cut | end if change.what == What.DETACH else cut & ~end
        found.append((client, network))
    return found


def moved(world: World, change: Change) -> list[tuple[Client, str]]:
    """New connections go by another network: the clients, and the networks where something has changed for them."""
    found = []
    for client in world.clients:
        if client.source != change.subject or client.ask.target not in change.groups[0]:
            continue
        old, new = client.answer, change.network
        port = _theirs(client, old) == Cut.PORT
        if port:
            client.cuts[old] |= Cut.PORT
        if new:
            client.moved(new)
            if port:
                client.cuts[new] &= ~Cut.PORT
        found += [(client, network) for network in dict.fromkeys((old, new)) if network]
    return found


def after_port(conn: Connection) -> None:
    """A connection to a port that is published elsewhere now, or nowhere: Docker has removed its entries in conntrack, so what
    the client sends comes where nobody knows the connection, and is answered with RST; what the server sends leaves with
    another port and is not heard (measured with Docker 20.10.24)."""
    if conn.peer == Peer.ALIVE:
        conn.peer = {Stage.IDLE: Peer.RESET, Stage.SERVED: Peer.SILENT}.get(conn.stage, Peer.CLOSING)


def rows(plane: Machinery, change: Change) -> list[tuple[Client, str]]:
    """A container's name, or the way to its address, comes or goes on the nodes: the clients that it is told to now, and by
    which network; other nodes hear of it later."""
    world, told = plane.world, []
    waiting: dict[int, set[str]] = {}
    for client, network, end in over(world, change):
        if end == Cut.OWN or client.node not in world.model.nodes:
            continue
        if change.groups and client.node not in change.groups[0]:
            continue
        index = world.model.nodes[client.node].index
        due = change.at_ps if change.times_ps is None else int(change.times_ps[index])
        if due <= plane.now_ps:
            missed, cut = ROWS[change.what], client.cuts[network]
            client.cuts[network] = cut | missed if change.what in GOING else cut & ~missed
            told.append((client, network))
        elif due < NEVER_PS:
            waiting.setdefault(due, set()).add(client.node)
    for due, nodes in sorted(waiting.items()):
        plane.remember(replace(change, at_ps=due, times_ps=None, groups=(tuple(sorted(nodes)),)))
    return told


@REFERENCE_HANDLERS.takes(*ENDPOINTS)
def _reference_ends(plane: Reference, change: Change) -> None:
    ends(plane.world, change)
    if change.what == What.DETACH:
        _silence(plane.world)


@REFERENCE_HANDLERS.takes(What.MOVED)
def _reference_moved(plane: Reference, change: Change) -> None:
    moved(plane.world, change)
    _silence(plane.world)


def _silence(world: World) -> None:
    """What is open over a network that lacks an end hears nothing more, or RST."""
    for client in world.clients:
        for conn in client.connections():
            cut = client.cuts[conn.choice.reach.network]
            if cut & Cut.PACKETS:
                conn.peer = Peer.SILENT
            elif cut & Cut.PORT:
                after_port(conn)


@REFERENCE_HANDLERS.takes(*ROWS)
def _reference_rows(plane: Reference, change: Change) -> None:
    rows(plane, change)


@FAST_HANDLERS.takes(*ENDPOINTS)
def _fast_ends(plane: FastPlane, change: Change) -> None:
    from netsim.engine.fast.entries import silence_cut

    _write(plane, ends(plane.world, change))
    if change.what == What.DETACH:
        silence_cut(plane.fast.M)


@FAST_HANDLERS.takes(What.MOVED)
def _fast_moved(plane: FastPlane, change: Change) -> None:
    from netsim.engine.fast import layout as y
    from netsim.engine.fast.entries import silence_cut

    fast, told = plane.fast, moved(plane.world, change)
    _write(plane, told)
    for client in dict.fromkeys(client for client, _ in told):
        at = int(fast.M[y.B_CLIENT]) + fast.builder.client_rows[client] * y.W_CLIENT
        answer = fast.builder.network_rows[client, client.answer]
        fast.M[at + y.K_ANSWER] = answer
        if not looks_up(client.reach(client.answer)):
            fast.M[at + y.K_BY] = answer
    silence_cut(fast.M)


@FAST_HANDLERS.takes(*ROWS)
def _fast_rows(plane: FastPlane, change: Change) -> None:
    _write(plane, rows(plane, change))


def _write(plane: FastPlane, told: list[tuple[Client, str]]) -> None:
    from netsim.engine.fast import layout as y

    fast = plane.fast
    for client, network in told:
        at = int(fast.M[y.B_CLIENT]) + fast.builder.network_rows[client, network] * y.W_CLIENT
        fast.M[at + y.K_CUT] = int(client.cuts[network])
