"""The sweep file: ``sweep: {scenario: FILE, vary: {PATH: VALUES}, design: grid|lhs|sobol, points: N}``."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netsim.scenario.problems import PathTuple, Problem, ScenarioError, show, show_path, suggest
from netsim.scenario.yaml_marks import Node, decode, parse, read_text
from netsim.sweep.axes import DESIGNS, MAX_POINTS, Axis, AxisError, Listed, axis, points
from netsim.sweep.constraints import Constraint, ConstraintError

KEYS = ("scenario", "vary", "design", "points", "seed", "where", "replications")


@dataclass(slots=True)
class SweepSpec:
    """What to run. ``scenario``: path of the scenario's file; ``seed``: of the design, not of the runs;
    ``chosen``: these points instead of the design's."""

    scenario: Path
    axes: dict[str, Axis]
    design: str = "grid"
    count: int = 0
    seed: int = 1
    where: list[Constraint] = field(default_factory=list)
    replications: int | None = None
    file: str = "<sweep>"
    chosen: list[dict[str, str]] | None = None

    def points(self) -> list[dict[str, str]]:
        """The points that satisfy all constraints, in the order of the design."""
        if self.chosen is not None:
            return self.chosen
        every = points(self.axes, self.design, self.count, self.seed)
        return [point for point in every if all(one.holds(point) for one in self.where)]


class _Reader:
    """Collects problems with their places while it reads."""

    def __init__(self, tree: Node, file: str, problems: list[Problem]) -> None:
        self.tree, self.file, self.problems = tree, file, problems

    def problem(self, path: PathTuple, code: str, expected: str, found: str, help: str | None = None,
                of_key: bool = False, column: int = 0) -> None:  # fmt: skip
        file, line, col = self.tree.place(path, of_key=of_key)
        self.problems.append(Problem(file, line, col + column, code, show_path(path), expected, found, help))

    def whole(self, path: PathTuple, value: object, low: int, high: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.problem(path, "OUT_OF_RANGE", f"a whole number from {low} to {high}", show(value))
            return low
        return value

    def axes(self, found: object) -> dict[str, Axis]:
        if not isinstance(found, dict) or not found:
            expected = "paths of the scenario with their values, like services.web.replicas: [10, 20]"
            self.problem(("sweep", "vary"), "WRONG_TYPE", expected, show(found))
            return {}
        axes: dict[str, Axis] = {}
        for path, value in found.items():
            try:
                axes[path] = axis(value)
            except AxisError as error:
                self.problem(("sweep", "vary", path), "BAD_VALUE", error.expected, error.found, error.help)
        return axes

    def where(self, found: object, paths: list[str]) -> list[Constraint]:
        texts = [found] if isinstance(found, str) else found
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            self.problem(("sweep", "where"), "WRONG_TYPE", "constraints, a list of texts", show(found))
            return []
        made = []
        for i, text in enumerate(texts):
            path: PathTuple = ("sweep", "where") if isinstance(found, str) else ("sweep", "where", i)
            try:
                made.append(Constraint(text, paths))
            except ConstraintError as error:
                self.problem(path, "BAD_VALUE", error.expected, error.found, column=error.column - 1)
        return made


def read(path: str | os.PathLike[str]) -> SweepSpec:
    """A sweep file. Raises `ScenarioError` with all problems, those of the scenario that it names too."""
    file = os.fspath(path)
    problems: list[Problem] = []
    text = decode(read_text(file).encode("utf-8", "surrogatepass"), file)
    tree = parse(text, file, problems)
    reader = _Reader(tree, file, problems)
    spec = _spec(reader, tree.plain(), Path(file).parent)
    if problems:
        raise ScenarioError(sorted(dict.fromkeys(problems), key=lambda p: (p.file != file, p.line, p.col)))
    assert spec is not None
    spec.file = file
    return spec


def _spec(reader: _Reader, plain: object, folder: Path) -> SweepSpec | None:
    if not isinstance(plain, dict) or not isinstance(plain.get("sweep"), dict):
        found = plain.get("sweep") if isinstance(plain, dict) else plain
        what = "sweep: {scenario: FILE, vary: {...}}"
        reader.problem(("sweep",), "MISSING", what, show(found))
        return None
    for key in plain:
        if key != "sweep":
            reader.problem((key,), "UNKNOWN_KEY", "only the key sweep", show(key), of_key=True)
    words: dict[str, Any] = plain["sweep"]
    for key in words:
        if key not in KEYS:
            help = suggest(key, KEYS, "keys")
            reader.problem(("sweep", key), "UNKNOWN_KEY", "a known key", show(key), help, of_key=True)
    scenario = _scenario(reader, words.get("scenario"), folder)
    axes = reader.axes(words.get("vary"))
    design = words.get("design", "grid")
    if design not in DESIGNS:
        reader.problem(("sweep", "design"), "BAD_VALUE", "grid, lhs or sobol", show(design))
        design = "grid"
    count = _count(reader, words, str(design), axes)
    seed = reader.whole(("sweep", "seed"), words.get("seed", 1), 0, 2**31 - 1)
    where = reader.where(words.get("where", []), list(axes))
    again = words.get("replications")
    if again is not None:
        again = reader.whole(("sweep", "replications"), again, 1, 10_000)
    if scenario is not None:
        reader.problems += _unknown_paths(reader, scenario, axes)
    return SweepSpec(scenario or folder, axes, str(design), count, seed, where, again)


def _scenario(reader: _Reader, found: object, folder: Path) -> Path | None:
    if not isinstance(found, str):
        reader.problem(("sweep", "scenario"), "MISSING", "the file of a scenario", show(found))
        return None
    return folder / found


def _count(reader: _Reader, words: dict[str, Any], design: str, axes: dict[str, Axis]) -> int:
    if design == "grid":
        if "points" in words:
            reader.problem(("sweep", "points"), "BAD_VALUE", "points only with lhs or sobol", show(words["points"]),
                           "a grid has all combinations of its values", of_key=True)  # fmt: skip
        total = 1
        for one in axes.values():
            total *= len(one.grid())
        if total > MAX_POINTS:
            reader.problem(("sweep", "vary"), "TOO_LARGE", f"at most {MAX_POINTS} points", str(total),
                           "use design: lhs with points: N")  # fmt: skip
        return total
    if "points" not in words:
        reader.problem(("sweep",), "MISSING", f"the key points with {design}", "nothing")
        return 1
    return reader.whole(("sweep", "points"), words["points"], 1, MAX_POINTS)


def _unknown_paths(reader: _Reader, scenario: Path, axes: dict[str, Axis]) -> list[Problem]:
    """Problems of the scenario itself, and of paths that are in none of its words."""
    from netsim.scenario.load import load

    try:
        load(scenario)
    except ScenarioError as error:
        return list(error.problems)
    found = []
    for path, one in axes.items():
        value = one.values[0] if isinstance(one, Listed) else one.at(0)
        codes = _codes(lambda path=path, value=value: load(scenario, {path: value}))  # type: ignore[misc]
        for code, expected, got in codes:
            if code in ("UNKNOWN_KEY", "BAD_PATH", "WRONG_TYPE"):
                file, line, col = reader.tree.place(("sweep", "vary", path), of_key=True)
                found.append(
                    Problem(file, line, col, code, show_path(("sweep", "vary", path)), expected, got)
                )
    return found


def _codes(read_it: Callable[[], object]) -> list[tuple[str, str, str]]:
    try:
        read_it()
    except ScenarioError as error:
        return [(p.code, p.expected, p.found) for p in error.problems]
    return []
