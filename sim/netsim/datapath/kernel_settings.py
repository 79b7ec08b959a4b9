"""What nodes' kernels are set to, from ``data/sysctls.yaml``, and the time-outs of ``data/conntrack.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from netsim.tables import table, values

#: Name -> the smallest and the largest value that a profile may give.
RANGES: dict[str, tuple[float, float]] = {
    "version": (3, 99),
    "nf_conntrack_max": (1, 1 << 31),
    "nf_conntrack_buckets": (1, 1 << 31),
    "ip_local_port_first": (1, 65_535),
    "ip_local_port_last": (1, 65_535),
    "insert_race": (0, 1),
    "conn_reuse_mode": (0, 3),
    "expire_nodest_conn": (0, 1),
    "expire_quiescent_template": (0, 1),
    "drop_entry": (0, 3),
    "tcp_limit_output_bytes": (1, 1 << 31),
    "netdev_max_backlog": (1, 1 << 31),
    "rmem_default": (0, 1 << 31),
}
#: The mode of drop_entry that always drops; 1 and 2 do when the node is short of memory, which no node here is.
DROP_ALWAYS = 3


@cache
def settings() -> Mapping[str, float]:
    """The kernel that a profile without settings of its own has."""
    return values(table("sysctls.yaml"))


@cache
def timeouts_ps() -> Mapping[str, int]:
    """``syn``, ``idle``, ``time_wait``, ``client_time_wait``, ... (ps)."""
    rows = values(table("conntrack.yaml")).items()
    return {name.removesuffix("_ps"): ps for name, ps in rows if name.endswith("_ps")}


@cache
def entry_bytes() -> int:
    """Memory that one tracked connection takes."""
    return int(values(table("conntrack.yaml"))["entry_bytes"])


def drops_reused_syn(version: float) -> bool:
    """Whether a kernel with conn_reuse_mode 1 drops the SYN that meets an old entry, so that the client waits 1 s.

    Until 5.8 the old entry went together with the conntrack entry that the packet belonged to (ip_vs_in); since
    f0a5e4d7a594 (5.9) the new connection is scheduled at once.
    """
    return numbers(version) < (5, 9)


def keeps_without_destination(version: float) -> bool:
    """Whether a kernel with expire_nodest_conn keeps an entry whose destination was removed until a packet meets it, which is
    dropped. Since 5.9 all of them go one tick of the kernel's clock after the destination ("ipvs: queue delayed work to expire
    no destination connections if expire_nodest_conn=1", 04231e52d355)."""
    return numbers(version) < (5, 9)


def tunnels_tell(version: float) -> bool:
    """Whether a tunnel under a bridge tells a sender that its packets are too large for the node's card: since 5.9 ("tunnels:
    PMTU discovery support for directly bridged IP packets", 4cb47a8644cc)."""
    return numbers(version) >= (5, 9)


def evicts_closing(version: float) -> bool:
    """Whether a kernel in want of a source port takes that of a translated connection in TIME_WAIT: since 6.5 ("snat:
    evict closing tcp entries on reply tuple collision", net/netfilter/nf_nat_core.c)."""
    return numbers(version) >= (6, 5)


def numbers(version: float) -> tuple[int, int]:
    """Major and minor number of a kernel."""
    major, _, minor = str(version).partition(".")
    return int(major), int(minor or 0)
