"""What a name costs: the embedded DNS server of containers, 127.0.0.11, and the resolvers outside.

Every container on a network with names asks its engine, which knows the names of the container's networks and asks
on for all others. Answers come in random order and with all records; one that is too long for a datagram is cut, and
the client asks again over TCP (daemon/libnetwork/resolver.go). Processes on a node ask the resolver outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from netsim.datapath.reach import Reach
from netsim.model.entities import OUTSIDE, Model
from netsim.tables import table, values

#: More records than any name has.
MANY = 1 << 62
#: Ways to a target of which no name is asked.
UNNAMED = ("loopback", "host", "node", "own", "proxy")


@dataclass(frozen=True, slots=True)
class DnsTable:
    """Constants of DNS, sizes in bytes; sources stand in ``data/dns.yaml``."""

    ttl_ps: int
    retry_ps: int
    tries: int
    udp_bytes: int
    header_bytes: int
    question_bytes: int
    record_bytes: int

    def records(self, name: str) -> int:
        """How many addresses of a name an answer over UDP holds."""
        room = self.udp_bytes - self.header_bytes - self.question_bytes - len(name.encode())
        return max(0, room // self.record_bytes)


def looks_up(found: Reach) -> bool:
    """Whether the address that a client asks is found by a name on the network that it goes by."""
    return found.kind in ("vip", "direct")


@cache
def dns_table() -> DnsTable:
    """The shipped table."""
    return DnsTable(**values(table("dns.yaml")))


@dataclass(frozen=True, slots=True)
class Asking:
    """How a client looks up one name. ``node``: where it runs; ``engine``: whether the node's engine is asked;
    ``upstream_ps``: time until the world outside has answered, 0 if it is not asked; ``absent_ps``: the same of a name
    that the engine does not have (at the moment), and so asks for outside; ``over_udp``: the most records that come
    without a second query; ``records``: how many there are when the clock starts, of which the client takes one."""

    node: str
    engine: bool
    upstream_ps: int
    over_udp: int
    records: int
    absent_ps: int = 0

    @property
    def picks(self) -> bool:
        """Whether there are several addresses to choose from."""
        return self.records > 1


@dataclass(frozen=True, slots=True)
class LookupCost:
    """Times in ps: the client's thread, of that the query over TCP, the engine's thread, cores that wake up, and the
    world outside.
    ``race_ppb``: how many of 10**9 tries lose one of their two queries, which both enter conntrack from one socket
    (nf_conntrack_confirm drops the second of two equal entries); the client then waits and asks again."""

    query_ps: int
    tcp_ps: int
    answer_ps: int
    wake_ps: int
    upstream_ps: int = 0
    race_ppb: int = 0


def asking(model: Model, found: Reach, src: str, target: str) -> Asking | None:
    """How ``src`` looks up ``target``; None if it needs no name: it asks an address or knows it from a file."""
    name = target.partition(":")[0]
    if src == OUTSIDE or name in model.nodes or found.kind in UNNAMED:
        return None
    if found.kind in ("nat", "routed") and name != OUTSIDE:  # a node's process, at an address of its node
        return None
    upstream = model.outside.rtt if name == OUTSIDE else 0
    if src not in model.tasks:
        return Asking(src, False, upstream, 1, 1) if upstream else None
    source = model.tasks[src]
    named = any(model.addresses[network].driver.named for network in source.networks)
    if name == OUTSIDE:
        return Asking(source.node.name, named, upstream, dns_table().records(name), 1)
    if not model.addresses[found.network].driver.named:
        return None
    return Asking(
        source.node.name, True, upstream, dns_table().records(name), records_of(found), model.outside.rtt
    )


def records_of(found: Reach) -> int:
    """How many addresses a name has if all of its tasks are there."""
    return len(found.candidates) if found.balancer is None else min(1, len(found.candidates))


def lookup_cost(model: Model, asked: Asking, records: int | None = None) -> LookupCost:
    """What a query and its answer of so many records cost; without a number, of those that there are at first."""
    records = asked.records if records is None else records
    profile = model.nodes[asked.node].profile
    query, tcp, answer = (profile.cost(name) for name in ("dns.query", "dns.tcp", "dns.answer"))
    times = 2 if asked.engine and records > asked.over_udp else 1
    # Over the engine two processes sleep in turn, without it one.
    wakes = (2 if asked.engine else 1) * times
    return LookupCost(
        query.fixed_ps * times,
        tcp.fixed_ps * (times - 1),
        (answer.fixed_ps + answer.per_packet_ps * records) * times if asked.engine else 0,
        profile.cost("core.wake").fixed_ps * wakes,
        asked.upstream_ps or (0 if records else asked.absent_ps),
        round(1e9 * profile.kernel["insert_race"]) if asked.engine else 0,
    )
