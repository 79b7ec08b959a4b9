"""Traces with times, kernel settings or persistence, replayed in the tables of flows that the engines use.

Beside what `netsim.testing.ipvs` knows, such a trace has ``persistent`` (s) with ``mask`` (bits), ``sysctls`` of
net.ipv4.vs, and the operations ``hang_up`` (the server closes first), ``wait`` (s), ``templates`` (result: last part of the
client's network, destination and seconds left of each) and ``entries`` (result: how many connections IPVS knows).
``times`` (optional): when each operation began (s); without it all but wait take 10 ms. A template's seconds may differ by
one.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from netsim.datapath.flows import layout as y
from netsim.datapath.flows.table import FlowTable, Persistence
from netsim.datapath.ipvs.layout import DE_ACTIVE, DE_ADDRESS, DE_INACTIVE, DE_WEIGHT, W_DEST
from netsim.datapath.kernel_settings import DROP_ALWAYS
from netsim.picoseconds import PS_PER_S

STEP_PS = PS_PER_S // 100
TIMED = ("hang_up", "wait", "templates", "entries")
ENOUGH = 1 << 30
#: The kernel's own settings; Docker's are others.
DEFAULTS = {"conn_reuse_mode": 1, "expire_nodest_conn": 0, "expire_quiescent_template": 0, "drop_entry": 0}


def is_timed(trace: Mapping[str, Any]) -> bool:
    """Whether a trace is one of these."""
    return bool(trace.get("persistent") or trace.get("sysctls") or any(op[0] in TIMED for op in trace["ops"]))


def address_of(pattern: str, **number: int) -> int:
    """An address of a trace with its number filled in, as a 32-bit integer."""
    return int(ipaddress.IPv4Address(pattern.format(**number)))


class Node:
    """One node's IPVS with one service, and its clock. ``seed``: of what is drawn."""

    def __init__(self, trace: Mapping[str, Any], flags: int = 0, seed: int = 0) -> None:
        sysctls = DEFAULTS | trace.get("sysctls", {})
        added = [op[1] for op in trace["ops"] if op[0] == "add"]
        weights = dict(trace["dests"])
        self.numbers = [
            *dict.fromkeys(number for number in added if number not in weights),
            *reversed(weights),
        ]
        self.places = {number: place for place, number in enumerate(self.numbers)}
        self.trace = trace
        self.now = 0
        self.table = table = FlowTable(256)
        table.T[y.T_DRAWS] = seed << 32
        self.namespaces = table.namespaces([table.namespace(table.node(), ENOUGH, True)])
        persistence = None
        if trace.get("persistent"):
            persistence = Persistence(
                trace["persistent"] * PS_PER_S,
                trace.get("mask", 32),
                bool(sysctls["expire_quiescent_template"]),
            )
        dests = [
            (address_of(trace["dest_ip"], dest=number), weights.get(number, -1)) for number in self.numbers
        ]
        self.balancer = table.balancer(
            1, trace["scheduler"], flags, address_of(trace["vip"].rpartition(":")[0]), dests,
            reuse_mode=sysctls["conn_reuse_mode"], drops=False, expire_nodest=bool(sysctls["expire_nodest_conn"]),
            persistence=persistence, random_drop=sysctls["drop_entry"] == DROP_ALWAYS,
        )  # fmt: skip
        self.open: dict[Any, int] = {}

    def run(self) -> Iterator[Any]:
        """The trace's operations, one after the other; what each results in, None for nothing."""
        times = self.trace.get("times")
        for step, op in enumerate(self.trace["ops"]):
            if times is not None:
                self.now = max(self.now, round(times[step] * PS_PER_S))
            else:
                self.now += round(op[1] * PS_PER_S) if op[0] == "wait" else STEP_PS
            yield self._do(op)

    def _do(self, op: list[Any]) -> Any:
        verb, table = op[0], self.table
        if verb == "open":
            return self._open(*op[1:])
        if verb in ("close", "hang_up"):
            if op[1] in self.open:
                table.end(self.open.pop(op[1]), self.now, verb == "hang_up")
        elif verb == "templates":
            return self.templates()
        elif verb == "entries":
            return self.entries()
        elif verb != "wait":
            what = {"add": y.ADD, "weight": y.WEIGHT, "del": y.REMOVE}[verb]
            table.later(self.balancer, self.places[op[1]], what, op[2] if len(op) > 2 else 0, self.now)
        return None

    def _open(self, conn: Any, source: int, port: int) -> int | None:
        table = self.table
        row = table.begin(
            source, 1, address_of(self.trace["src_ip"], src=source), self.balancer, (port, 1), self.now
        )
        place = table.choose(row, self.now) if row >= 0 else y.NOBODY
        if place < 0:
            if row >= 0:
                table.end(row, self.now)
            return None
        table.pass_tables(row, self.namespaces, 0, self.now)
        table.answered(row, self.now)
        self.open[conn] = row
        return int(self.numbers[place])

    def templates(self) -> list[list[int]]:
        """Who stays with whom, and for how many seconds still."""
        table, found = self.table, []
        table.expire(self.now, self.balancer)
        row = int(table.T[self.balancer + y.BA_TEMPLATES])
        while row >= 0:
            T = table.T
            number = int(T[T[row + y.FW_DEST] + DE_ADDRESS]) & 255
            left = (int(T[row + y.FW_DUE]) - self.now) // PS_PER_S
            found.append([int(T[row + y.FW_CLIENT]) & 255, number, left])
            row = int(T[row + y.FW_NEXT])
        return sorted(found)

    def entries(self) -> int:
        """How many connections IPVS knows."""
        self.table.expire(self.now)
        return sum(active + inactive for _, active, inactive in self.counters().values())

    def counters(self) -> dict[int, tuple[int, int, int]]:
        """Weight, active and inactive connections of each destination."""
        self.table.expire(self.now, self.balancer)
        T, first = self.table.T, int(self.table.T[self.balancer + y.BA_DESTS])
        rows = {number: first + place * W_DEST for number, place in self.places.items()}
        return {
            n: (int(T[d + DE_WEIGHT]), int(T[d + DE_ACTIVE]), int(T[d + DE_INACTIVE]))
            for n, d in rows.items()
        }


def agree(op: list[Any], seen: Any, found: Any, draws: bool) -> bool:
    """Whether a result is that of the kernel; ``draws``: its entries are dropped at random, so their count is not asked."""
    if op[0] == "templates":
        return [row[:2] for row in seen] == [row[:2] for row in found] and all(
            abs(a[2] - b[2]) <= 1 for a, b in zip(seen, found, strict=True)
        )
    return bool(seen == found or (op[0] == "entries" and draws))
