"""Cores: softirq first, then threads in turns.

Receive work (softirq) is first come first served on its core and preempts threads. Threads share a core
round robin in time slices weighted by their shares; alone, a thread runs until it is done. A
preempted finish is not removed: its end moves, and it is queued again when popped early.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from netsim.datapath.processors import QUOTA_PERIOD_PS, QUOTA_SLICE_PS, smt_loss
from netsim.engine.kernel import Kernel, Key, Phase
from netsim.engine.keys import Tag, fold
from netsim.engine.meter import Meter

MILLION = 1_000_000


def stretched(cost_ps: int, steal: int) -> int:
    """How long work takes where so many millionths of a core's time go to others."""
    return cost_ps * MILLION // (MILLION - steal)


class Quota:
    """CPU time that a task may use in each 100 ms."""

    __slots__ = ("budget_ps", "left_ps", "period")

    def __init__(self, cpus: float) -> None:
        self.budget_ps = max(1, round(cpus * QUOTA_PERIOD_PS))
        self.left_ps = self.budget_ps
        self.period = -(1 << 62)

    def refresh(self, now_ps: int) -> None:
        """A new period fills the budget."""
        period = now_ps // QUOTA_PERIOD_PS
        if period != self.period:
            self.period = period
            self.left_ps = self.budget_ps


class Owner:
    """Whose threads these are: a task, or None for a node's own processes. ``gone``: its threads run no more."""

    gone = False


class Thread:
    """Something that runs on a core of its node; ``key`` names it in the order of events."""

    __slots__ = ("key", "owner", "weight", "quota", "core", "remaining", "cost", "since", "done", "cpu")

    def __init__(
        self, key: Key, weight: float = 1.0, quota: Quota | None = None, owner: Owner | None = None
    ) -> None:
        self.key = key
        self.owner = owner
        self.weight = weight
        self.quota = quota
        self.core = -1
        self.cpu: Cpu | None = None  # of the node that it last ran on
        self.remaining = 0
        self.cost = 0
        self.since = 0
        self.done: Callable[[int], None] | None = None


class Core:
    """One core. ``softirq_free``: when the receive work known so far is done."""

    __slots__ = ("key", "meter", "softirq_free", "queue", "thread", "grant", "end", "serial")

    def __init__(self, key: Key, meter: Meter) -> None:
        self.key = key
        self.meter = meter
        self.softirq_free = -(1 << 62)
        self.queue: deque[Thread] = deque()
        self.thread: Thread | None = None
        self.grant = 0
        self.end = 0
        self.serial = 0


