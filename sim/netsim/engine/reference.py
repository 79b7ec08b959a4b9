"""The reference engine: one replication on SimPy's clock, the meaning of the model."""

from __future__ import annotations

from collections.abc import Callable

from netsim.engine.record import RunRecord
from netsim.engine.sources import Bulk, Requests
from netsim.engine.world import World
from netsim.model.entities import Model
from netsim.scenario.schema import Scenario

PS_PER_S = 1_000_000_000_000
DRAIN_PS = 30 * PS_PER_S  # how long requests that started in the measured period may still take
DRAIN_STEP_PS = PS_PER_S // 10


def simulate(
    scenario: Scenario,
    model: Model,
    seed: int,
    replication: int,
    on_progress: Callable[[int], None] | None = None,
    stop: Callable[[], bool] | None = None,
    keep_requests: bool = False,
) -> RunRecord:
    """Simulate from the warm-up's start until the measured period is over and its requests have ended.

    ``on_progress(now_ps)`` is called now and then; ``stop()`` ends the run early by returning True
    (the record then has ``complete`` False). ``keep_requests``: the record has every single request, too.
    """
    world = World(scenario, model, seed, replication, keep_requests)
    workloads: dict[str, Requests | Bulk] = {}
    for name, load in sorted(scenario.load.items()):
        workloads[name] = (Requests if load.bulk is None else Bulk)(world, name)
    for workload in workloads.values():
        workload.start()

    def progress(now_ps: int) -> bool:
        if on_progress is not None:
            on_progress(now_ps)
        return stop is not None and stop()

    kernel = world.kernel
    complete = kernel.run(scenario.duration, progress)
    # Stations count the measured period alone; what drains after it only completes the requests.
    end = scenario.duration
    while (
        complete
        and end < scenario.duration + DRAIN_PS
        and any(w.recorder.open for w in workloads.values() if isinstance(w, Requests))
    ):
        end += DRAIN_STEP_PS
        complete = kernel.run(end, progress)
    stations = world.machine.records()
    recorders = [workload.recorder for workload in workloads.values()]
    for recorder in recorders:
        recorder.close()
    world.machine.check_conservation()
    return RunRecord(
        seed=seed,
        replication=replication,
        duration_ps=scenario.duration,
        complete=complete,
        simulated_ps=kernel.now + scenario.warmup_ps,
        visits=world.machine.visits,
        slice_ps=world.slice_ps,
        workloads=world.tally.records(
            [r.completed_in_period for r in recorders], [r.goodput_bytes_in_period for r in recorders]
        ),
        stations=stations,
        conntrack_peak=dict(sorted(world.conntrack.peak.items())),
    )
