"""TCP's constants, from ``data/tcp.yaml``, and the rules that need nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from netsim.tables import table, values


@dataclass(frozen=True, slots=True)
class TcpTable:
    """Linux's TCP; times in ps, sizes in bytes. Sources stand in the data file."""

    initial_window_packets: int
    unit_bytes: int
    window_limit_bytes: int
    send_buffer_bytes: int
    rto_min_ps: int
    tlp_least_ps: int
    rto_max_ps: int
    syn_timeout_ps: int
    syn_retries: int
    retries2: int
    duplicate_acks: int
    time_wait_ps: int
    tls_hello_bytes: int
    tls_answer_bytes: int

    def rto_ps(self, srtt_ps: int, losses: int) -> int:
        """Retransmission timeout after so many losses in a row: it doubles each time."""
        return min(self.rto_max_ps, (srtt_ps + self.rto_min_ps) << min(losses, 12))

    def syn_wait_ps(self, sent: int) -> int:
        """Wait after SYN number ``sent`` (from 0): 1, 2, 4 s ..."""
        return self.syn_timeout_ps << min(sent, 7)

    def rest_ps(self, idle_ps: int) -> int:
        """How long a connection has rested, of which nothing was sent for so long."""
        return idle_ps


@cache
def tcp_table() -> TcpTable:
    """The shipped table."""
    return TcpTable(**values(table("tcp.yaml")))
