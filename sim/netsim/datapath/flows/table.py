"""The tables of flows for callers in Python: laid out, grown, and asked by the reference machinery."""

# mypy: disable-error-code="no-untyped-call,untyped-decorator"
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from netsim.compiled import entry, pointer
from netsim.datapath.flows import layout as y
from netsim.datapath.flows import steps
from netsim.datapath.flows.keys import port_key, put, tuple_key
from netsim.datapath.ipvs import dispatch, service
from netsim.datapath.ipvs.dispatch import start
from netsim.datapath.ipvs.layout import (
    DE_ADDRESS,
    DE_NEXT,
    DE_WHO,
    SV_CELLS,
    SV_FLAGS,
    SV_HEAD,
    SV_SCHEDULER,
    SV_TABLE,
    W_DEST,
    W_SERVICE,
)
from netsim.datapath.ipvs.layout import W_FLOW as W_INFO
from netsim.datapath.kernel_settings import timeouts_ps

Ints = npt.NDArray[np.int64]
MOST_CURSORS = 1 << 16
FIRST_ROWS = 4096


@entry
def _start(table: Any, s: Any) -> None:
    start(pointer(table), s)


@entry
def _add(table: Any, s: Any, d: Any, weight: Any) -> None:
    service.add(pointer(table), s, d, weight, 0, 0)


@entry
def _begin(
    table: Any, client: Any, at: Any, source: Any, balancer: Any, first: Any, ports: Any, now: Any
) -> Any:
    return steps.begin(pointer(table), client, at, source, balancer, first, ports, now)


@entry
def _choose(table: Any, row: Any, now: Any) -> Any:
    return steps.choose(pointer(table), row, now)


@entry
def _pass(table: Any, row: Any, a: Any, b: Any, c: Any, e: Any, space: Any, now: Any) -> Any:
    return steps.pass_tables(pointer(table), row, a, b, c, e, space, now)


_ANSWERED, _USE, _END = range(3)


@entry
def _do(table: Any, what: Any, row: Any, now: Any) -> Any:
    T = pointer(table)
    if what == _ANSWERED:
        steps.answered(T, row, now)
    elif what == _USE:
        return 1 if steps.use(T, row, now) else 0
    else:
        steps.end(T, row, now)
    return 0


@entry
def _later(table: Any, b: Any, d: Any, what: Any, weight: Any, due: Any) -> None:
    steps.later(pointer(table), b, d, what, weight, due)


@entry
def _rehash(table: Any, rows: Any) -> None:
    T = pointer(table)
    for i in range(rows):
        row = T[y.T_ROWS] + i * y.W_FLOW
        if T[row + y.FW_PORT]:
            put(T, port_key(T[row + y.FW_CLIENT], T[row + y.FW_AT], T[row + y.FW_PORT]), row)
        if T[row + y.FW_NAT]:
            put(T, tuple_key(T[row + y.FW_SPACE], T[row + y.FW_NAT]), row)


