"""Stages that take longer the more is going on beside them: cores that work on the same tables, entries in one bucket.

Sources: XDP bench01 (550 ns a packet with conntrack and 301 without on one core, 687 and 308 on each of six) for what cores
cost each other; net/netfilter/nf_conntrack_core.c for the buckets, which all namespaces of a node share
(``nf_conntrack_hash``), two tuples an entry. Counted is receive work; a sending thread's own look-ups stay as they are.
"""

from __future__ import annotations

from netsim.compiled import inner


def crowded_ps(
    cost_ps: int, per_core_ppt: int, others: int, chain_ps: int, entries: int, buckets: int
) -> int:
    """What a stage of ``cost_ps`` takes while so many other cores of its node do receive work (``per_core_ppt``:
    thousandths of the cost for each) and the node's tables have so many entries (``chain_ps``: for as many as there
    are buckets)."""
    return cost_ps + cost_ps * per_core_ppt * others // 1000 + chain_ps * entries // buckets


crowded = inner(crowded_ps)
