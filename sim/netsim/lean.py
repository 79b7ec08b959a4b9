"""The passes of Numba that code of numbers, branches and loops needs, and no others.

Numba's compiler looks in every function for closures, ``with`` blocks, array expressions, literals to unroll and the like, and
counts the uses of all variables anew after each look; and it asks every template that it has, those of NumPy's ufuncs
too, what an operator gives for two numbers, each time. For hundreds of small functions without any of these that is a third of
the time of compiling. Code that would need a pass that is left out does not compile, so nothing changes silently.

This uses names inside Numba's compiler; where one of them is missing, Numba's own row of passes is used.
"""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from numba.core import typed_passes, types, untyped_passes
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import PassManager
from numba.core.types.functions import BaseFunction

#: Passes in their order, as of Numba 0.68.
NEEDED = (
    "TranslateByteCode", "FixupArgs", "IRProcessing", "ReconstructSSA", "NopythonTypeInference", "PreLowerStripPhis", "IRLegalization",
    "AnnotateTypes", "NativeLowering", "NoPythonBackend",
)  # fmt: skip

#: Operators whose result has a type that follows from the types of two numbers, or of a pointer and a number.
PLAIN = {
    operator.add, operator.sub, operator.mul, operator.floordiv, operator.truediv, operator.mod, operator.lshift,
    operator.rshift, operator.and_, operator.or_, operator.xor, operator.neg, operator.pos, operator.invert, operator.not_,
    operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge, operator.getitem, operator.setitem,
    operator.iadd, operator.isub, operator.imul, operator.ifloordiv, operator.itruediv, operator.imod, operator.ilshift,
    operator.irshift, operator.iand, operator.ior, operator.ixor,
}  # fmt: skip
NUMBERS = (types.Integer, types.Float, types.Boolean, types.CPointer)


class Lean(CompilerBase):
    """Numba's compiler with the passes of `NEEDED` alone."""

    def define_pipelines(self) -> list[Any]:
        """One row of passes."""
        found = [getattr(untyped_passes, name, getattr(typed_passes, name, None)) for name in NEEDED]
        if None in found:
            return [DefaultPassBuilder.define_nopython_pipeline(self.state)]
        passes: Any = PassManager("lean")
        for name, one in zip(NEEDED, found, strict=True):
            passes.add_pass(one, name)
        passes.finalize()
        return [passes]


#: As Numba finds the type of a call.
ASKED: Callable[..., Any] | None = getattr(BaseFunction, "get_call_type", None)

_known: dict[Any, Any] = {}


def get_call_type(function: Any, context: Any, args: Any, kws: Any) -> Any:
    """The same, asked once for each operator and row of types."""
    plain = tuple(types.unliteral(a) for a in args)
    if kws or function.typing_key not in PLAIN or not all(isinstance(a, NUMBERS) for a in plain):
        return ASKED(function, context, args, kws)  # type: ignore[misc]
    key = (context, function, plain)
    if key not in _known:
        signature = ASKED(function, context, plain, kws)  # type: ignore[misc]
        _known[key] = signature, function.get_impl_key(signature)
    signature, implementation = _known[key]
    function._impl_keys[signature.args] = (
        implementation  # as Numba notes it; equal functions are several objects
    )
    return signature


def remember() -> None:
    """Teach Numba to ask once."""
    if ASKED is not None and hasattr(BaseFunction, "get_impl_key"):
        BaseFunction.get_call_type = get_call_type  # type: ignore
