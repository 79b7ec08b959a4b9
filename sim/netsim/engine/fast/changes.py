"""The border's changes on the fast machinery: what each does to the memory's tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from netsim.engine.border import Change, What
from netsim.engine.client import Client
from netsim.engine.fast import layout as y
from netsim.engine.fast import units
from netsim.engine.fast.entries import (
    ENDED,
    TERMS,
    VANISHED,
    begin_pool,
    clear_link,
    end_client,
    end_datagrams,
    end_pool,
    end_threads,
    forget_connections,
    lose_messages,
    power_off,
    tell_clients,
)
from netsim.engine.fast.ops import DONE, FULL
from netsim.engine.machinery import FAST_HANDLERS as HANDLERS
from netsim.engine.wiring import LOSS_UNIT, stolen

if TYPE_CHECKING:
    from netsim.engine.fast.engine import Fast
    from netsim.engine.fast.simulate import FastPlane


def cell(fast: Fast, base: int, width: int, row: int, column: int) -> int:
    """Where a column of a row stands in memory."""
    return int(fast.M[base]) + row * width + column


def server_cell(fast: Fast, server: int, column: int) -> int:
    """The same of a task's row."""
    return cell(fast, y.B_SERVER, y.W_SERVER, server, column)


@HANDLERS.takes(What.TASK_LISTENS)
def _listens(plane: FastPlane, change: Change) -> None:
    fast = plane.fast
    server = fast.builder.server_index[change.subject]
    if not fast.M[server_cell(fast, server, y.V_LIFE)] & 1:
        fast.M[server_cell(fast, server, y.V_LISTENS)] = 1
        fast.world.servers[change.subject].awaited = False
        fast.compute(change.subject)
        fast.begin_sources(change.subject)


@HANDLERS.takes(What.TASK_AGAIN)
def _again(plane: FastPlane, change: Change) -> None:
    fast, found = plane.fast, plane.fast.world.servers[change.subject]
    server = fast.builder.server_index[change.subject]
    if not fast.M[server_cell(fast, server, y.V_LIFE)] & 1:
        return
    found.check_return(plane.now_ps)
    begin_pool(fast.M, server)
    fast.M[server_cell(fast, server, y.V_SILENT)] = 0
    fast.M[server_cell(fast, server, y.V_LISTENS)] = 1
    for client in (*found.clients, *found.sources):
        _begin_client(fast, client)
    fast.compute(change.subject)


@HANDLERS.takes(What.TASK_TERMS)
def _terms(plane: FastPlane, change: Change) -> None:
    fast = plane.fast
    server = fast.builder.server_index[change.subject]
    if not fast.M[server_cell(fast, server, y.V_LIFE)] & 1:
        fast.M[server_cell(fast, server, y.V_LISTENS)] = 0
        _tell(fast, server, TERMS)


@HANDLERS.takes(What.TASK_GONE)
def _gone(plane: FastPlane, change: Change) -> None:
    _end(plane.fast, change.subject)


@HANDLERS.takes(What.SANDBOX_GONE)
def _vanished(plane: FastPlane, change: Change) -> None:
    _vanish(plane.fast, change.subject)


def _tell(fast: Fast, server: int, what: int) -> None:
    row = 0
    while True:
        row = tell_clients(fast.M, server, what, row, fast.room)
        if row < 0:
            return
        fast.grow()


def _end(fast: Fast, task: str) -> None:
    """See `netsim.engine.server.Server.end`."""
    server, found = fast.builder.server_index[task], fast.world.servers[task]
    if fast.M[server_cell(fast, server, y.V_LIFE)] & 1:
        return
    fast.M[server_cell(fast, server, y.V_LIFE)] += 1
    found.ended_ps = int(fast.M[y.H_NOW])
    fast.M[server_cell(fast, server, y.V_LISTENS)] = 0
    end_threads(fast.M, fast.builder.node_index[found.node], server)
    end_pool(fast.M, server)
    if fast.M[y.H_UDP]:
        _repeat(fast, end_datagrams, server)
    for client in (*found.clients, *found.sources):
        _end_client(fast, client)
    if not fast.M[server_cell(fast, server, y.V_SILENT)]:
        _tell(fast, server, ENDED)


def _vanish(fast: Fast, task: str) -> None:
    server = fast.builder.server_index[task]
    fast.M[server_cell(fast, server, y.V_SILENT)] = 1
    _tell(fast, server, VANISHED)
    _end(fast, task)


def _end_client(fast: Fast, client: Client) -> None:
    client.dead = True  # for World.more_sources
    _repeat(fast, end_client, fast.builder.client_rows[client])


