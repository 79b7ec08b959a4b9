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
    rto_max_ps: int
    syn_timeout_ps: int
    syn_retries: int
    retries2: int
    duplicate_acks: int
    decrease: float
    time_wait_ps: int
    tls_hello_bytes: int
    tls_answer_bytes: int

    def rto_ps(self, srtt_ps: int, losses: int) -> int:
        """Retransmission timeout after so many losses in a row: it doubles each time."""
        return min(self.rto_max_ps, (srtt_ps + self.rto_min_ps) << min(losses, 12))

    def syn_wait_ps(self, sent: int) -> int:
        """Wait after SYN number ``sent`` (from 0): 1, 2, 4 s ..."""
        return self.syn_timeout_ps << min(sent, 7)

    def window_after_idle(self, window: int, mss: int, idle_ps: int, srtt_ps: int) -> int:
        """Slow start after idle: halved for each RTO without a packet, down to the initial window
        (tcp_cwnd_restart in net/ipv4/tcp_output.c)."""
        least, rto = self.initial_window_packets * mss, self.rto_ps(srtt_ps, 0)
        while idle_ps > rto and window > least:
            window, idle_ps = window // 2, idle_ps - rto
        return max(window, least)


@cache
def tcp_table() -> TcpTable:
    """The shipped table."""
    return TcpTable(**values(table("tcp.yaml")))
