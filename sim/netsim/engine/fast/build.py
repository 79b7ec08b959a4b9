"""Fills the fast engine's memory from a model, and makes ways as they are first chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from netsim.datapath.dns import MANY, Asking, lookup_cost
from netsim.datapath.paths import Reach
from netsim.datapath.reach import stands_for_node
from netsim.datapath.udp import truesize_bytes
from netsim.engine.border import Holder
from netsim.engine.client import Client
from netsim.engine.control import HostWays
from netsim.engine.cpu import Core, Quota
from netsim.engine.datagrams import Datagrams
from netsim.engine.fast import layout as y
from netsim.engine.fast.patterns import Patterns
from netsim.engine.fast.routes import RouteTables
from netsim.engine.fast.stations import add_stations
from netsim.engine.fast.table import COLUMNS, Table
from netsim.engine.keys import name_key
from netsim.engine.netstate import Passed
from netsim.engine.parts import PART
from netsim.engine.routes import Ways
from netsim.engine.server import _KINDS, Server
from netsim.engine.streams import GAPS, stream_key
from netsim.engine.world import World
from netsim.model.entities import OUTSIDE
from netsim.scenario.schema_work import Distribution
from netsim.workload.arrivals import Line

Ints = npt.NDArray[np.int64]
ENTRY_KINDS = {"round-robin": 0, "random": 1, "source-hash": 2, "first": 3}


def signed(key: int) -> int:
    """A 64-bit key as a signed integer with the same bits."""
    return key - (1 << 64) if key >= 1 << 63 else key


#: Source, entry and target of ways, the kind of their reach, its network, and whether they are a datagram's.
Ends = tuple[str, str | None, str, str, str, bool]


class Builder:
    """The tables of one run, from a world whose machine is used for its names and sizes only."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.stations = Table(y.W_STATION)
        self.links = Table(y.W_LINK)
        self.cores = Table(y.W_CORE)
        self.nodes = Table(y.W_NODE)
        self.rings = Table(y.W_RING)
        self.ways = Table(y.W_WAYS)
        self.clients = Table(y.W_CLIENT)
        self.lists: list[int] = []
        self.waymap: list[int] = []
        self.elsewhere: dict[Holder, int] = {}  # rows of servers that nobody is (netsim.engine.fast.holders)
        self.servers = Table(y.W_SERVER)
        self.pools: list[int] = []
        self.quotas = Table(y.W_QUOTA)
        self.workloads = Table(y.W_WL)
        self.streams = Table(y.W_STREAM)
        self.sockets = Table(y.W_SOCKET)
        self.shared = Table(y.W_SHARED)
        self.turns = Table(y.W_TURN)
        self.fair: list[int] = []
        self.lookups = Table(y.W_DNS)
        self.lookup_cache: dict[Any, int] = {}
        self.time_outs: dict[int, int] = {}
        self.floats: list[float] = [0.0]
        self.station_names = list(world.machine.meters)
        self.station_index = {name: i for i, name in enumerate(self.station_names)}
        self.node_index = {name: i for i, name in enumerate(world.model.nodes)}
        self.server_index = {name: i for i, name in enumerate(world.servers)}
        self.link_index: dict[str, int] = {}
        self.routes = RouteTables(self.node_index, self.link_index)
        self.way_cache: dict[Any, int] = {}
        self.patterns = Patterns(self)
        self.ways_between: dict[Any, tuple[dict[str, int], Passed]] = {}
        self.client_list: list[tuple[Client, str]] = []
        self.network_rows: dict[tuple[Client, str], int] = {}
        self.client_rows: dict[Client, int] = {}
        self.sources: dict[str, list[Client]] = {}
        self.source_rows: dict[str, list[int]] = {}
        self.socket_rows: dict[str, list[int]] = {}  # of each workload of datagrams, by flow
        self.most_calls = 1
        add_stations(self)
        self._nodes()
        self._servers()

    def _nodes(self) -> None:
        rows: dict[Core, int] = {}
        machine, state = self.world.machine, self.world.state
        for core in (core for cores in machine.cores.values() for core in cores):
            station = self.station_index[core.meter.record.name]
            rows[core] = self.cores.add(
                C_KEY=core.key, C_STATION=station, C_SOFT=-y.NEVER, C_HEAD=-1, C_THREAD=-1
            )
        first = {place: rows[cores[0]] for place, cores in machine.cores.items()}
        for name, node in self.world.model.nodes.items():
            cpu, rings = self.world.machine.cpus[name], self.world.machine.rings[name]
            tls, record = node.profile.cost("tls.handshake"), node.profile.cost("tls.record")
            place = cpu.cores[0].meter.record.node
            self.nodes.add(
                N_CORE=first[place], N_CORES=len(cpu.cores), N_SHIFT=rows[cpu.cores[0]] - first[place],
                N_WRAP=len(machine.cores[place]), N_SHARED=cpu.shared, N_SMT=cpu.smt, N_RING=len(self.rings.rows), N_RINGS=len(rings),
                N_QUANTUM=cpu.quantum_ps, N_TLS=tls.fixed_ps, N_REC=record.fixed_ps, N_REC_FS=record.per_byte_fs,
                N_KEY=name_key(name), N_GROUP=-1, N_TRACKED=state.nodes[name], N_BUCKETS=state.tracked(name)[1],
                N_RFS=name in machine.steers, N_QUEUES=machine.queues[name],
            )  # fmt: skip
            for ring in rings:
                station = self.station_index[ring.meter.record.name]
                self.rings.add(
                    G_STATION=station, G_SIZE=ring.size, G_CORE=ring.core, G_HEAD=-1, G_RAISED=-y.NEVER,
                    G_MODERATION=ring.moderation_ps,
                )  # fmt: skip

    def spread(self, what: Distribution) -> tuple[int, int]:
        """Kind of a distribution and where its numbers stand."""
        self.floats += [float(what.mean), what.cv, float(what.low), float(what.high)]
        return int(_KINDS[what.kind]), len(self.floats) - 4

    def _servers(self) -> None:
        for server in self.world.servers.values():
            first = len(self.clients.rows)
            for client in server.clients:
                self.client(client, server)
            self._server(server, first)

    def _server(self, server: Server, first: int) -> None:
        quota: Quota | None = server.quota
        index = -1
        if quota is not None:
            index = self.quotas.add(Q_BUDGET=quota.budget_ps, Q_LEFT=quota.left_ps, Q_PERIOD=quota.period)
        cpu_kind, cpu = self.spread(server.work.cpu)
        wait_kind, wait = self.spread(server.work.wait)
        workers = server.work.workers
        self.servers.add(
            V_KEY=server.key, V_NODE=self.node_index[server.node], V_WORKERS=workers, V_BLOCKING=server.work.blocking,
            V_BACKLOG=server.work.backlog, V_CALL=first, V_CALLS=len(server.clients), V_CPU_KIND=cpu_kind, V_CPU=cpu,
            V_WAIT_KIND=wait_kind, V_WAIT=wait, V_CPU_PURPOSE=server.cpu_purpose, V_WAIT_PURPOSE=server.wait_purpose,
            V_QUOTA=index, V_STATION=self.station_index[f"{server.name}/workers"], V_POOL=len(self.pools) // y.W_POOL,
            V_FREE=workers, V_HEAD=-1, V_LISTENS=server.listens, V_BUFFER=server.receive_buffer_bytes,
            V_FIT=server.has_to_fit,
        )  # fmt: skip
        for worker in range(workers - 1, -1, -1):
            self.pools += [worker, 0, -1, 0]
        fan = sum(client.count for client in server.clients)
        self.most_calls = max(self.most_calls, fan)

    def client(self, client: Client, server: Server | None) -> int:
        """One client's row; its lists of entries, candidates and pointers."""
        ask, world = client.ask, self.world
        spec = ask.connection
        first_port, ports = world.state.ports(client.node)
        source = world.servers.get(client.source) if server is None else server
        self.floats.append(ask.retries.jitter)
        asked = client.asked
        row = self._client_row(client, client.networks[0])
        self.client_rows[client] = row
        return self.clients.add(
            K_NODE=self.node_index.get(client.node, -1), K_SERVER=-1 if source is None else self.server_index[source.name],
            K_REQUEST=ask.request, K_RESPONSE=ask.response, K_POOLED=spec.kind == "pool",
            K_LIMIT=client.limit, K_REQUESTS=-1 if spec.requests is None else spec.requests,
            K_IDLE=-1 if spec.idle is None else spec.idle, K_TLS=spec.tls, K_TIMEOUT=-1 if ask.timeout is None else ask.timeout,
            K_RETRIES=ask.retries.max, K_BACKOFF=ask.retries.backoff, K_JITTER=len(self.floats) - 1, K_COUNT=client.count,
            K_PARALLEL=client.parallel, K_HAS_THREAD=client.make_thread is not None, K_CLIENTS=client.clients,
            K_FIFO=-1 if ask.timeout is None else self.time_outs.setdefault(ask.timeout, len(self.time_outs)),
            K_WHO=-1 if client.source == OUTSIDE else name_key(client.source), K_PORT=first_port, K_PORTS=ports,
            K_DNS_COST=-1 if asked is None else self._lookup(asked), K_CACHE=ask.cache, K_KNOWN=-y.NEVER,
            K_CONTROL=client.control, K_FREE=-1, K_WAIT=-1, K_HASH=signed(client._hash_key), K_BY=row, K_ANSWER=row,
            **self._way_in(client, client.networks[0]),
        )  # fmt: skip

    def other_networks(self, clients: Sequence[Client]) -> None:
        """A row more for each further network by which clients can go."""
        for client in clients:
            for network in client.networks[1:]:
                row = self._client_row(client, network)
                assert row == len(self.clients.rows)
                self.clients.rows.append(list(self.clients.rows[self.client_rows[client]]))
                for column, value in self._way_in(client, network).items():
                    self.clients.rows[row][COLUMNS[column]] = int(value)

    def _client_row(self, client: Client, network: str) -> int:
        """The row of a client by one of its networks, which is made next."""
        row = self.network_rows[client, network] = len(self.client_list)
        self.client_list.append((client, network))
        return row

    def _way_in(self, client: Client, network: str) -> dict[str, int]:
        """The columns of a client that say how it reaches its target by a network."""
        ask, world, found = client.ask, self.world, client.reach(network)
        vias, cands = list(found.vias), list(found.candidates)
        where = vias if vias else [client.node]
        state, base = world.state, len(self.lists)
        self.lists += [state.balancer(name, ask.target, found) for name in where]
        self.lists += [state.at(name, ask.target, found, "") for name in where]
        entries = vias if vias else cands
        model = world.model
        places = [model.tasks[name].node.name if name in model.tasks else name for name in entries]
        self.lists += [self.node_index.get(name, -1) for name in places]
        balanced = found.balancer is not None
        asked = client.asked is not None
        dns = y.DNS_NONE if not asked else y.DNS_ONE if balanced else y.DNS_PICK
        names = state.names(client.node, ask.target, found) if asked else -1
        if client.source == OUTSIDE:
            names = state.entries(ask.target, found)
        ways = len(self.waymap)
        self.waymap += [-1] * max(1, len(where) * len(cands))
        return {
            "K_BALANCED": balanced, "K_AT_SEND": not balanced or found.kind == "vip", "K_VIAS": len(vias), "K_CANDS": len(cands),
            "K_WAYS": ways, "K_RR": base, "K_AT": base + len(where), "K_ENTRIES": base + 2 * len(where), "K_DNS": dns,
            "K_ADDRESS": state.address(client.source, found.network), "K_HOST": found.kind == "host" and not balanced,
            "K_NAMES": names, "K_AT_NODE": stands_for_node(world.model, found),
        }  # fmt: skip

    def _lookup(self, asked: Asking) -> int:
        """The row of what it costs to look up a name."""
        none, one = (lookup_cost(self.world.model, replace(asked, over_udp=1), records) for records in (0, 1))
        two = lookup_cost(self.world.model, replace(asked, over_udp=1), 2)
        over = asked.over_udp if asked.engine else MANY
        key = (none, one, two, over)
        if key not in self.lookup_cache:
            self.lookup_cache[key] = self.lookups.add(
                DC_QUERY=one.query_ps, DC_TCP=two.tcp_ps, DC_ANSWER=none.answer_ps, DC_RECORD=one.answer_ps - none.answer_ps,
                DC_WAKE=one.wake_ps, DC_UPSTREAM=one.upstream_ps, DC_ABSENT=none.upstream_ps, DC_OVER=over, DC_RACE=one.race_ppb,
            )  # fmt: skip
        return self.lookup_cache[key]

    def stream(self, stream: Datagrams) -> int:
        """A stream's row."""
        return self.streams.add(
            DG_ROUTE=self.routes.route(stream.route), DG_BYTES=stream.payload_bytes, DG_GAP=stream.gap_ps, DG_KEY=stream.key,
            DG_UNTIL=stream.until_ps,
        )  # fmt: skip

    def workload(self, name: str) -> None:
        """A workload's row, its clients and its arrival times."""
        world, load = self.world, self.world.scenario.load[name]
        self.sources[name] = world.sources(name)
        self.source_rows[name] = [self.client(client, None) for client in self.sources[name]]
        for later in world.later_sources.values():
            for workload, client in later:
                if workload == name:
                    self.client(client, None)
        begin = -world.scenario.warmup_ps if load.start == 0 else load.start
        kind, where = self.spread(load.think)
        gap, gap_key, cv, line = -1, 0, 0, 0
        if load.arrivals is not None:
            gap = int(GAPS[load.arrivals.kind])
            gap_key = signed(stream_key(world.draws.seed, world.draws.replication, name, "arrivals"))
            start = Line(load.arrivals.points, begin)
            cv, line = len(self.floats), len(self.floats) + 1
            self.floats += [
                load.arrivals.cv,
                float(len(start.times)),
                float(start.segment),
                0.0,
                *start.times,
                *start.rates,
            ]
        self.workloads.add(
            WL_SOURCES=self._source_list(name), WL_CLIENTS=len(self.sources[name]), WL_KEY=name_key(name), WL_GAP_KIND=gap,
            WL_GAP_KEY=gap_key, WL_CV=cv, WL_LINE=line, WL_THINK_KIND=kind, WL_THINK=where,
            WL_RESPONSE=load.response if load.datagram is None else load.datagram, WL_SOCKETS=self._sockets(name),
            WL_BEGIN=begin, WL_END=world.scenario.duration, WL_BULK=load.bulk or 0, WL_FLOWS=load.flows,
            WL_WRITE=load.write or 0,
        )  # fmt: skip

    def _sockets(self, name: str) -> int:
        """Where the rows of a workload's sockets for datagrams stand in the lists, -1 if it has none. A client that is new there
        has new ones (`netsim.engine.udp.Stream.stand`)."""
        load, rows = self.world.scenario.load[name], self.source_rows[name]
        if load.datagram is None or not rows:
            return -1
        flows = self.socket_rows.setdefault(name, [-1] * load.flows)
        for flow, socket in enumerate(flows):
            client = rows[flow % len(rows)]
            if socket < 0 or self.sockets.rows[socket][y.SK_CLIENT] != client:
                flows[flow] = self.sockets.add(
                    SK_CLIENT=client, SK_SLOT=-1, SK_HEAD=-1, SK_NUMBER=flow + 1, SK_BYTES=load.datagram,
                    SK_TRUESIZE=truesize_bytes(load.datagram, False), SK_BY_CARD=truesize_bytes(load.datagram, True), SK_LATENCY=-1,
                )  # fmt: skip
        self.lists += flows
        return len(self.lists) - len(flows)

    def _source_list(self, name: str) -> int:
        """Where the rows of a workload's clients stand in the lists."""
        self.lists += self.source_rows[name]
        return len(self.lists) - len(self.source_rows[name])

    def stand(self, name: str, place: int) -> tuple[int, int, int]:
        """A client has come into a workload's list at a place: where its rows stand now, how many, and where those of sockets."""
        rows = self.source_rows[name]
        rows[place : place + 1] = [self.client_rows[self.sources[name][place]]]
        return self._source_list(name), len(rows), self._sockets(name)

    def add_task(self, server: Server) -> dict[int, tuple[int, int, int]]:
        """Rows of a new task; of each workload that comes from it too, where its clients stand, how many, and where its sockets."""
        name = f"{server.name}/workers"
        self.station_index[name] = len(self.station_names)
        self.station_names.append(name)
        self.stations.add(S_LABEL=PART["queue:workers"])
        self.server_index[server.name] = len(self.servers.rows)
        first = len(self.clients.rows)
        for client in server.clients:
            self.client(client, server)
        self._server(server, first)
        changed = {}
        for number, workload in enumerate(sorted(self.sources)):
            clients, rows = self.sources[workload], self.source_rows[workload]
            place = self.world.more_sources(workload, clients, server.task)
            if place is not None:
                rows[place : place + 1] = [self.client(clients[place], None)]
                changed[number] = (self._source_list(workload), len(rows), self._sockets(workload))
        self.other_networks([*server.clients, *server.sources])
        return changed

    def make_ways(self, client: int, via: int, cand: int) -> tuple[int, int]:
        """The ways of a client to a candidate by an entry, when they are first chosen: the cell of the map of ways
        and their row. Tasks on the same nodes share their routes."""
        found, network = self.client_list[client]
        reach = found.reach(network)
        entry = reach.vias[via] if reach.vias else None
        where = entry or found.node
        name, holder = self.world.balancers.holders.find(where, reach.network, reach.candidates[cand])
        server = self.server_index.get(name, -1)
        ends: Ends = (
            found.node,
            entry,
            self.world.servers[name].node if server >= 0 else name,
            reach.kind,
            reach.network,
            found.ask.udp,
        )
        if holder != Holder.TASK:
            server = self.elsewhere[holder]
        key = (*ends, server, name)
        if key not in self.way_cache:
            if ends not in self.ways_between:
                self.ways_between[ends] = self._between(reach, found.source, name, entry, ends)
            columns, met = self.ways_between[ends]
            self.way_cache[key] = self.ways.add(
                WA_SERVER=server, WA_CARD=ends[0] != ends[2], **columns, **self._tables(met, reach, name)
            )
        row = self.clients.rows[client]
        cell = row[y.K_WAYS] + via * row[y.K_CANDS] + cand
        self.waymap[cell] = self.way_cache[key]
        return cell, self.way_cache[key]

    def _tables(self, met: Passed, reach: Reach, dst: str) -> dict[str, int]:
        """The columns that say what a SYN's tables are."""
        state = self.world.state
        return {
            "WA_NAMESPACES": state.namespaces(met, dst, reach.network),
            "WA_SPACE": state.space(met, reach, dst),
            "WA_AT": name_key(dst),
        }

    def _between(
        self, reach: Reach, source: str, name: str, entry: str | None, ends: Ends
    ) -> tuple[dict[str, int], Passed]:
        """The routes between two ends: by the pattern of nodes that are alike, or made stage by stage."""
        nodes = ends[:3]
        shape = self.patterns.shape(nodes, ends[3:])
        pattern = self.patterns.known.get(shape)
        if pattern is not None:
            return self.patterns.fill(pattern, nodes)
        made = Ways(self.world.model, reach, source, name, entry, ends[5])  # not kept: rows are enough
        if shape not in self.patterns.known:
            self.patterns.learn(shape, made, nodes)
        return self.routes.columns(made), made.passed

    def host_ways(self, src: str, dst: str, ways: HostWays) -> int:
        """The row of the ways of control messages between two nodes."""
        key = (src, dst)
        if key not in self.way_cache:
            self.way_cache[key] = self.ways.add(WA_SERVER=-1, **self.routes.columns(ways))
        return self.way_cache[key]
