"""What can be wrong with a scenario, and how it is told: one line with the place, one line of help."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MAX_FOUND = 60
MAX_LISTED = 12

#: The way to a value: keys of mappings and indices of lists, from the top of the file.
PathTuple = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. ``line`` and ``col`` count from 1; 0 where there is no place in a file."""

    file: str
    line: int
    col: int
    code: str
    path: str
    expected: str
    found: str
    help: str | None = None

    def text(self) -> str:
        """``file:line:col: CODE path: expected ..., got ...`` and, if there is one, a line of help."""
        place = f"{self.file}:{self.line}:{self.col}: " if self.line else f"{self.file}: "
        path = f" {self.path}" if self.path else ""
        first = f"{place}{self.code}{path}: expected {self.expected}, got {self.found}"
        return f"{first}\n  help: {self.help}" if self.help else first


class ScenarioError(ValueError):
    """The scenario cannot be used. ``problems`` holds all of them, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(problem.text() for problem in self.problems)


def show(value: object) -> str:
    """A value as the user would write it, short and on one line."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, float):
        return {"nan": ".nan", "inf": ".inf", "-inf": "-.inf"}.get(str(value), str(value))
    text = str(value)
    if text == "":
        return "an empty text"
    short = text if len(text) <= MAX_FOUND else text[: MAX_FOUND - 3] + "..."
    if isinstance(value, str) and not short.isprintable():
        short = short.encode("unicode_escape").decode("ascii")
    return f'"{short}"' if isinstance(value, str) and short != short.strip() else short


def show_path(path: Iterable[str | int]) -> str:
    """``services.web.ports[0].target``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + show(part)
    return text


def nearest(word: object, names: Iterable[str]) -> str | None:
    """The valid name most like ``word``, if any is like it."""
    valid = list(names)
    if not isinstance(word, str) or len(word) > 200:
        return None
    close = difflib.get_close_matches(word, valid, n=1, cutoff=0.6)
    if close:
        return close[0]
    folded = {name.lower().replace("-", "_"): name for name in valid}
    close = difflib.get_close_matches(word.lower().replace("-", "_"), list(folded), n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def suggest(word: object, names: Iterable[str], what: str = "names") -> str | None:
    """The line of help for a wrong name: the nearest one, or all of them when they are few."""
    valid = list(names)
    close = nearest(word, valid)
    if close is not None:
        return f"did you mean {close}?"
    if valid and len(valid) <= MAX_LISTED:
        return f"valid {what}: {', '.join(valid)}"
    return None
