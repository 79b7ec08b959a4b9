"""Nodes as the machine sees them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Host:
    """What the machine needs to know of a node.

    ``cores``: virtual ones, if it runs on a machine with others: then ``machine`` is that one's name and cores, and
    virtual core k is held on core ``first_core + k`` of it, counted round. ``smt``: the speed of each of two hardware
    threads on a core, in millionths of the core's; 0: no core has two. ``rfs``: its card steers what a thread of its own
    reads to that thread's core. ``moderation_ps``: the least time between two interrupts of a receive queue. ``polls``: what these cost is
    known, and so it matters how much one poll takes. ``backlog``: skbs that each core takes from those of the receive queues (RPS); 0: they hand none on.
    """

    name: str
    cores: int
    rx_queues: int
    ring_packets: int
    nic: str
    quantum_ps: int = 3 * 10**9
    machine: tuple[str, int] | None = None
    first_core: int = 0
    smt: int = 0
    rfs: bool = False
    moderation_ps: int = 0
    backlog: int = 0
    polls: bool = False