class Cpu:
    """The cores of one node; ``shared``: other nodes on the same machine run on them, too."""

    __slots__ = ("kernel", "cores", "quantum_ps", "steal", "shared", "smt", "rfs")

    def __init__(
        self,
        kernel: Kernel,
        cores: list[Core],
        quantum_ps: int,
        shared: bool = False,
        smt: int = 0,
        rfs: bool = False,
    ) -> None:
        self.rfs = rfs  # receive work comes to the core of the thread that it is for
        self.smt = smt  # millionths; 0: no core has two hardware threads
        self.kernel = kernel
        self.shared = shared
        self.steal = 0  # millionths of the cores' time that others on the same machine take
        self.cores = cores
        self.quantum_ps = quantum_ps

    def softirq(self, index: int, cost_ps: int) -> tuple[int, int]:
        """Receive work of ``cost_ps`` arrives now. Returns (start, finish)."""
        cost_ps = self.stretched(cost_ps)
        core, now = self.cores[index], self.kernel.now
        start = now if now > core.softirq_free else core.softirq_free
        core.softirq_free = start + cost_ps
        if core.thread is not None:
            core.end += cost_ps
        core.meter.busy(start, start + cost_ps)
        return start, core.softirq_free

    def stretched(self, cost_ps: int) -> int:
        """How long work that begins now takes on a machine that others use, too, or beside other hardware threads."""
        if self.smt:
            now = self.kernel.now
            busy = sum(core.thread is not None or core.softirq_free > now for core in self.cores)
            cost_ps = stretched(cost_ps, smt_loss(min(busy + 1, len(self.cores)), len(self.cores), self.smt))
        return stretched(cost_ps, self.steal) if self.steal else cost_ps

    def kill(self, owner: Owner | None) -> None:
        """The threads of a task end where they are; without ``owner`` all of this node's: its power is gone, and
        softirq's work with it. A core that others share ends what receive work it has taken up."""
        now = self.kernel.now
        for core in self.cores:
            thread = core.thread
            if thread is not None and self._killed(thread, owner):
                core.meter.busy(now - self._ran(core), now)
                self._lose(core)
                core.thread = None
                core.serial += 1
            for waiting in [t for t in core.queue if self._killed(t, owner)]:
                core.queue.remove(waiting)
                self._lose(core)
            if owner is None and not self.shared:
                core.softirq_free = -(1 << 62)
            elif core.thread is None:
                self._next(core)

    def _killed(self, thread: Thread, owner: Owner | None) -> bool:
        return thread.cpu is self if owner is None else thread.owner is owner

    def _lose(self, core: Core) -> None:
        core.meter.drop(self.kernel.now)

    def _ran(self, core: Core) -> int:
        """How much of its turn the running thread has had."""
        return core.grant - min(core.grant, max(0, core.end - max(self.kernel.now, core.softirq_free)))

    def settle(self) -> None:
        """Count the turns of this node's threads that are under way, at the end of a run."""
        for core in self.cores:
            if core.thread is not None and core.thread.cpu is self:
                core.meter.busy(self.kernel.now - self._ran(core), self.kernel.now)

    def run(self, thread: Thread, cost_ps: int, done: Callable[[int], None]) -> None:
        """Give the thread work; ``done(wait_ps)`` is called at its end with the time it did not run."""
        thread.remaining = thread.cost = max(1, self.stretched(cost_ps))
        thread.since = self.kernel.now
        thread.done = done
        thread.cpu = self
        index = self._choose(thread)
        core = self.cores[index]
        core.meter.record.arrived += 1
        thread.core = index
        self._enqueue(core, thread)

    def _choose(self, thread: Thread) -> int:
        """The core it last ran on if idle (with RFS, whatever it receives), else the first idle one, else the shortest queue."""
        now, cores = self.kernel.now, self.cores
        last = thread.core
        if last >= 0 and cores[last].thread is None and (self.rfs or cores[last].softirq_free <= now):
            return last
        best, best_length = 0, 1 << 30
        for index, core in enumerate(cores):
            length = 0 if core.thread is None else 2 * (1 + len(core.queue))
            if core.softirq_free > now:
                length += 1
            if length < best_length:
                best, best_length = index, length
                if length == 0:
                    break
        return best

    def _back(self, core: Core, thread: Thread) -> None:
        """A throttled thread's next period has begun."""
        if thread.owner is not None and thread.owner.gone:
            core.meter.drop(self.kernel.now)
        else:
            self._enqueue(core, thread)

    def _enqueue(self, core: Core, thread: Thread) -> None:
        core.queue.append(thread)
        if core.thread is None:
            self._next(core)
        else:
            self._shorten(core)

    def _shorten(self, core: Core) -> None:
        """Somebody waits now: the running thread's turn ends with its time slice."""
        thread = core.thread
        assert thread is not None
        now = self.kernel.now
        left = core.end - max(now, core.softirq_free)
        turn = max(self._slice(thread), core.grant - left)
        if turn >= core.grant:
            return
        cut = core.grant - turn
        core.grant = turn
        core.end -= cut
        if thread.quota is not None:
            thread.quota.left_ps += cut
        core.serial += 1
        self._queue_end(core)

    def _slice(self, thread: Thread) -> int:
        cpu = thread.cpu
        assert cpu is not None
        return max(1, round(cpu.quantum_ps * thread.weight))

    def _queue_end(self, core: Core) -> None:
        self.kernel.at(
            core.end, Phase.FINISH, fold(core.key, Tag.CORE, core.serial), self._ended, core, core.serial
        )

    def _next(self, core: Core) -> None:
        now = self.kernel.now
        core.thread = None
        while core.queue:
            thread = core.queue.popleft()
            grant = min(thread.remaining, self._slice(thread)) if core.queue else thread.remaining
            if thread.quota is not None:
                thread.quota.refresh(now)
                grant = min(grant, thread.quota.left_ps, QUOTA_SLICE_PS)
                if grant <= 0:
                    self._throttle(core, thread)
                    continue
                thread.quota.left_ps -= grant
                # A grant is at most one period long, so that the budget is that of its own period.
            core.thread = thread
            core.grant = grant
            core.end = max(now, core.softirq_free) + grant
            core.serial += 1
            self._queue_end(core)
            return

    def _throttle(self, core: Core, thread: Thread) -> None:
        """The budget is used up: the thread comes back when the next period starts."""
        at = (self.kernel.now // QUOTA_PERIOD_PS + 1) * QUOTA_PERIOD_PS
        self.kernel.at(
            at, Phase.FINISH, fold(thread.key, Tag.THROTTLE, thread.core), self._back, core, thread
        )

    def _ended(self, core: Core, serial: int) -> None:
        if serial != core.serial or core.thread is None:
            return
        now = self.kernel.now
        if now < core.end:  # softirq took some of the time
            self._queue_end(core)
            return
        thread = core.thread
        thread.remaining -= core.grant
        core.meter.busy(
            now - core.grant, now
        )  # by turns: what ends is not all that runs, when there is too much
        if thread.remaining > 0:
            core.queue.append(thread)
            self._next(core)
            return
        self._next(core)
        wait = now - thread.since - thread.cost
        core.meter.waited(thread.since, wait)
        core.meter.record.served += 1
        done = thread.done
        assert done is not None
        done(wait)
