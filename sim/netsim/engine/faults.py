"""Faults and the life of tasks on the reference machinery: what the border's changes do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsim.engine.border import Change, What
from netsim.engine.holders import due
from netsim.engine.machinery import REFERENCE_HANDLERS as HANDLERS
from netsim.engine.wiring import stolen

if TYPE_CHECKING:
    from netsim.engine.reference import Reference


@HANDLERS.takes(What.TASK_LISTENS)
def _listens(plane: Reference, change: Change) -> None:
    server = plane.world.servers[change.subject]
    if server.gone:
        return
    server.listens, server.awaited = True, False
    server.compute()
    clients = {name: workload.clients for name, workload in plane.workloads.items()}
    for name, _ in plane.world.begin_sources(change.subject, clients):
        plane.workloads[name].stand()


@HANDLERS.takes(What.TASK_AGAIN)
def _again(plane: Reference, change: Change) -> None:
    server = plane.world.servers[change.subject]
    if server.gone:
        server.check_return(plane.now_ps)
        server.begin_anew()
        server.listens = True
        server.compute()


@HANDLERS.takes(What.TASK_TERMS)
def _terms(plane: Reference, change: Change) -> None:
    plane.world.servers[change.subject].stop_listening()


@HANDLERS.takes(What.TASK_GONE)
def _gone(plane: Reference, change: Change) -> None:
    plane.world.servers[change.subject].end()


@HANDLERS.takes(What.SANDBOX_GONE)
def _vanished(plane: Reference, change: Change) -> None:
    plane.world.servers[change.subject].vanish()


@HANDLERS.takes(What.NODE_DOWN)
def _down(plane: Reference, change: Change) -> None:
    world, node, now = plane.world, change.subject, plane.now_ps
    spec = world.model.nodes[node]
    machine = world.machine
    if node in machine.down:
        return
    machine.down.add(node)
    plane.wiring.down.add(node)
    machine.lose_units(node)
    machine.cpus[node].kill(None)
    for server in world.servers.values():
        if server.node == node and not server.awaited:
            server.vanish()
    for client in world.node_sources[node]:
        client.kill()
    for ring in machine.rings[node]:
        ring.clear(now)
    for station in spec.tx_stations:
        machine.links[station].clear(now)
    plane.lose_messages(node)
    plane.rewire()


@HANDLERS.takes(What.NODE_UP)
def _up(plane: Reference, change: Change) -> None:
    node = change.subject
    plane.world.machine.down.discard(node)
    plane.wiring.down.discard(node)
    state = plane.world.state
    for conn in [conn for client in plane.world.clients for conn in client.connections()]:
        if conn.user is not None and conn.choice.flow >= 0 and state.open_through(conn.choice.flow, node):
            conn.forgotten()
    state.boot(node, plane.now_ps)
    for client in plane.world.node_sources[node]:
        client.dead = False
    plane.rewire()


@HANDLERS.takes(What.STEAL)
def _steal(plane: Reference, change: Change) -> None:
    plane.world.machine.cpus[change.subject].steal = plane.wiring.steal[change.subject] = stolen(change)


@HANDLERS.takes(What.ENTRY_OUT)
def _entry_out(plane: Reference, change: Change) -> None:
    plane.world.balancers.out.add(plane.world.model.nodes[change.subject].name)


@HANDLERS.takes(What.ENTRY_ADDRESS)
def _entry_address(plane: Reference, change: Change) -> None:
    name = change.subject
    plane.world.machine.address = plane.world.model.nodes[name].name if name else ""
    plane.world.balancers.virtual = True


@HANDLERS.takes(What.ENTRY_IN)
def _entry_in(plane: Reference, change: Change) -> None:
    plane.world.balancers.out.discard(plane.world.model.nodes[change.subject].name)


@HANDLERS.takes(What.HOLDER)
def _holder(plane: Reference, change: Change) -> None:
    plane.world.balancers.holders.set(change, due(plane, change))
