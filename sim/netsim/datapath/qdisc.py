"""Transmit queues of a host in which flows take turns (fq_codel): what a flow that has nothing there need not wait for.

Flows with a backlog are served by turns, a unit each; that is what a queue in the order of arrival does with flows that TCP small
queues hold to some units. What differs is a flow with nothing in the queue: it goes ahead of all that have (``fq_codel_dequeue``
takes from the list of new flows first), behind what the card has taken already. ``data/qdisc.yaml`` has the constants.
"""

from __future__ import annotations

from functools import cache

from netsim.compiled import inner
from netsim.tables import table, values

#: Disciplines by which flows take turns.
FAIR = ("fq_codel",)


@cache
def _constants() -> dict[str, int]:
    known: dict[str, int] = values(table("qdisc.yaml"))
    return known


def queues(qdisc: str) -> int:
    """Queues that a discipline puts flows into by their hash; 0: what comes first is sent first."""
    return _constants()[f"{qdisc}_queues"] if qdisc in FAIR else 0


def card_units() -> int:
    """Units that the card has taken already, if so many wait."""
    return _constants()["card_units"]


def queue_of(flow: int, count: int) -> int:
    """The queue of a flow among so many, by its hash (31 bits); that these bits choose other things too does no harm here."""
    return (flow >> 4) % count


queue_place = inner(queue_of)
