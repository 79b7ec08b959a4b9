"""The tables of flows for callers in Python: laid out, grown, and asked by the reference machinery."""

# mypy: disable-error-code="no-untyped-call,untyped-decorator"
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from netsim.compiled import entry, pointer
from netsim.datapath.flows import boot, datagrams, steps
from netsim.datapath.flows import layout as y
from netsim.datapath.flows.keys import client_key, port_key, put, tuple_key
from netsim.datapath.flows.names import count_offered, has_name, is_offered, offered_place
from netsim.datapath.flows.templates import due_templates
from netsim.datapath.ipvs import service
from netsim.datapath.ipvs.dispatch import start
from netsim.datapath.ipvs.layout import (
    DE_ADDRESS,
    DE_NEXT,
    DE_WHO,
    SV_CELLS,
    SV_CHANGED,
    SV_FLAGS,
    SV_HEAD,
    SV_SCHEDULE,
    SV_SCHEDULER,
    SV_START,
    SV_TABLE,
    W_DEST,
    W_SERVICE,
)
from netsim.datapath.ipvs.layout import W_FLOW as W_INFO
from netsim.datapath.ipvs.plugged import placed
from netsim.datapath.kernel_settings import timeouts_ps
from netsim.picoseconds import PS_PER_S

Ints = npt.NDArray[np.int64]
MOST_CURSORS = 1 << 16
FIRST_ROWS = 4096


@entry
def _start(table: Any, s: Any) -> None:
    start(pointer(table), s)


@entry
def _add_all(table: Any, s: Any, first: Any, weights: Any) -> None:
    T = pointer(table)
    for place in range(len(weights) - 1, -1, -1):
        if weights[place] >= 0:
            service.add(T, s, first + place * W_DEST, weights[place], 0, 0)


@entry
def _begin(
    table: Any, client: Any, at: Any, source: Any, balancer: Any, first: Any, ports: Any, now: Any
) -> Any:
    return steps.begin(pointer(table), client, at, source, balancer, first, ports, now)


@entry
def _choose(table: Any, row: Any, now: Any) -> Any:
    return steps.choose(pointer(table), row, now)


@entry
def _pass(table: Any, row: Any, namespaces: Any, space: Any, now: Any) -> Any:
    return steps.pass_tables(pointer(table), row, namespaces, space, now)


_ANSWERED, _USE, _END, _END_BY_SERVER, _REFUSED, _RESET = range(6)


@entry
def _do(table: Any, what: Any, row: Any, now: Any) -> Any:
    T = pointer(table)
    if what == _ANSWERED:
        steps.answered(T, row, now)
    elif what == _USE:
        return 1 if steps.use(T, row, now) else 0
    elif what == _REFUSED:
        steps.refused(T, row, now)
    elif what == _RESET:
        steps.reset(T, row, now)
    else:
        steps.end(T, row, now, y.PORT_FREE if what == _END_BY_SERVER else 0)
    return 0


@entry
def _expire(table: Any, balancer: Any, now: Any) -> None:
    T = pointer(table)
    steps.expire(T, now)
    if balancer >= 0:
        steps.changes(T, balancer, now)
        due_templates(T, balancer, now)


@entry
def _boot(table: Any, node: Any, now: Any) -> None:
    T = pointer(table)
    steps.expire(T, now)
    boot.forget_flows(T, node, now)


@entry
def _boot_rows(table: Any, first: Any, rows: Any, node: Any) -> None:
    boot.forget_others(pointer(table), first, rows, node)


@entry
def _open_through(table: Any, row: Any, node: Any) -> Any:
    return boot.open_through(pointer(table), row, node)


@entry
def _boot_balancer(table: Any, b: Any) -> None:
    boot.forget_templates(pointer(table), b)


@entry
def _later(table: Any, b: Any, d: Any, what: Any, weight: Any, due: Any) -> None:
    steps.later(pointer(table), b, d, what, weight, due)


@entry
def _count_offered(table: Any, b: Any, places: Any, now: Any) -> Any:
    return count_offered(pointer(table), b, places, now)