class FlowTable:
    """One run's tables. First say what is there (`node`, `namespace`, `balancer`), then `lay_out`, then use it.

    Times in ps, ports as numbers, addresses as 32-bit integers in host order. Offsets that the methods give stay
    valid when the table grows.
    """

    def __init__(self, clients: int) -> None:
        cursors = 1
        while cursors < min(clients, MOST_CURSORS):
            cursors *= 2
        self._cells: list[int] = [0] * y.T_HEADER
        self._cells[y.T_INFO] = self._take(W_INFO)
        self._cells[y.T_CURSORS] = self._take(cursors)
        self._cells[y.T_CURSOR_MASK] = cursors - 1
        times = timeouts_ps()
        for cell, name in (
            (y.T_SYN_PS, "syn"), (y.T_IDLE_PS, "idle"), (y.T_CLOSED_PS, "time_wait"), (y.T_CLIENT_PS, "client_time_wait"),
        ):  # fmt: skip
            self._cells[cell] = times[name]
        for cell in range(y.T_SYN_HEAD, y.T_CLOSED_TAIL + 1):
            self._cells[cell] = -1
        self._starts: list[tuple[int, list[tuple[int, int]]]] = []
        self.T: Ints = np.zeros(0, np.int64)
        self.rows = 0

    def _take(self, cells: int) -> int:
        first = len(self._cells)
        self._cells += [0] * cells
        return first

    def node(self) -> int:
        """Counts of all namespaces of a node."""
        return self._take(y.W_NODE)

    def namespace(self, node: int, most: int, sandbox: bool) -> int:
        """A namespace's conntrack: at most ``most`` entries; ``sandbox``: IPVS is in it."""
        ns = self._take(y.W_NAMESPACE)
        self._cells[ns + y.NS_MAX], self._cells[ns + y.NS_NODE] = most, node
        self._cells[ns + y.NS_SANDBOX] = int(sandbox)
        return ns

    def balancer(
        self, scheduler: str, flags: int, target: int, dests: Sequence[tuple[int, int]], *, reuse_mode: int, drops: bool,
        expire_nodest: bool,
    ) -> int:  # fmt: skip
        """A virtual service with its destinations, the newest first: address and weight (-1: not in the list yet).
        They are known by their places."""
        number = dispatch.NAMES.index(scheduler)
        b, s = self._take(y.W_BALANCER), self._take(W_SERVICE)
        cells = dispatch.cells(number, len(dests))
        table = self._take(cells)
        first = self._take(len(dests) * W_DEST)
        row = self._cells
        row[b + y.BA_SERVICE], row[b + y.BA_DESTS], row[b + y.BA_TARGET] = s, first, target
        row[b + y.BA_REUSE], row[b + y.BA_DROPS], row[b + y.BA_NODEST] = (
            reuse_mode,
            int(drops),
            int(expire_nodest),
        )
        row[b + y.BA_NEXT] = -1
        row[s + SV_SCHEDULER], row[s + SV_FLAGS], row[s + SV_HEAD] = number, flags, -1
        row[s + SV_TABLE], row[s + SV_CELLS] = table, cells
        adds = []
        for place, (address, weight) in enumerate(dests):
            d = first + place * W_DEST
            row[d + DE_WHO], row[d + DE_ADDRESS], row[d + DE_NEXT] = place, address, -1
            if weight >= 0:
                adds.append((d, weight))
        self._starts.append((s, adds[::-1]))
        return b

    def lay_out(self, rows: int = FIRST_ROWS) -> None:
        """Everything that does not move is said: make the array."""
        self._fill(np.array(self._cells, np.int64), rows)
        for s, adds in self._starts:
            _start(self.T, s)
            for d, weight in adds:
                _add(self.T, s, d, weight)

    def _fill(self, before: Ints, rows: int) -> None:
        fixed, had = len(self._cells), self.rows
        size = 2
        while size < 4 * rows:
            size *= 2
        hash_at = fixed + rows * y.W_FLOW
        self.T = np.zeros(hash_at + 2 * size, np.int64)
        kept = fixed + had * y.W_FLOW
        self.T[:kept] = before[:kept]
        T = self.T
        T[y.T_ROWS], T[y.T_HASH], T[y.T_MASK] = fixed, hash_at, size - 1
        places = fixed + np.arange(had, rows + 1) * y.W_FLOW
        places[-1] = T[y.T_FREE] if had else -1
        T[kept : hash_at : y.W_FLOW] = places[1:]
        T[y.T_FREE] = kept
        T[y.T_LEFT] += rows - had
        self.rows = rows
        _rehash(T, had)

    def grow(self) -> None:
        """Twice as many rows."""
        self._fill(self.T, 2 * self.rows)

    def room(self, rows: int) -> None:
        """See that so many rows are free."""
        while self.T[y.T_LEFT] < rows:
            self.grow()

    def begin(
        self, client: int, at: int, source: int, balancer: int, ports: tuple[int, int], now: int
    ) -> int:
        """See `steps.begin`; ``ports``: the first ephemeral port, and how many."""
        self.room(8)
        return int(_begin(self.T, client, at, source, balancer, *ports, now))

    def choose(self, row: int, now: int) -> int:
        """See `steps.choose`."""
        return int(_choose(self.T, row, now))

    def pass_tables(self, row: int, namespaces: Sequence[int], space: int, now: int) -> int:
        """See `steps.pass_tables`."""
        a, b, c, e = (*namespaces, 0, 0, 0, 0)[: y.NAMESPACES]
        return int(_pass(self.T, row, a, b, c, e, space, now))

    def answered(self, row: int, now: int) -> None:
        """The connection is open."""
        _do(self.T, _ANSWERED, row, now)

    def use(self, row: int, now: int) -> bool:
        """See `steps.use`."""
        return bool(_do(self.T, _USE, row, now))

    def end(self, row: int, now: int) -> None:
        """The connection is closed."""
        _do(self.T, _END, row, now)

    def later(self, balancer: int, place: int, what: int, weight: int, due: int) -> None:
        """A change of a balancer's list at ``due``, done when it is next used after that."""
        self.room(8)
        _later(self.T, balancer, int(self.T[balancer + y.BA_DESTS]) + place * W_DEST, what, weight, due)

    def count(self, cell: int) -> int:
        """A cell of the header, like `layout.T_FULL`."""
        return int(self.T[cell])
