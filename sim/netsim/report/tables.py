"""Tables of connections that are used up before any station is busy: conntrack, translated ports, ports of clients."""

from __future__ import annotations

from dataclasses import dataclass

from netsim.results.result import Result

#: Limits whose use grows with the load, as `netsim.audit.flows` counts them, and what they are called.
WORDS = {
    "conntrack": "entries for tracked connections ({where})",
    "snat-ports": "source ports ({where})",
    "client-ports": "ports of a client ({where})",
}


@dataclass(frozen=True, slots=True)
class Table:
    """``used`` of ``most``, counted from the scenario's rates; ``help``: what makes room."""

    words: str
    used: float
    most: float
    help: str

    @property
    def room(self) -> float:
        """How much more of the same load fits, as a share of it; negative if even this does not fit."""
        return self.most / self.used - 1


def first_to_fill(result: Result) -> Table | None:
    """The table that is used up first, if that is before the busiest station is full; None if nothing ran."""
    found = [
        Table(
            WORDS[limit["id"]].format(where=limit["where"]), limit["used"], limit["max"],
            limit["help"] or "connections that are kept",
        )
        for limit in result.data.get("limits", [])
        if limit["id"] in WORDS and limit["used"]
    ]  # fmt: skip
    bottleneck = result.data["bottleneck"]
    first = min(found, key=lambda table: table.room, default=None)
    if first is None or bottleneck["station"] is None:
        return None
    station = bottleneck["headroom"]["value"]
    return first if station is None or first.room < station else None
