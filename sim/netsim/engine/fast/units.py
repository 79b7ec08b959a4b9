"""What only some scenarios need of the loop: compiled for those alone, and called by address (`netsim.compiled.Unit`)."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,name-defined"
# ruff: noqa: F403, F405
from __future__ import annotations

from netsim.compiled import Unit, counts_at
from netsim.datapath.ipvs import dispatch
from netsim.engine.fast import udp
from netsim.engine.fast.bulk import begin_flow, end_flow, flow_arrived, send_flow, unit_read
from netsim.engine.fast.faults import elsewhere, troubled_link, turned_away
from netsim.engine.fast.layout import *
from netsim.engine.fast.ops import *
from netsim.scenario.schema import Scenario


@Unit
def bulk(M, op, a, b):
    """An operation of a bulk flow. Of a flow that starts: its request, -1 if its source is gone."""
    if op == OP_ARRIVED:
        flow_arrived(M, a)
    elif op == OP_SEND:
        send_flow(M, a)
    elif op == OP_END:
        end_flow(M, a, b)
    elif op == TH_UNIT_READ:
        unit_read(M, a)
    else:
        return begin_flow(M, a, b)
    return 0


@Unit
def trouble(M, u, visit, c):
    """A unit reaches a transmitter while some link is in trouble, or the entry is an address that moves. 0 if it is lost."""
    if M[H_ENTRY_HOLDER] and elsewhere(M, u):
        return 1 if turned_away(M, u) else 0
    return 1 if troubled_link(M, counts_at(M[H_HIST]), u, visit) else 0


@Unit
def datagrams(M, op, a, b):
    """An operation of a stream of datagrams. Of one that is made: its request, -1 if its socket's process is gone. Of one that its
    thread takes, or that comes to a balancer: 0 if ways have to be made first, -1 if it is dropped there."""
    if op == OP_WL_ARRIVE:
        return udp.arrives(M, a, b)
    if op == OP_PUT:
        return 1 if udp.put(M, a) else 0
    if op == OP_SOFTIRQ:
        return udp.balances(M, a)
    if op == TH_PUT:
        udp.leave(M, a, b)
    elif op == OP_ARRIVED:
        udp.received(M, a)
    else:
        udp.lost(M, a)
    return 1


ALL = (bulk, datagrams, trouble, *dispatch.OTHERS)


def needed(scenario: Scenario) -> list[Unit]:
    """What a scenario will need, to be compiled beforehand. What is missing here is compiled when it is needed."""
    found: list[Unit] = []
    if any(load.bulk is not None for load in scenario.load.values()):
        found.append(bulk)
    if any(load.datagram is not None for load in scenario.load.values()):
        found.append(datagrams)
    if scenario.changes and scenario.load:
        found.append(trouble)
    if any(service.ipvs.scheduler in dispatch.NAMES[1:] for service in scenario.services.values()):
        found += dispatch.OTHERS
    return found
