"""Links, cables, bonds and partitions that change: what either machinery does about it."""

from __future__ import annotations

from netsim.engine.border import Change, What
from netsim.engine.machinery import Machinery, both_take
from netsim.engine.wiring import used_lanes


@both_take(What.LINK, What.CABLE, What.PART)
def _rewired(plane: Machinery, change: Change) -> None:
    plane.wiring.take(change)
    plane.rewire()


@both_take(What.BACKGROUND)
def _loaded(plane: Machinery, change: Change) -> None:
    for station in plane.wiring.take_share(change):
        plane.set_rate(station)


@both_take(What.LANES)
def _lanes(plane: Machinery, change: Change) -> None:
    node = plane.world.model.nodes[change.subject]
    used = used_lanes(change.value, node.cables)
    for station in (node.tx_station, node.switch_station):
        plane.use_lanes(station, used)
