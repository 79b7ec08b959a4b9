"""Fewer passes and remembered types: the same code as Numba makes by itself, and nothing that is compiled wrongly."""

from __future__ import annotations

import operator
from itertools import product

import numpy as np
import pytest
from numba import njit, types
from numba.core.errors import NumbaError
from numba.core.registry import cpu_target

from netsim import lean
from netsim.compiled import entry, inner, pointer

NUMBERS = (types.int64, types.uint64, types.int32, types.float64, types.boolean, types.IntegerLiteral(3))


@inner
def collatz(M, n):  # type: ignore[no-untyped-def]
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        M[steps & 7] += n if n > 4 else -n
        steps += 1
    return steps


@entry
def passes_of(memory, first, last):  # type: ignore[no-untyped-def]
    M, most = pointer(memory), 0
    for n in range(first, last):
        most = max(most, collatz(M, n))
    a, b = most, np.uint64(most) >> np.uint64(1)
    return a + np.int64(b), M[3] / 2


def test_numbers_branches_and_loops_give_what_python_gives() -> None:
    memory, again = np.zeros(8, np.int64), [0] * 8
    found = passes_of(memory, 1, 30)
    most = max(collatz.py_func(again, n) for n in range(1, 30))
    assert found == (most + most // 2, again[3] / 2) and memory.tolist() == again


def test_what_needs_more_passes_does_not_compile() -> None:
    @entry
    def closure(n):  # type: ignore[no-untyped-def]
        def twice(k):  # type: ignore[no-untyped-def]
            return 2 * k

        return twice(n)

    with pytest.raises((NumbaError, NotImplementedError)):
        closure(3)


def test_remembered_types_are_those_that_numba_finds() -> None:
    njit(lambda n: n + 1)(1)  # Numba reads its templates
    context = cpu_target.typing_context
    alone = (operator.neg, operator.pos, operator.invert, operator.not_)
    compared = 0
    for one in sorted(lean.PLAIN - {operator.setitem}, key=lambda operation: operation.__name__):
        function = context.resolve_value_type(one)
        for a, b in product(NUMBERS, NUMBERS):
            args = (a,) if one in alone else (a, b)
            if one is operator.getitem:
                args = (types.CPointer(types.unliteral(a)), b)
            try:
                wanted = lean.ASKED(function, context, args, {})  # type: ignore[misc]
            except NumbaError:
                with pytest.raises(NumbaError):
                    lean.get_call_type(function, context, args, {})
                continue
            for _ in range(2):
                found = lean.get_call_type(function, context, args, {})
                assert found.return_type == wanted.return_type
                assert found.args == tuple(types.unliteral(a) for a in wanted.args)
                assert function.get_impl_key(found) is not None
                compared += 1
    assert compared > 1000
