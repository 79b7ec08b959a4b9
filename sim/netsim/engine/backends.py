"""Back ends enter the nodes' lists, of IPVS and of DNS, change weight and leave them, each node at its own time; ports in mode host
enter the list of the entry and leave it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsim.engine.border import Change, What
from netsim.engine.machinery import FAST_HANDLERS, REFERENCE_HANDLERS

if TYPE_CHECKING:
    from netsim.engine.fast.simulate import FastPlane
    from netsim.engine.reference import Reference

ROWS = (What.BACKEND_ADD, What.BACKEND_WEIGHT, What.BACKEND_REMOVE, What.PORT_ADD, What.PORT_REMOVE)


@REFERENCE_HANDLERS.takes(*ROWS)
def _reference(plane: Reference, change: Change) -> None:
    plane.world.state.change(change)


@FAST_HANDLERS.takes(*ROWS)
def _fast(plane: FastPlane, change: Change) -> None:
    plane.world.state.change(change)
    plane.fast.point()
