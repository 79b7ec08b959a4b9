"""Connection set-ups through IPVS, conntrack and NAT on one core: ``python benchmarks/flows.py``.

Each set-up takes a client's port, is balanced round robin over a hundred tasks, gets entries in three namespaces and a
translated source, and is answered; as many connections are closed, with 100,000 open ones all the time and the closed
ones in TIME_WAIT. Beside it stands a plain dictionary of Python that is written and read as often, for the ratio.
``--open``: how many are open; with a million it tells the memory that they take.
"""

from __future__ import annotations

import argparse
import resource
import time
from typing import Any

from netsim.compiled import entry, pointer
from netsim.datapath.flows import steps
from netsim.datapath.flows.table import FlowTable

PORTS = (32768, 28232)
TASKS = 100
ENOUGH = 1 << 30


@entry
def set_up(
    table: Any,
    ring: Any,
    begin: Any,
    count: Any,
    balancer: Any,
    namespaces: Any,
    gap: Any,
    clients: Any,
) -> Any:
    """``count`` connections, one every ``gap`` ps; each closes the one that is oldest in ``ring``. How many failed."""
    T, failed = pointer(table), 0
    for i in range(begin, begin + count):
        now = i * gap
        place = i % len(ring)
        if ring[place] >= 0:
            steps.end(T, ring[place], now, 0)
        row = steps.begin(T, i % clients, balancer, i % clients, balancer, PORTS[0], PORTS[1], now)
        ring[place] = row
        if row < 0:
            failed += 1
        elif steps.choose(T, row, now) < 0 or steps.pass_tables(T, row, namespaces, 1, now) < 0:
            failed += 1
            steps.end(T, row, now, 0)
            ring[place] = -1
        else:
            steps.answered(T, row, now)
    return failed


def measure(open_: int, count: int, clients: int, gap_ps: int) -> tuple[float, int, int]:
    """Set-ups per second, failures, bytes of the tables."""
    import numpy as np

    table = FlowTable(clients)
    node = table.node()
    namespaces = table.namespaces(
        [table.namespace(node, ENOUGH, sandbox) for sandbox in (False, True, False)]
    )
    balancer = table.balancer(
        1, "rr", 0, 1, [(task, 1) for task in range(TASKS)], reuse_mode=0, drops=False, expire_nodest=True
    )
    in_time_wait = min(count, int(120e12 / gap_ps))
    table.room(open_ + in_time_wait + 1024)
    ring = np.full(open_, -1, np.int64)
    failed = int(set_up(table.T, ring, 0, open_, balancer, namespaces, gap_ps, clients))
    start = time.perf_counter()
    failed += int(set_up(table.T, ring, open_, count, balancer, namespaces, gap_ps, clients))
    return count / (time.perf_counter() - start), failed, table.T.nbytes


def dictionary(open_: int, count: int) -> float:
    """Entries of a dictionary per second: put in, looked up, taken out."""
    held = {(i, i & 65535): i for i in range(open_)}
    start = time.perf_counter()
    for i in range(open_, open_ + count):
        del held[i - open_, (i - open_) & 65535]
        held[i, i & 65535] = i
        held.get((i, i & 65535))
    return count / (time.perf_counter() - start)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--open", type=int, default=100_000)
    parser.add_argument("--count", type=int, default=2_000_000)
    parser.add_argument("--clients", type=int, default=1000)
    options = parser.parse_args()
    # One set-up a millisecond of the tables' own time: TIME_WAIT then holds another 120,000.
    measure(1000, 1000, options.clients, 10**9)  # compiles
    rate, failed, size = max(measure(options.open, options.count, options.clients, 10**9) for _ in range(3))
    plain = dictionary(options.open, min(options.count, 1_000_000))
    print(f"{options.open:,} open connections: {rate / 1e6:.2f} M set-ups/s, {failed} failed")
    print(f"{rate / plain:.2f} times a dictionary that is written and read as often ({plain / 1e6:.2f} M/s)")
    print(
        f"tables {size / 2**20:.0f} MiB, process at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10:.0f} MiB"
    )


if __name__ == "__main__":
    main()
