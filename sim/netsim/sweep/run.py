"""The sweep loop: points are looked up, the others run, and nothing that was run is run again."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from netsim.results.run import resolve_engine, stop_flag
from netsim.scenario.load import load
from netsim.scenario.problems import ScenarioError
from netsim.sweep import store
from netsim.sweep.executors import Job, dask, local, run_all
from netsim.sweep.spec import SweepSpec, read
from netsim.sweep.table import Point, Sweep
from netsim.sweep.work import OK

INVALID, NOT_RUN = "invalid", "not run"
#: Called with points done, points in all, and how many of those were known.
Progress = Callable[[int, int, int], None]


def sweep(
    spec: SweepSpec | str | os.PathLike[str],
    *,
    seed: int | None = None,
    replications: int | None = None,
    engine: str = "auto",
    jobs: int = 1,
    dask_address: str | None = None,
    overrides: Mapping[str, str] | None = None,
    cache: bool = True,
    on_progress: Progress | None = None,
) -> Sweep:
    """Run every point of a sweep file, or of a `SweepSpec`, and return the table.

    All points use the same ``seed``, so that they share their random numbers. ``jobs``: processes at the same time;
    ``dask_address``: a Dask scheduler instead. The table does not depend on either. ``cache``: points that were run
    before, by this code, are not run again. Ctrl-C ends with what is there; the next start goes on from it.
    Raises `ScenarioError` and `EngineError`.
    """
    if not isinstance(spec, SweepSpec):
        spec = read(spec)
    resolved = resolve_engine(engine)
    points, waiting = _points(spec, seed, replications, resolved, overrides or {}, cache)
    known = sum(point.cached for point in points)
    done = len(points) - len(waiting)

    def finished(number: int, row: dict[str, Any]) -> None:
        nonlocal done
        point, (_, _, key) = points[number], waiting[number]
        point.status, point.reason = row["status"], row["reason"]
        point.metrics, point.expectations, point.wall_s = row["metrics"], row["expectations"], row["wall_s"]
        if cache and point.status == OK:
            store.put(key, row)
        done += 1
        if on_progress is not None:
            on_progress(done, len(points), known)

    if on_progress is not None:
        on_progress(done, len(points), known)
    with stop_flag() as stop:
        todo: list[Job] = [(number, arguments) for number, (arguments, _, _) in waiting.items()]
        if dask_address is not None:
            run_all(todo, lambda: dask(dask_address), max(4, 4 * jobs), stop.is_set, finished)
        else:
            workers = max(1, min(jobs, len(todo)))
            run_all(todo, lambda: local(workers), workers + 1, stop.is_set, finished)
    return Sweep(
        str(Path(spec.scenario).name),
        list(spec.axes),
        spec.design,
        points,
        any(p.status == NOT_RUN for p in points),
    )


def _points(
    spec: SweepSpec,
    seed: int | None,
    replications: int | None,
    engine: str,
    overrides: Mapping[str, str],
    cache: bool,
) -> tuple[list[Point], dict[int, tuple[tuple[Any, ...], str, str]]]:
    """All points, and by number what of them has to be run: arguments of `run_point`, the engine, the key."""
    points: list[Point] = []
    waiting: dict[int, tuple[tuple[Any, ...], str, str]] = {}
    for number, values in enumerate(spec.points()):
        point = Point(number, values, NOT_RUN, "", {}, {})
        points.append(point)
        try:
            scenario = load(spec.scenario, {**overrides, **values})
        except ScenarioError as error:
            first = error.problems[0]
            point.status, point.reason = (
                INVALID,
                f"{first.path}: expected {first.expected}, got {first.found}",
            )
            continue
        used = scenario.seed if seed is None else seed
        count = replications or spec.replications or scenario.replications
        key = store.key(scenario, used, count, engine)
        row = store.get(key) if cache else None
        if row is None:
            waiting[number] = ((scenario, used, count, engine), engine, key)
        else:
            point.status, point.reason, point.cached = row["status"], row["reason"], True
            point.metrics, point.expectations, point.wall_s = (
                row["metrics"],
                row["expectations"],
                row["wall_s"],
            )
    return points, waiting
