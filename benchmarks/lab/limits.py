"""How late a thread's millisecond of work is done on a real kernel beside others of its cgroup that always compute, under a processor limit.

Needs root and cgroup v1's cpu controller, of which it makes a group and removes it. Nothing else should run meanwhile.
``python benchmarks/lab/limits.py --busy 1 2 4``
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import time
from multiprocessing.queues import Queue
from pathlib import Path

GROUP = Path("/sys/fs/cgroup/cpu/netsim-limits")
WORK_S, RATE_PER_S = 0.001, 20


def join() -> None:
    (GROUP / "cgroup.procs").write_text(str(os.getpid()))


def compute() -> None:
    join()
    while True:
        pass


def ask(count: int, told: Queue[list[float]]) -> None:
    """Wakes at random times and works; tells how much later than its work takes each was done."""
    join()
    rng, late = random.Random(1), []
    at = time.monotonic() + 0.5
    for _ in range(count):
        at += rng.expovariate(RATE_PER_S)
        time.sleep(max(0.0, at - time.monotonic()))
        began = time.thread_time()
        while time.thread_time() - began < WORK_S:
            pass
        late.append(time.monotonic() - at - WORK_S)
    told.put(late)


def measure(busy: int, quota_us: int, count: int) -> dict[str, float]:
    (GROUP / "cpu.cfs_quota_us").write_text(str(quota_us))
    told: Queue[list[float]] = multiprocessing.Queue()
    others = [multiprocessing.Process(target=compute, daemon=True) for _ in range(busy)]
    asker = multiprocessing.Process(target=ask, args=(count, told))
    for one in [*others, asker]:
        one.start()
    late = sorted(told.get())
    asker.join()
    for one in others:
        one.kill()
        one.join()
    found = {f"p{k}_ms": round(1e3 * late[k * count // 100], 2) for k in (50, 90, 99)}
    mean = round(1e3 * sum(late) / count, 2)
    return {"busy": busy, "mean_ms": mean, **found, "loadavg": round(os.getloadavg()[0], 2)}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--busy", type=int, nargs="+", default=[1, 2, 4])
    words.add_argument("--quota-us", type=int, default=50_000)
    words.add_argument("--count", type=int, default=500)
    asked = words.parse_args()
    GROUP.mkdir()
    try:
        for busy in asked.busy:
            print(json.dumps(measure(busy, asked.quota_us, asked.count)), flush=True)
    finally:
        time.sleep(0.2)
        GROUP.rmdir()


if __name__ == "__main__":
    main()
