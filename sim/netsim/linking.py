"""Parts of compiled code are optimized, linked and made into machine code once: in each function that Python calls.

Numba does all three for every compiled function by itself, with everything that it calls inside it, so that the work grows
with the depth of calls: more than half the time of compiling the engine, for code that nobody runs. Here a part
keeps its own code as it was written until an entry is finished, which links all parts that it reaches, callers before
those they call (LLVM drops a shared function that is not yet asked for when it is linked).

This uses names inside Numba's code generator; where one of them is missing, parts are compiled as Numba does it.
"""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import gc
from typing import Any

from numba.core.codegen import JITCodeLibrary, JITCPUCodegen
from numba.core.registry import cpu_target
from numba.core.runtime.nrt import rtsys

from netsim.lean import remember

#: What a library must have for this, as in Numba 0.68.
NEEDED = ("_linking_libraries", "_finalized", "_raise_if_finalized", "finalize")


class _State:
    within_part = False
    ready: bool | None = None


def part(dispatcher: Any, is_part: bool) -> Any:
    """A dispatcher whose code is finished by those that call it, or, if it is no part, with all that it calls."""
    compiled = dispatcher.compile

    def compile(signature: Any) -> Any:
        if _State.ready is None:
            _State.ready = _prepare()
            remember()
        before, _State.within_part = _State.within_part, is_part and _State.ready
        collects = gc.isenabled()
        gc.disable()  # Numba makes millions of objects and drops hardly any: looking for some is a tenth of the time
        try:
            return compiled(signature)
        finally:
            _State.within_part = before
            if collects:
                gc.enable()

    dispatcher.compile = compile
    return dispatcher


def loaded_alone(dispatcher: Any) -> Any:
    """A dispatcher that reads its code from disk without all that Numba must know to compile: importing that takes a
    tenth of a second, and what is compiled already needs only Numba's runtime. What is not on disk is compiled as ever."""
    cache = dispatcher._cache
    load, guard = (
        getattr(cache, "_load_overload", None),
        getattr(cache, "_guard_against_spurious_io_errors", None),
    )
    if load is None or guard is None:
        return dispatcher

    def load_overload(signature: Any, context: Any) -> Any:
        rtsys.initialize(context)
        with guard():
            return load(signature, context)
        return None  # where an error was swallowed

    cache.load_overload = load_overload
    return dispatcher


def _prepare() -> bool:
    """Teach Numba's libraries to wait; whether they can."""
    probe = cpu_target.target_context.codegen().create_library("probe")
    if not all(hasattr(probe, name) for name in NEEDED) or not hasattr(JITCPUCodegen, "set_env"):
        return False
    finalize, set_env = JITCodeLibrary.finalize, JITCPUCodegen.set_env

    def finalize_later(library: Any) -> None:
        if _State.within_part:
            library._raise_if_finalized()
            library._finalized = True
        else:
            library._linking_libraries[:] = callers_first(library)
            finalize(library)

    def set_env_later(codegen: Any, name: str, env: Any) -> None:
        if (
            not _State.within_part
        ):  # a part has no address yet; what its environment is for, objects, parts don't use
            set_env(codegen, name, env)

    JITCodeLibrary.finalize, JITCPUCodegen.set_env = finalize_later, set_env_later  # type: ignore[method-assign]
    return True


def callers_first(library: Any) -> list[Any]:
    """All libraries that one reaches, each before those that it calls."""
    seen: set[Any] = set()
    finished: list[Any] = []

    def visit(one: Any) -> None:
        for other in one._linking_libraries:
            if other not in seen:
                seen.add(other)
                visit(other)
                finished.append(other)

    visit(library)
    return finished[::-1]
