"""The border between the planes: what the control plane (and faults) may ask of a data plane.

Data events before ``t`` are done when ``advance(t)`` returns; control changes at ``t`` come before data events at
``t``. A change of a row that every node keeps for itself (a back end in its IPVS tables, a name in its DNS, a
forwarding entry) carries one effective time per node, possibly in the future; the machinery takes it up when that
node next uses the row, so that a change costs no event per node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt

from netsim.model.entities import Task

Times = npt.NDArray[np.int64]

#: An effective time that never comes: this node does not hear of the change.
NEVER_PS = 1 << 62


class What(IntEnum):
    """What changes. ``subject`` names a task, a node, or a station, as said."""

    # Rows of every node: ``times_ps`` has one effective time per node, in the model's order of nodes. Of back ends: with a
    # ``network``, in the lists of that one only.
    BACKEND_ADD = 1  # a task enters the list of its service; value: weight
    BACKEND_WEIGHT = 2  # value: weight; 0 means that nothing new goes there, and what is open goes on
    BACKEND_REMOVE = 3  # its row goes, and what is open with it (expire_nodest_conn)
    NAME_ADD = 4  # a task enters the DNS answers of its service
    NAME_REMOVE = 5
    FORWARD_ADD = (
        6  # a node knows behind which other one a container\'s address on an overlay is (FDB, neighbours)
    )
    FORWARD_REMOVE = 7
    # The same of the one list that the entry in front of the swarm has of ports in mode host: ``at_ps``, possibly to come.
    PORT_ADD = 8  # new connections go to the port of a task's node, and so to the task
    PORT_REMOVE = 9
    # Tasks: one time.
    TASK_LISTENS = 10  # its process accepts connections
    TASK_TERMS = 11  # SIGTERM: listens no more, idle connections get FIN, what is served goes on
    TASK_GONE = 12  # its process has ended: what is open is reset, SYNs are refused while the sandbox stands
    SANDBOX_GONE = 13  # its address answers no more: silence
    # A container outside any service that has ended is started again, with another address, and accepts connections; at least
    # 100 ms after its end.
    TASK_AGAIN = 14
    # Who answers at the address by which a node knows a task on ``network``, a row of every node: it was given to another one
    # meanwhile, or the node's way to it still leads where another one was. ``value``: a `Holder`; ``groups``: the task.
    HOLDER = 15
    # Nodes and their links: one time.
    NODE_DOWN = 20  # no power: silence, everything in it is lost
    NODE_UP = 21  # powered again, with nothing running
    LINK = 22  # subject: a node, the link between its card and the switch, as ``link`` says
    PART = 23  # ``groups``: nodes of different groups do not reach each other; no groups: all do
    STEAL = 24  # value: share of processor time taken from the node, in millionths
    CABLE = 25  # subject: a node with a bond; value: which cable, from 1; ``link``: whether it is plugged
    LANES = 26  # value: the cables that a bond uses, a bit each, the first of them the lowest
    # Control traffic (image pulls, gossip) takes ``value`` bit/s of the link of a node, in ``link``'s direction, or of a
    # transmitter between racks, sites or machines, by its station's name and without ``link``.
    BACKGROUND = 27
    ENTRY_OUT = 30  # the entry in front of the swarm does not use this node for new connections
    ENTRY_IN = 31
    # What the outside sends comes to this node from now on, and to no other ("": to none that has the entry's virtual
    # address, so it is lost): what belongs to another's connection is answered with RST, and a SYN that comes again begins anew.
    ENTRY_ADDRESS = 32
    # Endpoints at run time: subject a task or container, ``network`` the network.
    ATTACH = 40
    DETACH = 41
    # New connections of a subject to a target (``groups``: that one name as the scenario writes it) go by ``network`` from now
    # on, those for which a name is looked up from the next answer on. "": published ports are nowhere, and refused.
    MOVED = 42


class Holder(IntEnum):
    """Who answers at an address that a node knows a task by."""

    TASK = 0  # the task that the change names
    NOBODY = 1  # silence
    STRANGER = 2  # somebody who does not listen on the port: RST


@dataclass(frozen=True, slots=True)
class LinkState:
    """A node's link: both directions unless said otherwise. ``rate_bps`` None: the card's own."""

    up: bool = True
    loss: float = 0.0
    delay_ps: int = 0
    rate_bps: int | None = None
    direction: str = "both"  # both | sends | receives


@dataclass(frozen=True, slots=True)
class Change:
    """One change. ``at_ps`` is when it takes effect; rows of nodes use ``times_ps`` instead (see `What`)."""

    what: What
    subject: str
    at_ps: int = 0
    value: int = 0
    times_ps: Times | None = None
    link: LinkState | None = None
    groups: tuple[tuple[str, ...], ...] = ()
    network: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A control message that uses the nodes' links and cores like any other: heartbeats, Raft, image pulls.

    ``watched``: `DataPlane.advance` stops when it is there or lost. ``number`` is the sender's, unique in a run.
    """

    number: int
    src: str
    dst: str
    size_bytes: int
    watched: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message: the time of its last byte, or None if it is lost."""

    number: int
    arrived_ps: int | None


class DataPlane(Protocol):
    """A machinery as the control plane sees it; nodes are named as in the model."""

    @property
    def now_ps(self) -> int:
        """Picoseconds on the scenario's clock."""

    def advance(self, until_ps: int) -> int:
        """Do all data events before ``until_ps``, or up to the end of a watched message; the time reached."""

    def apply(self, changes: Sequence[Change]) -> None:
        """Take up changes; one whose time is past takes effect now."""

    def add_task(self, task: Task) -> None:
        """A new task instance (its name is new); it serves nothing before `What.TASK_LISTENS`."""

    def send(self, messages: Sequence[Message]) -> None:
        """Messages leave now."""

    def outcomes(self) -> list[Outcome]:
        """What became of messages since the last call."""

    def path_delay(self, src: str, dst: str, size_bytes: int) -> int | None:
        """How long a message would take now (ps), by the backlog on its way; None where there is no way."""

    def background(self, rates_bps: Mapping[str, float]) -> None:
        """Bulk control traffic as a rate that each node sends, which loads its link; replaces the last one."""

    def counters(self) -> Mapping[str, int]:
        """Requests started, completed and failed so far, visits done."""