@entry
def _offered_place(table: Any, b: Any, places: Any, which: Any) -> Any:
    return offered_place(pointer(table), b, places, which)


@entry
def _is_offered(table: Any, b: Any, place: Any, now: Any) -> Any:
    return is_offered(pointer(table), b, place, now)


@entry
def _meet(table: Any, row: Any, now: Any) -> Any:
    return datagrams.meet(pointer(table), row, now)


@entry
def _pass_datagram(table: Any, row: Any, namespaces: Any, space: Any, now: Any) -> Any:
    return datagrams.pass_datagram(pointer(table), row, namespaces, space, now)


@entry
def _has_name(table: Any, b: Any, now: Any) -> Any:
    return has_name(pointer(table), b, now)


@entry
def _rehash(table: Any, first: Any, rows: Any) -> None:
    T = pointer(table)
    for i in range(rows):
        row = first + i * y.W_FLOW
        if T[row + y.FW_STATE] == y.TEMPLATE:
            put(T, client_key(T[row + y.FW_AT], T[row + y.FW_CLIENT]), row)
            continue
        if T[row + y.FW_PORT]:
            put(T, port_key(T[row + y.FW_CLIENT], T[row + y.FW_AT], T[row + y.FW_PORT]), row)
        if T[row + y.FW_NAT]:
            put(T, tuple_key(T[row + y.FW_SPACE], T[row + y.FW_NAT]), row)


@dataclass(frozen=True, slots=True)
class Persistence:
    """How long clients of one network of ``prefix`` bits stay with a destination (ipvsadm -p, -M); ``quiescent``: not
    with one of weight 0 (expire_quiescent_template)."""

    time_ps: int
    prefix: int = 32
    quiescent: bool = True


#: State -> its time-out in ``data/conntrack.yaml``.
_TIMES = {
    y.SYN: "syn",
    y.OPEN: "idle",
    y.CLOSED: "time_wait",
    y.SENT: "syn_sent",
    y.RESET: "close",
    y.STREAM: "udp",
}


