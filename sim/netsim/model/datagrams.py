"""Datagrams that are larger than a packet on their way: IP would cut them into fragments, which no engine can follow yet."""

from __future__ import annotations

from netsim.datapath.paths import request_path
from netsim.datapath.reach import ReachError, reach
from netsim.model.entities import Model
from netsim.model.problems import Problems


def check_datagrams(model: Model, problems: Problems) -> None:
    """One problem for each stream whose datagrams do not fit into one packet between any two of its ends."""
    for name, load in model.scenario.load.items():
        if load.datagram is None:
            continue
        room = largest_datagram(model, load.from_, load.to)
        if room is not None and load.datagram > room:
            problems.add(
                ("load", name, "datagram"), "UNSUPPORTED", f"datagrams of at most {room} bytes, which fit into one packet",
                f"{load.datagram} bytes: fragments", f"set load.{name}.datagram: {room}B, or a larger mtu",
            )  # fmt: skip


def largest_datagram(model: Model, source: str, target: str) -> int | None:
    """Bytes of the largest datagram that is one packet on every way between two parties (B); None without any way."""
    found: list[int] = []
    sources = [task.name for task in model.services[source]] if source in model.services else [source]
    met = set()
    for src in sources:
        try:
            ways = reach(model, src, target)
        except ReachError:
            continue  # told elsewhere
        for via in ways.vias or (None,):
            for dst in ways.candidates:
                nodes = tuple(model.tasks[end].node.name if end in model.tasks else end for end in (src, dst))
                if (nodes, via) not in met:
                    met.add((nodes, via))
                    found.append(request_path(model, ways, src, dst, via, False, udp=True).mss_bytes)
    return min(found, default=None)
