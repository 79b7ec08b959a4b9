"""The run loop: replications one after the other, until they are done or the user stops them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from netsim.results.errors import EngineError, Interrupted

if TYPE_CHECKING:
    from netsim.engine.record import RunRecord
    from netsim.model.entities import Model
    from netsim.results.result import Result
    from netsim.scenario.schema import Scenario

#: Called with the share of the whole run that is done (0 to 1).
Progress = Callable[[float], None]
ENGINES = ("fast", "reference", "auto")
PLANNED = ("flow",)
MAX_REPLICATIONS = 10_000


class Simulator(Protocol):
    """One replication. ``on_progress`` gets the scenario's clock (ps); ``stop`` ends it early."""

    def __call__(
        self,
        scenario: Scenario,
        model: Model,
        seed: int,
        replication: int,
        on_progress: Callable[[int], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> RunRecord: ...


def resolve_engine(name: str) -> str:
    """The engine that runs for ``name``. Raises `EngineError`."""
    if name in ENGINES:
        return "fast" if name == "auto" else name
    if name in PLANNED:
        raise EngineError(f"UNSUPPORTED: the engine {name} does not exist yet; use fast, reference or auto")
    raise EngineError(f"expected an engine: fast, reference or auto, got {name}")


def simulator(engine: str) -> Simulator:
    """What simulates one replication with a resolved engine."""
    if engine == "fast":
        from netsim.engine.fast.simulate import simulate as compiled

        return compiled
    from netsim.engine.reference import simulate

    return simulate


def fitting_engine(engine: str, scenario: Scenario) -> tuple[str, str | None]:
    """The engine that can run a scenario, and why it is another one than asked for."""
    if engine == "fast":
        from netsim.engine.fast.simulate import unsupported

        what = unsupported(scenario)
        if what is not None:
            return (
                "reference",
                f"The fast engine cannot run {what} yet: this is the reference engine's result.",
            )
    return engine, None


def run(
    scenario: Scenario | str | os.PathLike[str],
    seed: int | None = None,
    replications: int | None = None,
    engine: str = "fast",
    on_progress: Progress | None = None,
    on_compile: Callable[[], None] | None = None,
    jobs: int = 1,
    baseline: Result | str | os.PathLike[str] | None = None,
) -> Result:
    """Simulate a scenario, or the file that holds it, and return the answer.

    ``seed`` and ``replications`` replace those of the scenario. ``on_progress`` is told the share of
    the work that is done (0 to 1), ``on_compile`` is called when compiling takes a while (the first run ever).
    ``jobs``: processes at the same time; the numbers do not depend on it. Ctrl-C ends the run after what is complete; the result says so.
    Expectations against a baseline read ``baseline``, a result or where it is stored. Raises
    `ScenarioError`, `EngineError`, `ResultError`, or `KeyboardInterrupt` if no replication was complete.
    """
    from netsim.model.build import build_model
    from netsim.results.build import build_result
    from netsim.results.executor import side_by_side
    from netsim.results.judging import check_stations
    from netsim.results.stations import station_names

    resolved = resolve_engine(engine)
    if isinstance(baseline, (str, os.PathLike)):
        from netsim.results.files import load_result

        baseline = load_result(baseline)
    if isinstance(scenario, (str, os.PathLike)):
        from netsim.scenario.load import load

        scenario = load(scenario)
    count = scenario.replications if replications is None else replications
    if not 1 <= count <= MAX_REPLICATIONS:
        raise ValueError(f"expected 1 to {MAX_REPLICATIONS} replications, got {count}")
    used_seed = scenario.seed if seed is None else seed
    resolved, instead = fitting_engine(resolved, scenario)
    if resolved == "fast":
        from netsim.engine.fast.warmup import warm_up

        warm_up(on_compile)
    simulate = simulator(resolved)
    model = build_model(scenario)
    check_stations(scenario, station_names(model))
    began = time.perf_counter()
    records: list[RunRecord] = []
    with _stop_flag() as stop:
        if jobs > 1 and count > 1:
            clocks = _clocks(scenario, count, on_progress)
            records = side_by_side(scenario, resolved, used_seed, count, jobs, stop.is_set, clocks)
        else:
            for replication in range(count):
                watch = _clock(scenario, replication, count, on_progress)
                records.append(simulate(scenario, model, used_seed, replication, watch, stop.is_set))
                if not records[-1].complete or stop.is_set():
                    break
    complete = [record for record in records if record.complete]
    if not complete:
        raise Interrupted
    warnings = [] if instead is None else [instead]
    if len(complete) < count:
        warnings.append(f"Interrupted: {len(complete)} of {count} replications are complete and reported.")
    wall_s = time.perf_counter() - began
    result = build_result(scenario, model, complete, resolved, wall_s, warnings, baseline)
    result.data["manifest"]["interrupted"] = len(complete) < count
    if on_progress is not None and len(complete) == count:
        on_progress(1.0)
    return result


def _clock(
    scenario: Scenario, replication: int, count: int, on_progress: Progress | None
) -> Callable[[int], None] | None:
    """Turns the clock of one replication (ps, from -warm-up to the end) into the share of all."""
    if on_progress is None:
        return None
    warmup, span = scenario.warmup_ps, scenario.warmup_ps + scenario.duration

    def told(now_ps: int) -> None:
        done = min(max((now_ps + warmup) / span, 0.0), 1.0)
        on_progress((replication + done) / count)

    return told


def _clocks(
    scenario: Scenario, count: int, on_progress: Progress | None
) -> Callable[[list[int]], None] | None:
    """Turns the clocks of all replications into the share of all."""
    if on_progress is None:
        return None
    warmup, span = scenario.warmup_ps, scenario.warmup_ps + scenario.duration

    def told(clocks: list[int]) -> None:
        on_progress(sum(min(max((now + warmup) / span, 0.0), 1.0) for now in clocks) / count)

    return told


@contextmanager
def _stop_flag() -> Iterator[threading.Event]:
    """A flag that the first Ctrl-C sets; the second one interrupts at once."""
    flag = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return
    before = signal.getsignal(signal.SIGINT)

    def stop(number: int, frame: object) -> None:
        if flag.is_set():
            raise KeyboardInterrupt
        flag.set()

    signal.signal(signal.SIGINT, stop)
    try:
        yield flag
    finally:
        signal.signal(signal.SIGINT, before)
