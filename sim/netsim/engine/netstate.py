"""The tables that connections pass, by names: namespaces, balancers, clients, translated tuples."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from netsim.datapath.flows import layout as y
from netsim.datapath.flows.table import FlowTable, Ints, Persistence
from netsim.datapath.ipvs.layout import BY_PORT, FALLBACK
from netsim.datapath.ipvs.plugged import plugged_warnings
from netsim.datapath.kernel_settings import (
    DROP_ALWAYS,
    drops_reused_syn,
    evicts_closing,
    keeps_without_destination,
    settings,
)
from netsim.datapath.paths import Reach
from netsim.datapath.reach import party_of
from netsim.datapath.stage import Path
from netsim.engine.border import NEVER_PS, Change, What
from netsim.engine.keys import name_key
from netsim.model.entities import OUTSIDE, Model
from netsim.scenario.schema_service import Service

#: What the tables answer -> the error that a request has if it fails for it.
CAUSES = {
    y.NOBODY: "no_backend",
    y.GONE: "no_backend",
    y.FULL: "conntrack_full",
    y.NO_TUPLE: "snat_exhausted",
    y.NO_PORT: "ports_exhausted",
}
#: Addresses of clients outside (RFC 2544).
FIRST_OUTSIDE = int(ipaddress.IPv4Address("198.18.0.0"))
BY_DESTINATION = 1
HOST, SANDBOX, TASK = "host", "sandbox", "task"
WHATS = {
    What.BACKEND_ADD: y.ADD, What.BACKEND_WEIGHT: y.WEIGHT, What.BACKEND_REMOVE: y.REMOVE,
    What.PORT_ADD: y.ADD, What.PORT_REMOVE: y.REMOVE,
}  # fmt: skip
PORTS = (What.PORT_ADD, What.PORT_REMOVE)
_FLAGS = {"fallback": FALLBACK, "port": BY_PORT}


#: A list: the node that keeps it, or the outside, the target, and the network if it is not the first by which the target is asked.
Virtual = tuple[str, str, str]


def _virtual(where: str, target: str, found: Reach) -> str:
    return f"{where}|{target}" + (f"|{found.by}" if found.by else "")


@lru_cache(maxsize=1 << 16)
def _number(address: str) -> int:
    """An address as a number: of a task it is asked on every node that balances its service."""
    return int(ipaddress.IPv4Address(address))


@dataclass(frozen=True, slots=True)
class Passed:
    """What a SYN meets on its path: at which nodes it gets an entry, and in which namespace there; where its source
    is translated."""

    entries: tuple[tuple[str, str], ...]
    snat: str | None


def passed(path: Path) -> Passed:
    """The host's conntrack, the balancing sandbox's, or the task's own, where its published port is rewritten."""
    found, stages = [], path.stages
    for stage, after in zip(stages, (*stages[1:], None), strict=True):
        if stage.stage == "conntrack.new":
            following = "" if after is None else after.stage
            found.append((stage.node, {"ipvs.new": SANDBOX, "nat.redirect": TASK}.get(following, HOST)))
    return Passed(tuple(found), next((stage.node for stage in stages if stage.stage == "nat.snat"), None))


