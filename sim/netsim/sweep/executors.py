"""Where points run: processes of this machine, or the workers of a Dask cluster; both as `concurrent.futures`."""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from netsim.results.errors import EngineError
from netsim.sweep.work import FAILED, quiet_worker, run_point

#: A job: its number, and the arguments of `run_point`.
Job = tuple[int, tuple[Any, ...]]
LOOK_EVERY_S = 0.2
#: A point in whose company processes died this often is given up.
MOST_DEATHS = 3


@contextmanager
def local(jobs: int) -> Iterator[Executor]:
    """Processes of this machine, each of which loads the compiled engine once."""
    context = multiprocessing.get_context("spawn")  # no locks or threads of this process are inherited
    pool = ProcessPoolExecutor(jobs, context, quiet_worker)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def dask(address: str) -> Iterator[Executor]:
    """The workers of a Dask cluster. Its workers need netsim, and the scenario's own profile files at the same
    place. Raises `EngineError` without Dask or a scheduler at this address."""
    try:
        from distributed import Client
    except ImportError:
        raise EngineError("--dask needs Dask: pip install 'swarm-netsim[dask]'") from None
    try:
        client = Client(address, timeout=10, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise EngineError(f"no Dask scheduler at {address}: {str(error).splitlines()[0]}") from None
    try:
        yield client.get_executor(pure=False, retries=MOST_DEATHS)
    finally:
        client.close()


def run_all(
    jobs: Sequence[Job],
    pool: Callable[[], Any],
    window: int,
    stop: Callable[[], bool],
    done: Callable[[int, dict[str, Any]], None],
) -> None:
    """Run every job in the executor that ``pool()`` opens, at most ``window`` at a time; ``done(number, row)``
    as they end, in any order. A pool whose process died is opened again and what was running runs again."""
    deaths: dict[int, int] = {}
    left = list(jobs)
    while left and not stop():
        try:
            with pool() as executor:
                _drain(executor, left, window, stop, done)
            return
        except BrokenProcessPool:
            running = left[:window]
            for number, _ in running:
                deaths[number] = deaths.get(number, 0) + 1
            for job in [job for job in running if deaths[job[0]] >= MOST_DEATHS]:
                left.remove(job)
                reason = "its process died (out of memory?)"
                done(
                    job[0],
                    {"status": FAILED, "reason": reason, "metrics": {}, "expectations": {}, "wall_s": 0.0},
                )


def _drain(
    executor: Executor,
    left: list[Job],
    window: int,
    stop: Callable[[], bool],
    done: Callable[[int, dict[str, Any]], None],
) -> None:
    """Take jobs from ``left``, from which those that have ended are removed; raises `BrokenProcessPool`."""
    waiting: dict[Future[dict[str, Any]], Job] = {}
    queue = iter(list(left))
    more = True
    while (waiting or more) and not stop():
        while more and len(waiting) < window:
            job = next(queue, None)
            if job is None:
                more = False
            else:
                waiting[executor.submit(run_point, *job[1])] = job
        finished, _ = wait(waiting, LOOK_EVERY_S, FIRST_COMPLETED)
        for future in finished:
            row = future.result()
            job = waiting.pop(future)
            left.remove(job)
            done(job[0], row)
    for future in waiting:
        future.cancel()
