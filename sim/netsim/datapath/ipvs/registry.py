"""Every scheduler by name: the built-in ones, and those of installed packages.

A package adds one with an entry point of the group ``netsim.schedulers`` that names a module or an object with
``schedule(M, s, f)`` and, if it keeps a state, ``start(M, s)``, ``changed(M, s, d, what)`` and ``CELLS``:

    [project.entry-points."netsim.schedulers"]
    nearest = "my_package.nearest"

``M`` is a flat array of 64-bit integers, ``s``, ``d`` and ``f`` are offsets of a service, a destination and what is
known of the packet in it (`netsim.datapath.ipvs.layout`); the answer is a destination's offset or -1.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from netsim.datapath.ipvs import dispatch

GROUP = "netsim.schedulers"


class SchedulerError(RuntimeError):
    """An installed package's scheduler cannot be used; the text says which and why."""


@cache
def installed() -> dict[str, Any]:
    """Schedulers of installed packages by name. Raises `SchedulerError`."""
    found: dict[str, Any] = {}
    for point in entry_points(group=GROUP):
        if point.name in dispatch.NAMES:
            raise SchedulerError(
                f"the scheduler {point.name} of {point.value} has the name of a built-in one"
            )
        try:
            found[point.name] = point.load()
        except Exception as error:  # what somebody else's module raises is not for us to know
            raise SchedulerError(
                f"the scheduler {point.name} of {point.value} cannot be loaded: {error}"
            ) from error
        if not callable(getattr(found[point.name], "schedule", None)):
            raise SchedulerError(f"the scheduler {point.name} of {point.value} has no schedule(M, s, f)")
    return found


def names() -> Iterator[str]:
    """What a scenario may name."""
    yield from dispatch.NAMES
    yield from installed()
