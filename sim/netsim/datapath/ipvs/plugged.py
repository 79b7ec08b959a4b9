"""Schedulers of installed packages: their functions as addresses that compiled code calls.

What Numba can compile is called as machine code. Anything else is called as the Python code that it is, from the same
place, with the same numbers: slower, and nothing else.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from netsim.datapath.ipvs import dispatch
from netsim.datapath.ipvs.registry import installed

_CALL = ctypes.CFUNCTYPE(
    ctypes.c_int64, ctypes.POINTER(ctypes.c_int64), ctypes.c_int64, ctypes.c_int64, ctypes.c_int64
)
#: A function of a scheduler, and how many of three numbers it takes.
_PARTS = (("schedule", 2), ("start", 1), ("changed", 3))


@dataclass(frozen=True, slots=True)
class Plugged:
    """Addresses of ``schedule``, ``start`` and ``changed`` (0: it has none), cells of its own table (count), and why it is
    not compiled (empty: it is). ``kept`` keeps the code alive."""

    addresses: tuple[int, ...]
    cells: int
    why: str
    kept: tuple[Any, ...]


#: What their Python code raised, by scheduler: a callback has nobody to raise it to.
RAISED: dict[str, BaseException] = {}


@cache
def plugged(name: str) -> Plugged:
    """An installed package's scheduler, ready to be called. Raises ``KeyError`` for one that is not installed."""
    module = installed()[name]
    functions = [(getattr(module, part, None), count) for part, count in _PARTS]
    why, made = "", []
    for function, count in functions:
        call, reason = (
            (None, "") if function is None else _callable(name, getattr(function, "py_func", function), count)
        )
        why = why or reason
        made.append(call)
    addresses = tuple(0 if call is None else _address(call) for call in made)
    return Plugged(addresses, int(getattr(module, "CELLS", 0)), why, tuple(made))


def placed(scheduler: str, most: int) -> tuple[int, int, tuple[int, ...]]:
    """A scheduler's number, cells of its own table for at most so many destinations, and the addresses of its functions."""
    if scheduler in dispatch.NAMES:
        number = dispatch.NAMES.index(scheduler)
        return number, dispatch.cells(number, most), dispatch.addresses(number)
    own = plugged(scheduler)
    return dispatch.PLUGGED, own.cells, own.addresses


def _address(call: Any) -> int:
    found = getattr(call, "address", None)
    return int(ctypes.cast(call, ctypes.c_void_p).value or 0) if found is None else int(found)


def _callable(name: str, function: Callable[..., Any], count: int) -> tuple[Any, str]:
    """A function as something that has an address; why it is not compiled."""
    from numba import cfunc, njit, types

    signature = types.int64(types.CPointer(types.int64), types.int64, types.int64, types.int64)
    try:
        inside = njit(error_model="numpy")(function)
        return cfunc(signature)(_taking(inside, count)), ""
    except Exception as error:  # whatever Numba has against it
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return _CALL(_guarded(name, _taking(function, count))), lines[-1] if lines else type(error).__name__


def _taking(function: Any, count: int) -> Callable[..., Any]:
    if count == 1:

        def one(M, a, b, c):
            function(M, a)
            return 0

        return one
    if count == 2:

        def two(M, a, b, c):
            return function(M, a, b)

        return two

    def three(M, a, b, c):
        function(M, a, b, c)
        return 0

    return three


def _guarded(name: str, function: Callable[..., Any]) -> Callable[..., int]:
    def call(M: Any, a: int, b: int, c: int) -> int:
        try:
            return int(function(M, a, b, c))
        except Exception as error:  # told after the run
            RAISED.setdefault(name, error)
            return -1

    return call


def plugged_warnings(names: set[str]) -> list[str]:
    """What is to be told of the schedulers that a run used: those that are not compiled, and what their code raised."""
    found = []
    for name in sorted(names - set(dispatch.NAMES)):
        why = plugged(name).why
        if why:
            found.append(
                f"the scheduler {name} is not compiled and runs as Python code, which takes longer: {why}"
            )
        error = RAISED.pop(name, None)
        if error is not None:
            found.append(
                f"the scheduler {name} failed, and nobody was chosen then: {type(error).__name__}: {error}"
            )
    return found
