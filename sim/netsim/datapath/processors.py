"""Hardware threads that share a core, sockets, and limits of processor time: what they cost.

Linux fills idle cores before it puts a second thread on one (select_idle_core), so with b of 2n hardware threads busy,
b - n cores have two at the speed that each of two has, and the others run alone.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from netsim.datapath.profile import HostProfile
from netsim.tables import table

MILLION = 10**6
#: In which a limit (`--cpus`) holds: CFS bandwidth control's period, 100 ms (Documentation/scheduler/sched-bwc.rst).
QUOTA_PERIOD_PS = 100 * 10**9
#: How much of a task's budget a core takes at a time, so that its threads on all cores come to theirs: sched_cfs_bandwidth_slice_us,
#: 5 ms (the same).
QUOTA_SLICE_PS = 5 * 10**9
#: Stages that copy between the application and the kernel.
COPIES = ("tcp.send", "tcp.recv", "udp.send", "udp.recv")


def smt_loss(busy: int, threads: int, speed: int) -> int:
    """Millionths of a hardware thread's speed that are lost in the mean while ``busy`` of ``threads``, two on a core, are
    busy; ``speed``: millionths that each of two on one core has."""
    cores = threads // 2
    if busy <= cores:
        return 0
    return MILLION - ((threads - busy) * MILLION + 2 * (busy - cores) * speed) // busy


def threads_give(use: float, threads: int, speed: float) -> float:
    """The work (seconds of a thread alone, per second) that ``threads`` hardware threads do while the share ``use`` of them is
    busy in the mean; ``speed``: of each of two on one core, 1: cores of their own.

    How many are busy comes and goes, and those beyond half of them add less. As in the birth and death of M/M/c, with the rates
    that so many threads have together (Kleinrock, Queueing Systems I, 3.5): the load is looked for that keeps ``use`` busy.
    """
    if speed == 1 or use <= 0:
        return max(use, 0.0) * threads
    low, high = 0.0, threads * speed
    for _ in range(50 if use < 1 else 0):
        load = (low + high) / 2
        low, high = (load, high) if _busy_share(load, threads, speed) < use else (low, load)
    return high


def _busy_share(load: float, threads: int, speed: float) -> float:
    """The mean share of busy threads under a load that they carry."""
    weight, total, busy = 1.0, 1.0, 0.0
    for count in range(1, threads + 1):
        rate = count - smt_loss(count, threads, round(speed * MILLION)) * count / MILLION
        weight *= load / rate
        more = weight if count < threads else weight / (1 - load / rate)  # with whoever waits
        total, busy = total + more, busy + more * count
    return busy / total / threads


@cache
def remote_copy() -> float:
    """How many times the copy costs on another socket than the card's."""
    return float(table("processors.yaml")["remote_copy"]["value"])


def on_sockets(profile: HostProfile, sockets: int) -> HostProfile:
    """The costs of a machine of so many sockets, in the mean: its card is on one of them, threads run on all."""
    if sockets == 1:
        return profile
    factor = 1 + (remote_copy() - 1) * (sockets - 1) / sockets
    copies = {
        name: replace(profile.stages[name], per_byte_fs=round(profile.stages[name].per_byte_fs * factor))
        for name in COPIES
    }
    return replace(profile, stages={**profile.stages, **copies})
