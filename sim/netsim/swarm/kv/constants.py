"""Constants of key-value stores, from ``data/kv.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from netsim.tables import table, values


@dataclass(frozen=True, slots=True)
class StoreTable:
    """Of one kind of store: its elections, how late it looks for what has expired, the session that its keys live by
    (0: their own TTL), and when a client gives up (ps). ``quiescent_ps``: of Serf's events."""

    tick_ps: int
    election_ticks: int
    election_spread: int
    campaign_ticks: int
    expiry_ps: int
    session_ps: int
    give_up_ps: int
    quiescent_ps: int


@cache
def store_table(kind: str) -> StoreTable:
    """The shipped table of ``consul``, ``etcd`` or ``zookeeper``."""
    data = table("kv.yaml")
    return StoreTable(**values({**data[kind], **data["serf"]}))
