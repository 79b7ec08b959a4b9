"""Fills the fast engine's tables of stations and transmitters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsim.engine.fast import layout as y
from netsim.engine.links import Link
from netsim.engine.parts import PART
from netsim.model.entities import side_by_side
from netsim.model.fabric import lane_groups

if TYPE_CHECKING:
    from netsim.engine.fast.build import Builder


def add_stations(builder: Builder) -> None:
    """Rows of all stations, and of transmitters with what limits them."""
    machine = builder.world.machine
    for name in builder.station_names:
        label = PART.get(f"queue:{machine.meters[name].record.kind}", 0)
        builder.stations.add(S_LABEL=label)
    for name, link in machine.links.items():
        builder.link_index[name] = builder.links.add(
            L_STATION=builder.station_index[name],
            L_RATE=link.rate_bps or 0,
            L_BUFFER=-1 if link.buffer_bytes is None else link.buffer_bytes,
            L_RING=-1 if link.ring_packets is None else link.ring_packets,
            L_FREE=-y.NEVER,
            L_HEAD=-1,
            L_NODE=builder.node_index.get(link.node, -1),
            L_PORT=link.port,
            L_LIMITS=y.LIMIT_PACKETS * (link.packet_ps > 0)
            + y.LIMIT_CREDIT * (link.credit is not None)
            + y.LIMIT_SHARED * (link.shared is not None)
            + y.LIMIT_TURNS * (link.turns is not None)
            + y.LIMIT_FAIR * (link.fair is not None),
            L_PACKET=link.packet_ps,
            L_SHARED=-1,
            **_turns(builder, link),
            **_credit(link),
        )
    for station, count, spread in lane_groups(builder.world.model):
        first = builder.link_index[f"{station}1"]
        builder.links.rows[first][y.L_LANES] = count if spread else 1
        for place, name in enumerate(side_by_side(station, count)):
            assert builder.link_index[name] == first + place  # one after the other
            builder.links.rows[first + place][y.L_LANE] = place
    rows = {id(machine.links[name]): row for name, row in builder.link_index.items()}
    for memory in machine.shared:
        ports = [rows[id(link)] for link in memory.links]
        for row in ports:
            builder.links.rows[row][y.L_SHARED] = len(builder.shared.rows)
        builder.shared.add(
            SB_SIZE=memory.size_bytes,
            SB_ALPHA=memory.alpha,
            SB_FIRST=len(builder.lists),
            SB_LINKS=len(ports),
        )
        builder.lists += ports


def _turns(builder: Builder, link: Link) -> dict[str, int]:
    """What is known of the flows there; the first columns are 0 where nobody asks for that."""
    found = {"L_ALTERNATE": link.most_turns, "L_AHEAD": link.ahead_at}
    if link.turns is not None:
        builder.turns.rows.append(list(link.turns))
        found["L_TURNS"] = len(builder.turns.rows)
    if link.fair is not None:
        found |= {"L_FAIR": len(builder.fair) + 1, "L_QUEUES": len(link.fair)}
        builder.fair += link.fair
    return found


def _credit(link: Link) -> dict[str, int]:
    credit = link.credit
    if credit is None:
        return {}
    return {"L_BASE": credit.baseline, "L_MOST": credit.most, "L_CREDIT": credit.left, "L_SINCE": credit.since_ps,
            "L_OUT": y.NEVER}  # fmt: skip