class NetState:
    """Who has which rows in a `FlowTable`. Rows are made when they are first needed."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.table = FlowTable(model.outside.clients + len(model.tasks))
        self.nodes = {name: self.table.node() for name in model.nodes}
        self._namespaces: dict[str, int] = {}
        self._balancers: dict[Virtual, int] = {}
        self._places: dict[Virtual, dict[str, int]] = {}
        self._networks: dict[Virtual, str] = {}
        self._changes: list[Change] = []
        self._lists: dict[tuple[str, tuple[str, ...]], tuple[Ints, dict[str, int]]] = {}

    def setting(self, node: str, name: str) -> float:
        """What a node's kernel is set to; the outside has the defaults."""
        found = self.model.nodes[node].profile.kernel if node in self.model.nodes else settings()
        return found[name]

    def ports(self, node: str) -> tuple[int, int]:
        """The first ephemeral port of a node, and how many there are."""
        first = int(self.setting(node, "ip_local_port_first"))
        return first, max(1, int(self.setting(node, "ip_local_port_last")) - first + 1)

    def client(self, source: str, number: int) -> int:
        """Who has ports of its own: an outside client by its number, a task or a node by its name."""
        return number if source == OUTSIDE else name_key(source)

    def address(self, source: str, network: str) -> int:
        """A task's address on a network; of the outside, that of client 0."""
        if source == OUTSIDE:
            return FIRST_OUTSIDE
        task = self.model.tasks.get(source)
        found = task.addresses.get(network, "") if task is not None else ""
        return _number(found) if found else 0

    def at(self, where: str, target: str, found: Reach, dst: str) -> int:
        """Towards whom a client's ports are unique: the virtual address on a node, or who answers."""
        return name_key(_virtual(where, target, found) if found.balancer is not None else dst)

    def balancer(self, where: str, target: str, found: Reach) -> int:
        """The IPVS service for a target on a node, with its own list and pointer; -1 without one."""
        if found.balancer is None:
            return -1
        key = (where, target, found.by)
        if key not in self._balancers:
            party = target.partition(":")[0]
            service = self.model.scenario.services.get(party)
            scheduler = "rr" if service is None else service.ipvs.scheduler
            flags = 0 if service is None else sum(_FLAGS[word] for word in service.ipvs.flags)
            dests, places = self._list(found)
            vip = self.model.addresses[found.network].vips.get(party, "")
            row = self.table.balancer(
                name_key(_virtual(where, target, found)), scheduler, flags, _number(vip) if vip else 0,
                dests,
                reuse_mode=int(self.setting(where, "conn_reuse_mode")),
                drops=drops_reused_syn(self.setting(where, "version")),
                expire_nodest=bool(self.setting(where, "expire_nodest_conn")),
                persistence=self._persistence(where, service),
                random_drop=self.setting(where, "drop_entry") == DROP_ALWAYS,
                node=self.nodes[where],
                lingers=keeps_without_destination(self.setting(where, "version")),
            )  # fmt: skip
            self._keep(key, row, places, found.network)
        return self._balancers[key]

    def names(self, where: str, target: str, found: Reach) -> int:
        """The list by which a node's engine answers a service's name: the balancer's if it has a virtual address, else one of
        its own; -1 of names that have no list, since they are a container's or no engine's."""
        if found.kind == "vip":
            return self.balancer(where, target, found)
        name = target.partition(":")[0]
        service = self.model.tasks[name].service if name in self.model.tasks else party_of(self.model, name)
        if found.kind != "direct" or service not in self.model.services or where not in self.nodes:
            return -1
        return self._addresses(where, target, found)

    def entries(self, target: str, found: Reach) -> int:
        """The entry's list for a port of a service in mode host; -1 of others."""
        if found.kind != "host" or target.partition(":")[0] not in self.model.services:
            return -1
        return self._addresses(OUTSIDE, target, found)

    def _addresses(self, where: str, target: str, found: Reach) -> int:
        key = (where, target, found.by)
        if key not in self._balancers:
            dests, places = self._list(found)
            row = self.table.balancer(
                name_key(_virtual(where, target, found)), "rr", 0, 0, dests,
                reuse_mode=0, drops=False, expire_nodest=False, node=self.nodes.get(where, 0),
            )  # fmt: skip
            self._keep(key, row, places, found.network)
        return self._balancers[key]

    def _keep(self, key: Virtual, row: int, places: dict[str, int], network: str) -> None:
        """A list that is made when it is first used has the changes that were told before."""
        self._balancers[key], self._places[key], self._networks[key] = row, places, network
        for change in self._changes:
            self._later(key, change)

    def _list(self, found: Reach) -> tuple[Ints, dict[str, int]]:
        """Who may be chosen, as `FlowTable.balancer` takes it, and their places: the same on every node."""
        key = (found.network, found.candidates)
        if key not in self._lists:
            dests = np.array([(self.address(name, found.network), 1) for name in found.candidates], np.int64)
            self._lists[key] = dests, {name: place for place, name in enumerate(found.candidates)}
        return self._lists[key]

    def _persistence(self, where: str, service: Service | None) -> Persistence | None:
        if service is None or service.ipvs.persistence is None:
            return None
        quiescent = bool(self.setting(where, "expire_quiescent_template"))
        return Persistence(service.ipvs.persistence, service.ipvs.persistence_prefix, quiescent)

    def change(self, change: Change) -> None:
        """A task's row in the lists of its service changes, on every node at that node's time, or in that of the entry. Raises
        ``ValueError`` for a task that was not there when the run began."""
        task = self.model.tasks[change.subject]
        for key, places in self._places.items():
            there = self._told(key, change) and self._networks[key] in (*task.networks, self.model.mesh)
            if key[1].partition(":")[0] == task.party and change.subject not in places and there:
                raise ValueError(
                    f"{change.subject} came at run time and cannot enter the list of {key[1]} on {key[0]}"
                )
        self._changes.append(change)
        for key in self._balancers:
            self._later(key, change)

    def open_through(self, flow: int, node: str) -> bool:
        """Whether the IPVS of a node carries an open connection."""
        return self.table.open_through(flow, self.nodes[node])

    def boot(self, node: str, now_ps: int) -> None:
        """A node that lost power is up again, with empty tables of connections."""
        balancers = [row for (where, *_), row in self._balancers.items() if where == node and row >= 0]
        self.table.boot(self.nodes[node], balancers, now_ps)

    @staticmethod
    def _told(key: Virtual, change: Change) -> bool:
        """Whether a list has rows of this kind."""
        return (key[0] == OUTSIDE) == (change.what in PORTS)

    def _later(self, key: Virtual, change: Change) -> None:
        places = self._places[key]
        if change.subject not in places or not self._told(key, change):
            return
        if change.network and change.network != self._networks[key]:
            return
        due = (
            change.at_ps if change.times_ps is None else int(change.times_ps[self.model.nodes[key[0]].index])
        )
        if due < NEVER_PS:
            what = WHATS[change.what]
            self.table.later(self._balancers[key], places[change.subject], what, change.value, due)

    def namespaces(self, met: Passed, dst: str, network: str) -> int:
        """The set of the namespaces in which a SYN gets an entry."""
        found = []
        for node, kind in met.entries:
            name = f"{node}|{kind}|" + {SANDBOX: network, TASK: dst}.get(kind, "")
            if name not in self._namespaces:
                most = int(self.setting(node, "nf_conntrack_max"))
                evicts = evicts_closing(self.setting(node, "version"))
                self._namespaces[name] = self.table.namespace(self.nodes[node], most, kind == SANDBOX, evicts)
            found.append(self._namespaces[name])
        return self.table.namespaces(found)

    def space(self, met: Passed, found: Reach, dst: str) -> int:
        """The tuples that a translated source is one of; 0 without translation, as by direct routing."""
        if found.balancer is not None:
            return BY_DESTINATION if met.snat is not None or found.kind == "ingress" else 0
        return 0 if met.snat is None else name_key(f"{met.snat}|{dst}|snat")

    def tracked(self, node: str) -> tuple[int, int]:
        """Entries that a node's conntrack has in all its namespaces, and the buckets of its table."""
        return int(self.table.T[self.nodes[node] + y.ND_COUNT]), int(
            self.setting(node, "nf_conntrack_buckets")
        )

    def peaks(self) -> dict[str, int]:
        """The most entries that each node had at once in all its namespaces."""
        found = {name: int(self.table.T[row + y.ND_PEAK]) for name, row in self.nodes.items()}
        return {name: peak for name, peak in sorted(found.items()) if peak}

    def warnings(self) -> list[str]:
        """What broke connections without a request's error naming it, and what helps."""
        broken = self.table.count(y.T_BROKEN)
        own = plugged_warnings({service.ipvs.scheduler for service in self.model.scenario.services.values()})
        if not broken:
            return own
        return own + [
            f"{broken} packets of open connections met no IPVS entry and were answered with RST: entries are dropped "
            "after 900 s without a packet, or with their back end; let clients send keep-alives before that "
            "(net.ipv4.tcp_keepalive_time below 900 s), close idle connections (idle: 10min), or go round IPVS with "
            "endpoint_mode: dnsrr or ports in mode host"
        ]
