"""The reference engine: one replication on SimPy's clock, the meaning of the model."""

from __future__ import annotations

from collections.abc import Callable

from netsim.engine import faults as faults  # its handlers
from netsim.engine.machinery import REFERENCE_HANDLERS, Machinery, Progress, run_out, watch
from netsim.engine.record import RunRecord
from netsim.engine.sources import Bulk, Requests
from netsim.engine.world import World
from netsim.model.entities import Model, Task
from netsim.scenario.schema import Scenario

HANDLERS = REFERENCE_HANDLERS


class Reference(Machinery):
    """The readable data plane."""

    handlers = HANDLERS

    def __init__(self, world: World, progress: Progress | None = None) -> None:
        super().__init__(world, progress)
        self.kernel = world.kernel
        self.workloads: dict[str, Requests | Bulk] = {}
        for name, load in sorted(world.scenario.load.items()):
            self.workloads[name] = (Requests if load.bulk is None else Bulk)(world, name)
        for workload in self.workloads.values():
            workload.start()

    @property
    def now_ps(self) -> int:
        """Picoseconds on the scenario's clock."""
        return self.kernel.now

    def _run(self, until_ps: int) -> bool:
        return self.kernel.run(until_ps, self.progress)

    def add_task(self, task: Task) -> None:
        """A new task; it serves nothing before `What.TASK_LISTENS`. Raises ``ValueError`` if its name is not new."""
        self.world.add_task(task)
        for name, workload in self.workloads.items():
            self.world.more_sources(name, workload.clients, task)

    def open_requests(self) -> int:
        """Measured requests that have not ended; bulk transfers do not have to."""
        return sum(w.recorder.open for w in self.workloads.values() if isinstance(w, Requests))

    def started_requests(self) -> int:
        """Requests that started in the measured period."""
        return sum(w.recorder.started for w in self.workloads.values())

    def visits(self) -> int:
        """Visits of stations done so far."""
        return self.world.machine.visits

    def count(self) -> None:
        """Hand the requests that have ended to the tally."""
        for workload in self.workloads.values():
            workload.recorder.flush()

    def record(self, complete: bool) -> RunRecord:
        """Close the books at the present time. Raises ``AssertionError`` where they do not balance."""
        world = self.world
        stations = world.machine.records()
        recorders = [workload.recorder for workload in self.workloads.values()]
        for recorder in recorders:
            recorder.close()
        world.machine.check_conservation()
        return RunRecord(
            seed=world.draws.seed,
            replication=world.draws.replication,
            duration_ps=world.scenario.duration,
            complete=complete,
            simulated_ps=self.now_ps + world.scenario.warmup_ps,
            visits=world.machine.visits,
            slice_ps=world.slice_ps,
            workloads=world.tally.records(
                [r.completed_in_period for r in recorders], [r.goodput_bytes_in_period for r in recorders]
            ),
            stations=stations,
            conntrack_peak=world.state.peaks(),
            warnings=world.state.warnings(),
        )


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
    return run_out(Reference(world, watch(on_progress, stop)))
