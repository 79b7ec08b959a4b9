"""The stages between two endpoints, one by one: what `netsim trace` prints."""

from __future__ import annotations

from typing import Any

from netsim.datapath.dns import asking, lookup_cost
from netsim.datapath.paths import Reach, ReachError, link_specs, reach, reply_path, request_path
from netsim.datapath.stage import Context, Path
from netsim.model.entities import Model

PAYLOAD_BYTES = 100
MIN_FRAME_BYTES = 84
PS_PER_NS = 1000


def trace(model: Model, src: str, dst: str, payload_bytes: int = PAYLOAD_BYTES) -> dict[str, Any]:
    """Request and reply of one packet on idle stations and an open connection, to the first back end.

    ``src``: outside, a task, a service (its first task), a container or a node; ``dst``: those,
    ``service:port`` or outside. Raises `ReachError`.
    """
    if src in model.services:
        tasks = model.services[src]
        if not tasks:
            raise ReachError(f"{src} has no task")
        src = tasks[0].name
    found = reach(model, src, dst)
    if not found.candidates:
        raise ReachError(f"{dst} has no task that could answer")
    via = found.vias[0] if found.vias else None
    target = found.candidates[0]
    request = _lines(model, request_path(model, found, src, target, via, False), payload_bytes)
    reply = _lines(model, reply_path(model, found, src, target, via), payload_bytes)
    return {
        "from": src,
        "to": dst,
        "answered_by": target,
        "entered_by": via,
        "kind": found.kind,
        "payload_bytes": payload_bytes,
        "lookup": _lookup(model, found, src, dst),
        "request": request,
        "reply": reply,
        "total_ns": round(sum(line["ns"] for line in request + reply), 3),
    }


def _lookup(model: Model, found: Reach, src: str, dst: str) -> list[dict[str, Any]]:
    """What a new connection waits for before it knows the address; not part of the total."""
    asked = asking(model, found, src, dst)
    if asked is None:
        return []
    cost = lookup_cost(model, asked)
    station = model.nodes[asked.node].cpu_station
    parts = (
        ("dns.query", station, cost.query_ps),
        ("dns.tcp", station, cost.tcp_ps),
        ("dns.answer", station, cost.answer_ps),
        ("core.wake", "-", cost.wake_ps),
        ("outside", "-", cost.upstream_ps),
    )
    return [
        {"stage": stage, "node": asked.node, "station": where, "ns": ps / PS_PER_NS, "bytes_added": 0}
        for stage, where, ps in parts
        if ps
    ]


def _lines(model: Model, path: Path, payload_bytes: int) -> list[dict[str, Any]]:
    specs, overhead, lines = link_specs(model), 0, []
    packets = max(1, -(-payload_bytes // path.mss_bytes))
    for stage in path.stages:
        overhead += stage.bytes_added
        ps = stage.fixed_ps + stage.per_packet_ps * packets + stage.per_byte_fs * payload_bytes // 1000
        if stage.context == Context.LINK and stage.station is not None:
            rate = specs[stage.station if stage.lanes == 1 else f"{stage.station}1"].rate_bps
            wire = max(payload_bytes + packets * overhead, packets * MIN_FRAME_BYTES)
            ps = wire * 8 * 10**12 // rate if rate else 0
        lines.append(
            {
                "stage": stage.stage,
                "node": stage.node,
                "station": (stage.station or "-") + (f"1-{stage.lanes}" if stage.lanes > 1 else ""),
                "ns": ps / PS_PER_NS,
                "bytes_added": stage.bytes_added,
            }
        )
    return lines