def _repeat(fast: Fast, ends: Callable[..., int], row: int) -> None:
    """Something ends, and with it requests: until there was room for all of them."""
    while True:
        status = ends(fast.M, fast.D, row, fast.room, fast.most_ended)
        if status == DONE:
            return
        if status == FULL:
            fast.count()
        else:
            fast.grow()


def _begin_client(fast: Fast, client: Client) -> None:
    """Its process runs again."""
    client.dead = False
    at = cell(fast, y.B_CLIENT, y.W_CLIENT, fast.builder.client_rows[client], y.K_DEAD)
    fast.M[at] += fast.M[at] & 1


@HANDLERS.takes(What.NODE_DOWN)
def _down(plane: FastPlane, change: Change) -> None:
    fast, node = plane.fast, change.subject
    row = fast.builder.node_index[node]
    if node in plane.wiring.down:
        return
    plane.wiring.down.add(node)
    power_off(fast.M, row)
    end_threads(fast.M, row, -1)
    for server in fast.world.servers.values():
        if server.node == node and not server.awaited:
            _vanish(fast, server.name)
    for client in fast.world.node_sources[node]:
        _end_client(fast, client)
    lose_messages(fast.M, row)
    plane.halt |= bool(fast.M[y.H_WATCH])
    fast.M[y.H_WATCH] = 0
    for station in fast.world.model.nodes[node].tx_stations:
        clear_link(fast.M, fast.builder.link_index[station])
    plane.rewire()


@HANDLERS.takes(What.NODE_UP)
def _up(plane: FastPlane, change: Change) -> None:
    fast, node = plane.fast, change.subject
    row = fast.builder.node_index[node]
    plane.wiring.down.discard(node)
    state = fast.world.state
    forget_connections(fast.M, state.nodes[node])
    state.boot(node, plane.now_ps)
    fast.M[cell(fast, y.B_NODE, y.W_NODE, row, y.N_DOWN)] = 0
    for client in fast.world.node_sources[node]:
        _begin_client(fast, client)
    plane.rewire()


@HANDLERS.takes(What.STEAL)
def _steal(plane: FastPlane, change: Change) -> None:
    fast = plane.fast
    row = fast.builder.node_index[change.subject]
    fast.M[cell(fast, y.B_NODE, y.W_NODE, row, y.N_STEAL)] = plane.wiring.steal[change.subject] = stolen(
        change
    )


@HANDLERS.takes(What.ENTRY_OUT, What.ENTRY_IN)
def _entry(plane: FastPlane, change: Change) -> None:
    fast = plane.fast
    at = cell(fast, y.B_NODE, y.W_NODE, fast.builder.node_index[change.subject], y.N_OUT)
    out = int(change.what == What.ENTRY_OUT)
    fast.M[y.H_OUT] += out - int(fast.M[at])
    fast.M[at] = out


@HANDLERS.takes(What.ENTRY_ADDRESS)
def _entry_address(plane: FastPlane, change: Change) -> None:
    fast = plane.fast
    fast.M[y.H_ENTRY_HOLDER] = fast.builder.node_index[change.subject] + 1 if change.subject else -1
    plane.rewire()


def rewire(plane: FastPlane) -> None:
    """Every link's rate, what is wrong at it, and the nodes that are apart."""
    fast, wiring = plane.fast, plane.wiring
    M, troubles = fast.M, 0
    for name, row in fast.builder.node_index.items():
        M[cell(fast, y.B_NODE, y.W_NODE, row, y.N_GROUP)] = wiring.groups.get(name, -1)
    for station, row in fast.builder.link_index.items():
        link = fast.world.machine.links[station]
        trouble = wiring.trouble(link.node, link.port, link.cable)
        o = cell(fast, y.B_LINK, y.W_LINK, row, 0)
        M[o + y.L_RATE], M[o + y.L_WIRE] = wiring.rate_bps(station) or 0, -1
        M[o + y.L_CUT] = trouble is not None and trouble.cut
        M[o + y.L_LOSS] = 0 if trouble is None else round(trouble.loss * LOSS_UNIT)
        M[o + y.L_DELAY] = 0 if trouble is None else trouble.delay_ps
        M[o + y.L_APART] = trouble is not None and trouble.groups is not None
        troubles += trouble is not None
    M[y.H_TROUBLE] = troubles + int(M[y.H_ENTRY_HOLDER] != 0)
    if M[y.H_TROUBLE]:
        M[y.H_FAULTS] = units.trouble.address
