"""Words for what a report names: stages, waiting, kinds of stations, causes of errors."""

from __future__ import annotations

from netsim.datapath.profile import STAGES

_MORE_STAGES = {
    "app.work": "the application's own processor time",
    "app.wait": "the application waits for something else, like a disk",
    "nic.tx": "the card sends, at line rate",
    "switch": "the switch port sends, at line rate",
    "wire": "propagation on cables, through the switch and outside",
    "outside": "the way between the clients and the edge of the swarm",
    "other": "all that is too small to show",
    "queue:cpu": "waiting for a core",
    "queue:nic_tx": "waiting in a card's transmit queue",
    "queue:nic_rx": "waiting in a card's receive queue",
    "queue:switch": "waiting in a switch port",
    "queue:workers": "waiting for a free worker of a task",
    "queue:connection": "waiting for a free connection of the pool",
}
KINDS = {
    "node_cpu": "all cores of a node",
    "cpu": "one core",
    "nic_tx": "card, sending",
    "nic_rx": "card, receiving",
    "switch": "switch port",
    "workers": "worker pool of a task",
}
ERRORS = {
    "refused": "the connection was refused",
    "reset": "the connection was reset",
    "timeout": "no answer in time",
    "dns": "the name was not found",
    "no_backend": "no task to send it to",
    "backlog_full": "the listen backlog was full",
    "conntrack_full": "the conntrack table was full",
    "snat_exhausted": "no source port left for NAT",
    "ports_exhausted": "no local port left at the client",
    "mtu": "a packet larger than the path takes",
    "addresses": "no address left in the subnet",
    "buffer_full": "the receive buffer of the socket was full",
    "ring_full": "the receive ring of a card was full",
    "queue_full": "the queue of a card or of a switch port was full",
}
_REMEDIES = {
    "node_cpu": "More cores, more nodes or less work per request move this limit.",
    "nic_tx": "A faster card, or tasks that talk to each other on one node, move this limit.",
    "nic_rx": "More receive queues or a faster core move this limit.",
    "switch": "A faster port, or traffic spread over more nodes, moves this limit.",
    "workers": "More workers per task or more replicas move this limit.",
}


def stage_text(stage: str) -> str:
    """What happens in a stage; empty for one that is not known."""
    if stage in _MORE_STAGES:
        return _MORE_STAGES[stage]
    if stage.startswith("queue:"):
        return f"waiting for {stage.removeprefix('queue:')}"
    return STAGES.get(stage, "")


def kind_text(kind: str) -> str:
    """A kind of station in words."""
    return KINDS.get(kind, kind)


def error_text(cause: str) -> str:
    """What a cause of errors means."""
    return ERRORS.get(cause, "")


def remedy(kind: str) -> str:
    """What moves the limit that a station of this kind sets."""
    return _REMEDIES.get(kind, "")
