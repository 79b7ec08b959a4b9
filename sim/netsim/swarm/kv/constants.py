"""Constants of key-value stores, from ``data/kv.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

PS_PER_S = 1_000_000_000_000


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
    data = yaml.safe_load((files("netsim") / "data" / "kv.yaml").read_text(encoding="utf-8"))
    rows = {**data[kind], **data["serf"]}
    return StoreTable(
        **{
            (f"{name[:-1]}ps" if name.endswith("_s") else name): (
                round(row["value"] * PS_PER_S) if name.endswith("_s") else row["value"]
            )
            for name, row in rows.items()
        }
    )
