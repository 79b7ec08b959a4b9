"""The compiled engine of one run: its memory laid out, grown and added to, and the loop over its events."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from netsim.datapath.dns import dns_table
from netsim.datapath.gro import poll_packets
from netsim.datapath.qdisc import card_units
from netsim.engine.datagrams import Datagrams
from netsim.engine.fast import layout as y
from netsim.engine.fast import units
from netsim.engine.fast.build import ENTRY_KINDS, Builder, Ints, signed
from netsim.engine.fast.entries import (
    begin_arrivals,
    begin_bulk,
    begin_user,
    compute,
)
from netsim.engine.fast.loop import advance
from netsim.engine.fast.ops import DONE, FULL, GROW, NEED_WAYS, WATCHED
from netsim.engine.histogram import BUCKETS
from netsim.engine.server import Server
from netsim.engine.streams import stream_key
from netsim.engine.tally import W_ROW, request_rows
from netsim.engine.world import World
from netsim.model.entities import OUTSIDE

BATCH = 2_000_000  # events between two looks at the clock and at Ctrl-C

#: Tables whose rows are taken and given back: base, width, first free row, its link, cell with their number left.
FREE_LISTS = (
    (y.B_UNIT_, y.W_UNIT, y.H_UFREE, y.U_ROUTE, y.H_ULEFT), (y.B_Q, y.W_Q, y.H_QFREE, 3, y.H_QLEFT),
    (y.B_EV, y.W_EV, y.H_EVFREE, y.EV_NEXT, y.H_EVLEFT), (y.B_X, y.W_X, y.H_XFREE, 0, y.H_XLEFT), (y.B_R, y.W_R, y.H_RFREE, 0, y.H_RLEFT),
    (y.B_T, y.W_T, y.H_TFREE, 0, y.H_TLEFT), (y.B_CONN, y.W_CONN, y.H_CFREE, 0, y.H_CLEFT),
    (y.B_SLOT, y.W_SLOT, y.H_SLFREE, 0, y.H_SLLEFT), (y.B_TH, y.W_TH, y.H_THFREE, 0, y.H_THLEFT),
)  # fmt: skip
#: The parts of the time of what has a row in another table.
SPLITS = ((y.B_USPLIT, y.B_UNIT_), (y.B_XSPLIT, y.B_X), (y.B_RSPLIT, y.B_R))
ENDED_ROWS = 4096
#: What the builder knows of a table: rows, or numbers.
Rows = Sequence[Sequence[int]] | Sequence[int]


def _width(rows: Rows) -> int:
    return len(rows[0]) if rows and isinstance(rows[0], list) else 1


def _aligned(size: int) -> Ints:
    """So many zeros, the first at the beginning of a cache line."""
    found = np.zeros(size + y.LINE, np.int64)
    first = -(found.ctypes.data // found.itemsize) % y.LINE
    return found[first : first + size]


class Fast:
    """The memory of one run. ``tables`` holds each table's capacity in rows."""

    def __init__(self, world: World, streams: Sequence[Datagrams] = ()) -> None:
        self.world = world
        self.builder = builder = Builder(world)
        for stream in streams:
            builder.stream(stream)
        for name in sorted(world.scenario.load):
            builder.workload(name)
        builder.other_networks(world.clients)
        self.room = 256 + 4 * builder.most_calls
        first = max(4096, 4 * self.room)
        self.rows = {base: 2 * first for base, *_ in FREE_LISTS}
        self.most_ended = ENDED_ROWS + self.room
        self.rows[y.B_TODO] = 4 * first
        self.M: Ints = np.zeros(y.HEADER, np.int64)
        self.laid: dict[int, int] = {}  # numbers of each table that are in memory
        #: What ways are made of: added to while the run goes on.
        self.ways: dict[int, Rows] = {
            y.B_ROUTE: builder.routes.routes.rows, y.B_VISIT: builder.routes.visits.rows,
            y.B_STAGE: builder.routes.stages.rows,
            y.B_WAYS: builder.ways.rows,
        }  # fmt: skip
        self.HIST: npt.NDArray[np.int32] = np.zeros(len(builder.station_names) * BUCKETS, np.int32)
        world.state.table.room(2 * self.room)
        self._header()
        self._lay_out()
        self.D = np.array(builder.floats, np.float64)

    def _header(self) -> None:
        M, world, tcp = self.M, self.world, self.world.tcp
        duration = world.scenario.duration
        M[y.H_NOW] = -world.scenario.warmup_ps
        M[y.H_DUR], M[y.H_SLICE], M[y.H_SLICES] = duration, world.slice_ps, -(-duration // world.slice_ps)
        M[y.H_SLICE_TO] = -y.NEVER  # to be found first of all
        M[y.H_TIE_TIME] = -y.NEVER
        M[y.H_BASE] = world.draws.base
        M[y.H_ENTRY_KIND] = ENTRY_KINDS[world.model.outside.entry.chooses]
        M[y.H_ENTRY_KEY] = signed(stream_key(world.draws.seed, world.draws.replication, OUTSIDE, "entry"))
        M[y.H_MSG] = -1
        self.point()
        M[y.H_IW], M[y.H_UNIT] = tcp.initial_window_packets, tcp.unit_bytes
        M[y.H_WINDOW], M[y.H_SNDBUF] = tcp.window_limit_bytes, tcp.send_buffer_bytes
        M[y.H_RTO_MIN], M[y.H_RTO_MAX] = tcp.rto_min_ps, tcp.rto_max_ps
        M[y.H_TLP] = tcp.tlp_least_ps
        M[y.H_POLLED], M[y.H_CARD] = poll_packets(), card_units()
        M[y.H_SYN_TIMEOUT], M[y.H_SYN_RETRIES] = tcp.syn_timeout_ps, tcp.syn_retries
        M[y.H_RETRIES2], M[y.H_DUPACKS] = tcp.retries2, tcp.duplicate_acks
        dns = dns_table()
        M[y.H_DNS_TTL], M[y.H_DNS_RETRY], M[y.H_DNS_TRIES] = dns.ttl_ps, dns.retry_ps, dns.tries
        if any(load.bulk is not None for load in world.scenario.load.values()):
            M[y.H_BULK] = units.bulk.address
        if any(load.datagram is not None for load in world.scenario.load.values()):
            M[y.H_UDP] = units.datagrams.address
        M[y.H_HELLO], M[y.H_HELLO_ANSWER] = tcp.tls_hello_bytes, tcp.tls_answer_bytes

    def _static(self) -> dict[int, Rows]:
        """What the builder knows of each table: rows, or numbers."""
        b = self.builder
        return {
            y.B_STATION: b.stations.rows, y.B_LINK: b.links.rows, y.B_CORE: b.cores.rows, y.B_NODE: b.nodes.rows,
            y.B_RING: b.rings.rows, y.B_CLIENT: b.clients.rows, y.B_SERVER: b.servers.rows, y.B_DNS: b.lookups.rows,
            y.B_QUOTA: b.quotas.rows, y.B_WL: b.workloads.rows, y.B_STREAM: b.streams.rows, y.B_SOCKET: b.sockets.rows, y.B_SHARED: b.shared.rows, y.B_TURN: b.turns.rows, y.B_FAIR: b.fair,
            y.B_LIST: b.lists, y.B_WAYMAP: b.waymap, y.B_POOL: b.pools,
            y.B_FIFO: [[-1, -1, y.NEVER, 0] for _ in b.time_outs], **self.ways,
        }  # fmt: skip

    def _sizes(self) -> dict[int, int]:
        """Numbers that the tables need which the builder does not know."""
        rows = self.rows
        return {
            **{base: rows[base] * width for base, width, *_ in FREE_LISTS},
            **{split: rows[base] * y.W_SPLIT for split, base in SPLITS},
            y.B_SLICE: len(self.builder.station_names) * int(self.M[y.H_SLICES]),
            y.B_HEAP: rows[y.B_EV] * y.W_HEAP, y.B_NEAR: y.NEAR, y.B_BITS: y.NEAR >> 6, y.B_TIES: 4 * y.TIES + 3 * y.VECTOR,
            y.B_ENDED: self.most_ended * W_ROW, y.B_TODO: rows[y.B_TODO] * y.W_TODO,
        }  # fmt: skip

    def _lay_out(self) -> None:
        """Put all tables into one array; what the run has changed so far is kept."""
        old, laid, static, sizes = self.M, self.laid, self._static(), self._sizes()
        position, place = y.HEADER, {}
        for base in range(y.B_STATION, y.B_ENDED + 1):
            found = static.get(base, ())
            sizes.setdefault(base, len(found) * _width(found))
            place[base] = position
            room = max(4096, 2 * sizes[base]) if base in self.ways else 0
            position += -(-(sizes[base] + room) // y.LINE) * y.LINE
        self.M = M = _aligned(position)
        M[: y.HEADER] = old[: y.HEADER]
        for base, first in place.items():
            had = laid.get(base, 0)
            M[first : first + had] = old[int(old[base]) : int(old[base]) + had]
            if base in static:  # rows that the builder has added since
                new = np.array(static[base][had // _width(static[base]) :], np.int64).reshape(-1)
                M[first + had : first + had + len(new)] = new
            M[base] = first
        before = {base: laid.get(base, 0) for base in self.rows}
        self.laid = sizes
        for base, width, free, link, left in FREE_LISTS:
            count = self.rows[base]
            first = before[base] // width
            if count > first:
                o = int(self.M[base])
                following = np.arange(first + 1, count + 1)
                following[-1] = self.M[free] if first else -1
                self.M[o + first * width + link : o + count * width : width] = following
                self.M[free] = first
                self.M[left] += count - first

    def add_server(self, server: Server) -> None:
        """Rows for a new task in all tables."""
        b = self.builder
        floats = len(b.floats)
        changed = b.add_task(server)
        self.room = max(self.room, 256 + 4 * b.most_calls)
        self.most_ended = max(self.most_ended, ENDED_ROWS + self.room)
        self._lay_out()
        self.D = np.concatenate([self.D, np.array(b.floats[floats:], np.float64)])
        self.HIST = np.concatenate(
            [self.HIST, np.zeros(len(b.station_names) * BUCKETS - len(self.HIST), np.int32)]
        )
        self.point()
        for number, stands in changed.items():
            self._stand(number, *stands)

    def _stand(self, number: int, where: int, count: int, sockets: int) -> None:
        """A workload's clients are others now."""
        o = int(self.M[y.B_WL]) + number * y.W_WL
        self.M[o + y.WL_SOURCES], self.M[o + y.WL_CLIENTS], self.M[o + y.WL_SOCKETS] = where, count, sockets

    def begin_sources(self, task: str) -> None:
        """Workloads come from a task that was awaited, too."""
        b = self.builder
        began = list(self.world.begin_sources(task, b.sources))
        if not began:
            return
        lists = {name: b.stand(name, place) for name, place in began}
        self._lay_out()
        self.point()
        for name, stands in lists.items():
            self._stand(sorted(b.sources).index(name), *stands)

    def add_rows(self) -> None:
        """Put what the builder has added to its tables into memory."""
        self._lay_out()
        self.point()

    def add_ways(self) -> None:
        """Put the ways that the builder has just made into memory; new memory if the room is used up."""
        M, new = self.M, {}
        self.point()
        for base, rows in self.ways.items():
            found = np.array(rows[self.laid[base] // _width(rows) :], np.int64).reshape(-1)
            new[base] = found
            if self.laid[base] + len(found) > M[base + 1] - M[base]:
                self._lay_out()
                return
        for base, found in new.items():
            o = int(M[base]) + self.laid[base]
            M[o : o + len(found)] = found
            self.laid[base] += len(found)

    def grow(self) -> None:
        """Double what is nearly full."""
        M = self.M
        for base, _, _, _, left in FREE_LISTS:
            if M[left] < 2 * self.room:
                self.rows[base] *= 2
        self._lay_out()
        self.world.state.table.room(2 * self.room)
        self.point()

    def point(self) -> None:
        """Tell the compiled code where the tables of flows and the histograms are now."""
        self.M[y.H_TABLE] = self.world.state.table.T.ctypes.data
        self.M[y.H_HIST] = self.HIST.ctypes.data

    def start(self) -> None:
        """Threads that compute, and the first requests of every workload."""
        for server in self.world.servers.values():
            if not server.awaited:
                self.compute(server.name)
        for number, name in enumerate(sorted(self.world.scenario.load)):
            load, row = self.world.scenario.load[name], self.builder.workloads.rows[number]
            if not row[y.WL_CLIENTS]:
                continue
            if load.arrivals is not None:
                begin_arrivals(self.M, self.D, number)
            else:
                for user in range(load.users or 0):
                    self._room()
                    begin_user(self.M, self.D, number, user)
                for flow in range(load.flows if load.bulk is not None else 0):
                    self._room()
                    begin_bulk(self.M, number, flow, load.start)

    def compute(self, task: str) -> None:
        """See `netsim.engine.server.Server.compute`."""
        server = self.world.servers[task]
        for _ in range(server.work.busy if self.M[y.H_NOW] < self.M[y.H_DUR] else 0):
            while min(self.M[y.H_EVLEFT], self.M[y.H_THLEFT]) < self.room:
                self.grow()
            compute(self.M, self.builder.server_index[task])

    def _room(self) -> None:
        """For one more event."""
        while self.M[y.H_EVLEFT] < self.room:
            self.grow()

    def count(self) -> None:
        """Count the requests that have ended."""
        M = self.M
        first, rows = int(M[y.B_ENDED]), int(M[y.H_ENDED])
        self.world.tally.add(M[first : first + rows * W_ROW].reshape(-1, W_ROW))
        M[y.H_ENDED] = 0

    def count_open(self) -> None:
        """Count the measured requests that are still in flight, at the end of a run."""
        M = self.M
        table = M[M[y.B_R] : M[y.B_RSPLIT]].reshape(-1, y.W_R)
        used = np.ones(len(table), bool)
        free = int(M[y.H_RFREE])
        for _ in range(int(M[y.H_RLEFT])):
            used[free] = False
            free = int(table[free, 0])
        found = table[used & (table[:, y.R_PARENT] < 0) & (table[:, y.R_COUNTED] == 1)]
        self.world.tally.add(
            request_rows(found[:, y.R_WL], found[:, y.R_SERIAL], found[:, y.R_START], -1, -1)
        )

    def run(self, until: int, progress: Callable[[int], bool]) -> bool:
        """All events before ``until``; False if ``progress`` asked to stop."""
        while True:
            status = advance(self.M, self.D, self.HIST, until, self.room, BATCH, self.most_ended)
            if status in (DONE, WATCHED):
                return True
            if status == NEED_WAYS:
                M = self.M
                cell, way = self.builder.make_ways(
                    int(M[y.H_NEED_CLIENT]), int(M[y.H_NEED_VIA]), int(M[y.H_NEED_CAND])
                )
                M[M[y.B_WAYMAP] + cell] = way
                self.add_ways()
            elif status == GROW:
                self.grow()
            elif status == FULL:
                self.count()
            elif progress(int(self.M[y.H_NOW])):
                return False
