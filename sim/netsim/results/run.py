"""The run loop: replications one after the other, until they are done or the user stops them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Protocol

from netsim.results.errors import EngineError, Interrupted

if TYPE_CHECKING:
    from netsim.engine.record import RunRecord
    from netsim.model.entities import Model
    from netsim.results.choosing import Choice
    from netsim.results.result import Result
    from netsim.results.stopping import Rounds
    from netsim.scenario.schema import Scenario

#: Called with the share of the whole run that is done (0 to 1).
Progress = Callable[[float], None]
ENGINES = ("fast", "reference", "flow", "auto")


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
    """The engine of that name; of ``auto`` the fast one, where `_chosen` finds nothing to choose by. Raises `EngineError`."""
    if name in ENGINES:
        return "fast" if name == "auto" else name
    raise EngineError(f"expected an engine: fast, reference, flow or auto, got {name}")


def simulator(engine: str) -> Simulator:
    """What simulates one replication with a resolved engine; ``swarm``: the control plane alone,
    ``fast-swarm``, ``reference-swarm`` and ``flow-swarm``: with it."""
    if engine == "swarm":
        from netsim.swarm.simulate import simulate as alone

        return alone
    if engine == "fast-swarm":
        from netsim.engine.fast.simulate import FastPlane
        from netsim.swarm.passes import simulate as in_passes

        return partial(in_passes, FastPlane)
    if engine == "flow-swarm":
        from netsim.swarm.loaded import simulate_flow

        return simulate_flow
    if engine == "reference-swarm":
        from netsim.engine.reference import Reference
        from netsim.swarm.passes import simulate as in_passes

        return partial(in_passes, Reference)
    if engine == "fast":
        from netsim.engine.fast.simulate import simulate as compiled

        return compiled
    if engine == "flow":
        from netsim.engine.flow.simulate import simulate as fluid

        return fluid
    from netsim.engine.reference import simulate

    return simulate


def _unfit_for_flow(scenario: Scenario, model: Model) -> str | None:
    """What the flow engine cannot run of a scenario; None if nothing."""
    from netsim.audit.flows import used_up
    from netsim.engine.flow.unfit import unsupported

    found = used_up(model)
    return unsupported(scenario) or (
        None if found is None else f"what exceeds the limit {found.id} ({found.where})"
    )


def fitting_engine(engine: str, scenario: Scenario, model: Model) -> str:
    """The engine that runs a scenario: without load, the control plane alone. Raises `EngineError`."""
    if not scenario.load and scenario.changes:
        return "swarm"
    if engine == "flow":
        what = _unfit_for_flow(scenario, model)
        if what is not None:
            raise EngineError(f"UNSUPPORTED: the flow engine cannot run {what} yet; use fast or auto")
    return engine


def _watched(scenario: Scenario, engine: str) -> bool:
    """Whether links are looked at though nothing is to happen: full ones let a swarm take the living for dead."""
    several = sum(group.count for group in scenario.nodes.values()) > 1
    return several and bool(scenario.services) and engine in ("fast", "reference")


def _chosen(engine: str, scenario: Scenario, model: Model, replications: int) -> Choice | None:
    """What ``auto`` chooses; None if an engine is asked for, or there is no load to choose one by."""
    if engine != "auto" or not scenario.load:
        return None
    from netsim.results.choosing import choose

    return choose(scenario, model, replications, _unfit_for_flow(scenario, model))


def run(
    scenario: Scenario | str | os.PathLike[str],
    seed: int | None = None,
    replications: int | None = None,
    engine: str = "fast",
    on_progress: Progress | None = None,
    on_compile: Callable[[int, int], None] | None = None,
    jobs: int = 1,
    baseline: Result | str | os.PathLike[str] | None = None,
    precision: float | None = None,
    max_replications: int | None = None,
    max_time_s: float | None = None,
    check: float | None = None,
    on_choice: Callable[[str], None] | None = None,
) -> Result:
    """Simulate a scenario, or the file that holds it, and return the answer.

    ``seed`` and ``replications`` replace those of the scenario. ``on_progress`` is told the share of
    the work that is done (0 to 1), ``on_compile`` how many functions
    are compiled, of how many, when that takes a while (the first run ever).
    ``on_choice`` is told in a line which engine ``auto`` is and why.
    ``jobs``: processes at the same time; the numbers do not depend on it. Ctrl-C ends the run after what is complete; the result says so.
    ``precision`` (share) repeats until throughput, mean latency and p99 of every workload are known that well, at
    most ``max_replications`` times, and begins none after ``max_time_s`` of computing; all three replace the
    scenario's words. ``replications`` alone are exactly as many.
    ``check`` replays so many percent of the measured time with the fast engine and tells how far flow is from it.
    Expectations against a baseline read ``baseline``, a result or where it is stored. Raises
    `ScenarioError`, `EngineError`, `ResultError`, or `KeyboardInterrupt` if no replication was complete.
    """
    from netsim.model.build import build_model
    from netsim.results.build import build_result
    from netsim.results.checking import check as check_windows
    from netsim.results.checking import check_warnings, refuse_unfit
    from netsim.results.judging import check_stations
    from netsim.results.stations import station_names
    from netsim.results.stopping import rounds

    resolved = resolve_engine(engine)
    if isinstance(baseline, (str, os.PathLike)):
        from netsim.results.files import load_result

        baseline = load_result(baseline)
    if isinstance(scenario, (str, os.PathLike)):
        from netsim.scenario.load import load

        scenario = load(scenario)
    plan = rounds(scenario, replications, precision, max_replications, max_time_s)
    used_seed = scenario.seed if seed is None else seed
    model = build_model(scenario)
    choice = _chosen(engine, scenario, model, plan.total)
    if choice is not None and on_choice is not None:
        on_choice(choice.line)
    resolved = fitting_engine(resolved if choice is None else choice.engine, scenario, model)
    if check is not None:
        refuse_unfit(scenario, resolved, check)
    managed = bool(scenario.load and (scenario.changes or _watched(scenario, resolved)))
    if resolved == "fast" or check is not None or (resolved == "flow" and managed):
        from netsim.engine.fast.warmup import warm_up

        warm_up(on_compile, scenario)
    check_stations(scenario, station_names(model))
    plan.began = time.perf_counter()
    with stop_flag() as flag:
        complete, interrupted = _replicate(
            scenario,
            model,
            f"{resolved}-swarm" if managed else resolved,
            used_seed,
            plan,
            jobs,
            on_progress,
            flag.is_set,
        )
        checked = None
        if check is not None and complete and not interrupted:
            checked = check_windows(scenario, used_seed, check, flag.is_set)
    if not complete:
        raise Interrupted
    warnings = [] if checked is None else check_warnings(checked)
    if check is not None and checked is None:
        warnings.append("Interrupted: nothing was checked against the fast engine.")
    if interrupted:
        warnings.append(
            f"Interrupted: {len(complete)} of {plan.total} replications are complete and reported."
        )
    wall_s = time.perf_counter() - plan.began
    result = build_result(scenario, model, complete, resolved, wall_s, warnings, baseline, interrupted)
    if choice is not None:
        result.data["manifest"]["choice"] = choice.to_dict()
    if checked is not None:
        result.data["check"] = checked
    if plan.precision is not None and not interrupted:
        result.data["manifest"]["precision"] = plan.to_dict()
    if on_progress is not None and not interrupted:
        on_progress(1.0)
    return result


def _replicate(
    scenario: Scenario,
    model: Model,
    engine: str,
    seed: int,
    plan: Rounds,
    jobs: int,
    on_progress: Progress | None,
    interrupted: Callable[[], bool],
) -> tuple[list[RunRecord], bool]:
    """The complete replications of all rounds, and whether the user stopped them."""
    from netsim.results.executor import Pool

    def stop() -> bool:
        return interrupted() or plan.over()

    records: list[RunRecord] = []
    with ExitStack() as ending:
        pool = None
        if jobs > 1 and plan.total > 1:
            most = plan.total if plan.precision is None else plan.most
            pool = ending.enter_context(Pool(scenario, engine, seed, jobs, most))
        while True:
            numbers = range(len(records), plan.total)
            if pool is not None:
                records += pool.run(numbers, stop, _clocks(scenario, plan.total, on_progress))
            else:
                records += _one_by_one(scenario, model, engine, seed, numbers, on_progress, stop)
            complete = [record for record in records if record.complete]
            if len(complete) < plan.total and interrupted():
                return complete, True
            if len(complete) < plan.total:
                complete = _unbroken(complete)
                plan.cut(scenario, complete)
                return complete, False
            if not plan.more(scenario, complete):
                return complete, False


def _one_by_one(
    scenario: Scenario,
    model: Model,
    engine: str,
    seed: int,
    numbers: range,
    on_progress: Progress | None,
    stop: Callable[[], bool],
) -> list[RunRecord]:
    """Replications in this process, until one is stopped."""
    simulate, records = simulator(engine), []
    for number in numbers:
        watch = _clock(scenario, number, numbers.stop, on_progress)
        records.append(simulate(scenario, model, seed, number, watch, stop))
        if not records[-1].complete or stop():
            break
    return records


def _unbroken(complete: list[RunRecord]) -> list[RunRecord]:
    """The replications from number 0 up to the first that is missing."""
    return [record for k, record in enumerate(complete) if record.replication == k]


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
def stop_flag() -> Iterator[threading.Event]:
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
