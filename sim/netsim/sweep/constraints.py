"""Constraints between varied values: ``services.web.replicas * 2 >= services.db.replicas``.

Numbers (with units, as in ``4 * 250us``), the varied paths, ``+ - * /``, comparisons, ``and or not`` and brackets;
quantities count in their base units. Nothing else is evaluated.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from netsim.sweep.quantity import size

_BINARY: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
_COMPARE: dict[type[ast.AST], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
_QUANTITY = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:[A-Za-z]+(?:/[a-z]+)?|/[a-z]+|%)")


class ConstraintError(ValueError):
    """A text that is no constraint; ``column`` counts from 1."""

    def __init__(self, expected: str, found: str, column: int) -> None:
        super().__init__(f"column {column}: expected {expected}, got {found}")
        self.expected = expected
        self.found = found
        self.column = column


class Constraint:
    """One constraint over these paths. Raises `ConstraintError`."""

    def __init__(self, text: str, paths: Iterable[str]) -> None:
        self.text = text
        self._paths: dict[str, str] = {}
        bare = text
        for i, path in enumerate(sorted(paths, key=len, reverse=True)):
            name = f"_{i}_"
            pattern = rf"(?<![\w.-]){re.escape(path)}(?![\w.-])"
            bare = re.sub(pattern, name.ljust(len(path), " "), bare)
            self._paths[name] = path
        bare = _QUANTITY.sub(lambda found: _plain(found, text), bare)
        try:
            self._tree = ast.parse(bare, mode="eval").body
        except SyntaxError as error:
            column = min(error.offset or len(text) + 1, len(text) + 1)  # 0: the text ends too early
            raise ConstraintError(
                "a comparison of numbers and varied paths", _word(text, column), column
            ) from None
        self._check(self._tree)
        if not isinstance(self._tree, (ast.Compare, ast.BoolOp, ast.UnaryOp)):
            raise ConstraintError("a comparison", text.strip() or "nothing", 1)

    def _check(self, node: ast.AST) -> None:
        fine = (
            isinstance(node, (ast.BoolOp, ast.And, ast.Or, ast.Not, ast.USub, ast.Load))
            or (isinstance(node, ast.Constant) and isinstance(node.value, (int, float)))
            or (isinstance(node, ast.Name) and node.id in self._paths)
            or (isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)))
            or isinstance(node, (ast.BinOp, ast.Compare, *_BINARY, *_COMPARE))
        )
        if not fine:
            column = getattr(node, "col_offset", 0) + 1
            raise ConstraintError(
                "numbers, varied paths, + - * / and comparisons", _word(self.text, column), column
            )
        for below in ast.iter_child_nodes(node):
            self._check(below)

    def holds(self, values: Mapping[str, str]) -> bool:
        """Whether a point satisfies it. Texts that are no quantities can be compared for being equal."""
        try:
            return bool(self._value(self._tree, values))
        except (TypeError, ZeroDivisionError):
            return False

    def _value(self, node: ast.AST, values: Mapping[str, str]) -> Any:
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            given = values[self._paths[node.id]]
            number = size(given)
            return given if number is None else number
        if isinstance(node, ast.UnaryOp):
            below = self._value(node.operand, values)
            return not below if isinstance(node.op, ast.Not) else -below
        if isinstance(node, ast.BinOp):
            return _BINARY[type(node.op)](self._value(node.left, values), self._value(node.right, values))
        if isinstance(node, ast.BoolOp):
            every = [self._value(below, values) for below in node.values]
            return all(every) if isinstance(node.op, ast.And) else any(every)
        assert isinstance(node, ast.Compare)
        left = self._value(node.left, values)
        for op, right in zip(node.ops, node.comparators, strict=True):
            other = self._value(right, values)
            if not _COMPARE[type(op)](left, other):
                return False
            left = other
        return True


def _plain(found: re.Match[str], text: str) -> str:
    number = size(found[0])
    if number is None:
        raise ConstraintError("a number with a known unit", found[0], text.find(found[0]) + 1)
    return f"({number!r})"


def _word(text: str, column: int) -> str:
    rest = text[column - 1 :].split()
    return rest[0] if rest else "the end"
