"""Compiling the fast engine before it is needed, and telling how far that is when it takes long."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netsim.scenario.schema import Scenario

NOTICE_AFTER_S = 1.5

#: Told how many functions are compiled, of how many.
OnCompile = Callable[[int, int], None]

SMALLEST = """
netsim: 1
duration: 10ms
warmup: 0s
nodes: {m: {role: manager, cores: 1}}
networks: {n: {driver: overlay}}
services: {s: {networks: [n], ports: [{published: 80, target: 80}], work: {cpu: 1us}}}
load: {w: {from: outside, to: "s:80", users: 1, think: 1ms}}
"""


def warm_up(
    told: OnCompile | None = None, scenario: Scenario | None = None, everything: bool = False
) -> float:
    """Load or compile the engine; seconds taken.

    ``told(done, known)`` is called now and then if compiling takes more than 1.5 s: functions compiled, of those that
    are needed: by all scenarios, and by ``scenario``, or by any (``everything``).
    """
    began = time.perf_counter()
    from netsim.compiled import telling
    from netsim.datapath.flows import table
    from netsim.engine.fast import entries, loop, units
    from netsim.engine.fast.simulate import simulate
    from netsim.engine.tally import tally
    from netsim.model.build import build_model
    from netsim.scenario.load import loads

    last = 0

    def tell(done: int, known: int) -> None:
        nonlocal last
        if told is not None and time.perf_counter() - began > NOTICE_AFTER_S:
            last = known
            told(done, known)

    all_entries = [*_entries(entries), *_entries(table)]
    needed = [entries.begin_user, entries.close_books, table._start, table._add_all]
    asked = units.ALL if everything else units.needed(scenario) if scenario is not None else ()
    called = [loop.advance, tally, *(unit.code for unit in asked), *(all_entries if everything else needed)]
    with telling(called, tell):
        smallest = loads(SMALLEST)
        simulate(smallest, build_model(smallest), 1, 0)
        for unit in asked:
            _ = unit.address
        if everything:
            for function in all_entries:
                function.compile(_types(function))
    if told is not None and last:
        told(last, last)  # what was on disk already made no sound
    return time.perf_counter() - began


def _entries(module: Any) -> list[Any]:
    """What Python calls of a module's compiled functions."""
    own = [value for value in vars(module).values() if getattr(value, "__module__", "") == module.__name__]
    options = [getattr(value, "targetoptions", None) for value in own]
    return [v for v, o in zip(own, options, strict=True) if o is not None and "no_cpython_wrapper" not in o]


def _types(function: Any) -> tuple[Any, ...]:
    """Of an entry's arguments: the memory and what is found are integers, the numbers are floats, all else rows."""
    from numba import types

    arrays = {
        "memory": types.int64[::1],
        "found": types.int64[::1],
        "table": types.int64[::1],
        "weights": types.int64[::1],
        "numbers": types.float64[::1],
    }
    return tuple(arrays.get(name, types.int64) for name in inspect.signature(function.py_func).parameters)
