"""Stations against queueing theory.

Each case runs 20 independent replications and asks that the theory's mean lies inside the 99 %
t-interval of the replications' means. Seeds are fixed; over fresh seeds the false-alarm rate is 1 % a case.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import fmean, stdev

import pytest

from netsim.engine.host import Host
from netsim.engine.kernel import Kernel, Phase
from netsim.engine.machine import Machine
from netsim.engine.streams import Kind, draw_ps, stream_key
from netsim.picoseconds import PS_PER_S

REPLICATIONS = 20
T_99_19 = 2.861  # Student's t, 19 degrees of freedom, two-sided 99 %
MS = 10**9
#: Near saturation means need long runs.
LOADS = [0.5, 0.8, pytest.param(0.95, marks=pytest.mark.slow)]


def replicate(run: Callable[[int], float]) -> tuple[float, float]:
    found = [run(r) for r in range(REPLICATIONS)]
    return fmean(found), T_99_19 * stdev(found) / math.sqrt(REPLICATIONS)


def machine(duration_ps: int, cores: int = 1, warmup_ps: int = 0) -> Machine:
    return Machine(
        Kernel(-warmup_ps), [Host("n", cores, 1, 1024, "eth0")], {}, duration_ps, duration_ps // 100
    )


def drive(
    m: Machine, gap_ps: float, service: int, service_ps: float, replication: int, workers: int
) -> tuple[float, float]:
    """Poisson arrivals to a worker pool; returns (mean wait in s, utilisation)."""
    pool = m.pool("t", "n", workers)
    gaps = stream_key(7, replication, "t", "gap")
    works = stream_key(7, replication, "t", "work")
    kernel = m.kernel

    def arrive(i: int) -> None:
        kernel.at(
            kernel.now + draw_ps(Kind.EXPONENTIAL, gap_ps, 0, 0, 0, gaps, i),
            Phase.ARRIVAL,
            9 * 1000003 + i,
            arrive,
            i + 1,
        )
        work = draw_ps(service, service_ps, 0, 0, 0, works, i)
        pool.acquire(lambda w: kernel.at(kernel.now + work, Phase.FINISH, 2 * 1000003 + i, pool.release, w))

    kernel.at(kernel.now, Phase.ARRIVAL, 9 * 1000003 - 1, arrive, 0)
    kernel.run(m.duration_ps)
    record = m.records()["t/workers"]
    m.check_conservation()
    return record.wait_sum_ps / record.waits / PS_PER_S, record.busy_ps / m.duration_ps / workers


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("kind", ["M/M/1", "M/D/1"])
def test_one_server(kind: str, load: float) -> None:
    service = 10 * MS
    length = {0.5: 60, 0.8: 200, 0.95: 900}[load] * PS_PER_S
    law = Kind.EXPONENTIAL if kind == "M/M/1" else Kind.CONSTANT
    used: list[float] = []

    def run(r: int) -> float:
        wait, busy = drive(machine(length, warmup_ps=length // 10), service / load, law, service, r, 1)
        used.append(busy)
        return wait

    mean, half = replicate(run)
    theory = load / (1 - load) * 0.010 * (1 if kind == "M/M/1" else 0.5)
    assert abs(mean - theory) < half
    assert abs(fmean(used) - load) < T_99_19 * stdev(used) / math.sqrt(REPLICATIONS)


@pytest.mark.parametrize("load", LOADS)
def test_many_servers_wait_as_erlang_c_says(load: float) -> None:
    servers, service = 4, 10 * MS
    length = {0.5: 40, 0.8: 80, 0.95: 300}[load] * PS_PER_S
    mean, half = replicate(
        lambda r: drive(machine(length, warmup_ps=length // 10), service / load / servers, Kind.EXPONENTIAL,
                        service, r, servers)[0]
    )  # fmt: skip
    a = load * servers
    top = a**servers / math.factorial(servers) / (1 - load)
    erlang_c = top / (sum(a**k / math.factorial(k) for k in range(servers)) + top)
    assert abs(mean - erlang_c * 0.010 / (servers * (1 - load))) < half


@pytest.mark.slow
def test_threads_share_a_core_like_processor_sharing() -> None:
    """M/G/1-PS: mean time in system = S / (1 - load) for any law of work; here lognormal, cv 2."""
    load, mean_ps, length = 0.7, 300 * MS, 3000 * PS_PER_S

    def run(r: int) -> float:
        m = machine(length)
        gaps, works = stream_key(3, r, "p", "gap"), stream_key(3, r, "p", "work")
        kernel, times = m.kernel, []

        def arrive(i: int) -> None:
            gap = draw_ps(Kind.EXPONENTIAL, mean_ps / load, 0, 0, 0, gaps, i)
            kernel.at(kernel.now + gap, Phase.ARRIVAL, 9 * 1000003 + i, arrive, i + 1)
            born, work = kernel.now, draw_ps(Kind.LOGNORMAL, mean_ps, 2, 0, 0, works, i)
            m.run(m.thread(i), "n", [("app.work", work)], lambda: times.append(kernel.now - born), None)

        kernel.at(0, Phase.ARRIVAL, 9 * 1000003 - 1, arrive, 0)
        kernel.run(length)
        return fmean(times[len(times) // 10 :]) / PS_PER_S

    mean, half = replicate(run)
    assert abs(mean - 0.3 / (1 - load)) < half + 0.003  # the 3 ms time slice is not zero
    assert half < 0.25