class FlowTable:
    """One run's tables. Times in ps, ports as numbers, addresses as 32-bit integers in host order.

    The array only ever grows at its end, so offsets that the methods give stay valid; ``T`` itself may be another
    array after every call.
    """

    def __init__(self, clients: int) -> None:
        cursors = 1
        while cursors < min(clients, MOST_CURSORS):
            cursors *= 2
        self.T: Ints = np.zeros(1 << 16, np.int64)
        self._used = y.T_HEADER
        self._chunks: list[tuple[int, int]] = []
        self._sets: dict[tuple[int, ...], int] = {}
        self.rows = 0
        T = self.T
        T[y.T_FREE] = -1
        T[y.T_LISTS : y.T_LISTS + 2 * y.STATES] = -1
        T[y.T_NEXT], T[y.T_SCAN], T[y.T_TICK] = y.NEVER, y.NEVER, y.NEVER
        T[y.T_RATES : y.T_HEADER] = 0
        times = timeouts_ps()
        for state, name in _TIMES.items():
            T[y.T_TIMES + state] = times[name]
        T[y.T_TIMES + y.REST] = times["syn_sent"] - times["syn"]
        T[y.T_TIMES + y.PAUSED] = times["udp_ipvs"] - times["udp"]
        T[y.T_CLIENT_PS], T[y.T_SCAN_PS] = times["client_time_wait"], times["scan"]
        info, cursor = self._take(W_INFO), self._take(cursors)
        self.T[y.T_INFO], self.T[y.T_CURSORS], self.T[y.T_CURSOR_MASK] = info, cursor, cursors - 1
        self._hash(4 * FIRST_ROWS)
        self._more(FIRST_ROWS)

    def _take(self, cells: int) -> int:
        """The first of so many new cells, all 0."""
        first, self._used = self._used, self._used + cells
        if self._used > len(self.T):
            grown = np.zeros(len(self.T) + max(len(self.T), cells), np.int64)
            grown[:first] = self.T[:first]  # what is not used yet takes no memory yet
            self.T = grown
        return first

    def _more(self, rows: int, first: int | None = None) -> None:
        """So many more rows of flows, in new cells or in those from ``first``."""
        if first is None:
            first = self._take(rows * y.W_FLOW)
        T = self.T
        T[first : first + rows * y.W_FLOW] = 0
        places = first + np.arange(1, rows + 1) * y.W_FLOW
        places[-1] = T[y.T_FREE]
        T[first : first + rows * y.W_FLOW : y.W_FLOW] = places
        T[y.T_FREE] = first
        T[y.T_LEFT] += rows
        self.rows += rows
        self._chunks.append((first, rows))

    def _hash(self, size: int) -> None:
        first = self._take(size)
        self.T[y.T_HASH], self.T[y.T_MASK] = first, size - 1
        for chunk in self._chunks:
            _rehash(self.T, *chunk)

    def node(self) -> int:
        """Counts of all namespaces of a node."""
        node = self._take(y.W_NODE)
        self.T[node + y.ND_BEFORE], self.T[y.T_NODES] = self.T[y.T_NODES], node
        self.T[node + y.ND_SCAN] = y.NEVER
        return node

    def namespace(self, node: int, most: int, sandbox: bool, evicts: bool = False) -> int:
        """A namespace's conntrack: at most ``most`` entries; ``sandbox``: IPVS is in it; ``evicts``: its kernel lets a
        translated connection in TIME_WAIT make room for a new one."""
        ns = self._take(y.W_NAMESPACE)
        self.T[ns + y.NS_MAX], self.T[ns + y.NS_NODE], self.T[ns + y.NS_SANDBOX] = most, node, int(sandbox)
        self.T[ns + y.NS_EVICTS] = int(evicts)
        return ns

    def namespaces(self, namespaces: Sequence[int]) -> int:
        """The set of namespaces, at most four, that a path's SYNs pass; the same one for the same namespaces."""
        found = self._sets.get(key := tuple(namespaces))
        if found is None:
            assert len(key) <= y.NAMESPACES
            found = self._sets[key] = self._take(y.NAMESPACES)
            self.T[found : found + len(key)] = key
        return found

    def balancer(
        self, key: int, scheduler: str, flags: int, target: int, dests: Sequence[tuple[int, int]] | Ints, *, reuse_mode: int,
        drops: bool, expire_nodest: bool, persistence: Persistence | None = None, random_drop: bool = False, node: int = 0,
        lingers: bool = False,
    ) -> int:  # fmt: skip
        """A virtual service with its destinations, the newest first: address and weight (-1: not in the list yet).
        They are known by their places. ``key``: names it in draws. ``random_drop``: drop_entry is 3.
        ``node``: where it is, as `node` gave it. ``lingers``: `netsim.datapath.kernel_settings.keeps_without_destination`."""
        number, cells, addresses = placed(scheduler, len(dests))
        b, s = self._take(y.W_BALANCER), self._take(W_SERVICE)
        table = self._take(cells)
        first = self._take(len(dests) * W_DEST)
        T = self.T
        T[b + y.BA_KEY], T[b + y.BA_SERVICE], T[b + y.BA_DESTS], T[b + y.BA_TARGET] = key, s, first, target
        T[b + y.BA_REUSE], T[b + y.BA_DROPS], T[b + y.BA_NODEST] = reuse_mode, int(drops), int(expire_nodest)
        T[b + y.BA_NODE], T[b + y.BA_LINGERS] = node, int(lingers)
        T[b + y.BA_NEXT] = T[b + y.BA_TEMPLATES] = T[b + y.BA_TEMPLATES + 1] = -1
        if persistence is not None:
            T[b + y.BA_PERSIST_PS], T[b + y.BA_QUIESCENT] = persistence.time_ps, int(persistence.quiescent)
            T[b + y.BA_MASK] = (1 << 32) - (1 << (32 - persistence.prefix))
        if random_drop:
            T[b + y.BA_RANDOM] = 1
            if T[y.T_TICK] == y.NEVER:  # what was looked for already is not looked for again
                T[y.T_TICK] = PS_PER_S
            T[y.T_NEXT] = min(T[y.T_NEXT], T[y.T_TICK])
        T[s + SV_SCHEDULER], T[s + SV_FLAGS], T[s + SV_HEAD] = number, flags, -1
        T[s + SV_TABLE], T[s + SV_CELLS] = table, cells
        T[s + SV_SCHEDULE], T[s + SV_START], T[s + SV_CHANGED] = addresses
        found = np.array(dests, np.int64).reshape(-1, 2)
        rows = T[first : first + len(found) * W_DEST].reshape(-1, W_DEST)
        rows[:, DE_WHO], rows[:, DE_ADDRESS], rows[:, DE_NEXT] = np.arange(len(found)), found[:, 0], -1
        _start(T, s)
        _add_all(T, s, first, found[:, 1].copy())
        return b

    def grow(self) -> None:
        """Twice as many rows."""
        self._more(self.rows)
        size, old = int(self.T[y.T_MASK]) + 1, int(self.T[y.T_HASH])
        if 4 * self.rows > size:
            self._hash(2 * size)
            self._more(size // y.W_FLOW, old)

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
        self.room(1)
        return int(_choose(self.T, row, now))

    def pass_tables(self, row: int, namespaces: int, space: int, now: int) -> int:
        """See `steps.pass_tables`."""
        return int(_pass(self.T, row, namespaces, space, now))

    def answered(self, row: int, now: int) -> None:
        """The connection is open."""
        _do(self.T, _ANSWERED, row, now)

    def use(self, row: int, now: int) -> bool:
        """See `steps.use`."""
        return bool(_do(self.T, _USE, row, now))

    def refused(self, row: int, now: int) -> None:
        """The SYN was answered with RST."""
        _do(self.T, _REFUSED, row, now)

    def reset(self, row: int, now: int) -> None:
        """A packet of the open connection was answered with RST."""
        _do(self.T, _RESET, row, now)

    def end(self, row: int, now: int, by_server: bool = False) -> None:
        """The connection is closed; ``by_server``: by the server first, so TIME_WAIT does not keep the client's port."""
        _do(self.T, _END_BY_SERVER if by_server else _END, row, now)

    def expire(self, now: int, balancer: int = -1) -> None:
        """What is due by ``now`` goes, of one balancer's templates, too, and its list changes."""
        _expire(self.T, balancer, now)

    def open_through(self, row: int, node: int) -> bool:
        """See `boot.open_through`."""
        return bool(_open_through(self.T, row, node))

    def boot(self, node: int, balancers: Sequence[int], now: int) -> None:
        """A node has forgotten all that it knew of connections; ``balancers``: those in it."""
        _boot(self.T, node, now)
        for chunk in self._chunks:
            _boot_rows(self.T, *chunk, node)
        for balancer in balancers:
            _boot_balancer(self.T, balancer)

    def later(self, balancer: int, place: int, what: int, weight: int, due: int) -> None:
        """A change of a balancer's list at ``due``, done when it is next used after that."""
        self.room(8)
        _later(self.T, balancer, int(self.T[balancer + y.BA_DESTS]) + place * W_DEST, what, weight, due)

    def count_offered(self, balancer: int, places: int, now: int) -> int:
        """See `names.count_offered`."""
        return int(_count_offered(self.T, balancer, places, now))

    def offered_place(self, balancer: int, places: int, which: int) -> int:
        """See `names.offered_place`."""
        return int(_offered_place(self.T, balancer, places, which))

    def is_offered(self, balancer: int, place: int, now: int) -> bool:
        """See `names.is_offered`."""
        return bool(_is_offered(self.T, balancer, place, now))

    def meet(self, row: int, now: int) -> int:
        """See `datagrams.meet`."""
        return int(_meet(self.T, row, now))

    def pass_datagram(self, row: int, namespaces: int, space: int, now: int) -> int:
        """See `datagrams.pass_datagram`."""
        return int(_pass_datagram(self.T, row, namespaces, space, now))

    def has_name(self, balancer: int, now: int) -> int:
        """See `names.has_name`."""
        return int(_has_name(self.T, balancer, now))

    def count(self, cell: int) -> int:
        """A cell of the header, like `layout.T_FULL`."""
        return int(self.T[cell])
