"""The control plane's constants, from ``data/swarm.yaml``."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache

from netsim.tables import table, values


@dataclass(frozen=True, slots=True)
class SwarmTable:
    """Times in ps, sizes in bytes, rates in bit/s. Sources stand in the data file."""

    heartbeat_epsilon_ps: int
    grace_multiplier: int
    grace_multiplier_unknown: int
    registrations_per_window: int
    registration_window_ps: int
    status_batch_ps: int
    assignment_batch_ps: int
    orphaned_after_ps: int
    attach_poll_ps: int
    attach_timeout_ps: int
    rpc_timeout_ps: int
    backoff_first_ps: int
    backoff_most_ps: int
    redial_ps: int
    tick_ps: int
    election_ticks: int
    election_spread: int
    campaign_ticks: int
    fsync_ps: int
    scheduler_debounce_ps: int
    scheduler_latest_ps: int
    failure_window_ps: int
    failures_to_avoid: int
    old_task_wait_ps: int
    controller_retry_ps: int
    binding_drain_ps: int
    create_work_ps: int
    start_work_ps: int
    start_width: float
    stop_work_ps: int
    unbind_share: float
    network_removal_work_ps: int
    work_cv: float
    other_work: float
    other_work_stay_ps: int
    boot_ps: int
    restart_first_ps: int
    restart_most_ps: int
    restart_reset_ps: int
    autoscale_tolerance: float
    registry_rate_bps: int
    registry_retry_ps: int
    probe_ps: int
    probe_timeout_ps: int
    indirect_checks: int
    suspicion_multiplier: int
    suspicion_most_multiplier: int
    retransmit_multiplier: int
    awareness_most: int
    gossip_ps: int
    gossip_nodes: int
    member_packet_bytes: int
    member_message_bytes: int
    table_packet_bytes: int
    table_message_bytes: int
    gossip_to_dead_ps: int
    push_pull_ps: int
    stream_timeout_ps: int
    ping_bytes: int
    ack_bytes: int
    datagram_bytes: int
    stream_bytes: int
    stream_compression: float
    member_state_bytes: int
    network_entry_bytes: int
    control_packet_bytes: int
    heeded_wait_ps: int
    heeded_share: float
    pull_share: float
    raft_send_ps: int
    bulk_sync_ps: int
    reconnect_ps: int


@cache
def swarm_table() -> SwarmTable:
    """The shipped table."""
    found = values(table("swarm.yaml"))
    missing = {field.name for field in fields(SwarmTable)} ^ set(found)
    if missing:
        raise ValueError(f"data/swarm.yaml and SwarmTable differ: {sorted(missing)}")
    return SwarmTable(**found)
