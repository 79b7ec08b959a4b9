"""``netsim.compare``: results, scenarios, or one of each, brought to two results and compared."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from netsim.results.compare import Comparison, compare_results
from netsim.results.files import load_result
from netsim.results.result import Result
from netsim.results.run import Progress, run
from netsim.scenario.load import load
from netsim.scenario.schema import Scenario

if TYPE_CHECKING:
    Side = Result | Scenario | str | os.PathLike[str]


def compare(
    a: Side,
    b: Side,
    seed: int | None = None,
    replications: int | None = None,
    engine: str | None = None,
    jobs: int = 1,
    overrides: Mapping[str, str] | None = None,
    on_progress: Progress | None = None,
    on_compile: Callable[[int, int], None] | None = None,
) -> Comparison:
    """How ``b`` differs from ``a``: each a result, a scenario, or the file or folder that holds one.

    Scenarios are run with common random numbers: a scenario beside a stored result with that result's seed,
    replications and engine, two scenarios with those of ``a``. ``seed``, ``replications`` and ``engine`` replace
    them; ``overrides`` (path -> YAML value) change the scenario ``b``. Raises `ScenarioError`, `EngineError`,
    `ResultError`.
    """
    names = (_name(a), _name(b) + "".join(f" {path}={value}" for path, value in (overrides or {}).items()))
    first, second = _read(a, None), _read(b, overrides)
    count = sum(isinstance(side, Scenario) for side in (first, second))
    begun = 0

    def progress() -> Progress | None:
        return None if on_progress is None else lambda done: on_progress((begun + done) / count)

    if isinstance(first, Scenario):
        like = _manifest(second)
        first = run(
            first,
            seed if seed is not None else like[0],
            replications if replications is not None else like[1],
            engine or like[2],
            progress(),
            on_compile,
            jobs,
        )
        begun += 1
    if isinstance(second, Scenario):
        like = _manifest(first)
        second = run(
            second,
            seed if seed is not None else like[0],
            replications if replications is not None else like[1],
            engine or like[2],
            progress(),
            on_compile,
            jobs,
        )
    return compare_results(first, second, names if names[0] != names[1] else None)


def _manifest(side: Result | Scenario) -> tuple[int | None, int | None, str]:
    """Seed, replications and engine of a result; a scenario brings its own."""
    if isinstance(side, Scenario):
        return None, None, "fast"
    manifest = side.data["manifest"]
    return manifest["seed"], manifest["replications"], manifest["engine"]


def _name(side: Side) -> str:
    return os.fspath(side) if isinstance(side, (str, os.PathLike)) else side.name


def _read(side: Side, overrides: Mapping[str, str] | None) -> Result | Scenario:
    if isinstance(side, (Result, Scenario)):
        return side
    path = Path(side)
    return load_result(path) if path.is_dir() or path.suffix == ".json" else load(path, overrides)
