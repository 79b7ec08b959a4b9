"""How numeric parts are compiled, and where compiled code is kept.

Numba notices changes of a function's own file only. Compiled code is therefore kept in a folder that is named by
a hash of all sources of the rooms with compiled code, of Numba, of Python and of the processor: stale code never runs.
"""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
from llvmlite import binding, ir
from numba import njit, types
from numba.core import event
from numba.core.dispatcher import Dispatcher
from numba.extending import intrinsic

from netsim.kept import kept
from netsim.lean import Lean
from netsim.linking import loaded_alone, part

#: Where compiled functions, and the names and numbers that they are compiled with, live.
ROOMS = ("datapath", "workload", "engine")


def digest() -> str:
    """What compiled code depends on, in sixteen letters."""
    found = hashlib.blake2b(digest_size=8)
    found.update(f"{numba.__version__} {sys.version} {binding.get_host_cpu_name()}".encode())
    here = Path(__file__).parent
    paths = [path for room in ROOMS for path in (here / room).rglob("*.py")]
    for path in [Path(__file__), here / "lean.py", here / "linking.py", *sorted(paths)]:
        found.update(path.relative_to(here).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


#: Where compiled code is kept; None where nothing can be written.
FOLDER = kept(digest())

#: Told once by commands when compiled code cannot be kept.
UNKEPT = (
    "compiled code cannot be kept (no folder can be written): every start compiles anew, about 20 s; "
    "set NETSIM_CACHE_DIR to a folder that can be written"
)


def entry(function: Callable[..., Any], **options: Any) -> Any:
    """Compile what Python calls; the compiled code is kept on disk where that is possible."""
    config: Any = numba.config
    before = config.CACHE_DIR
    config.CACHE_DIR = FOLDER or before
    options |= {"cache": FOLDER is not None, "error_model": "numpy", "pipeline_class": Lean}
    try:
        return part(loaded_alone(_once(njit(**options)(function))), False)
    finally:
        config.CACHE_DIR = before


class Unit:
    """Compiled code of one feature, which other compiled code calls by its address (`call_at`) and so without knowing it: it is
    compiled, or loaded from disk, only where a run has the feature.

    ``function(memory, a, b, c)`` takes a pointer to integers and three numbers, and answers with a number.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.code = entry(function, no_cpython_wrapper=True)

    @cached_property
    def address(self) -> int:
        """Where its machine code is; made now if that was not done before."""
        number = types.int64
        self.code.compile(number(types.CPointer(number), number, number, number))
        [made] = self.code.overloads.values()
        return int(made.library.get_pointer_to_function(made.fndesc.llvm_cfunc_wrapper_name))


def inner(function: Callable[..., Any]) -> Any:
    """Compile a part of an entry's code: without wrappers for Python or C, and finished in the entry."""
    options: dict[str, Any] = {
        "no_cpython_wrapper": True,
        "no_cfunc_wrapper": True,
        "error_model": "numpy",
        "pipeline_class": Lean,
    }
    return part(_once(njit(**options)(function)), True)


def within(function: Callable[..., Any]) -> Any:
    """Compile into each of its callers: many arguments that are only stored cost more to pass than to store."""
    options: dict[str, Any] = {
        "no_cpython_wrapper": True,
        "no_cfunc_wrapper": True,
        "error_model": "numpy",
        "pipeline_class": Lean,
    }
    return part(_once(njit(forceinline=True, **options)(function)), True)


def _once(dispatcher: Any) -> Any:
    """Compile for the types of arguments, not once more for every constant that is passed: a third of the time."""
    compiled_for = dispatcher.get_call_template

    def for_types(args: Any, kws: Any) -> Any:
        return compiled_for(
            tuple(types.unliteral(a) for a in args), {k: types.unliteral(v) for k, v in kws.items()}
        )

    dispatcher.get_call_template = for_types
    return dispatcher


def called_by(entries: Iterable[Any]) -> set[Any]:
    """These compiled functions and all that they call, whether compiled already or not."""
    found: set[Any] = set()
    waiting = list(entries)
    while waiting:
        function = waiting.pop()
        if function in found:
            continue
        found.add(function)
        names, known = function.py_func.__code__.co_names, function.py_func.__globals__
        for name in names:
            value = known.get(name)
            parts = [getattr(value, n, None) for n in names] if isinstance(value, ModuleType) else [value]
            waiting += [part for part in parts if isinstance(part, Dispatcher)]
    return found


class _Listener(event.Listener):
    """Hears of every function that is compiled; what is loaded from disk makes no sound."""

    def __init__(self, entries: Iterable[Any], told: Callable[[int, int], None]) -> None:
        self.known, self.done, self.told = called_by(entries), set[Any](), told

    def on_start(self, event: Any) -> None:
        self._heard(event.data["dispatcher"], False)

    def on_end(self, event: Any) -> None:
        self._heard(event.data["dispatcher"], True)

    def _heard(self, function: Any, ended: bool) -> None:
        if function.py_func.__module__.startswith("netsim."):  # not Numba's own helpers
            self.known.add(function)
            if ended:
                self.done.add(function)
            self.told(len(self.done), len(self.known))


@contextmanager
def telling(entries: Iterable[Any], told: Callable[[int, int], None]) -> Iterator[None]:
    """While the block compiles, ``told(done, known)``: functions compiled, of those that ``entries`` call."""
    with event.install_listener("numba:compile", _Listener(entries, told)):
        yield


def _pointer(typing: Any, array: Any) -> Any:
    """The address of an array's data, to be indexed with what is never negative: one argument instead of seven in
    every call, and no look at the sign of every index. The array must stay alive as long as its pointer is used."""
    signature = types.CPointer(array.dtype)(array)

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.make_array(sig.args[0])(context, builder, args[0]).data

    return signature, code


pointer: Any = intrinsic(_pointer)


def _at_address(kind: Any) -> Any:
    """The numbers at an address, as `pointer` gives those of an array: of memory that another one names."""

    def typed(typing: Any, number: Any) -> Any:
        def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(sig.return_type))

        return types.CPointer(kind)(types.int64), code

    return intrinsic(typed)


at_address: Any = _at_address(types.int64)
counts_at: Any = _at_address(types.int32)


def _call_at(typing: Any, address: Any, memory: Any, a: Any, b: Any, c: Any) -> Any:
    """The answer of what stands at an address: a function of memory and three numbers."""
    signature = types.int64(types.int64, types.CPointer(types.int64), types.int64, types.int64, types.int64)

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        number = context.get_value_type(types.int64)
        kind = ir.FunctionType(number, [arg.type for arg in args[1:]])
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])

    return signature, code


call_at: Any = intrinsic(_call_at)


def _lowest_bit(typing: Any, number: Any) -> Any:
    """The place of the lowest bit that is set in a number that is not 0: one instruction."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.cttz(args[0], context.get_constant(types.boolean, True))

    return types.int64(types.int64), code


lowest_bit: Any = intrinsic(_lowest_bit)
